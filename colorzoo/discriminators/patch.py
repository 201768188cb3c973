"""PatchGAN: is each patch of the picture real?"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from colorzoo.discriminators._blocks import (
    DiscriminatorNorm,
    PatchStack,
    check_side,
    smallest_side,
)
from colorzoo.registry import DISCRIMINATORS


@dataclass(frozen=True, slots=True)
class PatchConfig:
    """Shape of a PatchGAN.

    Attributes:
        width: Channels of the first layer; doubled by each following one, at most eightfold.
        layers: Layers of stride 2; three see patches of 70x70 pixels.
        norm: Normalization of all but the first and the last layer; ``"spectral"`` is on all.
    """

    width: int = 64
    layers: int = 3
    norm: DiscriminatorNorm = "batch"

    def __post_init__(self) -> None:
        if self.width < 1 or self.layers < 1:
            raise ValueError("width and layers must be positive.")

    @classmethod
    def tiny(cls) -> PatchConfig:
        """Return a config of a few thousand parameters, for tests."""
        return cls(width=4, layers=2)


@DISCRIMINATORS.register("patch", config=PatchConfig, paper="Isola 2017, arXiv:1611.07004")
class PatchDiscriminator(PatchStack):
    """PatchGAN discriminator (Isola 2017); three layers are C64-C128-C256-C512 and one logit."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__(config.width, config.layers, config.norm)
        self.config = config

    def forward(self, picture: Tensor) -> Tensor:
        """Return logits (N, 1, h, w), above 0 for real, of lightness and chroma (N, 3, H, W).

        Raises:
            TensorError: The picture is smaller than one patch.
        """
        check_side(picture, smallest_side(self.config.layers))
        return super().forward(picture)
