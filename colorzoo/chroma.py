"""What happens to chroma between the network and the finished picture.

A network gives ab at its working size. Here ab is brought up to the picture's own size along the
edges of the picture's own lightness, made stronger or weaker, and joined with that lightness, in
horizontal strips: memory does not grow with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from colorzoo import color
from colorzoo.errors import TensorError
from colorzoo.options import check_saturation
from colorzoo.pictures.strips import in_order, strip_bounds

GivenPixels = tuple[Tensor, Tensor, Tensor]
"""Row less the first of the strip (n,), column (n,) and chroma (2, n) of pixels."""

_RADIUS: Final = 1
_SOFTNESS: Final = 128.0  # in squared units of L: variance of L at which the slope is halved


def saturate(chroma: Tensor, factor: float) -> Tensor:
    """Make colours stronger (``factor`` > 1) or weaker (< 1); 0 gives grey.

    Args:
        chroma: (..., 2, H, W) in Lab units.
        factor: A finite number, 0 or more.

    Raises:
        ConfigError: ``factor`` is negative, infinite or not a number.
    """
    check_saturation(factor)
    return chroma * float(factor)


def upsample(chroma: Tensor, guide: Tensor, lightness: Tensor) -> Tensor:
    """Bring chroma to the size of ``lightness``, along its edges.

    In each window of the working size, chroma is modelled as a straight line of lightness, as in
    the fast guided filter (He and Sun 2015, arXiv:1505.00996): the slopes are worked out at the
    working size and interpolated. Unlike there, what the line leaves over is interpolated too and
    not smoothed away, so the network's own small spots of colour stay, and only the detail between
    its pixels is taken from lightness. Interpolation is cubic.

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
        raise TensorError(f"lightness must have shape (H, W), not {tuple(lightness.shape)}.")
    upsampled = _Upsampling(chroma, guide, tuple(lightness.shape))
    strips = [upsampled.rows(start, lightness[start:stop]) for start, stop in upsampled.bounds()]
    return torch.cat(strips, dim=1)


def srgb_strips(
    chroma: Tensor,
    guide: Tensor,
    size: tuple[int, int],
    lightness: Callable[[int, int], Tensor],
    *,
    depth: Literal[8, 16] = 8,
    given: Callable[[int, int], GivenPixels | None] = lambda start, stop: None,
) -> Iterator[tuple[int, Tensor]]:
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
    convert = color.lab_to_srgb16 if depth == 16 else color.lab_to_srgb8
    upsampled = _Upsampling(chroma, guide, size)

    def finish(bounds: tuple[int, int]) -> tuple[int, Tensor]:
        with torch.inference_mode():  # each thread has a mode of its own
            rows = lightness(*bounds)
            strip = upsampled.rows(bounds[0], rows)
            pixels = given(*bounds)
            if pixels is not None:
                row, column, own = pixels
                strip[:, row, column] = own
            return bounds[0], convert(rows, strip)

    if chroma.device.type == "cpu":
        yield from in_order(finish, upsampled.bounds())
    else:  # which has threads enough by itself
        yield from map(finish, upsampled.bounds())


class _Upsampling:
    """Chroma on its way to full size: what is worked out once, and each strip from that."""

    def __init__(self, chroma: Tensor, guide: Tensor, size: tuple[int, ...]) -> None:
        if guide.ndim != 2 or chroma.shape != (2, *guide.shape):
            raise TensorError(
                "chroma (2, h, w) and guide (h, w) must agree in height and width, but have shapes "
                f"{tuple(chroma.shape)} and {tuple(guide.shape)}."
            )
        self._height, self._width = size
        slope = _slopes(chroma, guide)
        lines = torch.cat((slope, chroma - slope * guide))
        self._small_height = lines.shape[1]
        wide_size = (self._small_height, self._width)
        wide = F.interpolate(lines[None], size=wide_size, mode="bicubic", antialias=True)[0]
        self._wide = wide.transpose(0, 1).reshape(self._small_height, 4 * self._width)

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each strip and the one behind its last."""
        return strip_bounds(self._height, self._width)

    def rows(self, start: int, lightness: Tensor) -> Tensor:
        """Return chroma (2, rows, W) of the rows from ``start`` whose lightness (rows, W) is."""
        stop = start + lightness.shape[0]
        wide = self._wide
        first, weights = _cubic_rows(start, stop, self._height, self._small_height, wide)
        full = (weights @ wide[first : first + weights.shape[1]]).view(-1, 4, self._width)
        return torch.addcmul(full[:, 2:], full[:, :2], lightness[:, None]).transpose(0, 1)


def _slopes(chroma: Tensor, guide: Tensor) -> Tensor:
    """Return the slope of chroma over lightness in the window around each pixel: (2, h, w)."""
    # Around their means, so that float32 keeps the small differences.
    guide = guide - guide.mean()
    means = _box_mean(torch.cat((guide[None], chroma, guide * chroma, (guide * guide)[None])))
    mean, mean_chroma, mixed, square = means[:1], means[1:3], means[3:5], means[5:]
    variance = (square - mean * mean).clamp_(min=0.0)
    return _box_mean((mixed - mean * mean_chroma) / (variance + _SOFTNESS))


def _box_mean(planes: Tensor) -> Tensor:
    """Mean over the window of _RADIUS around each pixel of (C, h, w), borders repeated."""
    padded = F.pad(planes[None], (_RADIUS,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * _RADIUS + 1, stride=1)[0]


def _cubic_rows(
    start: int, stop: int, height: int, small_height: int, like: Tensor
) -> tuple[int, Tensor]:
    """Return the first source row, and the weights by which rows start..stop mix source rows.

    The kernel is Keys' cubic (1981, a = -0.5), widened when shrinking and cut off at the border:
    the one that ``F.interpolate(mode="bicubic", antialias=True)`` uses.
    """
    scale = small_height / height
    reach = max(scale, 1.0)
    first = max(0, math.floor((start + 0.5) * scale - 0.5 - 2.0 * reach))
    last = min(small_height, math.ceil((stop - 0.5) * scale - 0.5 + 2.0 * reach) + 1)
    centers = (torch.arange(start, stop, dtype=torch.float64) + 0.5) * scale - 0.5
    sources = torch.arange(first, last, dtype=torch.float64)
    distance = ((sources - centers[:, None]) / reach).abs()
    near = (1.5 * distance - 2.5) * distance**2 + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    weights = torch.where(distance < 1.0, near, torch.where(distance < 2.0, far, 0.0))
    return first, (weights / weights.sum(dim=1, keepdim=True)).to(like)
