"""Finished pictures to files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from PIL import Image

from colorzoo.errors import PictureError, did_you_mean
from colorzoo.files import replacing
from colorzoo.pictures.formats import BROKEN_FILE, WRITERS, Writer
from colorzoo.pictures.opening import local_path
from colorzoo.pictures.samples import to_rgb
from colorzoo.pictures.tiff import save_tiff

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def write(image: Image.Image, path: str | os.PathLike[str]) -> Path:
    """Save a picture so that never a half-written file is seen; an older file is replaced.

    The suffix chooses the format: JPEG at quality 95 with full chroma, PNG, WebP, TIFF or BMP.
    EXIF and colour profile in ``image.info`` go along where the format holds them. Missing folders
    are made.

    Returns:
        The path.

    Raises:
        PictureError: What is given is no picture or no path, the suffix is unknown, the format
            cannot hold the picture, or the place cannot be written to.
    """
    if not isinstance(image, Image.Image):
        raise PictureError(f"Only a PIL picture can be written, not a {type(image).__name__}.")
    if not isinstance(path, (str, os.PathLike)):
        raise PictureError(f"A picture is written to a path, not to a {type(path).__name__}.")
    path = local_path(path)
    writer = _writer_of(image, path)
    metadata = {key: image.info[key] for key in writer.carried if image.info.get(key)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            _save(image, file, writer, metadata)
    except (*BROKEN_FILE, MemoryError) as error:
        raise PictureError(_reason(path, error)) from error
    return path


def _writer_of(image: Image.Image, path: Path) -> Writer:
    """Return how ``path`` is written, if it can hold the picture."""
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise PictureError(
            f"Cannot write {path}: {path.suffix or 'no suffix'!r} is no known picture format."
            f"{did_you_mean(suffix, WRITERS)} Use one of {', '.join(WRITERS)}."
        )
    writer = WRITERS[suffix]
    if writer.name == "JPEG" and image.has_transparency_data:
        raise PictureError(
            f"Cannot write {path}: JPEG cannot hold transparency. Give it a name that ends in "
            ".png, .webp or .tif; in Python, image.convert('RGB') drops the transparency."
        )
    if writer.longest_side is not None and max(image.size) > writer.longest_side:
        raise PictureError(
            f"Cannot write {path}: the picture has {image.width} x {image.height} pixels, and "
            f"{writer.name} holds at most {writer.longest_side} a side. Give it a name that ends "
            "in .png or .tif."
        )
    return writer


def _save(image: Image.Image, file: BinaryIO, writer: Writer, metadata: dict[str, Any]) -> None:
    if writer.name == "TIFF":
        if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
            image = image.convert("RGBA") if image.has_transparency_data else to_rgb(image)
        save_tiff(file, np.asarray(image), metadata)
        return
    try:
        image.save(file, format=writer.name, **writer.options, **metadata)
    except OSError as error:
        if error.errno is None:  # Pillow's encoders forget why they could not write; this asks anew
            file.write(bytes(1 << 16))
            file.flush()
        raise


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in _FULL:
        return (
            f"Cannot write {path}: the disk is full ({error.strerror}). Make room, or write to "
            "another disk. What was at that place is untouched."
        )
    if isinstance(error, OSError) and error.strerror:
        return (
            f"Cannot write {path}: {error.strerror}. Check the path, and that its folder can be "
            "written to."
        )
    if isinstance(error, MemoryError):
        return f"Cannot write {path}: this machine's memory is too small for it."
    return (
        f"Cannot write {path}: {error} ({type(error).__name__}). Check its name, or choose another "
        "format."
    )
