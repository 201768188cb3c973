"""TIFF files of 8 or 16 bits a sample, with all of the EXIF data.

Pillow's compressed TIFF refuses the directories inside EXIF (camera, place), it has no picture of
16 bits in three channels, and tifffile refuses those directories too. Both know the rest of the
format; what Pillow's class of directories writes is what is written here.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_COUNT_BYTES: Final = 2  # before a directory's entries
_ENTRY_BYTES: Final = 12
_LITTLE_ENDIAN: Final = b"II\x2a\x00\x08\x00\x00\x00"
_STRIP_BYTES: Final = 1 << 20  # large enough for zlib's window to pay, small beside the picture
_DEFLATE: Final = 8
_DIFFERENCES: Final = 2
_XMP: Final = 700
_DIRECTORIES: Final = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

LAYOUT_TAGS: Final = (
    *(254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293),
    *(317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 338, 339, 340, 341, 347),
    *(513, 514, 529, 530, 531, 532, 34675, 42113),
)
"""Tags of a TIFF that describe how its pixels are stored, which says nothing of another file's."""


def append_page(
    file: BinaryIO,
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    info: Mapping[str, Any],
    last: int | None = None,
) -> int:
    """Write a page of a TIFF behind those that are there, compressed without loss.

    Args:
        file: Open for writing; at its start for the first page, at its end for others.
        pixels: (H, W), or (H, W, C) for grey with alpha (2), RGB (3) or RGBA (4).
        info: May hold ``exif`` (bytes), ``icc_profile`` (bytes), ``xmp`` (bytes) and ``dpi``
            (x and y).
        last: What this gave for the page before; None for the first.

    Returns:
        Where in the file the place of the next page is to be noted.

    Raises:
        OSError: The file cannot be written.
    """
    samples = pixels.reshape(*pixels.shape[:2], -1)
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // (width * channels * pixels.itemsize))
    strips = [_compress(samples[start : start + rows]) for start in range(0, height, rows)]
    directory = ImageFileDirectory_v2(_LITTLE_ENDIAN)
    _add_metadata(directory, info)
    starts = np.cumsum([0, *(len(strip) for strip in strips[:-1])])
    layout: dict[int, Any] = {
        ExifTags.Base.ImageWidth: width,
        ExifTags.Base.ImageLength: height,
        ExifTags.Base.BitsPerSample: (8 * pixels.itemsize,) * channels,
        ExifTags.Base.Compression: _DEFLATE,
        ExifTags.Base.PhotometricInterpretation: 2 if channels > 2 else 1,
        ExifTags.Base.StripOffsets: tuple(starts.tolist()),  # from the end of the directory
        ExifTags.Base.SamplesPerPixel: channels,
        ExifTags.Base.RowsPerStrip: rows,
        ExifTags.Base.StripByteCounts: tuple(len(strip) for strip in strips),
        ExifTags.Base.PlanarConfiguration: 1,
        ExifTags.Base.Predictor: _DIFFERENCES,
    }
    if channels in (2, 4):
        layout[ExifTags.Base.ExtraSamples] = 2  # alpha that is not multiplied in
    for tag, value in layout.items():
        directory[tag] = value
    directory.tagtype[ExifTags.Base.StripOffsets] = TiffTags.LONG
    directory.tagtype[ExifTags.Base.StripByteCounts] = TiffTags.LONG
    file.write(bytes(file.tell() % 2))  # directories begin at even places
    start = file.tell() or 8  # behind the header, which the first page writes
    directory.save(file)
    for strip in strips:
        file.write(strip)
    if last is not None:
        file.seek(last)
        file.write(struct.pack("<I", start))
        file.seek(0, os.SEEK_END)
    return start + _COUNT_BYTES + _ENTRY_BYTES * len(directory)


def _compress(samples: NDArray[Any]) -> bytes:
    """Deflate rows (h, W, C) as the differences between neighbours, modulo their range."""
    differences = samples.astype(samples.dtype.newbyteorder("<"))
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(differences.tobytes(), 1)


def _add_metadata(directory: ImageFileDirectory_v2, info: Mapping[str, Any]) -> None:
    exif = Image.Exif()
    exif.load(info.get("exif") or b"")
    for tag in set(exif).difference(LAYOUT_TAGS):
        directory[tag] = exif.get_ifd(tag) if tag in _DIRECTORIES else exif[tag]
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    if ExifTags.IFD.Interop in camera:  # a directory inside a directory
        inner = {ExifTags.IFD.Interop: exif.get_ifd(ExifTags.IFD.Interop)}
        directory[ExifTags.IFD.Exif] = {**camera, **inner}
    if info.get("icc_profile"):
        directory[ExifTags.Base.InterColorProfile] = info["icc_profile"]
    if info.get("xmp"):
        directory[_XMP] = info["xmp"]
    if info.get("dpi"):
        directory[ExifTags.Base.ResolutionUnit] = 2  # inches
        directory[ExifTags.Base.XResolution], directory[ExifTags.Base.YResolution] = info["dpi"]
