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
        *("avif", "jp2", "pbm", "pgm", "ppm", "pnm", "tga"),
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


_JPEG: Final = Writer("JPEG", {"quality": 95, "subsampling": 0}, ("exif", "icc_profile"), 65500)
_TIFF: Final = Writer("TIFF", {}, ("exif", "icc_profile"))
WRITERS: Final[Mapping[str, Writer]] = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".png": Writer("PNG", {"compress_level": 1}, ("exif", "icc_profile")),
    ".webp": Writer("WEBP", {"quality": 95}, ("exif", "icc_profile"), 16383),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": Writer("BMP", {}, ()),
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
