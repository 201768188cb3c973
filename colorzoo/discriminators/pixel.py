"""PixelGAN: is the colour of each pixel real?"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from colorzoo.discriminators._blocks import DiscriminatorNorm, conv_block, conv_layer
from colorzoo.registry import DISCRIMINATORS


@dataclass(frozen=True, slots=True)
class PixelConfig:
    """Shape of a PixelGAN.

    Attributes:
        width: Channels of the first layer; the second has twice as many.
        norm: Normalization of the second layer; ``"spectral"`` is on all.
    """

    width: int = 64
    norm: DiscriminatorNorm = "batch"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError("width must be positive.")

    @classmethod
    def tiny(cls) -> PixelConfig:
        """Return a config of a few hundred parameters, for tests."""
        return cls(width=8)


@DISCRIMINATORS.register("pixel", config=PixelConfig, paper="Isola 2017, arXiv:1611.07004")
class PixelDiscriminator(nn.Module):
    """PixelGAN discriminator (Isola 2017): C64-C128 and one logit, all 1x1 convolutions."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.config = config
        width, norm = config.width, config.norm
        self.blocks = nn.Sequential(
            conv_block(3, width, stride=1, norm=norm, kernel=1, first=True),
            conv_block(width, 2 * width, stride=1, norm=norm, kernel=1),
        )
        self.head = conv_layer(2 * width, 1, stride=1, norm=norm, kernel=1)

    def forward(self, picture: Tensor) -> Tensor:
        """Return logits (N, 1, H, W), above 0 for real, of lightness and chroma (N, 3, H, W)."""
        logits: Tensor = self.head(self.blocks(picture))
        return logits
