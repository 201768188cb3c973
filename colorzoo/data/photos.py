"""One photo to one training sample: decode, crop, flip; colour conversion waits for the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from colorzoo.data.settings import DataSettings
from colorzoo.data.sources import PhotoSource
from colorzoo.errors import DataError
from colorzoo.pictures.formats import BROKEN_FILE
from colorzoo.pictures.samples import to_rgb

Key = TypeVar("Key")

_ATTEMPTS = 20  # photos tried for one sample before the source counts as unusable


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sample, and what it took to draw it.

    Attributes:
        rgb: (3, H, W) uint8.
        broken: Numbers of the photos passed over because they cannot be read.
        grey: Numbers of those passed over because they have too little colour.
        position: Of a stream, where it stands after this sample.
    """

    rgb: Tensor
    broken: tuple[int, ...]
    grey: tuple[int, ...]
    position: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples side by side: RGB (N, 3, H, W) uint8, and what it took to draw them all.

    The attributes are those of :class:`Sample`.
    """

    rgb: Tensor
    broken: tuple[int, ...]
    grey: tuple[int, ...]
    position: dict[str, Any] | None = None

    def pin_memory(self) -> Batch:
        """Return the batch with its pixels in page-locked memory, for a quick copy to a GPU."""
        return replace(self, rgb=self.rgb.pin_memory())


class PhotoDataset(Dataset["Sample | DataError"]):
    """Photos of a source as square samples, each drawn by a number that fixes its randomness.

    Args:
        source: The photos.
        data: How photos are varied, and which are passed over.
        size: Side of a sample, pixels.
        seed: Fixes all randomness together with the number of the draw, whatever process draws.
    """

    def __init__(self, source: PhotoSource, data: DataSettings, *, size: int, seed: int) -> None:
        self.source = source
        self.data = data
        self.size = size
        self.seed = seed

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.source)

    def __getitem__(self, key: tuple[int, int]) -> Sample | DataError:
        """Return the sample of ``(draw, index)``.

        A photo that is broken or too grey is passed over for one drawn at random; the sample says
        which were. An error is returned, not raised: what a loader's worker raises reaches the
        training process as a traceback in a string.
        """
        draw, index = key
        rng = np.random.default_rng((self.seed, draw))
        candidates = ((number, number) for number in self._candidates(index, rng))
        sample = draw_sample(self.source.open, candidates, self.data, size=self.size, rng=rng)
        if isinstance(sample, Sample):
            return sample
        return unusable(sample, self.data, example=self.source.name(index))

    def _candidates(self, index: int, rng: np.random.Generator) -> Iterator[int]:
        yield index
        for _ in range(_ATTEMPTS - 1):
            yield int(rng.integers(len(self.source)))


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The numbers of photos none of which could be used."""

    broken: tuple[int, ...]
    grey: tuple[int, ...]


def draw_sample(
    open_photo: Callable[[Key], Image.Image],
    candidates: Iterable[tuple[int, Key]],
    data: DataSettings,
    *,
    size: int,
    rng: np.random.Generator,
) -> Sample | PassedOver:
    """Return a sample of the first photo that can be used, or all numbers if none can.

    Args:
        open_photo: Opens a photo without decoding it.
        candidates: Number and key of the photos to try.
        data: How photos are varied, and which are passed over.
        size: Side of the sample, pixels.
        rng: Decides how the photo is varied.
    """
    broken: list[int] = []
    grey: list[int] = []
    for number, key in candidates:
        photo = decode(open_photo, key, size)
        if photo is None:
            broken.append(number)
        elif is_grey(photo, data.min_colorfulness):
            grey.append(number)
        else:
            return Sample(vary(photo, size, data, rng), tuple(broken), tuple(grey))
    return PassedOver(tuple(broken), tuple(grey))


def unusable(passed: PassedOver, data: DataSettings, *, example: str) -> DataError:
    """Return the error of a source in which too many photos in a row cannot be used."""
    return DataError(
        f"{len(passed.broken) + len(passed.grey)} photos in a row could not be used "
        f"({len(passed.broken)} broken, {len(passed.grey)} below colourfulness "
        f"{data.min_colorfulness}); one is {example}. Check the data or lower "
        "data.min_colorfulness."
    )


class Draws(Sampler[tuple[int, int]]):
    """The endless shuffled sequence of photos, from draw ``start`` to draw ``stop``.

    Draw number n is fixed by the seed alone, so a run that resumes at n sees what an uninterrupted
    one would have seen. Every photo comes once before any comes twice. Of several processes each
    takes whole batches in turn.

    Args:
        photos: How many photos there are.
        seed: Fixes their order.
        start: First draw, of all processes together.
        stop: The draw after the last.
        batch_size: Draws that a process takes at a time.
        rank: Number of this process.
        processes: How many there are; batches times processes divide ``stop - start``.
    """

    def __init__(
        self,
        photos: int,
        *,
        seed: int,
        start: int,
        stop: int,
        batch_size: int = 1,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.photos = photos
        self.seed = seed
        self.start = start
        self.stop = stop
        self.batch_size = batch_size
        self.rank = rank
        self.processes = processes

    def __len__(self) -> int:
        """Return the number of draws of this process."""
        return (self.stop - self.start) // self.processes

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield ``(draw, index)``."""
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for draw in range(self.start, self.stop):
            if (draw - self.start) // self.batch_size % self.processes != self.rank:
                continue
            if draw // self.photos != epoch:
                epoch = draw // self.photos
                order = np.random.default_rng((self.seed, epoch, 1)).permutation(self.photos)
            yield draw, int(order[draw % self.photos])


def collate(samples: list[Sample | DataError]) -> Batch | DataError:
    """Join samples to a batch; an error among them takes its place."""
    drawn = [sample for sample in samples if isinstance(sample, Sample)]
    for sample in samples:
        if isinstance(sample, DataError):
            return sample
    return Batch(
        rgb=torch.stack([sample.rgb for sample in drawn]),
        broken=tuple(index for sample in drawn for index in sample.broken),
        grey=tuple(index for sample in drawn for index in sample.grey),
        position=drawn[-1].position,
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


def vary(photo: Image.Image, size: int, data: DataSettings, rng: np.random.Generator) -> Tensor:
    """Return a square of the photo, (3, size, size) uint8, varied by the generator's numbers."""
    if data.crop_scale == (1.0, 1.0) and data.rotation == 0:
        square = center_square(photo, size)
    else:
        square = _random_square(photo, size, data, rng)
    if data.flip and rng.random() < 0.5:
        square = ImageOps.mirror(square)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def _random_square(
    photo: Image.Image, size: int, data: DataSettings, rng: np.random.Generator
) -> Image.Image:
    """Crop a random square, turned by a random angle, with no empty corner."""
    side = min(photo.size) * math.sqrt(rng.uniform(*data.crop_scale))
    left = rng.uniform(0, photo.width - side)
    top = rng.uniform(0, photo.height - side)
    angle = rng.uniform(-data.rotation, data.rotation)
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
