"""Colours of 16 bits a sample, of which Pillow decodes 8.

Pillow has no mode for them: it takes the high byte of each sample. Told that the bytes of a sample
stand the other way round, it takes the low byte instead. So a file is decoded twice, by the same
decoders as every other, and the two pictures together hold all 16 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

# Pillow's names of the order of bytes; N is this machine's own.
_OTHER_ORDER: Final = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_DEEP: Final = ("RGB;16", "RGBA;16")


@dataclass(frozen=True, slots=True, eq=False)
class DeepColors:
    """A picture of 16 bits a sample.

    Attributes:
        high: The high byte of each sample, RGB or RGBA.
        low: The low byte of each.
    """

    high: Image.Image
    low: Image.Image

    def rows(self, start: int, stop: int) -> NDArray[np.uint16]:
        """Return the colours of rows ``start`` to ``stop``, (rows, W, 3)."""
        box = (0, start, self.high.width, stop)
        high, low = (np.asarray(part.crop(box))[..., :3] for part in (self.high, self.low))
        rows: NDArray[np.uint16] = (high.astype(np.uint16) << 8) | low
        return rows

    def transpose(self, turn: Image.Transpose) -> DeepColors:
        """Return it turned."""
        return DeepColors(self.high.transpose(turn), self.low.transpose(turn))


def is_deep(image: Image.Image) -> TypeGuard[ImageFile.ImageFile]:
    """Tell whether a picture that is not yet decoded has colours of 16 bits a sample."""
    tiles = getattr(image, "tile", [])
    return (
        isinstance(image, ImageFile.ImageFile)
        and bool(tiles)
        and all(_raw_mode(tile.args)[:-1] in _DEEP for tile in tiles)
        and "transparency" not in image.info
    )


def load_deep(image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]) -> DeepColors:
    """Decode a picture for which :func:`is_deep` holds.

    Args:
        image: The picture, not yet decoded; it then holds the high bytes.
        again: Opens the same picture once more.

    Raises:
        OSError: It cannot be decoded; damaged files raise other errors too.
    """
    with again() as low:
        low.tile = [tile._replace(args=_swapped(tile.args)) for tile in low.tile]
        image.load()
        low.load()
    return DeepColors(image, low)


def _raw_mode(arguments: Any) -> str:
    """Return how a tile's bytes are laid out, which is all or the first of what decoders take."""
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) else ""


def _swapped(arguments: Any) -> Any:
    raw = _raw_mode(arguments)
    other = raw[:-1] + _OTHER_ORDER[raw[-1]]
    return (other, *arguments[1:]) if isinstance(arguments, tuple) else other
