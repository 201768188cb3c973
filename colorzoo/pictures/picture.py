"""A picture as the colorizer sees it.

A picture keeps its lightness as integer codes of 8 or 16 bits with a table of their L, so that
memory stays near one or two bytes a pixel and grey values come back exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorzoo import color, notebook
from colorzoo.options import Depth
from colorzoo.pictures.metadata import Metadata
from colorzoo.pictures.samples import eight_bit
from colorzoo.pictures.strips import strip_bounds
from colorzoo.pictures.write import FinishedPicture
from colorzoo.schema import check_whole

_FINE: Final = 2**16 - 1  # codes of a shrunk picture: its L are means, between those of 8 bits
_RESIZE_GAP: Final = 3.0  # boxes bring a picture to this many times the wanted size, then bicubic


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as the colorizer sees it: upright, its own size, its lightness.

    Attributes:
        codes: (H, W) uint8 or uint16, read-only.
        table: (256 or 65536,) float32, L in 0..100 of each code.
        alpha: (H, W) uint8 opacity, or None.
        rgb: (H, W, 3) uint8 sRGB, read-only, where colour was asked for and there is any, or None.
        metadata: EXIF and whatever else goes along with the pixels.
        bit_depth: Bits of a sample that were read.
        format: Pillow's name of the file's format, None for arrays and new PIL pictures.
        name: What to call it in messages.
        notes: What a person should know: frames left out, metadata that could not be read.
    """

    codes: color.Codes
    table: NDArray[np.float32]
    alpha: NDArray[np.uint8] | None
    metadata: Metadata
    bit_depth: int
    format: str | None
    name: str
    notes: tuple[str, ...] = ()
    rgb: NDArray[np.uint8] | None = None

    def __repr__(self) -> str:
        """Say what it is; its pixels would fill the screen."""
        opacity = "" if self.alpha is None else ", alpha"
        color = "" if self.rgb is None else ", colour kept"
        return (
            f"<Picture {self.name!r}: {self.height} x {self.width} (height x width), "
            f"{self.bit_depth} bits{opacity}{color}, {self.format or 'no file format'}>"
        )

    def _repr_html_(self) -> str:
        shape = notebook.fitted(self.height, self.width)
        lightness = self.resized_lightness(*shape)
        grey = color.lab_to_srgb8(lightness, np.zeros((2, *shape), dtype=np.float32))
        return notebook.figures([(self.name, Image.fromarray(grey))])

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

    def chroma(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return a and b of the rows ``start`` to ``stop``: (2, stop - start, W) float32.

        They are in Lab units, and 0 where no colour was kept or the picture is grey.
        """
        if self.rgb is None:
            return np.zeros((2, stop - start, self.width), dtype=np.float32)
        strip = self.rgb[start:stop].transpose(2, 0, 1) / np.float32(255)
        return color.srgb_to_lab(strip)[1:]

    def resized_lightness(self, height: int, width: int) -> NDArray[np.float32]:
        """Return L at another size, (height, width) float32, 0..100, with antialias.

        As training resizes its photos: whole boxes of pixels are averaged first, strip by strip,
        then a bicubic filter gives the exact size.
        """
        lightness = self._resized(lambda a, b: self.lightness(a, b)[None], height, width)[0]
        clipped: NDArray[np.float32] = lightness.clip(0.0, 100.0)
        return clipped

    def resized_chroma(self, height: int, width: int) -> NDArray[np.float32]:
        """Return a and b at another size, (2, height, width) float32, resized as lightness is."""
        if self.rgb is None:
            return np.zeros((2, height, width), dtype=np.float32)
        return self._resized(self.chroma, height, width)

    def _resized(
        self, planes: Callable[[int, int], NDArray[np.float32]], height: int, width: int
    ) -> NDArray[np.float32]:
        """Resize planes that come by rows, (C, rows, W), to (C, height, width)."""
        across = max(1, int(self.width / width / _RESIZE_GAP))
        down = max(1, int(self.height / height / _RESIZE_GAP))

        def reduce(start: int, stop: int) -> NDArray[np.float32]:
            images = (Image.fromarray(plane) for plane in planes(start, stop))
            return np.stack([np.asarray(image.reduce((across, down))) for image in images])

        bounds = strip_bounds(self.height, self.width, multiple=down)
        reduced = np.concatenate([reduce(start, stop) for start, stop in bounds], axis=1)
        exact_box = (0.0, 0.0, self.width / across, self.height / down)
        resized = [
            Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC, box=exact_box)
            for plane in reduced
        ]
        return np.stack([np.asarray(plane) for plane in resized])

    def fitted(self, longest: int | None) -> tuple[int, int]:
        """Return height and width of the picture, its longer side brought down to ``longest``.

        Raises:
            ConfigError: ``longest`` is no whole number, 1 or more.
        """
        side = max(self.height, self.width)
        if longest is None or check_whole("longest", longest) >= side:
            return self.height, self.width
        height, width = (max(1, round(own * longest / side)) for own in (self.height, self.width))
        return height, width

    def shrunk(self, longest: int) -> Picture:
        """Return it with its longer side at most so long, as a picture of 8 bits to look at.

        Raises:
            ConfigError: ``longest`` is no whole number, 1 or more.
        """
        size = height, width = self.fitted(longest)
        if size == (self.height, self.width):
            return self
        codes = np.rint(self.resized_lightness(height, width) * (_FINE / 100.0)).astype(np.uint16)
        codes.setflags(write=False)
        alpha = self.alpha
        if alpha is not None:
            alpha = np.asarray(Image.fromarray(alpha).resize((width, height)))
        table = np.linspace(0.0, 100.0, _FINE + 1, dtype=np.float32)
        return replace(self, codes=codes, table=table, alpha=alpha, bit_depth=8, rgb=None)

    def depth(self, wanted: Depth = "auto") -> Literal[8, 16]:
        """Return the bits of a sample in the finished picture; "auto" keeps those of the source."""
        return (16 if self.bit_depth > 8 else 8) if wanted == "auto" else wanted

    def assemble(
        self, strips: Iterable[tuple[int, NDArray[np.uint8] | NDArray[np.uint16]]]
    ) -> FinishedPicture:
        """Make the finished picture from sRGB strips, with this one's alpha and metadata.

        Args:
            strips: First row and (rows, W, 3) pixels of each strip, all uint8 or all uint16.

        Returns:
            An RGB or RGBA picture of 8 bits; ``info`` holds the metadata, which is saved with it.
            Of uint16 strips it keeps all bits in ``deep``, and PNG and TIFF are saved with them.
        """
        image = Image.new("RGB", (self.width, self.height))
        deep: NDArray[np.uint16] | None = None
        for start, pixels in strips:
            if pixels.dtype == np.uint16:
                if deep is None:
                    deep = np.empty((self.height, self.width, 3), dtype=np.uint16)
                deep[start : start + len(pixels)] = pixels
            image.paste(Image.fromarray(eight_bit(pixels)), (0, start))
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        image.info.update(self.metadata.as_info())
        return FinishedPicture.of(image, deep)
