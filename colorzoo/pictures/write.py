"""Finished pictures to files."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from PIL import Image

from colorzoo.errors import PictureError, did_you_mean
from colorzoo.pictures.formats import BROKEN_FILE, WRITERS


def write(image: Image.Image, path: str | os.PathLike[str]) -> Path:
    """Save a picture so that never a half-written file is seen; an older file is replaced.

    The suffix chooses the format: JPEG at quality 95 with full chroma, PNG, WebP, TIFF or BMP.
    EXIF and colour profile in ``image.info`` go along where the format holds them. Missing folders
    are made.

    Returns:
        The path.

    Raises:
        PictureError: The suffix is unknown, the format cannot hold the picture, or the place cannot
            be written to.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in WRITERS:
        raise PictureError(
            f"Cannot write {path}: {path.suffix or 'no suffix'!r} is no known picture format."
            f"{did_you_mean(path.suffix.lower(), WRITERS)} Use one of {', '.join(WRITERS)}."
        )
    format_name, options, carried = WRITERS[path.suffix.lower()]
    if format_name == "JPEG" and image.has_transparency_data:
        raise PictureError(
            f"Cannot write {path}: JPEG cannot hold transparency. Give it a name that ends in "
            ".png, .webp or .tif; in Python, image.convert('RGB') drops the transparency."
        )
    metadata = {key: image.info[key] for key in carried if image.info.get(key)}
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            image.save(file, format=format_name, **options, **metadata)
        beside.replace(path)
    except (*BROKEN_FILE, MemoryError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise PictureError(
            f"Cannot write {path}: {reason}. Check that the folder can be written to, that the "
            f"disk has room, and that {format_name} can hold {image.width} x {image.height} pixels."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # gone already, or never made
            beside.unlink()
    return path
