"""Weights that were learnt for fewer channels than a network is given now."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor


def widened(weight: Tensor, in_channels: int) -> Tensor:
    """Return a convolution's weight (out, in, h, w) with zeros for the channels that it lacks."""
    return F.pad(weight, (0, 0, 0, 0, 0, in_channels - weight.shape[1]))


def widen_all(weights: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights, those of convolutions widened to see as many channels as those in ``like``.

    So a network that is given more beside lightness starts as one that pays no heed to it.
    """
    return {
        name: widened(weight, like[name].shape[1])
        if weight.ndim == 4 and name in like and like[name].shape[1] > weight.shape[1]
        else weight
        for name, weight in weights.items()
    }
