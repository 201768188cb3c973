"""The batches of a training run, in an order fixed by the seed alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from colorzoo.data.photos import (
    Augmentation,
    Draws,
    PhotoDataset,
    Sample,
    Sizes,
    collate,
    decode,
    is_grey,
    vary,
)
from colorzoo.data.sources import PhotoSource
from colorzoo.data.streaming import HubStream
from colorzoo.errors import DataError

_PATIENCE = 1000  # rows of a stream passed over in a row before it counts as unusable


@dataclass(frozen=True, slots=True)
class LoaderSettings:
    """How batches are made, whatever the source.

    Attributes:
        sizes: Side of each sample, pixels; of a stream, by the draws of one process.
        batch_size: Samples per batch.
        workers: Loader processes; 0 loads in the training process.
        augmentation: How photos are varied.
        min_colorfulness: Photos below this are passed over.
        seed: Fixes order and augmentation.
        pin_memory: Put batches into page-locked memory, for a quick copy to a GPU.
    """

    sizes: Sizes
    batch_size: int
    workers: int
    augmentation: Augmentation
    min_colorfulness: float
    seed: int
    pin_memory: bool


class StreamDataset(IterableDataset[Sample]):
    """Samples of a stream without end, from one on.

    Args:
        stream: The pictures; each process has its own part of the data set.
        settings: How samples are made.
        start: Samples this process has drawn before; they are read again and dropped.
        rank: Number of this process, which varies its samples unlike those of others.
    """

    def __init__(
        self, stream: HubStream, settings: LoaderSettings, *, start: int, rank: int
    ) -> None:
        self.stream = stream
        self.settings = settings
        self.start = start
        self.rank = rank

    def __iter__(self) -> Iterator[Sample]:
        """Yield samples.

        Raises:
            DataError: A thousand rows in a row could not be used.
        """
        settings = self.settings
        draw = -1
        broken: list[int] = []
        grey: list[int] = []
        for row, picture in enumerate(self.stream.pictures()):
            size = settings.sizes.of(draw + 1)
            photo = decode(self.stream.open, picture, size)
            if photo is None:
                broken.append(row)
            elif is_grey(photo, settings.min_colorfulness):
                grey.append(row)
            else:
                draw += 1
                if draw >= self.start:
                    rng = np.random.default_rng((settings.seed, self.rank, draw))
                    rgb = vary(photo, size, settings.augmentation, rng)
                    yield Sample(rgb, tuple(broken), tuple(grey))
                broken, grey = [], []
            if len(broken) + len(grey) >= _PATIENCE:
                raise DataError(
                    f"{_PATIENCE} rows in a row of {self.stream.title} could not be used "
                    f"({len(broken)} broken, {len(grey)} below colourfulness "
                    f"{settings.min_colorfulness}). Check the data or lower min_colorfulness."
                )


def make_loader(
    source: PhotoSource, settings: LoaderSettings, *, start: int, stop: int
) -> DataLoader[Any]:
    """Return the batches of the draws from ``start`` to ``stop``, for all processes together."""
    dataset = PhotoDataset(
        source,
        size=settings.sizes,
        augmentation=settings.augmentation,
        seed=settings.seed,
        min_colorfulness=settings.min_colorfulness,
    )
    return DataLoader(
        dataset,
        batch_size=settings.batch_size,
        sampler=Draws(len(source), seed=settings.seed, start=start, stop=stop),
        generator=torch.Generator(),  # or the loader would draw from the training's random state
        num_workers=settings.workers,
        collate_fn=collate,
        pin_memory=settings.pin_memory,
        worker_init_fn=_start_worker,
    )


def make_stream_loader(
    stream: HubStream, settings: LoaderSettings, *, start: int, rank: int
) -> DataLoader[Any]:
    """Return one process's batches of a stream, read by at most one worker to keep its order."""
    return DataLoader(
        StreamDataset(stream, settings, start=start, rank=rank),
        batch_size=settings.batch_size,
        generator=torch.Generator(),  # as in make_loader
        num_workers=min(settings.workers, 1),
        collate_fn=collate,
        pin_memory=settings.pin_memory,
        worker_init_fn=_start_worker,
    )


def _start_worker(worker: int) -> None:
    """Keep a loader worker to one thread, and let signals be the training process's matter."""
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
