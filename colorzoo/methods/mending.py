"""A prediction mended by hints, in two steps.

First by likeness: what the hints differ from the prediction by is foretold everywhere by kriging
(simple Gaussian regression), under which two places are alike that are near each other, about as
bright with surroundings about as bright, and predicted in about the same colour. So twenty hints
tell more than their surroundings. A single hint tells little in this way; the first step grows with
their number.

Then along paths without edges: what is left between the hints and the first step is blended as in
Yatziv and Sapiro (2006, see :mod:`colorzoo.methods.distances`), with the weight of "nothing to
mend" at a fixed distance added, so that what no hint reaches stays as it is. A path counts as
longer whose ends differ in lightness or predicted colour. Where hints lie close, a part of what
they give by themselves, without the prediction, is mixed in: the errors of the two are not the
same, and even out. The part grows with the number of hints and with what the prediction misses
them by; hints that agree with it change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.chroma import upsample
from colorzoo.hints import resize_hints
from colorzoo.methods.distances import Floats, distances, label_places
from colorzoo.pictures.planes import area_mean, box_mean

_PIXELS: Final = 2**14  # about 0.2 s on one core with 50 hints; twice as many bring nothing
_POWER: Final = 3.0
_REACH: Final = 80.0  # in units of L: the distance at which a hint counts half
_SIDE: Final = 40.0  # in units of L: the length of the shorter side where there is no edge
_ENDS: Final = 0.5  # how much of the difference of its ends, in Lab units, a path is longer by
_ALONE: Final = 0.2  # the part, at most, of what the hints give by themselves
_MISSED: Final = 25.0  # in squared Lab units: a miss of the prediction that makes it half of that
_CLOSEST: Final = 1e-3
_PRIOR: Final = 100.0  # in squared Lab units: how sure it is beforehand that the prediction counts
_NEAR: Final = 0.8  # in shorter sides: a distance of 1 between two places
_BRIGHT: Final = 25.0  # in units of L: the same for their lightness
_AROUND: Final = 35.0  # in units of L: the same for its mean nearby
_NEARBY: Final = 0.06  # in shorter sides: how far that is
_ALIKE: Final = 12.0  # in Lab units: the same for the predicted colours
_LUCK: Final = 0.4  # the variance of a single place, to that which it shares with its like
_FEW: Final = 4.0  # hints that make the first step, and what hints give alone, count half


def mend(
    lightness: NDArray[np.float32],
    predicted: NDArray[np.float32],
    chroma: NDArray[np.float32],
    mask: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Mend the prediction of one picture.

    Args:
        lightness: (h, w) float32, L in 0..100.
        predicted: (2, h, w) float32, ab without hints.
        chroma: (2, h, w) float32, ab of the hints where ``mask`` is.
        mask: (h, w) bool, with at least one pixel.

    Returns:
        (2, h, w) float32; the hinted pixels have the hints' chroma.
    """
    height, width = lightness.shape
    scale = min(1.0, math.sqrt(_PIXELS / lightness.size))
    size = max(1, int(height * scale)), max(1, int(width * scale))
    seen, own, wanted, hinted = lightness, predicted, chroma, mask
    if scale < 1.0:
        small = area_mean(np.concatenate((lightness[None], predicted)), size)
        seen, own = small[0], small[1:]
        wanted, hinted = resize_hints(chroma, mask, size)
    exact = [plane.astype(np.float64) for plane in (seen, own, wanted)]
    correction = _change(exact[0], exact[1], exact[2], hinted).astype(np.float32)
    if scale < 1.0:
        correction = upsample(correction, seen, lightness)
    return np.where(mask, chroma, predicted + correction)


def _change(
    lightness: Floats, predicted: Floats, chroma: Floats, mask: NDArray[np.bool_]
) -> Floats:
    """Return what is to be added to the prediction: (2, h, w)."""
    labels = label_places(chroma, mask)
    places = labels[mask]
    counts = np.bincount(places)

    def at_places(planes: Floats) -> Floats:
        """Return the means over each place of planes (C, h, w): (C, K)."""
        return np.stack([np.bincount(places, weights=plane[mask]) for plane in planes]) / counts

    given = at_places(chroma)
    many = len(counts) / (len(counts) + _FEW)
    guess = _foretold(_traits(lightness, predicted), predicted, given, at_places)
    foretold = predicted + many * guess
    left = given - at_places(foretold)
    reach = distances(lightness, labels, _SIDE / min(lightness.shape))
    seen = np.concatenate((lightness[None], predicted))
    ends = np.sqrt(_squares(at_places(seen), seen.reshape(len(seen), -1)))
    reach += _ENDS * ends.reshape(reach.shape)
    weights = (np.maximum(reach, _CLOSEST) / _REACH) ** -_POWER
    # Shares of all weights and 1: what no hint reaches stays.
    weights /= weights.sum(axis=0) + 1.0
    mended = foretold + np.einsum("khw,ck->chw", weights, left)
    alone = np.einsum("khw,ck->chw", weights, given) - weights.sum(axis=0) * mended
    missed = ((given - at_places(predicted)) ** 2).sum(axis=0).mean()
    part = _ALONE * many * missed / (missed + _MISSED)
    change: Floats = mended + part * alone - predicted
    return change


def _traits(lightness: Floats, predicted: Floats) -> Floats:
    """Return by what two places are alike: (6, h, w), the less the farther they are apart."""
    side = min(lightness.shape)
    rows, columns = np.mgrid[: lightness.shape[0], : lightness.shape[1]] / (_NEAR * side)
    nearby = box_mean(lightness, max(1, int(_NEARBY * side + 0.5))) / _AROUND
    bright, colors = lightness / _BRIGHT, predicted / _ALIKE
    return np.stack((rows, columns, bright, nearby, *colors))


def _foretold(
    traits: Floats, predicted: Floats, given: Floats, at_places: Callable[[Floats], Floats]
) -> Floats:
    """Foretell the true chroma of each pixel from that of places.

    Args:
        traits: (T, h, w), by which places are alike.
        predicted: (2, h, w), ab.
        given: (2, K), the true ab of places.
        at_places: Takes the means over each place, (C, h, w) to (C, K).

    Returns:
        What it differs from the prediction by: (2, h, w).
    """
    there, own = at_places(traits), at_places(predicted)
    alike = _likeness(there, there) + _LUCK * np.eye(given.shape[1])
    # How much of the prediction counts: least squares, unlike places counting most.
    plain = np.linalg.solve(alike, own.T)
    share = ((plain.T * given).sum() + _PRIOR) / ((plain.T * own).sum() + _PRIOR)
    share = float(np.clip(share, 0.0, 1.0))
    weights = np.linalg.solve(alike, (given - share * own).T)
    told = weights.T @ _likeness(there, traits.reshape(len(traits), -1))
    change: Floats = told.reshape(predicted.shape) + (share - 1.0) * predicted
    return change


def _likeness(first: Floats, second: Floats) -> Floats:
    """Return how alike places (T, K) and places (T, M) are: (K, M), 0..1, positive definite."""
    likeness: Floats = 1.0 / np.sqrt(1.0 + 2.0 * _squares(first, second))
    return likeness


def _squares(first: Floats, second: Floats) -> Floats:
    """Return the squared distances of (T, K) from (T, M): (K, M)."""
    squares = (first**2).sum(axis=0)[:, None] + (second**2).sum(axis=0) - 2.0 * first.T @ second
    clipped: Floats = squares.clip(min=0.0)  # rounding can leave less than 0
    return clipped
