"""U-Net whose levels are residual units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colorzoo.models._blocks import (
    LEAK,
    Norm,
    encode,
    init_normal,
    init_scaled,
    level_norms,
    make_norm,
    make_upsampling,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._heads import make_head
from colorzoo.models.base import ClassGenerator
from colorzoo.registry import ARCHITECTURES


@dataclass(frozen=True, slots=True)
class ResUNetConfig(UNetShape):
    """Shape of a residual U-Net."""

    widths: tuple[int, ...] = (48, 96, 160, 192, 192)


class ResidualUnit(nn.Module):
    """Pre-activation residual unit (He 2016): twice norm, LeakyReLU and 3x3 convolution.

    (N, C, H, W) to (N, out, H / stride, W / stride); where that is another shape the shortcut is a
    1x1 convolution of the same stride.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, stride: int = 1) -> None:
        super().__init__()
        self.norm1 = make_norm(norm, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.norm2 = make_norm(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.activation = nn.LeakyReLU(LEAK)
        same_shape = in_channels == out_channels and stride == 1
        self.shortcut = (
            nn.Identity() if same_shape else nn.Conv2d(in_channels, out_channels, 1, stride=stride)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Add what two convolutions find to the (projected) features."""
        change = self.conv1(self.activation(self.norm1(features)))
        change = self.conv2(self.activation(self.norm2(change)))
        out: Tensor = self.shortcut(features) + change
        return out


@ARCHITECTURES.register(
    "res-unet",
    config=ResUNetConfig,
    paper="Zhang 2018, arXiv:1711.10684; Xiao 2018, doi:10.1109/ITME.2018.00080",
)
class ResUNet(ClassGenerator[ResUNetConfig]):
    """Residual U-Net generator (Zhang 2018) that works from half resolution inwards.

    The papers put a residual unit at full resolution too; here the first and the last step are
    strided 4x4 convolutions as in pix2pix, for a fourth of the cost.

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    two to the number of widths.
    """

    def __init__(self, config: ResUNetConfig) -> None:
        super().__init__(config)
        widths = config.widths
        inside_out = range(len(widths) - 2, -1, -1)
        self.stem = nn.Conv2d(self.in_channels, widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(
            ResidualUnit(inner, outer, norm, stride=2)
            for inner, outer, norm in zip(
                widths[:-1], widths[1:], level_norms(config.norm, len(widths))[1:], strict=True
            )
        )
        self.up = nn.ModuleList(
            make_upsampling(config.upsampling, widths[level + 1], widths[level])
            for level in inside_out
        )
        self.merge = nn.ModuleList(
            ResidualUnit(2 * widths[level], widths[level], config.norm) for level in inside_out
        )
        self.norm = make_norm(config.norm, widths[0])
        self.activation = nn.LeakyReLU(LEAK)
        self.head = make_head(config.head, config.upsampling, widths[0], config.vividness)
        init_scaled(self)
        init_normal(self.head)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 1 << len(self.config.widths)  # doubled by each halving

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, H/2, W/2)."""
        *skips, features = encode((self.stem, *self.down), lightness)
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat((up(features), skips.pop()), dim=1))
        out: Tensor = self.activation(self.norm(features))
        return out
