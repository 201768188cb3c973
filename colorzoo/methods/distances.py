"""How far each pixel is from given ones, along paths that avoid edges.

After Yatziv and Sapiro, "Fast Image and Video Colorization using Chrominance Blending" (IEEE
Transactions on Image Processing, 2006): the length of a path is the change of lightness along it,
and the distance is that of the shortest path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Box = tuple[slice, slice]

NONE: Final = -1
"""The label of a pixel that has none."""

_STEPS: Final = ((1, 0), (0, 1), (1, 1), (1, -1))
_RINGS: Final = 2
_ALIKE: Final = 1.0  # in Lab units; nobody sees less
_MOST_COLORS: Final = 256
_MOST_PLACES: Final = 512


def distances(lightness: Floats, labels: Labels, step: float) -> NDArray[np.float32]:
    """Return the intrinsic distance of each pixel from each label near it.

    A label is followed through the cells (the pixels nearest to one label) of its neighbours and of
    their neighbours, and not beyond: so the work grows with the picture and hardly with the number
    of labels, and each pixel gets the few labels that matter to it.

    Args:
        lightness: (h, w), L in 0..100.
        labels: (h, w), 0..K-1, each at least once, or :data:`NONE`.
        step: Length of a step of one pixel in a flat region, in units of L.

    Returns:
        (K, h, w), infinite where a label is not followed to.
    """
    graph = _steps_between_neighbors(lightness, step)
    flat = labels.ravel()
    starts = np.flatnonzero(flat != NONE)
    _, _, sources = dijkstra(graph, indices=starts, min_only=True, return_predecessors=True)
    cells = flat[sources]
    near = _neighbor_cells(cells.reshape(labels.shape), int(flat.max()) + 1)
    result = np.full((len(near), lightness.size), np.inf, dtype=np.float32)
    for label, neighbors in enumerate(near):
        nodes = np.flatnonzero(neighbors[cells])
        inner = graph if len(nodes) == lightness.size else graph[nodes][:, nodes]
        starts = np.flatnonzero(flat[nodes] == label)
        result[label, nodes] = dijkstra(inner, indices=starts, min_only=True)
    return result.reshape(len(near), *lightness.shape)


def label_colors(chroma: Floats, mask: NDArray[np.bool_]) -> tuple[Labels, Floats]:
    """Give hinted pixels of one colour one label.

    Colours closer than a step count as one; the step grows until there are few enough of them.

    Args:
        chroma: (2, h, w), ab in Lab units where ``mask`` is.
        mask: (h, w), the hinted pixels, at least one.

    Returns:
        Labels (h, w), :data:`NONE` outside the mask, and the mean colour of each (K, 2).
    """
    colors = chroma[:, mask].T
    step = _ALIKE
    while True:
        _, numbers = np.unique(np.round(colors / step), axis=0, return_inverse=True)
        count = int(numbers.max()) + 1
        if count <= _MOST_COLORS:
            break
        step *= 2.0
    labels = np.full(mask.shape, NONE, dtype=np.int32)
    labels[mask] = numbers
    sums = np.stack([np.bincount(numbers, weights=channel) for channel in colors.T], axis=1)
    return labels, sums / np.bincount(numbers)[:, None]


def label_places(chroma: Floats, mask: NDArray[np.bool_]) -> Labels:
    """Give hinted pixels of one colour that hang together one label.

    Args:
        chroma: (2, h, w), ab in Lab units where ``mask`` is.
        mask: (h, w), the hinted pixels, at least one.

    Returns:
        Labels (h, w), :data:`NONE` outside the mask. Where there would be too many places, all
        pixels of a colour have one label.
    """
    colors = label_colors(chroma, mask)[0]
    index = np.arange(mask.size).reshape(mask.shape)
    starts, ends = [], []
    for here, there in _pairs(mask.shape):
        joined = mask[here] & (colors[here] == colors[there])
        starts.append(index[here][joined])
        ends.append(index[there][joined])
    start, end = np.concatenate(starts), np.concatenate(ends)
    links = sparse.coo_array((np.ones(len(start)), (start, end)), shape=(mask.size, mask.size))
    groups = connected_components(links, directed=False)[1].reshape(mask.shape)
    numbers = np.unique(groups[mask], return_inverse=True)[1]
    if numbers.max() >= _MOST_PLACES:
        return colors
    labels = np.full(mask.shape, NONE, dtype=np.int32)
    labels[mask] = numbers
    return labels


def _pairs(shape: tuple[int, ...]) -> Iterator[tuple[Box, Box]]:
    """Yield each half of all pairs of neighbours in one of four directions, as slices."""
    height, width = shape
    for down, right in _STEPS:
        yield (
            (slice(0, height - down), slice(max(0, -right), width - max(0, right))),
            (slice(down, height), slice(max(0, right), width + min(0, right))),
        )


def _steps_between_neighbors(lightness: Floats, step: float) -> sparse.csr_array:
    """Return the length of each step to one of eight neighbours: (hw, hw), symmetric."""
    index = np.arange(lightness.size, dtype=np.int32).reshape(lightness.shape)
    starts: list[NDArray[np.int32]] = []
    ends: list[NDArray[np.int32]] = []
    lengths: list[Floats] = []
    for (down, right), (here, there) in zip(_STEPS, _pairs(lightness.shape), strict=True):
        starts.append(index[here].ravel())
        ends.append(index[there].ravel())
        change = np.abs(lightness[there] - lightness[here])
        lengths.append((change + step * math.hypot(down, right)).ravel())
    start, end, length = np.concatenate(starts), np.concatenate(ends), np.concatenate(lengths)
    both = (np.concatenate((start, end)), np.concatenate((end, start)))
    shape = (lightness.size, lightness.size)
    return sparse.coo_array((np.concatenate((length, length)), both), shape=shape).tocsr()


def _neighbor_cells(cells: Labels, count: int) -> NDArray[np.bool_]:
    """Return (K, K): whether two cells are at most _RINGS borders apart."""
    touching = np.eye(count, dtype=np.int32)
    for one, other in ((cells[1:], cells[:-1]), (cells[:, 1:], cells[:, :-1])):
        touching[one.ravel(), other.ravel()] = 1
        touching[other.ravel(), one.ravel()] = 1
    return np.linalg.matrix_power(touching.astype(np.float64), _RINGS) > 0.0
