"""Finished pictures, and how they become files."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, features

from colorzoo import color, notebook
from colorzoo.errors import PictureError, did_you_mean
from colorzoo.files import replacing
from colorzoo.pictures.formats import BROKEN_FILE, WRITERS, Writer
from colorzoo.pictures.opening import local_path
from colorzoo.pictures.png import save_deep_png
from colorzoo.pictures.samples import eight_bit, to_rgb
from colorzoo.pictures.strips import strip_bounds
from colorzoo.pictures.tiff import append_page

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_LONGEST_SEGMENT: Final = 65_000  # bytes; what a JPEG can hold of EXIF or XMP, a little less


class FinishedPicture(Image.Image):
    """A PIL picture whose own ``save`` keeps its metadata, at good quality.

    A notebook shows it small beside its own lightness, before and after. Pillow's methods that
    make a new picture of it, such as ``resize``, return ordinary ones.

    Attributes:
        deep: (H, W, 3) uint16, its colours in full where they have 16 bits, else None. They are
            written to PNG and TIFF, unless the picture has been changed since.
    """

    deep: NDArray[np.uint16] | None = None

    @classmethod
    def of(cls, image: Image.Image, deep: NDArray[np.uint16] | None = None) -> FinishedPicture:
        """Make one of a picture that nobody else holds."""
        # Pillow has no public way to make a subclass of a picture that is there already; both are
        # plain Python classes, so that an object of one can become one of the other.
        image.__class__ = cls
        finished = cast("FinishedPicture", image)
        finished.deep = deep
        return finished

    def save(
        self,
        fp: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes],
        format: str | None = None,
        **params: Any,
    ) -> None:
        """Save it; what is not said is as :func:`write` does it.

        Args:
            fp: A path or a file object, as for Pillow.
            format: Pillow's name of the format; told by the suffix if left out.
            params: What Pillow is told; ``exif=b""`` leaves EXIF out, ``quality=80`` is smaller.

        Raises:
            PictureError: It is saved to a path whose suffix tells the format, with nothing else
                said, and that cannot be done.
        """
        suffix = "" if hasattr(fp, "write") else Path(os.fsdecode(fp)).suffix.lower()
        if suffix in WRITERS and format is None and not params:
            write(self, os.fsdecode(fp))  # type: ignore[arg-type]  # a path, as it has a suffix
            return
        if format is None:
            writer = WRITERS.get(suffix)
        else:
            known = (writer for writer in WRITERS.values() if writer.name == format.upper())
            writer = next(known, None)
        if writer is not None:
            params = {**_pillow_options(self, writer), **params}
        super().save(fp, format, **params)

    def __repr__(self) -> str:
        depth = ", 16 bits a sample" if self.deep is not None else ""
        return f"<FinishedPicture: {self.height} x {self.width}, {self.mode}{depth}>"

    def _before_after(self) -> tuple[Image.Image, Image.Image]:
        """Return previews of its lightness alone and of itself."""
        after = notebook.preview(self)
        lightness = color.srgb_codes_to_lightness(np.asarray(after.convert("RGB")))
        none = np.zeros((2, *lightness.shape), dtype=np.float32)
        before = Image.fromarray(color.lab_to_srgb8(lightness, none))
        if after.mode == "RGBA":
            before.putalpha(after.getchannel("A"))
        return before, after

    def _repr_html_(self) -> str:
        return notebook.figures(zip(("before", "after"), self._before_after(), strict=True))

    def _repr_png_(self) -> bytes:
        return notebook.png(notebook.preview(self))

    def _repr_jpeg_(self) -> None:
        """Nothing: Pillow's would put the whole picture into the notebook once more."""


class FinishedPictures(list[Image.Image]):
    """A list of pictures that a notebook shows in a row."""

    def _repr_html_(self) -> str:
        return notebook.figures(
            (str(number), notebook.preview(image)) for number, image in enumerate(self)
        )


def write(image: Image.Image, path: str | os.PathLike[str]) -> Path:
    """Save a picture so that never a half-written file is seen; an older file is replaced.

    The suffix chooses the format: JPEG at quality 95 with full chroma, PNG, WebP, TIFF, AVIF or
    BMP. PNG and TIFF have 16 bits a sample where the picture has. EXIF, XMP, resolution and colour
    profile in ``image.info`` go along where the format holds them. Missing folders are made.

    Args:
        image: What a colorizer returned, or any PIL picture.
        path: The file to write; ``~`` is the home folder.

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
    with _new_file(path) as file:
        _save(image, file, writer)
    return path


def write_pages(images: Iterable[Image.Image], path: str | os.PathLike[str]) -> Path:
    """Save pictures as the pages of one TIFF, as :func:`write` saves one.

    Args:
        images: The pictures. Each is taken when the one before is written, so that an iterator
            never needs more than one in memory.
        path: A name that ends in .tif or .tiff.

    Returns:
        The path.

    Raises:
        PictureError: There is no picture, the name is another, or the place cannot be written to.
    """
    path = local_path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise PictureError(f"Several pictures go into a .tif only, not into {path}.")
    last: int | None = None
    with _new_file(path) as file:
        for image in images:
            writer = _writer_of(image, path)
            pixels = _pixels_for_tiff(image)
            last = append_page(file, pixels, _metadata_of(image, writer), last)
        if last is None:
            raise PictureError(f"There is no picture to write to {path}.")
    return path


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Open what is to become the file at ``path``, and say what is wrong if it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file
    except PictureError:
        raise
    except (*BROKEN_FILE, MemoryError) as error:
        raise PictureError(_reason(path, error)) from error


def _writer_of(image: Image.Image, path: Path) -> Writer:
    """Return how ``path`` is written, if it can hold the picture."""
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise PictureError(
            f"Cannot write {path}: {path.suffix or 'no suffix'!r} is no known picture format."
            f"{did_you_mean(suffix, WRITERS)} Use one of {', '.join(WRITERS)}."
        )
    writer = WRITERS[suffix]
    if writer.name == "AVIF" and not features.check("avif"):
        raise PictureError(
            f"Cannot write {path}: the installed Pillow is built without AVIF. Give it a name that "
            "ends in .webp or .png, or install Pillow 11.3 or newer."
        )
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


def _metadata_of(image: Image.Image, writer: Writer) -> dict[str, Any]:
    """Return what of a picture's metadata its file can hold."""
    metadata = {key: image.info[key] for key in writer.carried if image.info.get(key)}
    if writer.name == "JPEG":
        for key in ("exif", "xmp"):
            if len(metadata.get(key, b"")) > _LONGEST_SEGMENT:
                del metadata[key]
    return metadata


def _pillow_options(image: Image.Image, writer: Writer) -> dict[str, Any]:
    """Return how Pillow is told to save a picture."""
    metadata = _metadata_of(image, writer)
    if writer.name == "PNG" and "xmp" in metadata:
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", metadata.pop("xmp").decode("utf-8", "replace"))
        metadata["pnginfo"] = chunks
    return {**writer.options, **metadata}


def _save(image: Image.Image, file: BinaryIO, writer: Writer) -> None:
    if writer.name == "TIFF":
        append_page(file, _pixels_for_tiff(image), _metadata_of(image, writer))
        return
    if writer.name == "PNG" and (deep := _deep_pixels(image)) is not None:
        save_deep_png(file, deep, _metadata_of(image, writer))
        return
    try:  # Pillow's own save: that of a finished picture ends here
        Image.Image.save(image, file, writer.name, **_pillow_options(image, writer))
    except OSError as error:
        if error.errno is None:  # Pillow's encoders forget why they could not write; this asks anew
            file.write(bytes(1 << 16))
            file.flush()
        raise


def _pixels_for_tiff(image: Image.Image) -> NDArray[np.uint8] | NDArray[np.uint16]:
    deep = _deep_pixels(image)
    if deep is not None:
        return deep
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        image = image.convert("RGBA") if image.has_transparency_data else to_rgb(image)
    return np.asarray(image)


def _deep_pixels(image: Image.Image) -> NDArray[np.uint16] | None:
    """Return the 16 bits of a picture, (H, W, 3 or 4), if it has them and still looks like them."""
    deep = getattr(image, "deep", None)
    if not isinstance(deep, np.ndarray) or image.mode not in ("RGB", "RGBA"):
        return None
    if deep.shape != (image.height, image.width, 3):
        return None
    for start, stop in strip_bounds(image.height, image.width):
        shown = np.asarray(image.crop((0, start, image.width, stop)))[..., :3]
        if not np.array_equal(shown, eight_bit(deep[start:stop])):
            return None
    if image.mode == "RGB":
        return deep
    opacity = np.asarray(image.getchannel("A")).astype(np.uint16) * np.uint16(257)
    return np.concatenate((deep, opacity[..., None]), axis=-1)


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
