"""Attention U-Net whose encoder is SqueezeNet, from ImageNet's features or from random weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colorzoo.features.squeezenet import CHANNELS, SqueezeNet
from colorzoo.models._blocks import (
    UpBlock,
    init_normal,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._gates import GridGate
from colorzoo.models._heads import check_vividness, make_head
from colorzoo.models.base import GatedClassGenerator
from colorzoo.registry import ARCHITECTURES


@dataclass(frozen=True, slots=True)
class SqueezeUNetConfig(UNetShape):
    """Shape of an attention U-Net on SqueezeNet.

    Attributes:
        pretrained: Whether training starts from SqueezeNet's ImageNet weights, which lie in the
            package; a model once trained does not ask for them again.
        widths: Decoder channels at strides 2, 4 and 8; a gated skip leaves with as many.
        norm: Normalization of the decoder; SqueezeNet has none.
    """

    pretrained: bool = False
    widths: tuple[int, int, int] = (48, 112, 320)

    def __post_init__(self) -> None:
        if min(self.widths) < 1:
            raise ValueError("widths needs three positive numbers.")
        check_vividness(self.vividness)

    @classmethod
    def tiny(cls) -> SqueezeUNetConfig:
        """Return a config with the smallest decoder, for tests; the encoder is always 0.7 M."""
        return cls(widths=(4, 4, 8))


@ARCHITECTURES.register(
    "squeeze-unet",
    config=SqueezeUNetConfig,
    paper="Iandola 2016, arXiv:1602.07360; Oktay 2018, arXiv:1804.03999",
)
class SqueezeUNet(GatedClassGenerator[SqueezeUNetConfig]):
    """U-Net generator with a SqueezeNet encoder (Iandola 2016) and attention gates (Oktay 2018).

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    16.
    """

    def __init__(self, config: SqueezeUNetConfig) -> None:
        super().__init__(config)
        self.encoder = SqueezeNet(in_channels=self.in_channels)
        self.up = nn.ModuleList()
        self.gates = nn.ModuleList()
        inner = CHANNELS[-1]
        for skip, width in zip(CHANNELS[-2::-1], config.widths[::-1], strict=True):
            self.up.append(UpBlock(inner, width, config.norm, config.upsampling))
            self.gates.append(GridGate(skip, inner, width, config.norm))
            inner = 2 * width
        self.head = make_head(config.head, config.upsampling, inner, config.vividness)
        for part in (self.up, self.gates, self.head):
            init_normal(part)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 16

    def load_pretrained(self) -> None:
        """Give the encoder its ImageNet weights if the config says so; training calls it once.

        Raises:
            WeightsError: The package's copy of them is absent or damaged.
        """
        if self.config.pretrained:
            self.encoder.load_imagenet()

    def decode(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what the head is given and the gates' maps, coarsest first."""
        *skips, features = self.encoder(lightness)
        maps = []
        for up, gate in zip(self.up, self.gates, strict=True):
            skip, attention = gate(skips.pop(), features)
            maps.append(attention)
            features = torch.cat((up(features), skip), dim=1)
        return features, maps
