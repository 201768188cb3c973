"""Files, PIL pictures and arrays to :class:`Picture` and back to files.

A picture keeps its lightness as integer codes of 8 or 16 bits with a table of their L, so that
memory stays near one or two bytes a pixel and grey values come back exactly.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from colorzoo._samples import (
    DEEP_GREY_MODES,
    Codes,
    Samples,
    eight_bit,
    from_array,
    from_image,
    strip_bounds,
)
from colorzoo.errors import PictureError, did_you_mean

PictureSource = str | os.PathLike[str] | Image.Image | NDArray[Any]

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
_WRITERS: Final[dict[str, tuple[str, dict[str, Any], tuple[str, ...]]]] = {
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
WRITABLE_SUFFIXES: Final = frozenset(_WRITERS)
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

# Tags of a TIFF that describe how its pixels were stored, which is no longer true of the output.
_LAYOUT_TAGS: Final = (
    *(254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293),
    *(317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 338, 339, 340, 341, 347),
    *(513, 514, 529, 530, 531, 532, 34675, 42113),
)
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_RESIZE_GAP: Final = 3.0  # boxes bring a picture to this many times the wanted size, then bicubic


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as the colorizer sees it: upright, its own size, its lightness.

    Attributes:
        codes: (H, W) uint8 or uint16, read-only.
        table: (256 or 65536,) float32, L in 0..100 of each code.
        alpha: (H, W) uint8 opacity, or None.
        exif: The file's EXIF block without its orientation, which has been applied, or None.
        icc_profile: An sRGB profile if the picture came with any profile, else None.
        bit_depth: Bits of a sample in the source; what comes out always has 8.
        format: Pillow's name of the file's format, None for arrays and new PIL pictures.
        name: What to call it in messages.
        notes: What a person should know: frames left out, metadata that could not be read.
    """

    codes: Codes
    table: NDArray[np.float32]
    alpha: NDArray[np.uint8] | None
    exif: bytes | None
    icc_profile: bytes | None
    bit_depth: int
    format: str | None
    name: str
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.codes.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.codes.shape[1])

    def lightness(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return L of the rows ``start`` to ``stop``: (stop - start, W) float32, 0..100."""
        return self.table.take(self.codes[start:stop])

    def resized_lightness(self, width: int, height: int) -> NDArray[np.float32]:
        """Return L at another size, (height, width) float32, 0..100, with antialias.

        As training resizes its photos: whole boxes of pixels are averaged first, strip by strip,
        then a bicubic filter gives the exact size.
        """
        boxes = (
            max(1, int(self.width / width / _RESIZE_GAP)),
            max(1, int(self.height / height / _RESIZE_GAP)),
        )
        reduced = np.concatenate(
            [
                np.asarray(Image.fromarray(self.lightness(start, stop)).reduce(boxes))
                for start, stop in strip_bounds(self.height, self.width, multiple=boxes[1])
            ]
        )
        exact_box = (0.0, 0.0, self.width / boxes[0], self.height / boxes[1])
        resized = Image.fromarray(reduced).resize(
            (width, height), Image.Resampling.BICUBIC, box=exact_box
        )
        return np.asarray(resized).clip(0.0, 100.0)

    def assemble(self, strips: Iterable[tuple[int, NDArray[np.uint8]]]) -> Image.Image:
        """Make the finished picture from sRGB strips, with this one's alpha and metadata.

        Args:
            strips: First row and (rows, W, 3) uint8 pixels of each strip.

        Returns:
            An RGB or RGBA picture; ``info`` holds ``exif`` and ``icc_profile`` where there are any.
        """
        image = Image.new("RGB", (self.width, self.height))
        for start, pixels in strips:
            image.paste(Image.fromarray(pixels), (0, start))
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        metadata = {"exif": self.exif, "icc_profile": self.icc_profile}
        image.info.update({key: value for key, value in metadata.items() if value is not None})
        return image


def read(source: PictureSource) -> Picture:
    """Read a picture; its CIELAB lightness is what counts, whether it is grey, sepia or colour.

    Args:
        source: A path, a PIL picture of any mode, or an array: (H, W), (H, W, 1), (H, W, 3) RGB or
            (H, W, 4) RGBA of type uint8, uint16, bool or float (0..1). Neither is changed.

    Raises:
        PictureError: The file is missing, broken, cut off or no picture, or the array is of the
            wrong shape, type or range.
    """
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "the given PIL picture")
        return _from_pil(source, name)
    if isinstance(source, np.ndarray):
        return _picture(from_array(source, "the given array"), name="the given array")
    if not isinstance(source, (str, os.PathLike)):
        raise PictureError(
            f"A picture must be a path, a PIL picture or a numpy array, not a "
            f"{type(source).__name__}. For a tensor use Colorizer.predict."
        )
    path = Path(source).expanduser()
    _check_file(path)
    with _explained(str(path)):
        image = Image.open(path)
    with image:
        return _from_pil(image, str(path))


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a PIL picture of any mode to 8-bit RGB; colour profiles are not applied.

    Greys of 16 bits, 32 bits (0..65535) or floats (0..1) are scaled, where PIL would clip them.

    Raises:
        PictureError: Such greys are out of range.
        OSError: The picture cannot be decoded.
    """
    if image.mode in DEEP_GREY_MODES:
        samples = from_image(image, None, "the photo", [])
        image = Image.fromarray(eight_bit(samples.codes))
    return image.convert("RGB")


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
    if path.suffix.lower() not in _WRITERS:
        raise PictureError(
            f"Cannot write {path}: {path.suffix or 'no suffix'!r} is no known picture format."
            f"{did_you_mean(path.suffix.lower(), _WRITERS)} Use one of {', '.join(_WRITERS)}."
        )
    format_name, options, carried = _WRITERS[path.suffix.lower()]
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


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise PictureError(f"{path} is a folder, not a picture. Use Colorizer.folder for folders.")
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"Cannot read {path}: {reason}. Check the path.") from error
    if size == 0:
        raise PictureError(f"{path} is empty (0 bytes). Get the file anew from where it came.")


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises while it reads ``name`` into one PictureError."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture in a format that can be read, whatever its name says. Give a "
            "JPEG, PNG, TIFF or WebP; convert others, such as HEIC or raw photos, first."
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


def _from_pil(image: Image.Image, name: str) -> Picture:
    """Make a Picture of a PIL picture, loaded or not."""
    if 0 in image.size:
        raise PictureError(
            f"{name} has no pixels: its size is {image.width} x {image.height}. Give another."
        )
    notes: list[str] = []
    with _explained(name):
        frames = getattr(image, "n_frames", 1)
        image.load()
    if frames > 1:
        notes.append(f"it holds {frames} pictures, of which one is coloured")
    exif, turn = _read_exif(image, notes)
    profile = image.info.get("icc_profile")
    with _explained(name):
        upright = image if turn is None else image.transpose(turn)
        samples = from_image(upright, profile, name, notes)
    return _picture(
        samples,
        name=name,
        exif=exif,
        icc_profile=_srgb_profile() if profile else None,
        format_name=image.format,
        notes=notes,
    )


def _picture(
    samples: Samples,
    *,
    name: str,
    exif: bytes | None = None,
    icc_profile: bytes | None = None,
    format_name: str | None = None,
    notes: Iterable[str] = (),
) -> Picture:
    for pixels in (samples.codes, samples.alpha):
        if pixels is not None:
            pixels.setflags(write=False)
    return Picture(
        codes=samples.codes,
        table=samples.table,
        alpha=samples.alpha,
        exif=exif,
        icc_profile=icc_profile,
        bit_depth=samples.bit_depth,
        format=format_name,
        name=name,
        notes=tuple(notes),
    )


def _read_exif(image: Image.Image, notes: list[str]) -> tuple[bytes | None, Image.Transpose | None]:
    """Return the EXIF block to carry along, and the turn that sets the picture upright."""
    try:
        exif = Image.Exif()
        exif.load(image.getexif().tobytes())  # a copy: the given picture's own stays as it is
        turn = _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
        for tag in (ExifTags.Base.Orientation, *_LAYOUT_TAGS):
            exif.pop(tag, None)
        return (exif.tobytes() if len(exif) else None), turn
    except (*BROKEN_FILE, UserWarning) as error:
        notes.append(f"its EXIF metadata is broken and is left out ({error})")
        return None, None


@functools.cache
def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
