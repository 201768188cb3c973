"""Several PatchGANs on the picture at falling sizes: real close up and from afar?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorzoo.discriminators._blocks import (
    DiscriminatorNorm,
    PatchStack,
    check_side,
    smallest_side,
)
from colorzoo.registry import DISCRIMINATORS


@dataclass(frozen=True, slots=True)
class MultiscaleConfig:
    """Shape of a multi-scale PatchGAN.

    Attributes:
        scales: PatchGANs; each sees the picture at half the size of the one before.
        width: Channels of the first layer of each; doubled by each following one, at most
            eightfold.
        layers: Layers of stride 2 in each; three see patches of 70x70 pixels of their scale.
        norm: Normalization of all but the first and the last layer; ``"spectral"`` is on all.
    """

    scales: int = 3
    width: int = 64
    layers: int = 3
    norm: DiscriminatorNorm = "batch"

    def __post_init__(self) -> None:
        if min(self.scales, self.width, self.layers) < 1:
            raise ValueError("scales, width and layers must be positive.")

    @classmethod
    def tiny(cls) -> MultiscaleConfig:
        """Return a config of a few thousand parameters, for tests."""
        return cls(scales=2, width=4, layers=2)


@DISCRIMINATORS.register(
    "multiscale",
    config=MultiscaleConfig,
    paper="Wang 2018, arXiv:1711.11585; Isola 2017, arXiv:1611.07004",
)
class MultiscaleDiscriminator(nn.Module):
    """PatchGANs (Isola 2017) at scales 1, 1/2, 1/4, as in pix2pixHD (Wang 2018)."""

    def __init__(self, config: MultiscaleConfig) -> None:
        super().__init__()
        self.config = config
        self.scales = nn.ModuleList(
            PatchStack(config.width, config.layers, config.norm) for _ in range(config.scales)
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Judge lightness and chroma (N, 3, H, W) at every scale.

        Returns:
            Logits (N, scales, h, w), above 0 for real, on the finest scale's grid. Coarser ones
            are repeated over the places they cover, so a mean weighs all scales alike.

        Raises:
            TensorError: The picture is smaller than one patch of the coarsest scale.
        """
        check_side(picture, smallest_side(self.config.layers) << (self.config.scales - 1))
        logits = [self.scales[0](picture)]
        for patches in self.scales[1:]:
            picture = F.avg_pool2d(picture, 3, stride=2, padding=1, count_include_pad=False)
            coarse = patches(picture)
            logits.append(F.interpolate(coarse, size=logits[0].shape[-2:], mode="nearest"))
        return torch.cat(logits, dim=1)
