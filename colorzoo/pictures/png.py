"""PNG files of 16 bits a sample in colour.

Pillow has no picture of that kind, and no library that colorzoo needs anyway writes one. The format
(ISO/IEC 15948) is a row of chunks around a zlib stream; this is the part of it that is needed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.pictures.strips import strip_bounds

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES: Final = {3: 2, 4: 6}  # by channels: RGB, RGBA
_DIFFERENCE_TO_THE_LEFT: Final = 1
_METERS_PER_INCH: Final = 0.0254


def save_deep_png(file: BinaryIO, pixels: NDArray[np.uint16], info: Mapping[str, Any]) -> None:
    """Write a PNG of 16 bits a sample.

    Args:
        file: Open for writing.
        pixels: (H, W, 3) RGB or (H, W, 4) RGBA.
        info: May hold ``exif``, ``icc_profile``, ``xmp`` (bytes) and ``dpi`` (x and y).

    Raises:
        OSError: The file cannot be written.
    """
    height, width, channels = pixels.shape
    file.write(_SIGNATURE)
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOR_TYPES[channels], 0, 0, 0)
    _write_chunk(file, b"IHDR", header)
    _write_metadata(file, info)
    deflate = zlib.compressobj(1)  # as for 8 bits: more effort gains a few percent
    for start, stop in strip_bounds(height, width):
        _write_chunk(file, b"IDAT", deflate.compress(_filtered(pixels[start:stop])))
    _write_chunk(file, b"IDAT", deflate.flush())
    _write_chunk(file, b"IEND", b"")


def _filtered(rows: NDArray[np.uint16]) -> bytes:
    """Return rows (h, W, C) as PNG's filter 1 has them: bytes less the same byte to the left."""
    samples = rows.astype(">u2").view(np.uint8).reshape(len(rows), rows.shape[1], -1)
    filtered = np.empty((len(rows), 1 + samples[0].size), dtype=np.uint8)
    filtered[:, 0] = _DIFFERENCE_TO_THE_LEFT
    differences = filtered[:, 1:].reshape(samples.shape)
    differences[:, 0] = samples[:, 0]
    np.subtract(samples[:, 1:], samples[:, :-1], out=differences[:, 1:])  # modulo 256
    return filtered.tobytes()


def _write_metadata(file: BinaryIO, info: Mapping[str, Any]) -> None:
    if profile := info.get("icc_profile"):
        _write_chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
    if dpi := info.get("dpi"):
        across, down = (round(dots / _METERS_PER_INCH) for dots in dpi)
        _write_chunk(file, b"pHYs", struct.pack(">IIB", across, down, 1))
    if exif := info.get("exif"):
        _write_chunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if xmp := info.get("xmp"):
        _write_chunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)


def _write_chunk(file: BinaryIO, kind: bytes, body: bytes) -> None:
    if body or kind == b"IEND":
        file.write(struct.pack(">I", len(body)) + kind + body)
        file.write(struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))))
