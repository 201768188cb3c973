"""A reference for a predictor that takes none: colours of what looks alike, over its own."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image

from colorzoo import color
from colorzoo.chroma import upsample
from colorzoo.errors import ConfigError
from colorzoo.features.squeezenet_arrays import features_of, imagenet_weights
from colorzoo.predictor import Floats, Guidance, Predictor
from colorzoo.predictors._on_top import OnTop

_SIDE: Final = 256
"""Shorter side of what the encoder sees, pixels; the longer is held to four times that."""

_STRIDE: Final = 16
_TEMPERATURE: Final = 0.05
_UNLIKE: Final = 0.1
_ALIKE: Final = 0.7
"""Cosines: two places below the first have nothing in common, above the second they are sure."""

_STRANGE: Final = 0.38
_RELATED: Final = 0.48
"""The same for two whole pictures, of which unrelated ones are alike here and there by chance."""

_BRIGHT: Final = 20.0
"""In units of L: two places as far apart in brightness count half."""

_STAY: Final = 0.3
"""How strongly each place holds on to the prediction; a sure likeness pulls by 1."""


class ExemplarPredictor(OnTop):
    """A predictor plus the colours of those places of a reference that look alike.

    As in He et al. 2018 (arXiv:1807.06587), in a form without training: each place of the picture
    is compared with each of the reference by the features of a fixed encoder, and takes the mean of
    their colours, the more alike the more. How alike the best one is, and how alike the pictures
    are as a whole, tells how much that counts; it is spread like a hint that is not certain
    (:func:`colorzoo.methods.spreading.spread`). Where nothing in the reference fits, and everywhere
    if it shows another thing altogether, the prediction stays.

    Args:
        base: What colours by itself.
        strength: How much of the reference's colours is taken, 0 to 1.

    Attributes:
        base: The same.
        strength: The same.

    Raises:
        ConfigError: ``strength`` is out of range.
    """

    def __init__(self, base: Predictor, *, strength: float = 1.0) -> None:
        if not 0.0 <= strength <= 1.0:
            raise ConfigError(f"strength must be in 0..1, not {strength}; 1 takes all that fits.")
        super().__init__(base, "reference")
        self.strength = strength
        self._weights: dict[str, Floats] = {}

    def _corrected(self, lightness: Floats, chroma: Floats, given: Guidance) -> Floats:
        if given.reference is None:
            return chroma
        pictures = zip(lightness[:, 0], chroma, given.reference, strict=True)
        return np.stack([self._recolored(*picture) for picture in pictures])

    def _recolored(self, lightness: Floats, predicted: Floats, reference: Floats) -> Floats:
        """Return the chroma (2, h, w) of one picture under a reference (3, h', w')."""
        from colorzoo.methods.spreading import spread  # scipy takes its time to import

        here, there = self._encode(lightness), self._encode(reference[0])
        size = here[0].shape[-2:]
        seen, own = _resized(lightness[None], size)[0], _resized(predicted, size)
        chroma, confidence = match(here, there, seen, _resized(reference, there[0].shape[-2:]))
        pull = confidence + _STAY
        values = confidence * (chroma - own) / pull
        nowhere = np.zeros(size, dtype=np.bool_)
        exact = [plane.astype(np.float64) for plane in (seen, values, pull)]
        correction = spread(exact[0], exact[1], nowhere, exact[2]).astype(np.float32)
        full = upsample(correction, seen, lightness)
        return predicted + np.float32(self.strength) * full

    def _encode(self, lightness: Floats) -> list[Floats]:
        """Return the features of one picture (h, w) at stride 8, two of (C, h'/8, w'/8)."""
        self._weights = self._weights or imagenet_weights(in_channels=1)
        height, width = lightness.shape
        scale = min(_SIDE / min(height, width), 4 * _SIDE / max(height, width))
        rows, columns = (max(1, math.ceil(side * scale / _STRIDE)) for side in (height, width))
        picture = _resized(lightness[None], (rows * _STRIDE, columns * _STRIDE))[0]
        fine, coarse = features_of(color.scale_lightness(picture), self._weights)[2:]
        return [fine, _resized(coarse, fine.shape[-2:])]


def match(
    here: list[Floats], there: list[Floats], lightness: Floats, reference: Floats
) -> tuple[Floats, Floats]:
    """Find for each place of a picture the colours of those of a reference that are alike.

    Args:
        here: Features of the picture, each (C, h, w).
        there: Features of the reference, each (C, h', w').
        lightness: (h, w), L of the picture.
        reference: (3, h', w'), L, a and b of the reference.

    Returns:
        Chroma (2, h, w), and confidence (h, w) in 0..1.
    """
    pairs = [_cosines(*pair) for pair in zip(here, there, strict=True)]
    cosines = sum(pairs[1:], pairs[0]) / np.float32(len(pairs))
    best = cosines.max(axis=1)
    # An unrelated picture has something like each place too, but not the other way round as well.
    related = min(best.mean(), cosines.max(axis=0).mean())
    shares = np.exp((cosines - best[:, None]) / np.float32(_TEMPERATURE))
    shares /= shares.sum(axis=1, keepdims=True)
    matched: Floats = (reference.reshape(3, -1) @ shares.T).reshape(3, *lightness.shape)
    brightness = 1.0 / (1.0 + ((matched[0] - lightness) / np.float32(_BRIGHT)) ** 2)
    likeness = _rise(best, _UNLIKE, _ALIKE).reshape(lightness.shape)
    return matched[1:], likeness * brightness * _rise(related, _STRANGE, _RELATED)


def _rise(values: Floats, start: float, end: float) -> Floats:
    """Return values brought from 0 at ``start`` to 1 at ``end``, and held there."""
    risen: Floats = ((values - start) / (end - start)).clip(0.0, 1.0)
    return risen


def _cosines(here: Floats, there: Floats) -> Floats:
    """Return the cosine of each place of ``here`` with each of ``there``: (hw, h'w')."""
    first, second = (features.reshape(len(features), -1) for features in (here, there))
    # Features are never negative, so all are alike unless what they have in common is taken away.
    common = np.concatenate((first, second), axis=1).mean(axis=1, keepdims=True)
    own, other = (_normalized(features - common) for features in (first, second))
    cosines: Floats = own.T @ other
    return cosines


def _normalized(features: Floats) -> Floats:
    """Return (C, n) with columns of length 1."""
    lengths = np.sqrt((features * features).sum(axis=0))
    normalized: Floats = features / np.maximum(lengths, np.float32(1e-12))
    return normalized


def _resized(planes: Floats, size: tuple[int, ...]) -> Floats:
    """Bring planes (C, h, w) to another height and width, bilinearly and with antialias."""
    height, width = size
    resized = (
        Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
        for plane in planes
    )
    return np.stack([np.asarray(plane) for plane in resized])
