"""The batches of a training run, in an order fixed by the seed alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from multiprocessing import parent_process
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from colorzoo.data.photos import (
    Batch,
    Draws,
    PhotoDataset,
    Sample,
    collate,
    draw_sample,
    unusable,
)
from colorzoo.data.settings import DataSettings
from colorzoo.data.sources import PhotoSource
from colorzoo.data.streaming import HubStream, Position
from colorzoo.errors import DataError

_PATIENCE = 1000  # rows of a stream passed over in a row before it counts as unusable

_GRACE = 30.0
"""Seconds that a worker lives on after a SIGTERM that the training process may have got as well."""


class StreamDataset(IterableDataset["Sample | DataError"]):
    """Samples of a stream without end.

    Args:
        stream: The pictures; each process has its own part of the data set.
        data: How samples are varied, and which are passed over.
        size: Side of a sample, pixels.
        seed: Fixes all randomness.
        rank: Number of this process, which varies its samples unlike those of others.
        draw: How many samples this process has drawn before.
        position: Where the stream stands after these; None for its beginning.
    """

    def __init__(
        self,
        stream: HubStream,
        data: DataSettings,
        *,
        size: int,
        seed: int,
        rank: int,
        draw: int,
        position: dict[str, Any] | None,
    ) -> None:
        self.stream = stream
        self.data = data
        self.size = size
        self.seed = seed
        self.rank = rank
        self.draw = draw
        self.position = position

    def __iter__(self) -> Iterator[Sample | DataError]:
        """Yield samples; an error, of a thousand rows that could not be used, is the last."""
        draw = self.draw
        last = Position(**self.position) if self.position else None
        rows = self.stream.rows(last)

        def candidates() -> Iterator[tuple[int, Any]]:
            nonlocal last
            for last, picture in islice(rows, _PATIENCE):
                yield last.row, picture

        while True:
            rng = np.random.default_rng((self.seed, self.rank, draw))
            try:
                sample = draw_sample(
                    self.stream.open, candidates(), self.data, size=self.size, rng=rng
                )
            except DataError as error:
                yield error
                return
            if not isinstance(sample, Sample):
                example = f"row {last.row} of {self.stream.title}" if last else self.stream.title
                yield unusable(sample, self.data, example=example)
                return
            draw += 1
            yield replace(sample, position=asdict(last) if last else None)


def make_loader(
    source: PhotoSource,
    data: DataSettings,
    *,
    size: int,
    seed: int,
    start: int,
    stop: int,
    rank: int = 0,
    processes: int = 1,
    pin_memory: bool = False,
) -> DataLoader[Any]:
    """Return one process's batches of the draws from ``start`` to ``stop`` of all processes.

    Args:
        source: The photos.
        data: How photos are varied, and how many go to a batch.
        size: Side of a sample, pixels.
        seed: Fixes order and variation.
        start: First draw.
        stop: The draw after the last.
        rank: Number of this process.
        processes: How many processes there are.
        pin_memory: Put batches into page-locked memory, for a quick copy to a GPU.
    """
    draws = Draws(
        len(source),
        seed=seed,
        start=start,
        stop=stop,
        batch_size=data.batch_size,
        rank=rank,
        processes=processes,
    )
    dataset = PhotoDataset(source, data, size=size, seed=seed)
    return _load(dataset, data, workers=data.workers, pin_memory=pin_memory, sampler=draws)


def make_stream_loader(dataset: StreamDataset, *, pin_memory: bool = False) -> DataLoader[Any]:
    """Return one process's batches of a stream, read by at most one worker to keep its order."""
    workers = min(dataset.data.workers, 1)
    return _load(dataset, dataset.data, workers=workers, pin_memory=pin_memory)


def batches_of(loader: DataLoader[Any]) -> Iterator[Batch]:
    """Yield the batches of a loader.

    Raises:
        DataError: Too many photos in a row could not be used, or a worker has ended.
    """
    iterator = iter(loader)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except (RuntimeError, ConnectionError, EOFError) as error:
            # A batch that a dead worker has left cannot be fetched: a broken connection.
            broken = loader.num_workers > 0 and not isinstance(error, RuntimeError)
            if not broken and "DataLoader worker" not in str(error):
                raise
            reason = str(error).partition("\n")[0].strip() or type(error).__name__
            raise DataError(
                f"A loader process has ended before its time: {reason.rstrip('.')}. If memory ran "
                "out, lower data.workers or data.batch_size."
            ) from None
        if isinstance(batch, DataError):
            raise batch
        yield batch


def _load(
    dataset: Any,
    data: DataSettings,
    *,
    workers: int,
    pin_memory: bool,
    sampler: Draws | None = None,
) -> DataLoader[Any]:
    return DataLoader(
        dataset,
        batch_size=data.batch_size,
        sampler=sampler,
        generator=torch.Generator(),  # or the loader would draw from the training's random state
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
    )


def _start_worker(worker: int) -> None:
    """Keep a loader worker to one thread, and make the signals that end a run its parent's matter.

    Ctrl-C and a scheduler's SIGTERM reach the workers too, while the training process still takes
    the step in hand and may need their batches.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS, where SIGTERM keeps its usual effect
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    """End this worker on SIGTERM: at once if its own parent sent it, else after a while."""
    parent = parent_process()
    came: signal.struct_siginfo | None = signal.sigwaitinfo({signal.SIGTERM})
    deadline = time.monotonic() + _GRACE
    while came is not None and parent is not None and came.si_pid != parent.pid:
        came = signal.sigtimedwait({signal.SIGTERM}, max(deadline - time.monotonic(), 0.0))
    os._exit(0)
