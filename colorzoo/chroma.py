"""What happens to chroma between the network and the finished picture.

A network gives ab at its working size. Here ab is brought up to the picture's own size along the
edges of the picture's own lightness, made stronger or weaker, and joined with that lightness, in
horizontal strips: memory does not grow with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorzoo import color
from colorzoo.errors import TensorError
from colorzoo.options import check_saturation
from colorzoo.pictures.planes import box_mean
from colorzoo.pictures.strips import in_order, strip_bounds

Floats = NDArray[np.float32]

GivenPixels = tuple[NDArray[np.int64], NDArray[np.int64], Floats]
"""Row less the first of the strip (n,), column (n,) and chroma (2, n) of pixels."""

_RADIUS: Final = 1
_SOFTNESS: Final = 128.0  # in squared units of L: variance of L at which the slope is halved


def anneal(logits: Any, rarity: Any, vividness: Any) -> Any:
    """Return the logits of the distribution over colours that a vividness looks at.

    Rare colours weigh more, for a mean over what is likely is greyer than any photo; and likely
    cells weigh more, by a temperature of 1 at vividness 0 and of 0.32 at 1, for the mean of far
    colours is none of them. It is one formula for arrays and for tensors, and returns what it is
    given.

    Args:
        logits: Of how likely each of Q colours is, of any shape that ``rarity`` spreads over.
        rarity: What is added at vividness 1: the logarithm of how much more rare colours weigh.
        vividness: 0, for the distribution as it is, to 1; a number, or a tensor of one.
    """
    return (logits + vividness * rarity) / 10.0 ** (-0.5 * vividness)


def saturate(chroma: Floats, factor: float) -> Floats:
    """Make colours stronger (``factor`` > 1) or weaker (< 1); 0 gives grey.

    Args:
        chroma: (..., 2, H, W) in Lab units.
        factor: A finite number, 0 or more.

    Raises:
        ConfigError: ``factor`` is negative, infinite or not a number.
    """
    check_saturation(factor)
    return chroma * np.float32(factor)


def upsample(chroma: Floats, guide: Floats, lightness: Floats) -> Floats:
    """Bring chroma to the size of ``lightness``, along its edges.

    In each window of the working size, chroma is modelled as a straight line of lightness, as in
    the fast guided filter (He and Sun 2015, arXiv:1505.00996): the slopes are worked out at the
    working size and interpolated. Unlike there, what the line leaves over is interpolated too and
    not smoothed away, so the network's own small spots of colour stay, and only the detail between
    its pixels is taken from lightness. Interpolation is cubic. Chroma of full size already stays as
    it is.

    Args:
        chroma: (2, h, w) float32, ab at the working size.
        guide: (h, w) float32, L at the working size, 0..100.
        lightness: (H, W) float32, L at full size, 0..100.

    Returns:
        (2, H, W) float32.

    Raises:
        TensorError: The shapes do not belong together.
    """
    if lightness.ndim != 2:
        raise TensorError(f"lightness must have shape (H, W), not {lightness.shape}.")
    upsampled = _Upsampling(chroma, guide, lightness.shape)
    strips = [upsampled.rows(start, lightness[start:stop]) for start, stop in upsampled.bounds()]
    return np.concatenate(strips, axis=1)


def srgb_strips(
    chroma: Floats,
    guide: Floats,
    size: tuple[int, int],
    lightness: Callable[[int, int], Floats],
    *,
    depth: Literal[8, 16] = 8,
    given: Callable[[int, int], GivenPixels | None] = lambda start, stop: None,
) -> Iterator[tuple[int, color.Codes]]:
    """Upsample chroma as :func:`upsample` does and join it with full-size lightness, by strips.

    Colours that sRGB cannot show lose saturation, never lightness.

    Args:
        chroma: (2, h, w) float32, ab at the working size.
        guide: (h, w) float32, L at the working size, 0..100.
        size: Full height and width.
        lightness: Gives L of the full-size rows ``start`` to ``stop``: (stop - start, W) float32.
        depth: Bits of a sample of what comes out.
        given: Tells which pixels of the rows ``start`` to ``stop`` have a chroma of their own.

    Yields:
        The strip's first row, and its pixels (rows, W, 3) as sRGB, uint8 or uint16.

    Raises:
        TensorError: The shapes do not belong together.
    """
    convert: Callable[[Floats, Floats], color.Codes]
    convert = color.lab_to_srgb16 if depth == 16 else color.lab_to_srgb8
    upsampled = _Upsampling(chroma, guide, size)

    def finish(bounds: tuple[int, int]) -> tuple[int, color.Codes]:
        rows = lightness(*bounds)
        strip = upsampled.rows(bounds[0], rows)
        pixels = given(*bounds)
        if pixels is not None:
            row, column, own = pixels
            strip[:, row, column] = own
        return bounds[0], convert(rows, strip)

    yield from in_order(finish, upsampled.bounds())


_SMALL_PRODUCT: Final = 1 << 18
"""Multiplications of a matrix product that OpenBLAS still does on the thread that asks for it.

Strips are worked on by several threads already. For larger products each of these would wake all
of OpenBLAS's own, which then wait for one another by spinning: on a busy machine that took fifty
times the processor time of the product itself.
"""

_BLOCK: Final = 32
"""Rows that one such product makes; each is mixed from few, so those of fewer have fewer zeros."""


class _Upsampling:
    """Chroma on its way to full size: what is worked out once, and each strip from that."""

    def __init__(self, chroma: Floats, guide: Floats, size: tuple[int, ...]) -> None:
        if guide.ndim != 2 or chroma.shape != (2, *guide.shape):
            raise TensorError(
                "chroma (2, h, w) and guide (h, w) must agree in height and width, but have shapes "
                f"{chroma.shape} and {guide.shape}."
            )
        self._height, self._width = size
        self._as_it_is = chroma if guide.shape == size else None  # there is no finer lightness
        if self._as_it_is is not None:
            return
        slope = _slopes(chroma, guide)
        offset = slope * guide
        np.subtract(chroma, offset, out=offset)
        self._wide = np.empty((4, guide.shape[0], self._width), dtype=np.float32)
        for wide, plane in zip(self._wide, (*slope, *offset), strict=True):
            size = self._width, guide.shape[0]
            wide[:] = np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each strip and the one behind its last."""
        return strip_bounds(self._height, self._width)

    def rows(self, start: int, lightness: Floats) -> Floats:
        """Return chroma (2, rows, W) of the rows from ``start`` whose lightness (rows, W) is."""
        if self._as_it_is is not None:
            return self._as_it_is[:, start : start + len(lightness)].copy()
        full = np.empty((len(self._wide), *lightness.shape), dtype=np.float32)
        _stretch(self._wide, start, self._height, full)
        slope, offset = full[:2], full[2:]
        slope *= lightness
        offset += slope
        return offset


def _slopes(chroma: Floats, guide: Floats) -> Floats:
    """Return the slope of chroma over lightness in the window around each pixel: (2, h, w)."""
    planes = np.empty((6, *guide.shape), dtype=np.float32)
    # Around its mean, so that float32 keeps the small differences.
    guide = np.subtract(guide, guide.mean(), out=planes[0])
    planes[1:3] = chroma
    np.multiply(guide, planes[1:3], out=planes[3:5])
    np.multiply(guide, guide, out=planes[5])
    # In place from here on: for small pictures new memory is what most of the time goes into.
    mean, mean_chroma, mixed, square = np.split(box_mean(planes, _RADIUS), (1, 3, 5))
    mixed -= np.multiply(mean, mean_chroma, out=mean_chroma)
    variance = np.subtract(square, np.multiply(mean, mean, out=mean), out=square)
    np.maximum(variance, 0.0, out=variance)
    variance += _SOFTNESS
    mixed /= variance
    return box_mean(mixed, _RADIUS)


def _stretch(planes: Floats, start: int, height: int, out: Floats) -> None:
    """Fill ``out`` (n, rows, W) with the rows from ``start`` of planes (n, h, W) at full height."""
    for row in range(0, out.shape[1], _BLOCK):
        stretched = out[:, row : row + _BLOCK]
        begin = start + row
        first, weights = _cubic_rows(begin, begin + stretched.shape[1], height, planes.shape[1])
        near = planes[:, first : first + weights.shape[1]]
        columns = max(1, _SMALL_PRODUCT // weights.size)
        for column in range(0, out.shape[2], columns):
            part = slice(column, column + columns)
            np.matmul(weights, near[..., part], out=stretched[..., part])


def _cubic_rows(start: int, stop: int, height: int, small_height: int) -> tuple[int, Floats]:
    """Return the first source row, and the weights by which rows start..stop mix source rows.

    The kernel is Keys' cubic (1981, a = -0.5), widened when shrinking and cut off at the border:
    the one that Pillow's ``BICUBIC`` uses.
    """
    scale = small_height / height
    reach = max(scale, 1.0)
    first = max(0, math.floor((start + 0.5) * scale - 0.5 - 2.0 * reach))
    last = min(small_height, math.ceil((stop - 0.5) * scale - 0.5 + 2.0 * reach) + 1)
    centers = (np.arange(start, stop) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(first, last) - centers[:, None]) / reach
    near = (1.5 * distance - 2.5) * distance**2 + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    weights = np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))
    return first, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
