"""Pictures of visitors: read within limits, shown by browsers, named for download."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import colorzoo

from .admission import MAX_BYTES
from .visitor_files import RefusedError

if TYPE_CHECKING:
    from .wishes import Stroke

EXAMPLES: Final = sorted((Path(__file__).parent / "examples").glob("*.jpg"))
"""Pictures for those who have none at hand."""

MAX_PIXELS: Final = 50_000_000
"""Of one picture."""

LONGEST_SHOWN: Final = 2048
"""Longer side in pixels of what the page shows; downloads are whole."""

_SUFFIXES: Final = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
}
# Where a map is low it is tinted like dusk, where it is high like lamplight.
_DUSK: Final = np.array([0.16, 0.20, 0.42], dtype=np.float32)
_LAMPLIGHT: Final = np.array([1.0, 0.82, 0.36], dtype=np.float32)


def read_picture(path: Path) -> colorzoo.Picture:
    """Read a visitor's picture, unless it is too large.

    Raises:
        RefusedError: The file has too many bytes, or has been removed meanwhile.
        colorzoo.PictureError: It has too many pixels, or is no picture.
    """
    length = size_of(path)
    if length > MAX_BYTES:
        raise RefusedError(
            f"{path.name} has {length / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Save it smaller, or use colorzoo on your own machine."
        )
    return colorzoo.read(path, max_pixels=MAX_PIXELS)


def size_of(path: Path) -> int:
    """Return the bytes of a visitor's file.

    Raises:
        RefusedError: It has been removed meanwhile.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise RefusedError(f"{path.name} is no longer here. Give it once more.") from error


def suffix_of(path: Path, picture: colorzoo.Picture) -> str:
    """Return the suffix of a picture's result: its own where that is right and can be written."""
    suffixes = _SUFFIXES.get(picture.format or "", (".png",))
    return path.suffix if path.suffix.lower() in suffixes else suffixes[0]


def suffix_to_show(image: Image.Image) -> str:
    """Return the suffix of a file that browsers show and that can hold a picture."""
    return ".png" if image.has_transparency_data else ".jpg"


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a file name that is not yet taken, upper and lower case being the same."""
    known = {other.casefold() for other in taken}
    path, number = Path(name), 1
    while name.casefold() in known:
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    return name


def readable(error: Exception, *paths: Path) -> str:
    """Return an error's message with the names of a visitor's files instead of their places."""
    text = str(error)
    for path in paths:
        text = text.replace(str(path), path.name).replace(f"{path.parent}/", "")
    return text


def tint(picture: Image.Image, values: NDArray[np.float32]) -> Image.Image:
    """Lay a map, stretched to its own range, over a picture in grey.

    It is mixed with the picture in halves, so that it is seen in dark places too.
    """
    low, high = float(values.min()), float(values.max())
    stretched = (values - low) / max(high - low, 1e-6)
    heat = Image.fromarray(stretched.astype(np.float32))
    share = np.asarray(heat.resize(picture.size, Image.Resampling.BILINEAR))[..., None]
    light = np.asarray(picture.convert("L"), dtype=np.float32)[..., None]
    color = 255 * (_DUSK + (_LAMPLIGHT - _DUSK) * share)
    return Image.fromarray((0.5 * light + 0.5 * color).astype(np.uint8))


def mark(grey: Image.Image, strokes: Iterable[Stroke], scale: float) -> Image.Image:
    """Draw what a visitor drew on a grey picture, which is ``scale`` times as large as its own."""
    marked = grey.convert("RGB")
    pen = ImageDraw.Draw(marked)
    for stroke in strokes:
        radius = max(3.0, stroke.radius * scale)
        for wide, color in ((1.5, "white"), (0.0, stroke.color)):  # an edge seen on any ground
            for row, column in stroke.places:
                middle = (column + 0.5) * scale, (row + 0.5) * scale
                pen.circle(middle, radius + wide, fill=color)
    return marked
