"""Colours copied from where a reference is as light and as rough.

After Welsh, Ashikhmin and Mueller, "Transferring Color to Greyscale Images" (SIGGRAPH 2002): each
pixel takes the chroma of that sample of the reference which comes nearest in lightness and in the
deviation of lightness around it, both counting half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F
from scipy.spatial import KDTree
from torch import Tensor

if TYPE_CHECKING:
    from colorzoo.methods.welsh import Box

_WINDOW: Final = 5
_SWATCH_SAMPLES: Final = 50
_EVEN: Final = 1e-3  # in units of L: the deviation of a picture of one grey


def transfer(lightness: Tensor, reference: Tensor, count: int, seed: int) -> Tensor:
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
    features = features_of(matched).flatten(1)[:, places]
    return _copy_nearest(features_of(lightness), features, reference[1:].flatten(1)[:, places])


def transfer_swatches(
    lightness: Tensor,
    reference: Tensor,
    swatches: Sequence[tuple[Box, Box]],
    seed: int,
) -> Tensor:
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
    chroma = lightness.new_zeros(2, *lightness.shape)
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
        known_features.append(features[:, *box].flatten(1)[:, places])
        known_chroma.append(colored.flatten(1)[:, places])
    chroma = _copy_nearest(features, torch.cat(known_features, 1), torch.cat(known_chroma, 1))
    for box, colored in boxes:
        chroma[:, *box] = colored
    return chroma


def features_of(lightness: Tensor) -> Tensor:
    """Return lightness and its deviation in the 5x5 window around each pixel: (2, h, w)."""
    # Around the mean, so that float32 keeps the small differences.
    mean = lightness.mean()
    around = torch.stack((lightness - mean, (lightness - mean) ** 2))
    padded = F.pad(around[None], (_WINDOW // 2,) * 4, mode="replicate")
    first, second = F.avg_pool2d(padded, _WINDOW, stride=1)[0]
    return torch.stack((lightness, (second - first * first).clamp_(min=0.0).sqrt_()))


def jittered_places(height: int, width: int, count: int, seed: int) -> Tensor:
    """Return flat indices of about ``count`` pixels, one at random in each cell of a grid."""
    rows = min(height, max(1, round(math.sqrt(count * height / width))))
    columns = min(width, max(1, round(count / rows)))
    generator = torch.Generator().manual_seed(seed)
    down, right = torch.rand((2, rows, columns), generator=generator)
    row = ((torch.arange(rows)[:, None] + down) * (height / rows)).long().clamp_(max=height - 1)
    column = ((torch.arange(columns) + right) * (width / columns)).long().clamp_(max=width - 1)
    places: Tensor = (row * width + column).flatten()
    return places


def _copy_nearest(features: Tensor, known_features: Tensor, known_chroma: Tensor) -> Tensor:
    """Give each pixel of ``features`` (2, h, w) the chroma of the nearest known features."""
    tree = KDTree(known_features.T.numpy())
    nearest = torch.from_numpy(tree.query(features.flatten(1).T.numpy(), p=1)[1])
    chroma: Tensor = known_chroma[:, nearest]
    return chroma.view(2, *features.shape[-2:])


def _remap(lightness: Tensor, like: Tensor) -> Tensor:
    """Return lightness with the mean and the deviation of another."""
    factor = _deviation(like) / _deviation(lightness).clamp(min=_EVEN)
    return (lightness - lightness.mean()) * factor + like.mean()


def _deviation(lightness: Tensor) -> Tensor:
    return lightness.std(correction=0)


def _slices(box: Box, shape: Sequence[int]) -> tuple[slice, slice]:
    """Return the pixels of a box, at least one a side."""
    (top, left, bottom, right), (height, width) = box, shape
    first = min(int(top * height), height - 1), min(int(left * width), width - 1)
    return (
        slice(first[0], max(first[0] + 1, round(bottom * height))),
        slice(first[1], max(first[1] + 1, round(right * width))),
    )
