"""A prediction mended by hints: what they differ from it by, blended along paths without edges.

Between the hints it is the blend of Yatziv and Sapiro (2006, see :mod:`colorzoo.methods.distances`)
of the differences. Two things are added: the weight of "nothing to mend" at a fixed distance, so
that what no hint reaches stays as it is; and, where hints reach, the prediction counts as much as
it helps to foretell each hint from the others.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from colorzoo.chroma import upsample
from colorzoo.hints import resize_hints
from colorzoo.methods.distances import Floats, distances, label_places

_PIXELS: Final = 2**15  # about 0.2 s on one core
_POWER: Final = 3.0
_REACH: Final = 80.0  # in units of L: the distance at which a hint counts half
_SIDE: Final = 40.0  # in units of L: the length of the shorter side where there is no edge
_CLOSEST: Final = 1e-3
_PRIOR: Final = 100.0  # in squared Lab units: how sure it is beforehand that the prediction counts


def mend(lightness: Tensor, predicted: Tensor, chroma: Tensor, mask: Tensor) -> Tensor:
    """Mend the prediction of one picture.

    Args:
        lightness: (h, w) float32 on the processor, L in 0..100.
        predicted: (2, h, w) float32, ab without hints.
        chroma: (2, h, w) float32, ab of the hints where ``mask`` is.
        mask: (h, w) bool, with at least one pixel.

    Returns:
        (2, h, w) float32; the hinted pixels have the hints' chroma.
    """
    height, width = lightness.shape
    scale = min(1.0, math.sqrt(_PIXELS / lightness.numel()))
    size = max(1, int(height * scale)), max(1, int(width * scale))
    seen, own, wanted, hinted = lightness, predicted, chroma, mask
    if scale < 1.0:
        planes = torch.cat((lightness[None], predicted))
        small = F.interpolate(planes[None], size, mode="area")[0]
        seen, own = small[0], small[1:]
        wanted, hinted = resize_hints(chroma, mask, size)
    change = _change(
        seen.double().numpy(), own.double().numpy(), wanted.double().numpy(), hinted.numpy()
    )
    correction = torch.from_numpy(change).float()
    if scale < 1.0:
        correction = torch.from_numpy(upsample(correction.numpy(), seen.numpy(), lightness.numpy()))
    return torch.where(mask, chroma, predicted + correction)


def _change(
    lightness: Floats, predicted: Floats, chroma: Floats, mask: NDArray[np.bool_]
) -> Floats:
    """Return what is to be added to the prediction: (2, h, w)."""
    labels = label_places(chroma, mask)
    places = labels[mask]
    counts = np.bincount(places)[:, None]
    given, own = (
        np.stack([np.bincount(places, weights=channel) for channel in planes[:, mask]], axis=1)
        / counts
        for planes in (chroma, predicted)
    )
    reach = distances(lightness, labels, _SIDE / min(lightness.shape))
    weights = (np.maximum(reach, _CLOSEST) / _REACH) ** -_POWER
    at_hints = weights[:, mask]
    mutual = np.stack([np.bincount(places, weights=row) for row in at_hints]) / counts[:, 0]
    share = _share(given, own, mutual)
    total = weights.sum(axis=0)
    mixed = np.einsum("khw,kc->chw", weights, given - share * own)
    # total / (total + 1) of the way from the prediction to the blend mixed / total.
    change: Floats = (mixed + (share - 1.0) * predicted * total) / (total + 1.0)
    return change


def _share(given: Floats, own: Floats, mutual: Floats) -> float:
    """Return how much the prediction counts, 0 to 1, found by leaving out each hint in turn.

    Args:
        given: (K, 2), chroma of the hints.
        own: (K, 2), chroma that is predicted there.
        mutual: (K, K), weight of each hint at each other.
    """
    np.fill_diagonal(mutual, 0.0)
    shares = mutual / (mutual.sum(axis=0) + 1.0)
    # Foretold from the others, hint i misses by rest_i - share * own_rest_i: least squares.
    rest, own_rest = given - shares.T @ given, own - shares.T @ own
    fit = (rest * own_rest).sum() + _PRIOR
    return float(np.clip(fit / ((own_rest**2).sum() + _PRIOR), 0.0, 1.0))
