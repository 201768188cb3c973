"""What a visitor asks of a picture, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import colorzoo

from .pictures import MAX_PIXELS, read_picture, size_of
from .visitor_files import RefusedError

MAX_HINTS_BYTES: Final = 1_000_000
"""Of a file of hints."""

ALTERNATIVES: Final = 4
"""Other colours that are offered for a picture."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to be coloured.

    Attributes:
        model: Label of the model.
        saturation: Strength of the colours.
        vividness: 0, the safest colours, to 1, the most vivid ones; None for the model's own, and
            for models that do not take it.
        alternative: Which of the other colours as likely, from 0; None for the likeliest.
        doubt: Show where the colours are a guess in place of them.
    """

    model: str
    saturation: float = 1.0
    vividness: float | None = None
    alternative: int | None = None
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Coloring:
    """One coloured picture, as browsers show it.

    Attributes:
        source: What the visitor gave.
        before: File with the picture in grey.
        after: File with the coloured picture.
        note: Its size and how long it took.
        alternative: As in its look.
    """

    source: Path
    before: Path
    after: Path
    note: str
    alternative: int | None


@dataclass(frozen=True, slots=True)
class Stroke:
    """One colour, drawn along a line of places.

    Attributes:
        places: Row and column of each, in the picture's own pixels.
        color: ``#rrggbb``.
        radius: Of the brush, in the same pixels.
    """

    places: tuple[tuple[int, int], ...]
    color: str
    radius: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """A visitor's say in the colours of a picture.

    Attributes:
        strokes: What was clicked and drawn.
        file: A .json file of hints, as ``colorzoo.Hints`` writes it, or None.
        reference: A picture to take colours from, or None.
    """

    strokes: tuple[Stroke, ...] = ()
    file: Path | None = None
    reference: Path | None = None

    def read(self) -> tuple[colorzoo.Hints | None, Path | None]:
        """Return the hints, if there are any, and the reference.

        Raises:
            RefusedError: A file is too large, or is none of hints.
            colorzoo.ColorzooError: A file cannot be read.
        """
        if self.reference is not None:
            read_picture(self.reference)  # within the same limits
        if self.file is not None:
            return _read_hints(self.file), self.reference
        points = [
            point
            for stroke in self.strokes
            for point in colorzoo.Hints.from_points(
                [(*place, stroke.color) for place in stroke.places], radius=stroke.radius
            ).points
        ]
        return colorzoo.Hints(points) if points else None, self.reference


def _read_hints(path: Path) -> colorzoo.Hints:
    """Read a visitor's file of hints, unless it is too large or paints too much."""
    if path.suffix.lower() != ".json":
        raise RefusedError("Hints are taken as a .json file, as this page gives them.")
    size = size_of(path)
    if size > MAX_HINTS_BYTES:
        raise RefusedError(
            f"{path.name} has {size / 1e6:.1f} MB; at most {MAX_HINTS_BYTES / 1e6:.0f} MB of hints "
            "are taken. Give fewer of them, or use colorzoo on your own machine."
        )
    hints = colorzoo.Hints.from_file(path)
    if sum((2 * hint.radius + 1) ** 2 for hint in hints.points) > MAX_PIXELS:
        raise RefusedError(
            f"The hints of {path.name} paint more than {MAX_PIXELS / 1e6:.0f} million pixels. Give "
            "fewer of them, or smaller radii."
        )
    return hints


@dataclass(frozen=True, slots=True)
class Sketch:
    """A picture with hints on it, and what they make of it.

    Attributes:
        marked: File with the picture in grey and the hints on it, as browsers show it.
        shown: File with the coloured picture, as browsers show it.
        hints: File with the hints, or None.
        size: Height and width of the picture, in its own pixels.
    """

    marked: Path
    shown: Path
    hints: Path | None
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Several coloured pictures.

    Attributes:
        archive: ZIP file of them.
        previews: Small files to look at, each with its name.
        failed: Reason for each name that could not be coloured.
    """

    archive: Path
    previews: list[tuple[Path, str]]
    failed: dict[str, str]
