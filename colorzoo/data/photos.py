"""One photo to one training sample: decode, crop, flip; colour conversion waits for the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from colorzoo.data.sources import PhotoSource
from colorzoo.errors import DataError
from colorzoo.pictures.formats import BROKEN_FILE
from colorzoo.pictures.samples import to_rgb

Key = TypeVar("Key")

_ATTEMPTS = 20  # photos tried for one sample before the source counts as unusable


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How a photo is varied; the defaults vary nothing.

    Attributes:
        flip: Mirror every second photo.
        crop_scale: Smallest and largest share of the largest centred square's area to crop.
        rotation: Largest rotation either way, degrees.
    """

    flip: bool = False
    crop_scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.crop_scale
        if not 0.0 < low <= high <= 1.0:
            raise ValueError("crop_scale must be two shares with 0 < smallest <= largest <= 1.")
        if not 0.0 <= self.rotation <= 45.0:
            raise ValueError("rotation must lie in 0..45 degrees.")


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sample: RGB (3, H, W) uint8, and the photos passed over for it."""

    rgb: Tensor
    broken: tuple[int, ...]
    grey: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples side by side: RGB (N, 3, H, W) uint8, and all photos passed over for them."""

    rgb: Tensor
    broken: tuple[int, ...]
    grey: tuple[int, ...]

    def pin_memory(self) -> Batch:
        """Return the batch with its pixels in page-locked memory, for a quick copy to a GPU."""
        return Batch(self.rgb.pin_memory(), self.broken, self.grey)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Side of a sample by the number of its draw: early ones may be smaller.

    Attributes:
        full: Side, pixels.
        early: Side of the early draws; 0 for none.
        draws: How many are early.
    """

    full: int
    early: int = 0
    draws: int = 0

    def of(self, draw: int) -> int:
        """Return the side of one draw, pixels."""
        return self.early if self.early and draw < self.draws else self.full


class PhotoDataset(Dataset[Sample]):
    """Photos of a source as square samples, each drawn by a number that fixes its randomness.

    Args:
        source: The photos.
        size: Side of a sample, pixels; a :class:`Sizes` where early draws are smaller.
        augmentation: How photos are varied.
        seed: Fixes all randomness together with the number of the draw, whatever process draws.
        min_colorfulness: Photos below this Hasler-Suesstrunk colourfulness are passed over.
    """

    def __init__(
        self,
        source: PhotoSource,
        *,
        size: int | Sizes,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        min_colorfulness: float = 0.0,
    ) -> None:
        self.source = source
        self.sizes = Sizes(size) if isinstance(size, int) else size
        self.augmentation = augmentation or Augmentation()
        self.seed = seed
        self.min_colorfulness = min_colorfulness

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.source)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Return the sample of ``(draw, index)``.

        A photo that is broken or too grey is passed over for one drawn at random; the sample says
        which were.

        Raises:
            DataError: Twenty photos in a row could not be used.
        """
        draw, index = key
        size = self.sizes.of(draw)
        rng = np.random.default_rng((self.seed, draw))
        broken: list[int] = []
        grey: list[int] = []
        for _ in range(_ATTEMPTS):
            photo = decode(self.source.open, index, size)
            if photo is None:
                broken.append(index)
            elif is_grey(photo, self.min_colorfulness):
                grey.append(index)
            else:
                rgb = vary(photo, size, self.augmentation, rng)
                return Sample(rgb, tuple(broken), tuple(grey))
            index = int(rng.integers(len(self.source)))
        raise DataError(
            f"{_ATTEMPTS} photos in a row could not be used ({len(broken)} broken, {len(grey)} "
            f"below colourfulness {self.min_colorfulness}); one is "
            f"{self.source.name((broken + grey)[0])}. Check the data or lower min_colorfulness."
        )


class Draws(Sampler[tuple[int, int]]):
    """The endless shuffled sequence of photos, from draw ``start`` to draw ``stop``.

    Draw number n is fixed by the seed alone, so a run that resumes at n sees what an uninterrupted
    one would have seen. Every photo comes once before any comes twice.
    """

    def __init__(self, photos: int, *, seed: int, start: int, stop: int) -> None:
        self.photos = photos
        self.seed = seed
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        """Return the number of draws."""
        return self.stop - self.start

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield ``(draw, index)``."""
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for draw in range(self.start, self.stop):
            if draw // self.photos != epoch:
                epoch = draw // self.photos
                order = np.random.default_rng((self.seed, epoch, 1)).permutation(self.photos)
            yield draw, int(order[draw % self.photos])


def collate(samples: list[Sample]) -> Batch:
    """Join samples to a batch."""
    return Batch(
        rgb=torch.stack([sample.rgb for sample in samples]),
        broken=tuple(index for sample in samples for index in sample.broken),
        grey=tuple(index for sample in samples for index in sample.grey),
    )


def colorfulness(photo: Image.Image) -> float:
    """Return the Hasler-Suesstrunk (2003) colourfulness of a photo, seen at 64 by 64 pixels."""
    small = photo.resize((64, 64), Image.Resampling.BOX, reducing_gap=2.0)
    red, green, blue = np.asarray(small, dtype=np.float32).reshape(-1, 3).T
    first, second = red - green, 0.5 * (red + green) - blue
    spread = math.hypot(float(first.std()), float(second.std()))
    return spread + 0.3 * math.hypot(float(first.mean()), float(second.mean()))


def center_square(photo: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side to ``size`` with antialias and crop the centre square."""
    side = min(photo.size)
    left, top = (photo.width - side) / 2, (photo.height - side) / 2
    box = (left, top, left + side, top + side)
    return photo.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def decode(open_photo: Callable[[Key], Image.Image], key: Key, size: int) -> Image.Image | None:
    """Decode one photo to RGB, upright; None if it is broken.

    Args:
        open_photo: Opens the photo called ``key`` without decoding it.
        key: Which photo.
        size: Side it is needed at; a JPEG much larger is decoded at a fraction of its size.
    """
    try:
        with open_photo(key) as photo:
            photo.draft("RGB", (2 * size, 2 * size))
            return to_rgb(ImageOps.exif_transpose(photo))
    except BROKEN_FILE:
        return None


def is_grey(photo: Image.Image, min_colorfulness: float) -> bool:
    """Tell whether a photo is below a colourfulness; at 0 none is."""
    return min_colorfulness > 0 and colorfulness(photo) < min_colorfulness


def vary(
    photo: Image.Image, size: int, augmentation: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Return a square of the photo, (3, size, size) uint8, varied by the generator's numbers."""
    if augmentation.crop_scale == (1.0, 1.0) and augmentation.rotation == 0:
        square = center_square(photo, size)
    else:
        square = _random_square(photo, size, augmentation, rng)
    if augmentation.flip and rng.random() < 0.5:
        square = ImageOps.mirror(square)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def _random_square(
    photo: Image.Image, size: int, augmentation: Augmentation, rng: np.random.Generator
) -> Image.Image:
    """Crop a random square, turned by a random angle, with no empty corner."""
    side = min(photo.size) * math.sqrt(rng.uniform(*augmentation.crop_scale))
    left = rng.uniform(0, photo.width - side)
    top = rng.uniform(0, photo.height - side)
    angle = rng.uniform(-augmentation.rotation, augmentation.rotation)
    turn = math.radians(abs(angle))
    outer = math.ceil(size * (math.cos(turn) + math.sin(turn)))
    square = photo.resize(
        (outer, outer),
        Image.Resampling.BICUBIC,
        box=(left, top, min(left + side, photo.width), min(top + side, photo.height)),
        reducing_gap=3.0,
    )
    if angle == 0:
        return square
    margin = (outer - size) // 2
    turned = square.rotate(angle, Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + size, margin + size))
