"""Layers that the discriminators share."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorzoo.errors import TensorError
from colorzoo.models._blocks import LEAK, init_normal, make_norm

DiscriminatorNorm = Literal["batch", "instance", "spectral", "none"]


def conv_layer(
    in_channels: int, out_channels: int, *, stride: int, norm: DiscriminatorNorm, kernel: int = 4
) -> nn.Module:
    """Return a convolution with pix2pix's first weights.

    If ``norm`` is ``"spectral"`` it stands under spectral normalization (Miyato 2018).
    """
    padding = 1 if kernel == 4 else 0
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding)
    init_normal(conv)
    return spectral_norm(conv) if norm == "spectral" else conv


def conv_block(
    in_channels: int,
    out_channels: int,
    *,
    stride: int,
    norm: DiscriminatorNorm,
    kernel: int = 4,
    first: bool = False,
) -> nn.Sequential:
    """Return convolution, norm and LeakyReLU; the ``first`` block of a network has no norm."""
    between = make_norm("none" if first or norm == "spectral" else norm, out_channels)
    conv = conv_layer(in_channels, out_channels, stride=stride, norm=norm, kernel=kernel)
    return nn.Sequential(conv, between, nn.LeakyReLU(LEAK))


class PatchStack(nn.Module):
    """Strided 4x4 convolutions and one logit a patch: (N, 3, H, W) to (N, 1, h, w)."""

    def __init__(self, width: int, layers: int, norm: DiscriminatorNorm) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(layers + 1)]
        blocks = [conv_block(3, widths[0], stride=2, norm=norm, first=True)]
        for level in range(1, layers + 1):
            stride = 1 if level == layers else 2
            blocks.append(conv_block(widths[level - 1], widths[level], stride=stride, norm=norm))
        self.blocks = nn.Sequential(*blocks)
        self.head = conv_layer(widths[-1], 1, stride=1, norm=norm)

    def forward(self, picture: Tensor) -> Tensor:
        """Return logits (N, 1, h, w), above 0 for real."""
        logits: Tensor = self.head(self.blocks(picture))
        return logits


def smallest_side(layers: int) -> int:
    """Return the smallest side, in pixels, that leaves a patch after ``layers`` halvings.

    The two convolutions of stride 1 take one off each, and the norm between needs two values.
    """
    return 3 << layers


def check_side(picture: Tensor, smallest: int) -> None:
    """Raise TensorError unless height and width are ``smallest`` or more."""
    height, width = picture.shape[-2:]
    if min(height, width) < smallest:
        raise TensorError(
            f"This discriminator sees no whole patch in {height}x{width} pixels; it needs "
            f"{smallest} or more on each side. Train on larger crops, or give it fewer layers "
            "or scales."
        )
