"""A picture as the colorizer sees it.

A picture keeps its lightness as integer codes of 8 or 16 bits with a table of their L, so that
memory stays near one or two bytes a pixel and grey values come back exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorzoo.pictures.samples import Codes
from colorzoo.pictures.strips import strip_bounds

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

    def resized_lightness(self, height: int, width: int) -> NDArray[np.float32]:
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
