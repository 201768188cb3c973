"""Where the batches of a run come from, and which photos it has passed over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from colorzoo.data.loader import StreamDataset, batches_of, make_loader, make_stream_loader
from colorzoo.data.photos import Batch
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.data.streaming import open_hub_stream
from colorzoo.processes import Processes

if TYPE_CHECKING:
    from accelerate import Accelerator

    from colorzoo.training.config import TrainingConfig

_log = logging.getLogger(__name__)


class TrainingPhotos:
    """The photos of a run: batch by batch, from any step on.

    Args:
        config: All settings of the run.

    Attributes:
        source: The photos; None for a stream.
        position: Of a stream, where this process stands; part of its checkpoints.

    Raises:
        DataError: No photos are where the config says.
    """

    def __init__(self, config: TrainingConfig) -> None:
        data = config.data
        self.config = config
        self.source: PhotoSource | None = None
        if not data.streaming:
            self.source = open_source(data.train, split=data.split, column=data.column)
        self.position: dict[str, Any] | None = None
        self.skipped = SkippedPhotos(self.source, title=data.train)
        self._stream: Any = None
        self._batches: Iterator[Batch] = iter(())

    def start(self, accelerator: Accelerator, *, size: int, start: int, stop: int) -> None:
        """Load from a draw on.

        Args:
            accelerator: Tells which part of the photos is this process's.
            size: Side of the squares, pixels.
            start: First draw, of all processes together; a multiple of the photos of a step.
            stop: The draw after the last.
        """
        data, seed = self.config.data, self.config.run.seed
        rank, processes = accelerator.process_index, accelerator.num_processes
        pin_memory = accelerator.device.type == "cuda"
        if self.source is not None:
            loader = make_loader(
                self.source,
                data,
                size=size,
                seed=seed,
                start=start,
                stop=stop,
                rank=rank,
                processes=processes,
                pin_memory=pin_memory,
            )
        else:
            if self._stream is None:
                self._stream = open_hub_stream(
                    data.train,
                    split=data.split,
                    column=data.column,
                    seed=seed,
                    rank=rank,
                    processes=processes,
                )
            dataset = StreamDataset(
                self._stream,
                data,
                size=size,
                seed=seed,
                rank=rank,
                draw=start // processes,
                position=self.position,
            )
            loader = make_stream_loader(dataset, pin_memory=pin_memory)
        self._batches = batches_of(loader)

    def epochs(self, photos: int) -> dict[str, float]:
        """Return ``{"epoch": how often all photos have been seen}``; nothing of a stream."""
        return {"epoch": photos / len(self.source)} if self.source is not None else {}

    def take(self) -> list[Batch]:
        """Return the batches of one optimizer step.

        All of them before any is used: if loading fails, the run stands between two steps.

        Raises:
            DataError: Too many photos in a row could not be used, or a loader process has ended.
        """
        batches = [next(self._batches) for _ in range(self.config.run.accumulation)]
        for batch in batches:
            self.skipped.note(batch)
        self.position = batches[-1].position
        return batches


class SkippedPhotos:
    """Which photos were broken or too grey: told of once each, and counted.

    Args:
        source: The photos; None for a stream, whose rows each process numbers by itself.
        title: What the stream is called.
    """

    def __init__(self, source: PhotoSource | None, *, title: str) -> None:
        self.source = source
        self.title = title
        self.broken: set[int] = set()
        self.grey: set[int] = set()

    def note(self, batch: Batch) -> None:
        """Add what was passed over for a batch, with a warning for each broken photo."""
        for index in sorted(set(batch.broken) - self.broken):
            name = self.source.name(index) if self.source else f"{self.title}[{index}]"
            _log.warning("skipped, not readable: %s", name)
        self.broken.update(batch.broken)
        self.grey.update(batch.grey)

    def counts(self) -> dict[str, float]:
        """Return how many all processes together have passed over; call it on all."""
        processes = Processes()
        rank = 0 if self.source else processes.rank
        counts = {}
        for name, mine in (("skipped_broken", self.broken), ("skipped_grey", self.grey)):
            of_all = set(processes.gather([(rank, index) for index in mine]))
            counts[name] = float(len(of_all))
            if self.source:  # then all count the same photos, and one warning for each will do
                mine.update(index for _, index in of_all)
        return counts
