"""What a distribution over colours gives beyond one picture: doubt, and other colours as likely.

All of it is numpy, so that a network on torch and an exported file share it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from colorzoo.chroma import anneal
from colorzoo.color import CHROMA_SCALE
from colorzoo.errors import ConfigError
from colorzoo.predictor import Floats, Predictor

_REGIONS: Final = 8  # surfaces that are coloured apart: more fall to pieces, fewer flow together
_ROUNDS: Final = 12  # of k-means; its centres stand still by then
_ALIKE: Final = 0.93  # two regions as alike as this are one surface, and get one colour
_APART: Final = 24.0  # Lab units between two colours that nobody takes for the same
_DIFFERENT: Final = 18.0  # Lab units between two colours of a choice
_REACH: Final = 16.0  # Lab units around the chosen colour that a region keeps
_PLACE: Final = 0.35  # weight of the place beside the colours, so that regions hang together
_CURVE: Final = -0.75  # what torch's and ONNX's cubic curves are bent by


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Which colours a predictor's logits are of, and what can be made of them.

    Attributes:
        cells: (Q, 2) float32, a and b in Lab units of the colours.
        rarity: (Q,) float32, what is added to their logits at vividness 1: more to rarer ones.
        vividness: What becomes of the logits unless told otherwise, 0..1.
        multiple: The logits cover the picture filled up, at its lower and right border, to
            multiples of so many pixels.
    """

    cells: Floats
    rarity: Floats
    vividness: float
    multiple: int

    def chroma(
        self, logits: Floats, size: tuple[int, int], vividness: float | None = None
    ) -> Floats:
        """Return the chroma of a picture, as the network's own head makes it.

        Args:
            logits: (Q, h, w), of how likely each colour is at each place.
            size: Height and width of the lightness that they are of.
            vividness: The predictor's own if left out.

        Returns:
            (2, height, width) float32, a and b in Lab units.
        """
        shares = shares_of(self._annealed(logits, vividness))
        mean = (self.cells.T @ shares.reshape(len(shares), -1)).reshape(2, *shares.shape[1:])
        filled = self._filled(size)
        if mean.shape[1:] != filled:
            rows, columns = (_cubic(*each) for each in zip(mean.shape[1:], filled, strict=True))
            mean = (rows @ mean @ columns.T).clip(-CHROMA_SCALE, CHROMA_SCALE)  # curves overshoot
        return np.ascontiguousarray(mean[:, : size[0], : size[1]])

    def uncertainty(self, logits: Floats, size: tuple[int, int]) -> Floats:
        """Return how unsure each place of a picture is (height, width), as a share of the most.

        Args:
            logits: (Q, h, w), of how likely each colour is at each place.
            size: Height and width of the lightness that they are of.
        """
        rows, columns = self._filled(size)
        entropy = Image.fromarray(uncertainty_of(shares_of(logits)))
        whole = np.asarray(entropy.resize((columns, rows), Image.Resampling.BILINEAR))
        return np.ascontiguousarray(whole[: size[0], : size[1]])

    def alternatives(self, logits: Floats, count: int, seed: int) -> list[Floats]:
        """Return the logits of other pictures as likely (see :func:`choose_alternatives`)."""
        return choose_alternatives(logits, self.cells, count=count, seed=seed)

    def colors_at(
        self, logits: Floats, size: tuple[int, int], place: tuple[float, float], count: int
    ) -> Floats:
        """Return likely colours of a place that differ: (n, 2), the likeliest first.

        Args:
            logits: (Q, h, w), of how likely each colour is at each place.
            size: Height and width of the lightness that they are of.
            place: Row and column in the lightness, in pixels from its upper left corner.
            count: How many at most.
        """
        row, column = (
            min(int(at * cells / filled), cells - 1)
            for at, cells, filled in zip(place, logits.shape[1:], self._filled(size), strict=True)
        )
        # A plain share puts greys first, as in any photo: rare colours are lifted as for a picture.
        lifted = self._annealed(logits[:, row : row + 1, column : column + 1])
        return choose_colors(shares_of(lifted)[:, 0, 0], self.cells, count=count)

    def _annealed(self, logits: Floats, vividness: float | None = None) -> Floats:
        chosen = np.float32(self.vividness if vividness is None else vividness)
        annealed: Floats = anneal(logits, self.rarity[:, None, None], chosen)
        return annealed

    def _filled(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of a picture as its network sees it, filled up."""
        height, width = (-(-side // self.multiple) * self.multiple for side in size)
        return height, width


@runtime_checkable
class Distributed(Predictor, Protocol):
    """A predictor that can have a distribution over colours."""

    @property
    def distribution(self) -> Distribution | None:
        """What its logits are of; None where it predicts ab at once."""
        ...

    def logits(self, lightness: Floats) -> Floats:
        """Give for lightness how likely each colour is at each place.

        Args:
            lightness: (N, 1, H, W) float32, L in 0..100.

        Returns:
            (N, Q, h, w) float32, of the picture filled up as :class:`Distribution` says.

        Raises:
            ConfigError: It predicts ab at once.
        """
        ...


def distribution_of(predictor: Predictor) -> tuple[Distributed, Distribution] | None:
    """Return a predictor and its distribution; None of one that has none."""
    if isinstance(predictor, Distributed) and predictor.distribution is not None:
        return predictor, predictor.distribution
    return None


def without_distribution(predictor: Predictor) -> ConfigError:
    """Return the error that a predictor has no distribution over colours."""
    if "vividness" in predictor.accepts:
        return ConfigError(
            f"{predictor.name!r} gives no distribution over colours, only what comes of it: its "
            "file was exported by an earlier version. Export it again: colorzoo export NAME -o FILE"
        )
    return ConfigError(
        f"{predictor.name!r} predicts ab at once and no distribution over colours. Choose a model "
        "that has one, such as lite-unet-gan."
    )


def shares_of(logits: Floats) -> Floats:
    """Return the softmax over the first axis."""
    shares: Floats = np.exp(logits - logits.max(axis=0))
    shares /= shares.sum(axis=0)
    return shares


def uncertainty_of(shares: Floats) -> Floats:
    """Return how unsure a distribution is: its entropy, 0 for one cell to 1 for all alike.

    Args:
        shares: (Q, h, w), of sum 1 over Q.

    Returns:
        (h, w) in 0..1.
    """
    tiny = np.finfo(np.float32).tiny
    entropy: Floats = -(shares * np.log(np.maximum(shares, tiny))).sum(axis=0)
    return (entropy / np.float32(math.log(len(shares)))).clip(0.0, 1.0)


def choose_alternatives(logits: Floats, cells: Floats, *, count: int, seed: int) -> list[Floats]:
    """Return other distributions for a picture, each of which has made up its mind elsewhere.

    The picture is parted into regions whose distributions are alike. A region that could have
    several colours, such as a dress, is given another of them in each alternative, as a whole; one
    that could not, such as the sky, keeps its own. Borders are soft, as the regions are.

    Args:
        logits: (Q, h, w), of how likely each cell is at each place.
        cells: (Q, 2), centres of the cells in Lab units.
        count: How many alternatives.
        seed: Fixes which colours are chosen.

    Returns:
        ``count`` times (Q, h, w): logits.
    """
    shares = shares_of(logits).reshape(len(logits), -1)
    membership = _regions(shares, cells, logits.shape[1:])
    of_regions = membership @ shares.T
    of_regions /= of_regions.sum(axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    choices: list[Floats] = []
    for number, region in enumerate(of_regions):
        # Bhattacharyya's measure of how alike two distributions are, 1 for equals.
        alike = np.flatnonzero(np.sqrt(of_regions[:number] * region).sum(axis=1) > _ALIKE)
        choices.append(choices[alike[0]] if len(alike) else _choose(region, cells, count, random))
    chosen = np.stack(choices)  # (regions, count, 2)
    pull = np.float32(-0.5 / _REACH**2) * _squares(chosen.reshape(-1, 2), cells)
    pull = pull.reshape(len(choices), count, -1)
    pulled = (pull[:, each].T @ membership for each in range(count))
    return [logits + one.reshape(logits.shape).astype(np.float32) for one in pulled]


def choose_colors(shares: Floats, cells: Floats, *, count: int) -> Floats:
    """Return likely colours that differ: (n, 2), of which ``n`` is at most ``count``.

    Args:
        shares: (Q,), how likely each cell is.
        cells: (Q, 2), their centres in Lab units.
        count: How many at most.
    """
    rest = shares
    chosen: list[Floats] = []
    while len(chosen) < count and rest.any():
        chosen.append(cells[rest.argmax()])
        rest = rest * (_squares(cells, chosen[-1][None])[:, 0] >= _DIFFERENT**2)
    return np.stack(chosen)


def _regions(shares: Floats, cells: Floats, size: tuple[int, ...]) -> Floats:
    """Return how much each place belongs to each region: (R, h * w), of sum 1 over R.

    k-means on the mean and the spread of the colours and, with less weight, on the place; soft in
    its last step. It starts from places that lie far apart, so it needs no chance.
    """
    mean, square = cells.T @ shares, (cells.T**2) @ shares
    spread = np.sqrt((square - mean**2).clip(min=0.0))
    rows, columns = (_box(side) for side in size)
    smooth = rows @ np.concatenate((mean, spread)).reshape(4, *size) @ columns.T
    along = [np.linspace(-1.0, 1.0, side, dtype=np.float32) for side in size]
    place = np.stack(np.meshgrid(*along, indexing="ij"))
    points = np.concatenate((smooth / 10.0, place * np.float32(3.0 * _PLACE)))
    points = points.reshape(len(points), -1).T
    centers = points[:1]
    while len(centers) < _REGIONS:
        centers = np.concatenate((centers, points[_squares(points, centers).min(1).argmax()][None]))
    for _ in range(_ROUNDS):
        nearest = np.eye(len(centers), dtype=np.float32)[_squares(points, centers).argmin(1)]
        sizes = nearest.sum(axis=0)[:, None]
        centers = np.where(sizes > 0, nearest.T @ points / sizes.clip(min=1), centers)
    return shares_of(-2.0 * _squares(centers, points))


def _choose(region: Floats, cells: Floats, count: int, random: np.random.Generator) -> Floats:
    """Return colours for a region (count, 2): likely ones, far apart while there are such."""
    # The square root lifts what is rarer and possible.
    left = np.where(region > 0.05 * region.max(), np.sqrt(region), 0.0)
    choices: list[Floats] = []
    rest = left
    for _ in range(count):
        if not rest.any():
            rest = left
        choices.append(cells[random.choice(len(cells), p=rest / rest.sum())])
        rest = rest * (_squares(cells, choices[-1][None])[:, 0] >= _APART**2)
    return np.stack(choices)


def _squares(points: Floats, others: Floats) -> Floats:
    """Return the squared distance of each of (n, C) to each of (m, C): (n, m)."""
    lengths = (points**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    squares: Floats = (lengths - 2.0 * (points @ others.T)).clip(min=0.0)
    return squares


def _box(length: int) -> Floats:
    """Return the matrix that takes the mean of up to five neighbours along an axis."""
    numbers = np.arange(length)
    near: Floats = (np.abs(numbers[:, None] - numbers) <= 2).astype(np.float32)
    near /= near.sum(axis=1, keepdims=True)
    return near


def _cubic(length: int, larger: int) -> Floats:
    """Return the matrix (larger, length) that stretches an axis as torch and ONNX do.

    Keys 1981, with the border's values outside; Pillow's curve is bent less.
    """
    at = (np.arange(larger) + 0.5) * length / larger - 0.5
    first = np.floor(at).astype(np.int64)
    matrix = np.zeros((larger, length))
    for step in (-1, 0, 1, 2):
        x = np.abs(at - first - step)
        inner = ((_CURVE + 2.0) * x - (_CURVE + 3.0)) * x * x + 1.0
        outer = ((x - 5.0) * x + 8.0) * x * _CURVE - 4.0 * _CURVE
        source = (first + step).clip(0, length - 1)
        np.add.at(matrix, (np.arange(larger), source), np.where(x <= 1.0, inner, outer))
    return matrix.astype(np.float32)
