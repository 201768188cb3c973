"""The photos that training passes over, told of once each and counted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from colorzoo.data.photos import Batch
from colorzoo.processes import Processes

if TYPE_CHECKING:
    from colorzoo.data.sources import PhotoSource

_log = logging.getLogger(__name__)


class Skipped:
    """Which photos were broken or too grey.

    Args:
        source: The photos; None for a stream, whose rows each process numbers by itself.
        title: What the stream is called.
        rank: Number of this process.
    """

    def __init__(self, source: PhotoSource | None, *, title: str, rank: int) -> None:
        self.source = source
        self.title = title
        self.rank = 0 if source else rank
        self.broken: set[tuple[int, int]] = set()
        self.grey: set[tuple[int, int]] = set()

    def note(self, batch: Batch) -> None:
        """Add what was passed over for a batch, with a warning for each broken photo."""
        broken = {(self.rank, index) for index in batch.broken}
        for _, index in sorted(broken - self.broken):
            name = self.source.name(index) if self.source else f"{self.title}[{index}]"
            _log.warning("skipped, not readable: %s", name)
        self.broken |= broken
        self.grey.update((self.rank, index) for index in batch.grey)

    def counts(self) -> dict[str, float]:
        """Return how many all processes together have passed over; call it on all."""
        processes = Processes()
        for found in (self.broken, self.grey):
            found.update(processes.gather(list(found)))
        return {"skipped_broken": len(self.broken), "skipped_grey": len(self.grey)}
