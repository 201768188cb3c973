"""What goes along with a picture's pixels: EXIF, XMP, resolution, and how it is to be turned."""

from __future__ import annotations

import contextlib
import functools
import math
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from PIL import ExifTags, Image, ImageCms

from colorzoo.pictures.formats import BROKEN_FILE
from colorzoo.pictures.tiff import LAYOUT_TAGS

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS: Final = tuple(_TURNS[number] for number in (5, 6, 7, 8))
_XMP_ORIENTATION: Final = re.compile(
    rb"""\s*tiff:Orientation\s*=\s*(["'])\d\1|<tiff:Orientation>\s*\d\s*</tiff:Orientation>"""
)
_MOST_DPI: Final = 65535.0  # what a JPEG can hold


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is carried from a picture to its coloured one.

    Attributes:
        exif: The EXIF block without its orientation, which has been applied, or None.
        icc_profile: An sRGB profile if the picture came with any profile, else None.
        xmp: The XMP packet, also without orientation, or None.
        dpi: Dots an inch across and down, or None.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def as_info(self) -> dict[str, Any]:
        """Return what there is under Pillow's names."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def read_metadata(image: Image.Image, notes: list[str]) -> tuple[Metadata, Image.Transpose | None]:
    """Return a decoded picture's metadata, and the turn that sets it upright.

    Args:
        image: The picture; it stays as it is.
        notes: Remarks on what could not be read are added here.
    """
    exif, turn = _read_exif(image, notes)
    dpi = _read_dpi(image)
    if dpi is not None and turn in _SIDEWAYS:
        dpi = dpi[::-1]
    profile = _srgb_profile() if image.info.get("icc_profile") else None
    return Metadata(exif, profile, _read_xmp(image), dpi), turn


def fetch_innermost_exif(image: Image.Image) -> None:
    """Let a TIFF read the one part of its EXIF that Pillow leaves in the file, which it closes.

    What is wrong with it shows when all is read.
    """
    if image.format == "TIFF":
        with contextlib.suppress(*BROKEN_FILE):
            exif = image.getexif()
            if ExifTags.IFD.Interop in exif.get_ifd(ExifTags.IFD.Exif):
                exif.get_ifd(ExifTags.IFD.Interop)


def _read_exif(image: Image.Image, notes: list[str]) -> tuple[bytes | None, Image.Transpose | None]:
    try:
        exif = Image.Exif()
        exif.load(image.getexif().tobytes())  # a copy: the given picture's own stays as it is
        turn = _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
        for tag in (ExifTags.Base.Orientation, *LAYOUT_TAGS):
            exif.pop(tag, None)
        return (exif.tobytes() if len(exif) else None), turn
    except BROKEN_FILE as error:
        notes.append(f"its EXIF metadata is broken and is left out ({error})")
        return None, None


def _read_xmp(image: Image.Image) -> bytes | None:
    xmp = image.info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if not isinstance(xmp, bytes) or not xmp:
        return None
    return _XMP_ORIENTATION.sub(b"", xmp)


def _read_dpi(image: Image.Image) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    if not isinstance(dpi, tuple):
        return None
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ArithmeticError):  # not two, or not numbers
        return None
    within = all(math.isfinite(value) and 1.0 <= value <= _MOST_DPI for value in (across, down))
    return (across, down) if within else None


@functools.cache
def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
