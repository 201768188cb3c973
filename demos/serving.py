"""What all tools of the page share: visitors' files, messages, one picture at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gradio as gr

import colorzoo

from .backend import DemoBackend
from .inputs import message
from .pictures import readable
from .visitor_files import RefusedError
from .wishes import Coloring, Look, Sketch, Wishes

WORK: Final[dict[str, Any]] = {"concurrency_id": "pictures", "concurrency_limit": 1}
"""Options of events that colour: one picture at a time, for each takes all cores."""

QUIET: Final[dict[str, Any]] = {"api_visibility": "private"}
"""Options of the page's own events: programs have endpoints of their own."""


class Serving:
    """What is done for a visitor, whatever tool is used.

    Args:
        backend: What does the work.

    Attributes:
        backend: The same.
    """

    def __init__(self, backend: DemoBackend) -> None:
        self.backend = backend

    def show(
        self, picture: Path, look: Look, request: gr.Request, before: Path | None = None
    ) -> Coloring:
        """Colour one picture of a visitor, to look at."""
        with self.taking(request, str(picture)):
            result = self.backend.show(picture, look, before)
        self.note(request, result.before, result.after)
        return result

    def color(
        self, picture: Path, look: Look, request: gr.Request, wishes: Wishes | None = None
    ) -> Path:
        """Colour one picture of a visitor at its own size, into a file."""
        wishes = wishes or Wishes()
        given = [str(file) for file in (picture, wishes.file, wishes.reference) if file]
        with self.taking(request, *given):
            result = self.backend.color(picture, look, wishes)
        self.note(request, result)
        return result

    def others(self, picture: Path, look: Look, request: gr.Request) -> list[Path]:
        """Return small pictures of the likeliest colours and of the alternatives."""
        with self.taking(request, str(picture)):
            tiles = self.backend.others(picture, look)
        self.note(request, *tiles)
        return tiles

    def sketch(self, picture: Path, look: Look, wishes: Wishes, request: gr.Request) -> Sketch:
        """Show a picture with a visitor's hints, and the colours they give it."""
        given = [str(file) for file in (picture, wishes.reference) if file]
        with self.taking(request, *given):
            result = self.backend.sketch(picture, look, wishes)
        files = (result.marked, result.shown, result.hints)
        self.note(request, *(file for file in files if file))
        return result

    @contextlib.contextmanager
    def taking(self, request: gr.Request, *pictures: str) -> Iterator[tuple[Path, ...]]:
        """Turn what is wrong with a visitor's pictures into a message on the page."""
        paths = tuple(map(Path, pictures))
        self.note(request, *paths)
        try:
            yield paths
        except (colorzoo.ColorzooError, RefusedError) as error:
            raise message(readable(error, *paths)) from error

    def note(self, request: gr.Request, *files: Path) -> None:
        """Remember whose files these are."""
        self.backend.files.note(request.session_hash, files)

    def claim(self, pictures: str | list[str] | None, request: gr.Request) -> None:
        """Claim uploads at once; what is done with them may have to wait its turn."""
        given = [pictures] if isinstance(pictures, str) else pictures or []
        self.note(request, *map(Path, given))

    def end(self, request: gr.Request) -> None:
        """Forget a visitor who has left."""
        self.backend.end(request.session_hash)
