"""Colours spread from where they are given, stopping at edges: one sparse system, solved directly.

After Levin, Lischinski and Weiss, "Colorization using Optimization" (SIGGRAPH 2004): the colour of
a pixel is the mean of its neighbours' colours, weighted by how alike their lightness is. What is
open in the paper is read here as in the authors' own program: that equation holds exactly at every
pixel whose colour is not given, so no colour leaves the range of the given ones. (Least squares
over all pixels, given ones too, overshoots.)
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from colorzoo.chroma import upsample
from colorzoo.hints import resize_hints
from colorzoo.pictures.planes import area_mean

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_PIXELS: Final = 2**17  # about a second on one core
_FLATTEST: Final = 0.02  # in squared units of L; below it, variance is the noise of 8-bit codes
_WEAKEST: Final = 1e-7  # a weight relative to the strongest, so that no pixel is cut off
_NEIGHBORS: Final = tuple(
    (down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)
)


def spread(lightness: Floats, values: Floats, fixed: Mask, pull: Floats | float = 0.0) -> Floats:
    """Spread values over a picture along its edges.

    At every pixel r that is not fixed, the result U solves
    ``(1 + pull_r) U_r - sum over s of w_rs U_s = pull_r values_r``, where s runs over the 3x3
    window and the weights w_rs sum up to 1.

    Args:
        lightness: (h, w), L in 0..100.
        values: (C, h, w); read where ``fixed`` is, and where ``pull`` is not 0.
        fixed: (h, w), the pixels that keep their values.
        pull: (h, w) or one number, 0 or more: how strongly the other pixels are drawn to theirs. At
            least one pixel must be fixed or drawn.

    Returns:
        (C, h, w).
    """
    size = lightness.size
    at, start = np.flatnonzero(~fixed), np.flatnonzero(fixed)
    flat = values.reshape(len(values), size)
    result = np.empty((size, len(values)))
    result[start] = flat[:, start].T
    drawn = np.broadcast_to(np.asarray(pull, dtype=np.float64), fixed.shape).ravel()[at]
    rows = -neighbor_weights(lightness)[at]
    system = rows[:, at] + sparse.diags_array(1.0 + drawn)
    given = drawn[:, None] * flat[:, at].T - rows[:, start] @ result[start]
    if len(at):
        # The matrix is dominated by its diagonal, so it needs no pivoting; its pattern is
        # symmetric, and for that this ordering fills in half as much as the usual one.
        factors = splu(
            system.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        result[at] = factors.solve(given)
    return result.T.reshape(values.shape)


def spread_colors(
    lightness: NDArray[np.float32],
    chroma: NDArray[np.float32],
    mask: Mask,
    *,
    pixels: int = _PIXELS,
) -> NDArray[np.float32]:
    """Spread given colours over a picture.

    A picture of more than ``pixels`` is solved smaller, and its chroma brought up along lightness.

    Args:
        lightness: (h, w) float32, L in 0..100.
        chroma: (2, h, w) float32, ab in Lab units where ``mask`` is.
        mask: (h, w) bool, with at least one pixel.
        pixels: Most pixels that are solved for.

    Returns:
        (2, h, w) float32.
    """
    height, width = lightness.shape
    scale = min(1.0, math.sqrt(pixels / lightness.size))
    size = max(1, int(height * scale)), max(1, int(width * scale))
    seen, colors, fixed = lightness, chroma, mask
    if scale < 1.0:
        seen = area_mean(lightness, size)
        colors, fixed = resize_hints(chroma, mask, size)
    solved = spread(seen.astype(np.float64), colors.astype(np.float64), fixed)
    spread_chroma = solved.astype(np.float32)
    if scale < 1.0:
        spread_chroma = upsample(spread_chroma, seen, lightness)
    return np.where(mask, chroma, spread_chroma)


def neighbor_weights(lightness: Floats) -> sparse.csr_array:
    """Return how much each pixel takes from its neighbours: (hw, hw), rows sum up to 1.

    ``w_rs`` is in proportion to ``exp(-(L_r - L_s)^2 / (2 v_r))``, with v_r the variance of L in
    the 3x3 window around r.
    """
    height, width = lightness.shape
    padded = np.pad(lightness, 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    doubled = 2.0 * np.maximum(windows.var(axis=(2, 3)), _FLATTEST)
    exponents = np.full((len(_NEIGHBORS), height, width), np.inf)
    for exponent, (down, right) in zip(exponents, _NEIGHBORS, strict=True):
        inside = _inside(height, width, down, right)
        other = windows[:, :, 1 + down, 1 + right]
        exponent[inside] = ((lightness - other) ** 2 / doubled)[inside]
    # A common factor of a row cancels, so the most alike neighbour always has weight 1.
    nearest = exponents.min(axis=0) if lightness.size > 1 else 0.0
    weights = np.where(
        np.isfinite(exponents), np.maximum(np.exp(nearest - exponents), _WEAKEST), 0.0
    )
    weights /= np.maximum(weights.sum(axis=0), _WEAKEST)
    index = np.arange(lightness.size).reshape(height, width)
    columns = np.stack([index + down * width + right for down, right in _NEIGHBORS])
    there = weights > 0.0
    row = np.broadcast_to(index, columns.shape)[there]
    matrix = (weights[there], (row, columns[there]))
    return sparse.coo_array(matrix, shape=(lightness.size, lightness.size)).tocsr()


def _inside(height: int, width: int, down: int, right: int) -> tuple[slice, slice]:
    """Return the pixels whose neighbour in one direction lies in the picture too."""
    return (
        slice(max(0, -down), height - max(0, down)),
        slice(max(0, -right), width - max(0, right)),
    )
