"""A net that sees far without making the picture smaller: dilated convolutions one after another.

Yu and Koltun 2016, "Multi-Scale Context Aggregation by Dilated Convolutions", arXiv:1511.07122.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import colorzoo


@dataclass(frozen=True, slots=True)
class DilatedNetConfig:
    """Settings of :class:`DilatedNet`.

    Attributes:
        width: Channels of every layer.
        dilations: Dilation of each layer. Their sum is how many pixels away a pixel still sees.
    """

    width: int = 32
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 1)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be positive, not {self.width}.")
        if not self.dilations or min(self.dilations) < 1:
            raise ValueError(f"dilations must be positive, not {list(self.dilations)}.")

    @classmethod
    def tiny(cls) -> DilatedNetConfig:
        """Return a config for tests."""
        return cls(width=4, dilations=(1, 2))


@colorzoo.register(
    "dilated-net",
    config=DilatedNetConfig,
    paper="Yu and Koltun 2016, arXiv:1511.07122",
)
class DilatedNet(colorzoo.Generator[DilatedNetConfig]):
    """Residual dilated 3x3 convolutions at full resolution.

    Args:
        config: Its settings.
    """

    def __init__(self, config: DilatedNetConfig) -> None:
        super().__init__(config)
        self.enter = nn.Conv2d(1, config.width, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Conv2d(config.width, config.width, 3, padding=dilation, dilation=dilation)
            for dilation in config.dilations
        )
        self.leave = nn.Conv2d(config.width, 2, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """Predict chroma.

        Args:
            lightness: (N, 1, H, W), L/50 - 1, in -1..1; any size.

        Returns:
            (N, 2, H, W), ab/110, in -1..1.
        """
        features = F.leaky_relu(self.enter(lightness), 0.2)
        for layer in self.layers:
            features = features + F.leaky_relu(layer(features), 0.2)
        return torch.tanh(self.leave(features))
