"""How every file or byte string is opened as a picture, and what is said when that fails."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from PIL import Image, ImageFile, UnidentifiedImageError

from colorzoo.errors import MissingDependencyError, PictureError
from colorzoo.pictures.formats import BROKEN_FILE

OPENED_FORMATS: Final = (
    *("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM"),
    "TGA",  # has no mark of its own to be known by, so it is tried last
)
"""Pillow's names of the formats that are opened, in the order in which they are tried.

No other is ever tried: for EPS, Pillow would run Ghostscript, a whole programming language. HEIF,
what phones write, is opened too where its plug-in is installed.
"""

_ADDRESS: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://|(?P<known>https?|ftp|hf|s3|gs):/)(?P<rest>.*)", re.S
)

_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def open_image(file: str | os.PathLike[str] | IO[bytes]) -> ImageFile.ImageFile:
    """Open a picture without decoding it; only formats that colorzoo reads are tried.

    The content counts, whatever the name says.

    Args:
        file: A path, or a binary file object at whose start the picture begins.

    Raises:
        PictureError: It is a HEIC, and the plug-in for those is not installed.
        OSError: It is no picture in one of the formats (``UnidentifiedImageError``), or cannot be
            read. Damaged files raise other errors too; all are in ``BROKEN_FILE``.
    """
    Image.init()  # else Pillow registers some formats only on demand
    try:
        return Image.open(file, formats=[name for name in OPENED_FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        if not _is_heif(file):
            raise
    _register_heif(getattr(file, "name", None) or (str(file) if not hasattr(file, "read") else ""))
    return Image.open(file, formats=["HEIF"])


def _is_heif(file: str | os.PathLike[str] | IO[bytes]) -> bool:
    if isinstance(file, (str, os.PathLike)):
        with Path(file).open("rb") as opened:
            head = opened.read(12)
    else:
        file.seek(0)
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS


def _register_heif(name: str) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        missing = MissingDependencyError(
            "pillow-heif", extra="heif", purpose=f"Reading {name or 'a HEIC'}"
        )
        raise PictureError(str(missing)) from error  # one bad file among many, like others
    pillow_heif.register_heif_opener()


def address_of(given: str | os.PathLike[str]) -> str | None:
    """Return the address that is given where a path is wanted; None for a path.

    It is written in full: :class:`pathlib.Path` makes one slash of two.
    """
    match = _ADDRESS.match(os.fspath(given))
    return match and f"{match['scheme'] or match['known']}://{match['rest']}"


def local_path(given: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` resolved.

    Raises:
        PictureError: It is none, or ``~name`` names no user of this machine.
    """
    try:
        return Path(given).expanduser()
    except TypeError as error:
        raise PictureError(
            f"A path is a string or a pathlib.Path, not of type {type(given).__name__}."
        ) from error
    except RuntimeError as error:
        raise PictureError(
            f"Cannot find the folder of {os.fspath(given)}: there is no such user on this machine. "
            "Write the path out."
        ) from error


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises while it reads ``name`` into one PictureError.

    Its warnings too, where they are raised as errors.
    """
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture in a format that can be read, whatever its name says. Give a "
            "JPEG, PNG, TIFF or WebP; convert others, such as raw photos, first, and colour films "
            "with: colorzoo video"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"{name} has more pixels than Pillow takes for safe: {error} If you trust it, raise "
            "PIL.Image.MAX_IMAGE_PIXELS first."
        ) from error
    except PermissionError as error:
        raise PictureError(
            f"Cannot read {name}: {error.strerror}. Check its access rights."
        ) from error
    except MemoryError as error:
        raise PictureError(
            f"{name} is too large for this machine's memory. Scale it down first."
        ) from error
    except BROKEN_FILE as error:
        raise PictureError(
            f"{name} is cut off or damaged: {error}. Get the file anew from where it came, or "
            "repair it by opening and saving it in an image editor."
        ) from error
