"""U-Net whose skips pass through additive attention gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from colorzoo.models._blocks import (
    decoder_input,
    encode,
    init_normal,
    make_decoder,
    make_encoder,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._gates import GridGate, PixelGate
from colorzoo.models._heads import make_head
from colorzoo.models.base import GatedClassGenerator
from colorzoo.registry import ARCHITECTURES


@dataclass(frozen=True, slots=True)
class AttentionUNetConfig(UNetShape):
    """Shape of an attention U-Net.

    Attributes:
        gate: Which reading of the gate. ``"grid"``: gated by the coarser decoder features, the
            skip strided down to them and the map resized back (Oktay's code). ``"pixel"``: gated by
            the already upsampled decoder features, pixel by pixel, norm on both.
    """

    widths: tuple[int, ...] = (48, 96, 176, 176, 192, 192)
    gate: Literal["grid", "pixel"] = "grid"


@ARCHITECTURES.register(
    "attention-unet",
    config=AttentionUNetConfig,
    paper="Oktay 2018, arXiv:1804.03999; Isola 2017, arXiv:1611.07004",
)
class AttentionUNet(GatedClassGenerator[AttentionUNetConfig]):
    """Attention U-Net generator (Oktay 2018) on the U-Net of pix2pix (Isola 2017).

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    two to the number of widths.
    """

    def __init__(self, config: AttentionUNetConfig) -> None:
        super().__init__(config)
        widths = config.widths
        self.down = make_encoder(widths, config.norm, self.in_channels)
        self.up = make_decoder(widths, config.norm, config.upsampling)
        self.gates = nn.ModuleList(
            GridGate(width, decoder_input(widths, level), width, config.norm)
            if config.gate == "grid"
            else PixelGate(width, width, config.norm)
            for level, width in reversed(list(enumerate(widths[:-1], start=1)))
        )
        self.head = make_head(
            config.head, config.upsampling, decoder_input(widths, 0), config.vividness
        )
        init_normal(self)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 1 << len(self.config.widths)  # doubled by each halving

    def decode(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what the head is given and the gates' maps, coarsest first."""
        *skips, features = encode(self.down, lightness)
        maps = []
        for up, gate in zip(self.up, self.gates, strict=True):
            raised = up(features)
            gating = features if self.config.gate == "grid" else raised
            skip, attention = gate(skips.pop(), gating)
            maps.append(attention)
            features = torch.cat((raised, skip), dim=1)
        return features, maps
