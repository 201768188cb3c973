"""U-Net whose levels are dense blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from colorzoo.models._blocks import (
    LEAK,
    ConvBlock,
    Norm,
    UpBlock,
    init_normal,
    init_scaled,
    level_norms,
    make_norm,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._heads import make_head
from colorzoo.models.base import ClassGenerator
from colorzoo.registry import ARCHITECTURES

LAYERS = 4
"""Layers in a dense block, as in Guan 2019: with a growth of a quarter they double its channels."""


@dataclass(frozen=True, slots=True)
class DenseUNetConfig(UNetShape):
    """Shape of a fully dense U-Net.

    Attributes:
        widths: Channels that enter the dense block after each halving, multiples of 4; the block
            adds as many again. As many halvings as there are widths.
        checkpoint: In training, keep only the blocks' inputs and compute the rest a second time in
            the backward pass: less memory, more time, the same gradients.
    """

    widths: tuple[int, ...] = (32, 64, 96, 144, 176)
    checkpoint: bool = False

    def __post_init__(self) -> None:
        UNetShape.__post_init__(self)  # slots: super() would be of the class before them
        if any(width % LAYERS for width in self.widths):
            raise ValueError(f"widths must be multiples of {LAYERS}.")

    @classmethod
    def tiny(cls) -> DenseUNetConfig:
        """Return a config of a few thousand parameters, for tests."""
        return cls(widths=(4, 4, 8))


class DenseBlock(nn.Module):
    """Four layers, each seeing all before it (Huang 2017): (N, F, H, W) to (N, 2F, H, W).

    A layer is a 1x1 convolution to F channels and a 3x3 convolution to F/4.
    """

    def __init__(self, width: int, norm: Norm, *, checkpoint: bool) -> None:
        super().__init__()
        growth = width // LAYERS
        self.checkpoint = checkpoint
        self.layers = nn.ModuleList(
            nn.Sequential(
                ConvBlock(width + position * growth, width, norm, kernel=1),
                ConvBlock(width, growth, norm),
            )
            for position in range(LAYERS)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Join the features with what each layer makes of all before it."""
        if self.checkpoint and self.training and torch.is_grad_enabled():
            out: Tensor = checkpoint(
                self.join, features, use_reentrant=False, context_fn=self._checkpoint_contexts
            )
            return out
        return self.join(features)

    def join(self, features: Tensor) -> Tensor:
        """Do the work of :meth:`forward`."""
        for layer in self.layers:
            features = torch.cat((features, layer(features)), dim=1)
        return features

    def _checkpoint_contexts(
        self,
    ) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), statistics_kept(self)


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Hold back the running statistics of batch norm, which a second forward would count twice."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count


class Transition(nn.Module):
    """1x1 convolution and a 3x3 one of stride 2: (N, C, H, W) to (N, out, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, inner_norm: Norm) -> None:
        super().__init__()
        self.squeeze = ConvBlock(in_channels, out_channels, norm, kernel=1)
        self.conv = nn.Conv2d(out_channels, out_channels, 3, stride=2, padding=1)
        self.norm = make_norm(inner_norm, out_channels)
        self.activation = nn.LeakyReLU(LEAK)

    def forward(self, features: Tensor) -> Tensor:
        """Halve height and width."""
        out: Tensor = self.activation(self.norm(self.conv(self.squeeze(features))))
        return out


@ARCHITECTURES.register(
    "dense-unet",
    config=DenseUNetConfig,
    paper="Guan 2019, arXiv:1808.10848",
)
class DenseUNet(ClassGenerator[DenseUNetConfig]):
    """Fully dense U-Net generator (Guan 2019) that works from half resolution inwards.

    The paper starts at full resolution; here the first and the last step are strided 4x4
    convolutions as in pix2pix, for a fourth of the cost.

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    two to the number of widths.
    """

    def __init__(self, config: DenseUNetConfig) -> None:
        super().__init__(config)
        widths = config.widths
        norms = level_norms(config.norm, len(widths))
        norms[0] = config.norm  # the stem stands between raw lightness and the first block
        first = nn.Conv2d(self.in_channels, widths[0], 4, stride=2, padding=1)
        stem = nn.Sequential(first, nn.LeakyReLU(LEAK))
        self.shrink = nn.ModuleList(
            Transition(2 * widths[level - 1], widths[level], norms[level - 1], norms[level])
            for level in range(1, len(widths))
        )
        self.shrink.insert(0, stem)
        self.down = nn.ModuleList(
            DenseBlock(width, norm, checkpoint=config.checkpoint)
            for width, norm in zip(widths, norms, strict=True)
        )
        inside_out = range(len(widths) - 2, -1, -1)
        self.up = nn.ModuleList(
            UpBlock(2 * widths[level + 1], 2 * widths[level], config.norm, config.upsampling)
            for level in inside_out
        )
        self.squeeze = nn.ModuleList(
            ConvBlock(4 * widths[level], widths[level], config.norm, kernel=1)
            for level in inside_out
        )
        self.merge = nn.ModuleList(
            DenseBlock(widths[level], config.norm, checkpoint=config.checkpoint)
            for level in inside_out
        )
        self.head = make_head(config.head, config.upsampling, 2 * widths[0], config.vividness)
        init_scaled(self)
        init_normal(self.head)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 1 << len(self.config.widths)  # doubled by each halving

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, H/2, W/2)."""
        skips = []
        features = lightness
        for shrink, down in zip(self.shrink, self.down, strict=True):
            features = down(shrink(features))
            skips.append(features)
        skips.pop()
        for up, squeeze, merge in zip(self.up, self.squeeze, self.merge, strict=True):
            features = merge(squeeze(torch.cat((up(features), skips.pop()), dim=1)))
        return features
