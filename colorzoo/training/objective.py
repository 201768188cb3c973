"""What one training step computes, apart from who runs it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colorzoo.color import (
    lab_to_srgb,
    scale_chroma,
    scale_lightness,
    srgb_to_lab,
    unscale_chroma,
    unscale_lightness,
)
from colorzoo.training.config import LossSection
from colorzoo.training.losses import (
    discriminator_loss,
    generator_loss,
    perceptual_loss,
    pixel_loss,
)


@dataclass(frozen=True, slots=True)
class ScaledPhotos:
    """A batch as the networks see it, all scaled to -1..1.

    Attributes:
        noisy: Lightness the generator gets (N, 1, H, W), with noise if there is any.
        lightness: True lightness (N, 1, H, W).
        chroma: True chroma (N, 2, H, W).
    """

    noisy: Tensor
    lightness: Tensor
    chroma: Tensor


def scale_photos(rgb: Tensor, *, noise: float = 0.0) -> ScaledPhotos:
    """Convert 8-bit RGB (N, 3, H, W) to scaled Lab, on the device the photos are on.

    Args:
        rgb: uint8.
        noise: Deviation of Gaussian noise on the generator's lightness, units of L.
    """
    lab = srgb_to_lab(rgb.float() / 255.0)
    lightness = scale_lightness(lab[:, :1])
    noisy = lightness
    if noise > 0:
        noisy = (lightness + torch.randn_like(lightness) * (noise / 50.0)).clamp(-1.0, 1.0)
    return ScaledPhotos(noisy, lightness, scale_chroma(lab[:, 1:]))


def discriminator_step_loss(
    discriminator: nn.Module, photos: ScaledPhotos, fake: Tensor, loss: LossSection
) -> Tensor:
    """Return the discriminator's loss on true and generated chroma, a scalar."""
    real_logits, fake_logits = _judge_both(discriminator, photos, fake.detach())
    return discriminator_loss(
        real_logits, fake_logits, kind=loss.adversarial, real_label=loss.real_label
    )


def generator_step_losses(
    discriminator: nn.Module | None,
    photos: ScaledPhotos,
    fake: Tensor,
    loss: LossSection,
    *,
    features: nn.Module | None = None,
) -> dict[str, Tensor]:
    """Return the generator's losses by name; their weighted sum is under ``"generator"``.

    Args:
        discriminator: None while only the other losses count.
        photos: The batch.
        fake: Predicted chroma (N, 2, H, W), scaled.
        loss: Kinds and weights.
        features: Gives the features of RGB (N, 3, H, W) in -1..1, level by level; None where the
            perceptual loss does not count.
    """
    pixel = pixel_loss(fake, photos.chroma, kind=loss.pixel, emphasis=loss.emphasis)
    losses = {"pixel": pixel, "generator": loss.pixel_weight * pixel}
    if features is not None:
        with torch.no_grad():
            wanted = features(_to_rgb(photos.lightness, photos.chroma))
        losses["perceptual"] = perceptual_loss(features(_to_rgb(photos.lightness, fake)), wanted)
        losses["generator"] = losses["generator"] + loss.perceptual_weight * losses["perceptual"]
    if discriminator is not None:
        logits = _judge_fake(discriminator, photos, fake)
        losses["adversarial"] = generator_loss(logits, kind=loss.adversarial)
        losses["generator"] = losses["generator"] + loss.adversarial_weight * losses["adversarial"]
    return losses


def _to_rgb(lightness: Tensor, chroma: Tensor) -> Tensor:
    """Return RGB (N, 3, H, W) in -1..1 of scaled lightness and chroma, differentiable."""
    lab = torch.cat((unscale_lightness(lightness), unscale_chroma(chroma)), dim=1)
    return lab_to_srgb(lab) * 2.0 - 1.0


def _judge_both(
    discriminator: nn.Module, photos: ScaledPhotos, fake: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the logits of true and of generated chroma, from one joined forward.

    One forward for one backward is safe under DistributedDataParallel with batch norm in every
    torch version; batch statistics then mix real and fake.
    """
    lightness = torch.cat((photos.lightness, photos.lightness))
    chroma = torch.cat((photos.chroma, fake))
    real_logits, fake_logits = discriminator(torch.cat((lightness, chroma), dim=1)).chunk(2)
    return real_logits, fake_logits


def _judge_fake(discriminator: nn.Module, photos: ScaledPhotos, fake: Tensor) -> Tensor:
    """Return the logits of generated chroma, the same as the discriminator's own step sees.

    Under batch norm that takes the real half beside it: alone, fakes would be normalized by their
    own statistics, and the discriminator that told them from real ones would find nothing odd.
    """
    if any(isinstance(module, nn.BatchNorm2d) for module in discriminator.modules()):
        return _judge_both(discriminator, photos, fake)[1]
    logits: Tensor = discriminator(torch.cat((photos.lightness, fake), dim=1))
    return logits
