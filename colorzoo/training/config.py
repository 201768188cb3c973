"""The settings of a training run: frozen dataclasses read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from colorzoo import schema
from colorzoo.data.photos import Augmentation
from colorzoo.errors import ConfigError, TrainingError
from colorzoo.files import replace_text
from colorzoo.modelfolder.format import ImageSettings

Precision = Literal["no", "bf16", "fp16"]
PixelLoss = Literal["l1", "huber"]
Adversarial = Literal["bce", "lsgan", "hinge"]
Decay = Literal["constant", "linear", "cosine"]


def setting(default: Any, help: str) -> Any:
    """Return a dataclass field with a default and the sentence that explains it."""
    return field(default=default, metadata={"help": help})


def required(help: str, *, example: Any) -> Any:
    """Return a dataclass field without a default, what explains it, and a value for examples."""
    return field(metadata={"help": help, "example": example})


@dataclass(frozen=True, slots=True)
class ModelSection:
    """Which generator, its own settings, and what its weights start from."""

    name: str = required("Registered name; `colorzoo list` shows them.", example="attention-unet")
    config: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "Settings of the generator; the rest are defaults."}
    )
    weights: str = setting(
        "", "Model to go on from, as in colorzoo.load: name, owner/repo, ./folder; empty for none."
    )


@dataclass(frozen=True, slots=True)
class DiscriminatorSection:
    """Which discriminator, and its own settings."""

    name: str = setting("patch", "Registered name: patch, pixel, multiscale, or a plug-in's.")
    config: dict[str, Any] = field(
        default_factory=dict,
        metadata={"help": "Settings of the discriminator; the rest are defaults."},
    )


@dataclass(frozen=True, slots=True)
class DataSection:
    """Where photos come from and how they are varied."""

    train: str = required(
        "Folder of photos, .tar archive, pattern of them, or hf://datasets/owner/name[@revision].",
        example="photos",
    )
    validation: str = setting("", "The same for validation photos; empty for none.")
    split: str = setting("train", "Split of a Hub data set to train on.")
    validation_split: str = setting("validation", "Split of a Hub data set to validate on.")
    column: str = setting("", "Image column of a Hub data set; empty finds the only one.")
    streaming: bool = setting(False, "Read a Hub data set as it arrives, without storing it.")
    size: int = setting(256, "Side of a training square, pixels; the model's working size.")
    warmup_size: int = setting(
        0, "The same during loss.warmup_steps: small squares are quick; 0 for size."
    )
    batch_size: int = setting(16, "Photos per process and forward pass.")
    workers: int = setting(2, "Loader processes per training process; 0 loads in line.")
    flip: bool = setting(True, "Mirror every second photo.")
    crop_scale: tuple[float, float] = setting(
        (0.5, 1.0), "Smallest and largest share of the centre square's area to crop."
    )
    rotation: float = setting(0.0, "Largest rotation either way, degrees.")
    noise: float = setting(0.0, "Deviation of Gaussian noise on lightness, units of L.")
    min_colorfulness: float = setting(0.0, "Pass over photos below this colourfulness.")

    def __post_init__(self) -> None:
        _check_positive(self, "size", "batch_size")
        _check_not_negative(self, "workers", "noise", "min_colorfulness", "warmup_size")
        _check_not_empty(self, "train")
        ImageSettings(working_size=self.size)  # what the trained model will say of itself
        self.augmentation()

    def augmentation(self) -> Augmentation:
        """Return how photos are varied on the loader's workers."""
        return Augmentation(flip=self.flip, crop_scale=self.crop_scale, rotation=self.rotation)


@dataclass(frozen=True, slots=True)
class LossSection:
    """What the generator and the discriminator are trained on."""

    objective: Literal["adversarial", "regression"] = setting(
        "adversarial", "Pixel loss plus discriminator, or pixel loss alone."
    )
    pixel: PixelLoss = setting("l1", "Distance of chroma, in scaled units.")
    pixel_weight: float = setting(100.0, "Weight of the pixel loss (lambda of pix2pix).")
    emphasis: float = setting(
        0.0, "How much more a saturated pixel counts: weight 1 + emphasis x scaled chroma."
    )
    adversarial: Adversarial = setting("bce", "Kind of adversarial loss.")
    adversarial_weight: float = setting(1.0, "Weight of the adversarial loss.")
    real_label: float = setting(0.9, "Target of real pictures under bce and lsgan (smoothing).")
    perceptual_weight: float = setting(
        0.0, "Weight of the distance in SqueezeNet's ImageNet features; 0 for none."
    )
    warmup_steps: int = setting(0, "Steps before the adversarial part begins.")
    warmup_share: float = setting(
        0.0, "Share of the weights from the end of the warm-up in those that are released."
    )

    def __post_init__(self) -> None:
        weights = ("pixel_weight", "emphasis", "adversarial_weight", "perceptual_weight")
        _check_not_negative(self, *weights, "warmup_steps")
        if not 0.0 <= self.warmup_share < 1.0:
            raise ValueError("warmup_share must lie in 0..1 without 1.")
        if self.warmup_share and not (self.warmup_steps and self.objective == "adversarial"):
            raise ValueError("warmup_share needs warmup_steps and the adversarial objective.")
        if not 0.5 < self.real_label <= 1.0:
            raise ValueError("real_label must lie above 0.5 and at most at 1.")


@dataclass(frozen=True, slots=True)
class OptimizerSection:
    """Adam for both networks."""

    learning_rate: float = setting(2e-4, "Learning rate of the generator.")
    discriminator_learning_rate: float = setting(2e-4, "Learning rate of the discriminator.")
    betas: tuple[float, float] = setting((0.5, 0.999), "Adam's decay rates.")
    decay: Decay = setting("linear", "How learning rates fall to zero.")
    decay_start: float = setting(0.5, "Share of the steps after which they begin to fall.")
    rampup_steps: int = setting(0, "Steps over which learning rates rise from zero.")
    clip: float = setting(0.0, "Largest gradient norm; 0 for no clipping.")
    ema: float = setting(0.999, "Decay of the weights' moving average; 0 for none.")

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "discriminator_learning_rate")
        _check_not_negative(self, "clip", "rampup_steps")
        if not (0.0 <= self.decay_start <= 1.0 and 0.0 <= self.ema < 1.0):
            raise ValueError("decay_start must lie in 0..1, and ema in 0..1 without 1.")
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError("betas must lie in 0..1 without 1.")


@dataclass(frozen=True, slots=True)
class RunSection:
    """How long, where to, and how."""

    folder: str = required("Run folder; everything the run writes goes there.", example="runs/one")
    steps: int = required("Optimizer steps.", example=20_000)
    seed: int = setting(0, "Fixes initial weights, data order and augmentation.")
    precision: Precision = setting("no", "Autocast of the networks; losses are always fp32.")
    accumulation: int = setting(1, "Batches per optimizer step.")
    channels_last: bool = setting(True, "Memory layout; quicker on most devices.")
    compile: bool = setting(False, "Compile both networks with torch.compile.")
    device: Literal["auto", "cpu"] = setting("auto", "cpu keeps off an accelerator.")
    trackers: tuple[str, ...] = setting(
        (), "Where else numbers go, by Accelerate's names: tensorboard, wandb, trackio, ..."
    )
    log_every: int = setting(50, "Steps between lines in metrics.jsonl.")
    validate_every: int = setting(1000, "Steps between validations and sample sheets; 0 for none.")
    checkpoint_every: int = setting(1000, "Steps between checkpoints.")
    keep_checkpoints: int = setting(2, "Newest checkpoints that are kept.")

    def __post_init__(self) -> None:
        _check_positive(
            self, "steps", "accumulation", "log_every", "checkpoint_every", "keep_checkpoints"
        )
        _check_not_negative(self, "validate_every", "seed")
        _check_not_empty(self, "folder")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """All settings of a training run."""

    model: ModelSection
    data: DataSection
    run: RunSection
    discriminator: DiscriminatorSection = field(default_factory=DiscriminatorSection)
    loss: LossSection = field(default_factory=LossSection)
    optimizer: OptimizerSection = field(default_factory=OptimizerSection)

    def __post_init__(self) -> None:
        if self.data.warmup_size and not self.loss.warmup_steps:
            raise ValueError("data.warmup_size needs loss.warmup_steps.")


def load_config(path: str | Path, overrides: list[str] | None = None) -> TrainingConfig:
    """Read a training config from a TOML file.

    Args:
        path: The file; as in :func:`read_settings`, it may extend another.
        overrides: Settings that win over the file's, each ``section.key=value`` with the value in
            TOML; a bare word is taken as text.

    Raises:
        ConfigError: The file is absent or malformed, or a key or value is wrong.
    """
    path = Path(path)
    values = read_settings(path)
    for override in overrides or []:
        _apply_override(values, override)
    return schema.from_dict(TrainingConfig, values, where=path.name)


def read_settings(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file over those of the file that it extends.

    ``extends = "common.toml"`` at the top of a file names another, relative to it, which may extend
    a third. Each key of a section replaces the same key of the file below as a whole, so
    ``model.config`` of one network is never mixed with that of another.

    Raises:
        ConfigError: A file is absent or malformed, or extends itself in the end.
    """
    files = [path]
    layers = [schema.read_toml(path)]
    while "extends" in layers[-1]:
        base = layers[-1].pop("extends")
        if not isinstance(base, str):
            raise ConfigError(f"{files[-1]}: extends must name a file, not {base!r}.")
        files.append(files[-1].parent / base)
        if files[-1].resolve() in [file.resolve() for file in files[:-1]]:
            raise ConfigError(
                f"{path} extends itself: {' -> '.join(map(str, files))}. Take one extends out."
            )
        layers.append(schema.read_toml(files[-1]))
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        for name, section in layer.items():
            below = values.get(name)
            if isinstance(section, dict) and isinstance(below, dict):
                section = {**below, **section}
            values[name] = section
    return values


def write_config(config: TrainingConfig, path: Path) -> None:
    """Write all settings, defaults too, as TOML.

    Raises:
        TrainingError: The file or its folder cannot be written.
    """
    import tomli_w

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, tomli_w.dumps(schema.to_dict(config)))
    except OSError as error:
        raise TrainingError(
            f"The run folder {path.parent} cannot be written: {error.strerror}. "
            "Choose another run.folder."
        ) from error


def check_same_draws(config: TrainingConfig, path: Path) -> None:
    """Raise a TrainingError if a resumed run would not draw the photos its first part would have.

    Args:
        config: What the run goes on with.
        path: The ``config.toml`` that its first part left.
    """
    before = load_config(path)
    given = {
        "data.train": (before.data.train, config.data.train),
        "data.split": (before.data.split, config.data.split),
        "data.column": (before.data.column, config.data.column),
        "data.streaming": (before.data.streaming, config.data.streaming),
        "data.batch_size": (before.data.batch_size, config.data.batch_size),
        "run.accumulation": (before.run.accumulation, config.run.accumulation),
        "run.seed": (before.run.seed, config.run.seed),
    }
    changed = [f"{key} was {old!r}, is {new!r}" for key, (old, new) in given.items() if old != new]
    if changed:
        raise TrainingError(
            f"The run in {path.parent} cannot go on with other photos: {'; '.join(changed)}. "
            "Resume with the old values, or start a new run with model.weights."
        )


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return single settings, ``{"section.key": value}``, as TOML."""
    import tomli_w

    values: dict[str, Any] = {}
    for dotted, value in settings.items():
        set_value(values, dotted, value)
    return tomli_w.dumps(values)


def set_value(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Set ``section.key`` in nested tables, making those that lack.

    Raises:
        ConfigError: ``dotted`` names no key of a section, or goes through a plain value.
    """
    keys = dotted.split(".")
    if len(keys) < 2 or not all(keys):
        raise ConfigError(f"{dotted!r} must read section.key, as in data.batch_size.")
    table = values
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"The setting {dotted!r} goes through {key!r}, which is no section.")
    table[keys[-1]] = value


def _apply_override(values: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or "." not in dotted:
        raise ConfigError(
            f"The setting {override!r} must read section.key=value, as in data.batch_size=8."
        )
    set_value(values, dotted.strip(), _parse_value(text.strip()))


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_positive(section: Any, *names: str) -> None:
    for name in names:
        if not getattr(section, name) > 0:
            raise ValueError(f"{name} must be above 0, not {getattr(section, name)}.")


def _check_not_empty(section: Any, *names: str) -> None:
    for name in names:
        if not getattr(section, name).strip():
            raise ValueError(f"{name} must not be empty.")


def _check_not_negative(section: Any, *names: str) -> None:
    for name in names:
        if not getattr(section, name) >= 0:
            raise ValueError(f"{name} must not be negative, but is {getattr(section, name)}.")
