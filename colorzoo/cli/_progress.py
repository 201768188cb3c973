"""How commands show progress: one bar on standard error, none where that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Validation and checkpoints stop a run for a while; a rate over minutes does not jump at each.
_RATE_SECONDS = 300.0


class ProgressBar:
    """An ``on_progress`` that draws; nothing is shown before its first call.

    Args:
        title: What goes on, one or two words.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._hidden = not sys.stderr.isatty()

    def __call__(self, done: int, total: int | None, numbers: Mapping[str, float]) -> None:
        """Show how far the work is; see :data:`colorzoo.progress.OnProgress`."""
        if self._hidden:
            return
        if self._bar is None or self._task is None:
            self._bar = _make_bar()
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=total, completed=done)
        shown = "  ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in numbers.items())
        self._bar.update(self._task, total=total, completed=done, numbers=shown)

    def say(self, text: str, *, color: str | None = None) -> None:
        """Print one message on standard error, above the bar if there is one."""
        if self._bar is None:
            click.secho(text, fg=color, err=True)
        else:
            self._bar.console.print(
                text, style=color or "", markup=False, highlight=False, soft_wrap=True
            )

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressBar]:
    """Give a bar to hand on as ``on_progress``, and take it away in the end.

    Args:
        title: What goes on, one or two words.
    """
    bar = ProgressBar(title)
    try:
        yield bar
    finally:
        bar.stop()


def _make_bar() -> Progress:
    """Return a bar that fits 80 columns: the numbers have a line of their own below it."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Bar(Progress):
        def get_renderables(self) -> Iterator[RenderableType]:
            yield from super().get_renderables()
            for task in self.tasks:
                if task.fields.get("numbers"):
                    yield Text(task.fields["numbers"], overflow="fold")

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        expand=True,
        redirect_stdout=False,  # standard output is for data and may be a file
        transient=True,
        speed_estimate_period=_RATE_SECONDS,
    )
