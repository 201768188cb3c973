"""Additive attention gates on the skips of a U-Net (Oktay 2018, arXiv:1804.03999)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorzoo.models._blocks import Norm, make_norm


class GridGate(nn.Module):
    """Attention gate on the coarse grid of the gating signal (Oktay 2018, eq. 1 and its code).

    The gated skip leaves with ``out_channels``.
    """

    def __init__(
        self, skip_channels: int, gating_channels: int, out_channels: int, norm: Norm
    ) -> None:
        super().__init__()
        inner = max(out_channels // 2, 1)
        self.theta = nn.Conv2d(skip_channels, inner, 2, stride=2, bias=False)
        self.phi = nn.Conv2d(gating_channels, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)
        self.out = nn.Sequential(
            nn.Conv2d(skip_channels, out_channels, 1), make_norm(norm, out_channels)
        )

    def forward(self, skip: Tensor, gating: Tensor) -> tuple[Tensor, Tensor]:
        """Gate ``skip`` (N, C, H, W) by ``gating`` (N, G, H/2, W/2); also return the map."""
        coarse = torch.sigmoid(self.psi(F.relu(self.theta(skip) + self.phi(gating))))
        attention = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(skip * attention), attention


class PixelGate(nn.Module):
    """Attention gate pixel by pixel, with norm on both inputs and on the map."""

    def __init__(self, skip_channels: int, gating_channels: int, norm: Norm) -> None:
        super().__init__()
        inner = max(skip_channels // 2, 1)
        self.theta = nn.Sequential(nn.Conv2d(skip_channels, inner, 1), make_norm(norm, inner))
        self.phi = nn.Sequential(nn.Conv2d(gating_channels, inner, 1), make_norm(norm, inner))
        self.psi = nn.Sequential(nn.Conv2d(inner, 1, 1), make_norm(norm, 1))

    def forward(self, skip: Tensor, gating: Tensor) -> tuple[Tensor, Tensor]:
        """Gate ``skip`` (N, C, H, W) by ``gating`` (N, G, H, W); also return the map."""
        attention = torch.sigmoid(self.psi(F.relu(self.theta(skip) + self.phi(gating))))
        return skip * attention, attention
