"""Filters on planes of floats, which pictures are made of while they are worked on."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Planes = TypeVar("Planes", NDArray[np.float32], NDArray[np.float64])


def box_mean(planes: Planes, radius: int) -> Planes:
    """Return the mean over the window of ``radius`` around each pixel, borders repeated.

    Args:
        planes: (..., h, w).
        radius: In pixels; the window has 2 radius + 1 of them a side.
    """
    side = 2 * radius + 1
    height, width = planes.shape[-2:]
    around = [(0, 0)] * (planes.ndim - 2) + [(radius, radius)] * 2
    padded = np.pad(planes, around, mode="edge")
    rows = padded[..., :height, :].copy()
    for shift in range(1, side):
        rows += padded[..., shift : shift + height, :]
    means: Planes = rows[..., :width].copy()
    for shift in range(1, side):
        means += rows[..., shift : shift + width]
    means /= side * side
    return means


def area_mean(planes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Shrink planes; each pixel becomes the mean of all those that it lies over, in part or whole.

    Args:
        planes: (..., H, W).
        size: Height and width, not above H and W.

    Returns:
        (..., h, w).
    """
    sums = planes.astype(np.float64)
    for axis, length in zip((-2, -1), size, strict=True):
        full = planes.shape[axis]
        starts = np.arange(length) * full // length
        stops = -(-np.arange(1, length + 1) * full // length)
        before = [(0, 0)] * planes.ndim
        before[axis] = (1, 0)
        running = np.pad(sums.cumsum(axis=axis), before)
        sums = running.take(stops, axis) - running.take(starts, axis)
        sums /= (stops - starts).reshape((-1, 1) if axis == -2 else (-1,))
    return sums.astype(np.float32)
