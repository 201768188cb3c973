"""Which files are read and written, and what Pillow raises when they make no sense."""

from __future__ import annotations

import struct
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

# Per suffix: Pillow's format, how it is saved, and what of the metadata it can hold.
_JPEG: Final = ("JPEG", {"quality": 95, "subsampling": 0}, ("exif", "icc_profile"))
_TIFF: Final = ("TIFF", {"compression": "tiff_lzw"}, ("exif", "icc_profile"))
WRITERS: Final[dict[str, tuple[str, dict[str, Any], tuple[str, ...]]]] = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".png": ("PNG", {"compress_level": 1}, ("exif", "icc_profile")),
    ".webp": ("WEBP", {"quality": 95}, ("exif", "icc_profile")),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": ("BMP", {}, ()),
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
)
"""Whatever Pillow, and :func:`to_rgb`, let through when the bytes of a file make no sense."""
