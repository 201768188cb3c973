"""Files, PIL pictures and arrays to :class:`~colorzoo.pictures.picture.Picture`."""

from __future__ import annotations

import functools
import io
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from colorzoo.errors import PictureError
from colorzoo.files import is_endless
from colorzoo.pictures.deep import is_deep, load_deep
from colorzoo.pictures.formats import BROKEN_FILE
from colorzoo.pictures.metadata import Metadata, fetch_innermost_exif, read_metadata
from colorzoo.pictures.opening import address_of, explained, local_path, open_image
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.samples import Samples, from_array, from_image

PictureSource = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | NDArray[Any] | Picture

_Opener = Callable[[], ImageFile.ImageFile]


def read(
    source: PictureSource, *, keep_color: bool = False, max_pixels: int | None = None
) -> Picture:
    """Read a picture; its CIELAB lightness is what counts, whether it is grey, sepia or colour.

    Args:
        source: A path, the bytes of a file, a file object opened in binary mode, a PIL picture of
            any mode, or an array: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA of type uint8,
            uint16, bool or float (0..1). None of them is changed. What was read already comes back
            as it is.
        keep_color: Keep its colours too, three more bytes a pixel, for
            :meth:`~colorzoo.pictures.picture.Picture.chroma`.
        max_pixels: Refuse a file with more of them before it is decoded; Pillow's own limit if left
            out.

    Raises:
        PictureError: The file is missing, broken, cut off, too large or no picture, or the array is
            of the wrong shape, type or range.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "the given PIL picture")
        return _from_pil(source, name, keep_color)
    if isinstance(source, np.ndarray):
        name = "the given array"
        return _picture(from_array(source, name, keep_color=keep_color), name, Metadata())
    name, file = _opened(source)
    with explained(name):
        image = _open_up_to(max_pixels, file, name)
    with image:
        return _from_pil(image, name, keep_color, functools.partial(open_image, file))


def _open_up_to(max_pixels: int | None, file: Path | IO[bytes], name: str) -> ImageFile.ImageFile:
    """Open a picture without decoding it, if it has no more pixels than are taken."""
    try:
        image = open_image(file)
    except Image.DecompressionBombError as error:
        if max_pixels is None:
            raise
        raise _too_large(name, max_pixels) from error
    if max_pixels is not None and image.width * image.height > max_pixels:
        image.close()
        raise _too_large(name, max_pixels)
    return image


def _too_large(name: str, max_pixels: int) -> PictureError:
    return PictureError(
        f"{name} has more than {max_pixels / 1e6:g} million pixels, which are taken at most. "
        "Scale it down first."
    )


def read_pages(source: PictureSource, *, keep_color: bool = False) -> Iterator[Picture]:
    """Read all pictures of a file one by one: the pages of a TIFF, the frames of an animation.

    Args:
        source: As for :func:`read`; what can hold but one picture gives that one.
        keep_color: As for :func:`read`.

    Yields:
        The pictures, each when it is asked for.

    Raises:
        PictureError: The file, or the picture whose turn it is, cannot be read.
    """
    if isinstance(source, (Image.Image, np.ndarray, Picture)):
        yield read(source, keep_color=keep_color)
        return
    name, file = _opened(source)
    with explained(name):
        image = open_image(file)
    with image:
        for number in itertools.count():
            with explained(name):
                try:
                    image.seek(number)
                except EOFError:  # Pillow's word for the last one having been there
                    return
            again = functools.partial(_open_page, file, number)
            yield _from_pil(image, f"{name}, picture {number + 1}", keep_color, again, alone=False)


def has_pages(path: Path) -> bool:
    """Tell whether a file is a TIFF of several pictures; one that cannot be read is none."""
    if is_endless(path):
        return False
    try:
        with open_image(path) as image:
            return image.format == "TIFF" and bool(getattr(image, "is_animated", False))
    except BROKEN_FILE:  # reading it will say what is wrong
        return False


def _open_page(file: Path | IO[bytes], number: int) -> ImageFile.ImageFile:
    image = open_image(file)
    image.seek(number)
    return image


def _opened(source: object) -> tuple[str, Path | IO[bytes]]:
    """Return what to call a path, bytes or a file object, and what Pillow can open of it."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        if not source:
            raise PictureError("The given bytes are none (0 bytes). Get the picture anew.")
        return "the given bytes", io.BytesIO(source)
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        title = name if isinstance(name, str) else "the given file object"
        with explained(title):
            content = source.read()
        if not isinstance(content, bytes):
            raise PictureError(f"{title} is opened as text. Open it in binary mode, 'rb'.")
        return title, io.BytesIO(content)
    if not isinstance(source, (str, os.PathLike)):
        raise PictureError(
            "A picture must be a path, bytes, a file object, a PIL picture or a numpy array, not "
            f"of type {type(source).__name__}.{_advice_on(source)}"
        )
    if address := address_of(source):
        raise PictureError(
            f"{address} is an address, and nothing is fetched from there. Save the picture and "
            "give its path, or fetch it and give its bytes."
        )
    path = local_path(source)
    _check_file(path)
    return str(path), path


def _advice_on(source: object) -> str:
    """Return what to do with something that is no picture, or ``""``."""
    if hasattr(source, "detach"):
        return " For a tensor use Colorizer.predict."
    if isinstance(source, Iterable):
        return " Several pictures are given as a list."
    return ""


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"Cannot read {path}: {reason}. Check the path.") from error
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(f"{path} is a folder, not a picture. Use Colorizer.folder for folders.")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
        raise PictureError(f"{path} is no regular file. Copy the picture into one first.")
    if status.st_size == 0:
        raise PictureError(f"{path} is empty (0 bytes). Get the file anew from where it came.")


def _from_pil(
    image: Image.Image,
    name: str,
    keep_color: bool,
    again: _Opener | None = None,
    *,
    alone: bool = True,
) -> Picture:
    """Make a Picture of a PIL picture, loaded or not.

    Args:
        image: The picture.
        name: What to call it in messages.
        keep_color: Keep its colours too.
        again: Opens it once more, for what Pillow cannot decode at once; None if it is not a file.
        alone: It is the only one of its file that is read.
    """
    if 0 in image.size:
        raise PictureError(
            f"{name} has no pixels: its size is {image.width} x {image.height}. Give another."
        )
    notes: list[str] = []
    deep = None
    with explained(name):
        count = _count_pictures(image)
        fetch_innermost_exif(image)
        if again is not None and is_deep(image):
            deep = load_deep(image, again)
        image.load()
    if count and alone:
        notes.append(f"it holds {count} pictures, of which one is coloured")
        if image.format == "TIFF":
            notes[-1] += "; the option 'all pages' takes all"
    metadata, turn = read_metadata(image, notes)
    profile = image.info.get("icc_profile")
    with explained(name):
        upright = image if turn is None else image.transpose(turn)
        if turn is not None:
            deep = deep and deep.transpose(turn)
        samples = from_image(upright, profile, name, notes, keep_color=keep_color, deep=deep)
    return _picture(samples, name, metadata, image.format, notes)


def _count_pictures(image: Image.Image) -> str | None:
    """Tell how many pictures a file holds, or None if it is one."""
    if not getattr(image, "is_animated", False):
        return None
    if image.format in ("TIFF", "GIF"):  # to count, Pillow walks through all of the file
        return "several"
    return str(getattr(image, "n_frames", "several"))


def _picture(
    samples: Samples,
    name: str,
    metadata: Metadata,
    format_name: str | None = None,
    notes: Iterable[str] = (),
) -> Picture:
    for pixels in (samples.codes, samples.alpha, samples.rgb):
        if pixels is not None:
            pixels.setflags(write=False)
    return Picture(
        codes=samples.codes,
        table=samples.table,
        alpha=samples.alpha,
        rgb=samples.rgb,
        metadata=metadata,
        bit_depth=samples.bit_depth,
        format=format_name,
        name=name,
        notes=tuple(notes),
    )
