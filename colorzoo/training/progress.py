"""The progress bar of a training run, on standard error, and its pace."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """Steps done, last losses, photos per second and time left.

    Args:
        total: Steps of the whole run.
        start: Steps already taken.
        visible: False on all processes but one.
    """

    def __init__(self, total: int, start: int, *, visible: bool) -> None:
        self._bar = RichProgress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not visible,
        )
        self._task = self._bar.add_task("training", total=total, completed=start, numbers="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def advance(self) -> None:
        """Count one step."""
        self._bar.advance(self._task)

    def show(self, numbers: dict[str, float]) -> None:
        """Show the losses and the rate of the last line that was logged."""
        losses = " ".join(
            f"{name} {numbers[name]:.3f}"
            for name in ("generator", "discriminator")
            if name in numbers
        )
        rate = f"{numbers['photos_per_second']:.1f} photos/s"
        self._bar.update(self._task, numbers=f"{losses} {rate}")


class Clock:
    """Steps per second since it was last asked."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.time = time.perf_counter()

    def rate(self, step: int) -> float:
        """Return steps per second since the last call, and start anew."""
        now = time.perf_counter()
        rate = (step - self.step) / max(now - self.time, 1e-9)
        self.step, self.time = step, now
        return rate
