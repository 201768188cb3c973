"""Losses as pure functions of float32 tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_loss(
    chroma: Tensor, truth: Tensor, *, kind: Literal["l1", "huber"], emphasis: float = 0.0
) -> Tensor:
    """Return the mean distance of two chroma maps.

    Args:
        chroma: Prediction (N, 2, H, W), scaled to -1..1.
        truth: Truth of the same shape and scale.
        kind: ``"l1"``, or ``"huber"`` with its bend at 0.1, 11 units of a or b.
        emphasis: A pixel's weight is 1 + emphasis x length of its true (a, b), and weights are then
            scaled to a mean of 1: common grey surfaces stop outvoting rare saturated ones.

    Returns:
        A scalar.
    """
    if kind == "l1":
        distance = (chroma - truth).abs()
    else:
        distance = F.huber_loss(chroma, truth, reduction="none", delta=0.1) / 0.1
    if emphasis > 0:
        weight = 1.0 + emphasis * truth.norm(dim=1, keepdim=True)
        distance = distance * (weight / weight.mean())
    return distance.mean()


def perceptual_loss(features: Sequence[Tensor], true: Sequence[Tensor]) -> Tensor:
    """Return how far two pictures are apart in a network's features (Johnson 2016, Zhang 2018).

    The squared distance of feature vectors of unit length, averaged over places and levels: LPIPS
    without the weights it learns for channels.

    Args:
        features: Features of the generated picture, level by level (N, C, H, W); each level has
            its own C, H and W.
        true: Those of the true picture, of the same shapes.

    Returns:
        A scalar in 0..4; no more than 2 where features are never negative.
    """
    levels = [
        (F.normalize(mine, dim=1) - F.normalize(other, dim=1)).square().sum(dim=1).mean()
        for mine, other in zip(features, true, strict=True)
    ]
    return torch.stack(levels).mean()


def discriminator_loss(
    real: Tensor,
    fake: Tensor,
    *,
    kind: Literal["bce", "lsgan", "hinge"],
    real_label: float = 1.0,
) -> Tensor:
    """Return what the discriminator minimizes: half the sum of its losses on real and fake.

    Args:
        real: Logits of real pictures, any shape.
        fake: Logits of generated pictures, any shape.
        kind: Cross-entropy (Goodfellow 2014), least squares (Mao 2017) or hinge (Lim & Ye 2017).
        real_label: Target of real pictures under ``"bce"`` and ``"lsgan"``; below 1 it is one-sided
            label smoothing (Salimans 2016).

    Returns:
        A scalar.
    """
    if kind == "hinge":
        return 0.5 * (F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean())
    distance = F.binary_cross_entropy_with_logits if kind == "bce" else F.mse_loss
    on_real = distance(real, torch.full_like(real, real_label))
    on_fake = distance(fake, torch.zeros_like(fake))
    return 0.5 * (on_real + on_fake)


def generator_loss(fake: Tensor, *, kind: Literal["bce", "lsgan", "hinge"]) -> Tensor:
    """Return the generator's adversarial loss on the logits of its own pictures, a scalar."""
    if kind == "hinge":
        return -fake.mean()
    distance = F.binary_cross_entropy_with_logits if kind == "bce" else F.mse_loss
    return distance(fake, torch.ones_like(fake))
