"""Colours copied from where a reference is as light and as rough.

After Welsh, Ashikhmin and Mueller, "Transferring Color to Greyscale Images" (SIGGRAPH 2002): each
pixel takes the chroma of that sample of the reference which comes nearest in lightness and in the
deviation of lightness around it, both counting half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from colorzoo.pictures.planes import box_mean
from colorzoo.predictor import Floats

if TYPE_CHECKING:
    from colorzoo.methods.welsh import Box

_WINDOW: Final = 5
_SWATCH_SAMPLES: Final = 50
_EVEN: Final = 1e-3  # in units of L: the deviation of a picture of one grey


def transfer(lightness: Floats, reference: Floats, count: int, seed: int) -> Floats:
    """Colour a picture from a reference.

    Args:
        lightness: (h, w) float32, L in 0..100.
        reference: (3, h', w') float32, L, a and b.
        count: How many samples of the reference are taken.
        seed: Of the places of the samples.

    Returns:
        (2, h, w) float32.
    """
    # The paper's remap of luminance: the reference gets the picture's mean and deviation.
    matched = _remap(reference[0], lightness)
    places = jittered_places(reference.shape[-2], reference.shape[-1], count, seed)
    features = _flat(features_of(matched))[:, places]
    return _copy_nearest(features_of(lightness), features, _flat(reference[1:])[:, places])


def transfer_swatches(
    lightness: Floats,
    reference: Floats,
    swatches: Sequence[tuple[Box, Box]],
    seed: int,
) -> Floats:
    """Colour boxes of a picture from boxes of a reference, and all the rest from those boxes.

    Args:
        lightness: (h, w) float32, L in 0..100.
        reference: (3, h', w') float32, L, a and b.
        swatches: Box of the picture and box of the reference, each as shares of height and width.
        seed: Of the places of the samples.

    Returns:
        (2, h, w) float32.
    """
    features = features_of(lightness)
    boxes, known_features, known_chroma = [], [], []
    for number, (target, source) in enumerate(swatches):
        box = _slices(target, lightness.shape)
        colored = transfer(
            lightness[box],
            reference[:, *_slices(source, reference.shape[-2:])],
            _SWATCH_SAMPLES,
            seed + number,
        )
        places = jittered_places(colored.shape[1], colored.shape[2], _SWATCH_SAMPLES, seed + number)
        boxes.append((box, colored))
        known_features.append(_flat(features[:, *box])[:, places])
        known_chroma.append(_flat(colored)[:, places])
    known = (np.concatenate(parts, axis=1) for parts in (known_features, known_chroma))
    chroma = _copy_nearest(features, *known)
    for box, colored in boxes:
        chroma[:, *box] = colored
    return chroma


def features_of(lightness: Floats) -> Floats:
    """Return lightness and its deviation in the 5x5 window around each pixel: (2, h, w)."""
    # Around the mean, so that float32 keeps the small differences.
    mean = lightness.mean()
    around = np.stack((lightness - mean, (lightness - mean) ** 2))
    first, second = box_mean(around, _WINDOW // 2)
    return np.stack((lightness, np.sqrt(np.maximum(second - first * first, 0.0))))


def jittered_places(height: int, width: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return flat indices of about ``count`` pixels, one at random in each cell of a grid."""
    rows = min(height, max(1, round(math.sqrt(count * height / width))))
    columns = min(width, max(1, round(count / rows)))
    down, right = np.random.default_rng(seed).random((2, rows, columns))
    row = ((np.arange(rows)[:, None] + down) * (height / rows)).astype(np.int64)
    column = ((np.arange(columns) + right) * (width / columns)).astype(np.int64)
    places = np.minimum(row, height - 1) * width + np.minimum(column, width - 1)
    flat: NDArray[np.int64] = places.ravel()
    return flat


def _copy_nearest(features: Floats, known_features: Floats, known_chroma: Floats) -> Floats:
    """Give each pixel of ``features`` (2, h, w) the chroma of the nearest known features."""
    nearest = KDTree(known_features.T).query(_flat(features).T, p=1)[1]
    chroma: Floats = known_chroma[:, nearest].reshape(2, *features.shape[-2:])
    return chroma


def _remap(lightness: Floats, like: Floats) -> Floats:
    """Return lightness with the mean and the deviation of another."""
    factor = like.std() / max(lightness.std(), np.float32(_EVEN))
    remapped: Floats = (lightness - lightness.mean()) * factor + like.mean()
    return remapped


def _flat(planes: Floats) -> Floats:
    """Return planes (C, h, w) as (C, hw)."""
    return planes.reshape(len(planes), -1)


def _slices(box: Box, shape: Sequence[int]) -> tuple[slice, slice]:
    """Return the pixels of a box, at least one a side."""
    (top, left, bottom, right), (height, width) = box, shape
    first = min(int(top * height), height - 1), min(int(left * width), width - 1)
    return (
        slice(first[0], max(first[0] + 1, round(bottom * height))),
        slice(first[1], max(first[1] + 1, round(right * width))),
    )
