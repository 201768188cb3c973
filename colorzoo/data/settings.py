"""The settings of training photos: the table ``[data]`` of a run, which loaders use as it is."""

from __future__ import annotations

from dataclasses import dataclass

from colorzoo.schema import required, setting

LARGEST_BATCH = 65_536
"""Photos; no machine's memory goes beyond."""
MOST_WORKERS = 1024


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Where photos come from and how they are varied."""

    train: str = required(
        "Folder of photos, .tar archive, pattern of them, or hf://datasets/owner/name[@revision].",
        example="photos",
    )
    validation: str | None = setting(
        None, "The same for validation photos; without it nothing is validated.", example="held-out"
    )
    split: str = setting("train", "Split of a Hub data set to train on.")
    validation_split: str = setting("validation", "Split of a Hub data set to validate on.")
    column: str | None = setting(
        None, "Image column of a Hub data set; without it the only one.", example="image"
    )
    streaming: bool = setting(False, "Read a Hub data set as it arrives, without storing it.")
    size: int = setting(
        256, "Side of a training square, pixels, for each phase that gives no size of its own."
    )
    batch_size: int = setting(16, "Photos per process and forward pass.")
    workers: int = setting(2, "Loader processes per training process; 0 loads in line.")
    flip: bool = setting(True, "Mirror every second photo.")
    crop_scale: tuple[float, float] = setting(
        (0.5, 1.0), "Smallest and largest share of the centre square's area to crop."
    )
    rotation: float = setting(0.0, "Largest rotation either way, degrees.")
    noise: float = setting(0.0, "Deviation of Gaussian noise on lightness, units of L.")
    tone: float = setting(
        0.0, "How much gamma, contrast and brightness of lightness vary, 0 to 1: old prints differ."
    )
    min_colorfulness: float = setting(0.0, "Pass over photos below this colourfulness.")

    def __post_init__(self) -> None:
        for name in ("train", "split", "validation_split"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must not be empty.")
        if self.size < 1:
            raise ValueError(f"size must be above 0, not {self.size}.")
        if not 1 <= self.batch_size <= LARGEST_BATCH:
            raise ValueError(f"batch_size must be 1 to {LARGEST_BATCH}, not {self.batch_size}.")
        if not 0 <= self.workers <= MOST_WORKERS:
            raise ValueError(f"workers must be 0 to {MOST_WORKERS}, not {self.workers}.")
        for name in ("noise", "min_colorfulness"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}.")
        if not 0.0 <= self.tone <= 1.0:
            raise ValueError("tone must lie in 0..1.")
        low, high = self.crop_scale
        if not 0.0 < low <= high <= 1.0:
            raise ValueError("crop_scale must be two shares with 0 < smallest <= largest <= 1.")
        if not 0.0 <= self.rotation <= 45.0:
            raise ValueError("rotation must lie in 0..45 degrees.")
