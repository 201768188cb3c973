"""Which files are read and written, and what Pillow raises when they make no sense."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image

from colorzoo.errors import PictureError

READABLE_SUFFIXES: Final = frozenset(
    f".{suffix}"
    for suffix in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif"),
        *("avif", "heic", "heif", "jp2", "pbm", "pgm", "ppm", "pnm", "tga"),
    )
)
"""Lower-case suffixes of the files that are taken for pictures in a folder."""


@dataclass(frozen=True, slots=True)
class Writer:
    """How files of one format are written.

    Attributes:
        name: Pillow's name of the format.
        options: How they are saved: as good as can be seen, and no slower than need be.
        carried: What of the metadata they can hold.
        longest_side: The most pixels of a side they can hold; None where memory is the limit.
    """

    name: str
    options: Mapping[str, Any]
    carried: tuple[str, ...]
    longest_side: int | None = None


_ALL: Final = ("exif", "icc_profile", "xmp", "dpi")
_JPEG: Final = Writer("JPEG", {"quality": 95, "subsampling": 0}, _ALL, 65500)
_TIFF: Final = Writer("TIFF", {}, _ALL)
_WEBP: Final = Writer("WEBP", {"quality": 95}, ("exif", "icc_profile", "xmp"), 16383)
# At 85 it looks as a JPEG does at 95. Slower than speed 8, it takes seconds for a percent.
_AVIF: Final = Writer(
    "AVIF",
    {"quality": 85, "subsampling": "4:4:4", "speed": 8},
    ("exif", "icc_profile", "xmp"),
    65536,
)
WRITERS: Final[Mapping[str, Writer]] = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".png": Writer("PNG", {"compress_level": 1}, _ALL),
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".avif": _AVIF,
    ".bmp": Writer("BMP", {}, ("dpi",)),
}
WRITABLE_SUFFIXES: Final = frozenset(WRITERS)
"""Lower-case suffixes that :func:`write` knows."""

BROKEN_FILE: Final = (
    PictureError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    Warning,  # where the caller turns warnings into errors
)
"""Whatever Pillow, and :func:`to_rgb`, let through when the bytes of a file make no sense."""
