"""Layers that several generators and discriminators share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]
Upsampling = Literal["deconv", "resize"]

LEAK = 0.2
"""Negative slope of every LeakyReLU, as in pix2pix."""


def check_widths(widths: Sequence[int]) -> None:
    """Raise ValueError unless there are two or more widths, all positive."""
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError("widths needs two or more positive numbers.")


def level_norms(norm: Norm, levels: int) -> list[Norm]:
    """Return the norm of each encoder level: none on the first and on the innermost.

    The first sees raw lightness, as in pix2pix. The innermost is one pixel large on the smallest
    pictures, where batch norm and instance norm have nothing to take a deviation from.
    """
    return ["none" if level in (0, levels - 1) else norm for level in range(levels)]


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """Return the normalization layer called ``norm``; ``"none"`` is the identity."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


def make_upsampling(kind: Upsampling, in_channels: int, out_channels: int) -> nn.Module:
    """Return a layer that doubles height and width.

    ``"deconv"`` is a transposed 4x4 convolution; ``"resize"`` is a nearest-neighbour resize and a
    3x3 convolution, which leaves no checkerboard (Odena 2016).
    """
    if kind == "deconv":
        return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
    )


class ConvBlock(nn.Sequential):
    """Convolution, norm, LeakyReLU: (N, C, H, W) to (N, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
            make_norm(norm, out_channels),
            nn.LeakyReLU(LEAK),
        )


class DownBlock(nn.Module):
    """4x4 convolution of stride 2, norm, LeakyReLU: (N, C, H, W) to (N, out, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)
        self.norm = make_norm(norm, out_channels)
        self.activation = nn.LeakyReLU(LEAK)

    def forward(self, features: Tensor) -> Tensor:
        """Halve height and width."""
        out: Tensor = self.activation(self.norm(self.conv(features)))
        return out


class UpBlock(nn.Module):
    """Upsampling by two, norm, ReLU: (N, C, H, W) to (N, out, 2H, 2W)."""

    def __init__(
        self, in_channels: int, out_channels: int, norm: Norm, upsampling: Upsampling
    ) -> None:
        super().__init__()
        self.up = make_upsampling(upsampling, in_channels, out_channels)
        self.norm = make_norm(norm, out_channels)
        self.activation = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Double height and width."""
        out: Tensor = self.activation(self.norm(self.up(features)))
        return out


def make_encoder(widths: Sequence[int], norm: Norm, in_channels: int) -> nn.ModuleList:
    """Return one :class:`DownBlock` a width, from lightness, and hints beside it, inwards."""
    return nn.ModuleList(
        DownBlock(inner, outer, level_norm)
        for inner, outer, level_norm in zip(
            (in_channels, *widths[:-1]), widths, level_norms(norm, len(widths)), strict=True
        )
    )


def make_decoder(widths: Sequence[int], norm: Norm, upsampling: Upsampling) -> nn.ModuleList:
    """Return the :class:`UpBlock` list of a U-Net, innermost first.

    Each takes what the one before it gave joined with a skip of the same width; the outermost
    doubling, to the picture's own size, is the head and not among them.
    """
    last = len(widths) - 1
    return nn.ModuleList(
        UpBlock(decoder_input(widths, level), widths[level - 1], norm, upsampling)
        for level in range(last, 0, -1)
    )


def decoder_input(widths: Sequence[int], level: int) -> int:
    """Return how many channels a U-Net's decoder is given at ``level``, its skip included."""
    return widths[level] if level == len(widths) - 1 else 2 * widths[level]


def encode(blocks: Iterable[nn.Module], features: Tensor) -> list[Tensor]:
    """Run the blocks one after another and return what each gave, outermost first."""
    levels = []
    for block in blocks:
        features = block(features)
        levels.append(features)
    return levels


@torch.no_grad()
def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Draw all convolution weights from N(0, std) and zero their biases, as pix2pix does."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.weight.normal_(0.0, std)
            if layer.bias is not None:
                layer.bias.zero_()


@torch.no_grad()
def init_scaled(module: nn.Module) -> None:
    """Draw all convolution weights from N(0, 1 / sqrt(fan in)) and zero their biases.

    A layer's outputs then vary as much as its inputs (LeCun 1998), so that long chains without
    norm neither vanish nor blow up.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            taps = layer.weight[0, 0].numel()
            if isinstance(layer, nn.ConvTranspose2d):
                taps //= layer.stride[0] * layer.stride[1]  # only these reach one output pixel
            layer.weight.normal_(0.0, (layer.in_channels // layer.groups * taps) ** -0.5)
            if layer.bias is not None:
                layer.bias.zero_()
