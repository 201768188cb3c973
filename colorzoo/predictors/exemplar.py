"""A reference for a predictor that takes none: colours of what looks alike, over its own."""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from colorzoo import color
from colorzoo.chroma import upsample
from colorzoo.errors import ConfigError
from colorzoo.features.squeezenet import SqueezeNet
from colorzoo.predictor import Guidance, Predictor
from colorzoo.predictors._on_top import OnTop

_SIDE: Final = 256
"""Shorter side of what the encoder sees, pixels; the longer is held to four times that."""

_STRIDE: Final = 16
_TEMPERATURE: Final = 0.05
_UNLIKE: Final = 0.3
"""Two places whose cosine is below this have nothing in common."""

_ALIKE: Final = 0.9
_STAY: Final = 0.3
"""How strongly each place holds on to the prediction; a sure likeness pulls by 1."""


class ExemplarPredictor(OnTop):
    """A predictor plus the colours of those places of a reference that look alike.

    As in He et al. 2018 (arXiv:1807.06587), in a form without training: each place of the picture
    is compared with each of the reference by the features of a fixed encoder, and takes the mean of
    their colours, the more alike the more. How alike the best one is tells how much that counts; it
    is spread like a hint that is not certain (:func:`colorzoo.methods.spreading.spread`), and where
    nothing in the reference fits, the prediction stays.

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
        self._encoder: SqueezeNet | None = None

    def to(self, device: torch.device) -> None:
        """Move its base, and what it compares with."""
        super().to(device)
        if self._encoder is not None:
            self._encoder.to(device)

    @torch.inference_mode()
    def _corrected(self, lightness: Tensor, chroma: Tensor, given: Guidance) -> Tensor:
        if given.reference is None:
            return chroma
        pictures = zip(lightness[:, 0], chroma, given.reference, strict=True)
        return torch.stack([self._recolored(*picture) for picture in pictures])

    def _recolored(self, lightness: Tensor, predicted: Tensor, reference: Tensor) -> Tensor:
        """Return the chroma (2, h, w) of one picture under a reference (3, h', w')."""
        from colorzoo.methods.spreading import spread  # scipy takes its time to import

        here, there = self._encode(lightness), self._encode(reference[0])
        chroma, confidence = match(here, there, _shrunk(reference[1:], there))
        seen, own = _shrunk(lightness[None], here), _shrunk(predicted, here)
        pull = confidence + _STAY
        values = (confidence * (chroma - own) / pull).double().cpu().numpy()
        nowhere = torch.zeros_like(confidence, dtype=torch.bool).cpu().numpy()
        small = seen[0].double().cpu().numpy(), values, nowhere, pull.double().cpu().numpy()
        correction = torch.from_numpy(spread(*small)).to(predicted)
        planes = (correction, seen[0], lightness)
        full = torch.from_numpy(upsample(*(plane.cpu().numpy() for plane in planes))).to(predicted)
        return predicted + self.strength * full

    def _encode(self, lightness: Tensor) -> list[Tensor]:
        """Return the features of one picture (h, w) at stride 8, two of (C, h'/8, w'/8)."""
        if self._encoder is None:
            encoder = SqueezeNet(in_channels=1)
            encoder.load_imagenet()
            self._encoder = encoder.eval().to(self.device)
        height, width = lightness.shape
        scale = min(_SIDE / min(height, width), 4 * _SIDE / max(height, width))
        size = [max(1, math.ceil(side * scale / _STRIDE)) * _STRIDE for side in (height, width)]
        picture = color.scale_lightness(lightness)[None, None]
        levels = self._encoder(F.interpolate(picture, size, mode="bilinear", antialias=True))
        fine, coarse = levels[2], levels[3]
        wide = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        return [fine[0], wide[0]]


def match(here: list[Tensor], there: list[Tensor], chroma: Tensor) -> tuple[Tensor, Tensor]:
    """Find for each place of a picture the colours of those of a reference that are alike.

    Args:
        here: Features of the picture, each (C, h, w).
        there: Features of the reference, each (C, h', w').
        chroma: (2, h', w'), ab of the reference.

    Returns:
        Chroma (2, h, w), and confidence (h, w) in 0..1.
    """
    cosines = torch.stack([_cosines(*pair) for pair in zip(here, there, strict=True)]).mean(dim=0)
    shares = torch.softmax(cosines / _TEMPERATURE, dim=1)
    size = here[0].shape[-2:]
    best = cosines.amax(dim=1)
    confidence = ((best - _UNLIKE) / (_ALIKE - _UNLIKE)).clamp(0.0, 1.0)
    return (chroma.flatten(1) @ shares.T).view(2, *size), confidence.view(size)


def _cosines(here: Tensor, there: Tensor) -> Tensor:
    """Return the cosine of each place of ``here`` with each of ``there``: (hw, h'w')."""
    first, second = here.flatten(1), there.flatten(1)
    # Features are never negative, so all are alike unless what they have in common is taken away.
    common = torch.cat((first, second), dim=1).mean(dim=1, keepdim=True)
    return F.normalize(first - common, dim=0).T @ F.normalize(second - common, dim=0)


def _shrunk(planes: Tensor, features: list[Tensor]) -> Tensor:
    """Bring planes (C, h, w) to the size of features."""
    size = features[0].shape[-2:]
    return F.interpolate(planes[None], size, mode="bilinear", antialias=True)[0]
