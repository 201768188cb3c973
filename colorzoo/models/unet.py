"""U-Net in the form of pix2pix: strided convolutions down, deconvolutions up, skips between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from colorzoo.models._blocks import (
    decoder_input,
    encode,
    init_normal,
    make_decoder,
    make_encoder,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._heads import make_head
from colorzoo.models.base import ClassGenerator
from colorzoo.registry import ARCHITECTURES


@dataclass(frozen=True, slots=True)
class UNetConfig(UNetShape):
    """Shape of a U-Net."""

    widths: tuple[int, ...] = (48, 96, 192, 192, 192, 192)


@ARCHITECTURES.register(
    "unet",
    config=UNetConfig,
    paper="Ronneberger 2015, arXiv:1505.04597; Isola 2017, arXiv:1611.07004",
)
class UNet(ClassGenerator[UNetConfig]):
    """U-Net generator (Ronneberger 2015) as in pix2pix (Isola 2017).

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    two to the number of widths.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        self.down = make_encoder(config.widths, config.norm, self.in_channels)
        self.up = make_decoder(config.widths, config.norm, config.upsampling)
        self.head = make_head(
            config.head, config.upsampling, decoder_input(config.widths, 0), config.vividness
        )
        init_normal(self)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 1 << len(self.config.widths)  # doubled by each halving

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, H/2, W/2)."""
        *skips, features = encode(self.down, lightness)
        for up in self.up:
            features = torch.cat((up(features), skips.pop()), dim=1)
        return features
