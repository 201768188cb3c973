"""Plain encoder and decoder without skips: what a U-Net is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from colorzoo.models._blocks import (
    ConvBlock,
    UpBlock,
    init_normal,
    make_encoder,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._heads import make_head
from colorzoo.models.base import ClassGenerator
from colorzoo.registry import ARCHITECTURES

_MOST_REFINEMENTS = 16  # a config from elsewhere must not ask for a billion layers


@dataclass(frozen=True, slots=True)
class CNNConfig(UNetShape):
    """Shape of a plain encoder and decoder.

    Attributes:
        widths: Channels after each halving; as many halvings as there are widths. Everything
            about colour passes through the last one, so few halvings keep its edges sharp.
        refinements: 3x3 convolutions after each doubling, where U-Nets have their skips.
    """

    widths: tuple[int, ...] = (64, 128, 256, 384)
    refinements: int = 1

    def __post_init__(self) -> None:
        UNetShape.__post_init__(self)  # slots: super() would be of the class before them
        if not 0 <= self.refinements <= _MOST_REFINEMENTS:
            raise ValueError(f"refinements must be 0 to {_MOST_REFINEMENTS}.")


@ARCHITECTURES.register(
    "cnn",
    config=CNNConfig,
    paper="Isola 2017, arXiv:1611.07004, the encoder-decoder of its section 3.2.1",
)
class CNN(ClassGenerator[CNNConfig]):
    """Encoder-decoder generator without skips (the comparison of Isola 2017, section 3.2.1).

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    two to the number of widths.
    """

    def __init__(self, config: CNNConfig) -> None:
        super().__init__(config)
        widths = config.widths
        self.down = make_encoder(widths, config.norm, self.in_channels)
        self.up = nn.ModuleList(
            UpBlock(inner, outer, config.norm, config.upsampling)
            for inner, outer in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.refine = nn.ModuleList(
            nn.Sequential(
                *(ConvBlock(width, width, config.norm) for _ in range(config.refinements))
            )
            for width in widths[-2::-1]
        )
        self.head = make_head(config.head, config.upsampling, widths[0], config.vividness)
        init_normal(self)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 1 << len(self.config.widths)  # doubled by each halving

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, H/2, W/2)."""
        features = lightness
        for down in self.down:
            features = down(features)
        for up, refine in zip(self.up, self.refine, strict=True):
            features = refine(up(features))
        return features
