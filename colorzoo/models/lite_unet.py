"""Attention U-Net on EfficientNet-Lite2 that predicts a distribution over colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorzoo.features.efficientnet_lite import CHANNELS, EfficientNetLite2
from colorzoo.models._blocks import LEAK, ConvBlock, Norm, init_scaled, make_norm
from colorzoo.models._gates import GridGate
from colorzoo.models._heads import ClassHead, HeadKind, check_vividness
from colorzoo.models.base import GatedClassGenerator
from colorzoo.registry import ARCHITECTURES
from colorzoo.schema import added

STRIDES: Final = (32, 16, 8, 4)
"""Of the innermost features and of the decoder's levels."""

HINT_GAIN: Final = 5.0
"""Brings chroma in -1..1, whose deviation in photos is about 0.15, to the size of features."""


@dataclass(frozen=True, slots=True)
class LiteUNetConfig:
    """Shape of a U-Net on EfficientNet-Lite2.

    Attributes:
        pretrained: Whether training starts from EfficientNet's ImageNet weights, which lie in a
            clone or in ``colorzoo-models``; a model once trained does not ask for them again.
        widths: Decoder channels at strides 4, 8, 16 and 32; a skip is half as wide.
        gates: Whether the skips pass through attention gates.
        head: What the network ends in: a distribution over colours, or ab at once.
        vividness: What becomes of a distribution unless the user says otherwise: 0 is its mean,
            1 leans to its likeliest and its rare colours.
        norm: Normalization of the decoder; the encoder keeps ImageNet's statistics.
        dropout: Share of the encoder's channels that are left out in training.
        hints: Whether it is given a user's hints beside lightness.
        drop_path: Share of pictures that pass by the encoder's deepest block in training; less
            for those before it. It keeps the encoder from learning few photos by heart.
    """

    pretrained: bool = False
    widths: tuple[int, int, int, int] = (64, 96, 128, 160)
    gates: bool = True
    head: HeadKind = "classes"
    vividness: float = 0.0
    norm: Norm = "batch"
    dropout: float = 0.0
    hints: bool = added(False)
    drop_path: float = added(0.0)

    def __post_init__(self) -> None:
        if min(self.widths) < 2:
            raise ValueError("widths needs four numbers of 2 or more.")
        for name in ("dropout", "drop_path"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be at least 0 and below 1.")
        check_vividness(self.vividness)

    @classmethod
    def tiny(cls) -> LiteUNetConfig:
        """Return a config with the smallest decoder, for tests; the encoder is always 4.4 M."""
        return cls(widths=(4, 4, 8, 8))


def pool_hints(planes: Tensor, stride: int) -> Tensor:
    """Return hints at a coarser stride: the mean of each square's, and where there are any.

    Args:
        planes: (N, 3, H, W), as :func:`~colorzoo.predictor.hint_planes` gives them.
        stride: Side of the squares; height and width are multiples of it.

    Returns:
        (N, 3, H / stride, W / stride): one hinted pixel shows as well as a whole square of them,
        and a and b are about as large as the features beside them.
    """
    pooled = F.avg_pool2d(planes, stride)
    share = pooled[:, 2:]
    mask = (share > 0.0).to(pooled.dtype)
    return torch.cat((HINT_GAIN * pooled[:, :2] / share.clamp(min=stride**-2), mask), dim=1)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, and the input added to what they give; (N, C, H, W) to the same."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels, norm)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = make_norm(norm, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Refine features."""
        return F.leaky_relu(features + self.norm(self.second(self.first(features))), LEAK)


class OpenGate(nn.Module):
    """What stands where there is no gate: the skip at the width a gated one would have."""

    def __init__(self, skip_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        self.out = nn.Sequential(
            nn.Conv2d(skip_channels, out_channels, 1), make_norm(norm, out_channels)
        )

    def forward(self, skip: Tensor, gating: Tensor) -> tuple[Tensor, None]:
        """Map ``skip`` (N, C, H, W) to (N, out, H, W), whatever ``gating`` says."""
        return self.out(skip), None


class Level(nn.Module):
    """One step of the decoder: to twice the size, joined with a skip and with lightness itself.

    Args:
        in_channels: Of the coarser features.
        skip_channels: Of the encoder's features at the level's own stride.
        out_channels: Of what it gives.
        detail: Side of the squares of lightness that are laid into channels: the level's stride,
            or 0 to leave lightness out.
        beside: Channels of hints at the level's own stride; 0 for none.
        gated: Whether the skip passes through an attention gate.
        finest: Whether to save where pixels are many: fewer coarse channels, one layer fewer.
        norm: Normalization of all its layers.
    """

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        *,
        detail: int,
        beside: int,
        gated: bool,
        finest: bool,
        norm: Norm,
    ) -> None:
        super().__init__()
        self.detail = detail
        half = out_channels // 2
        self.gate = (
            GridGate(skip_channels, in_channels, half, norm)
            if gated
            else OpenGate(skip_channels, half, norm)
        )
        self.narrow = ConvBlock(in_channels, half, norm, kernel=1) if finest else nn.Identity()
        joined = (half if finest else in_channels) + half + detail**2 + beside
        self.join = ConvBlock(joined, out_channels, norm)
        self.refine = (
            ConvBlock(out_channels, out_channels, norm)
            if finest
            else ResidualBlock(out_channels, norm)
        )

    def forward(
        self, features: Tensor, skip: Tensor, lightness: Tensor, hints: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """Bring features one level up.

        Args:
            features: (N, C, h, w) of the coarser level.
            skip: (N, S, 2h, 2w) of the encoder.
            lightness: (N, 1, H, W), the picture itself.
            hints: None of them, or (N, 3, 2h, 2w).

        Returns:
            (N, out, 2h, 2w), and the gate's map (N, 1, 2h, 2w) if there is one.
        """
        skip, attention = self.gate(skip, features)
        parts = [F.interpolate(self.narrow(features), scale_factor=2.0, mode="nearest"), skip]
        if self.detail:
            parts.append(F.pixel_unshuffle(lightness, self.detail))
        parts.extend(hints)
        return self.refine(self.join(torch.cat(parts, dim=1))), attention


@ARCHITECTURES.register(
    "lite-unet",
    config=LiteUNetConfig,
    paper=(
        "Tan and Le 2019, arXiv:1905.11946; Zhang 2016, arXiv:1603.08511; "
        "Oktay 2018, arXiv:1804.03999"
    ),
)
class LiteUNet(GatedClassGenerator[LiteUNetConfig]):
    """U-Net generator with an EfficientNet-Lite2 encoder (Tan and Le 2019).

    The decoder ends at a quarter of the picture's size, with a distribution over colours (Zhang
    2016) or with ab. Its innermost features are averaged over the picture and added everywhere, so
    that each place knows the scene; its skips pass through attention gates (Oktay 2018). Hints are
    given to each level of the decoder and to the innermost features, so that the encoder can stay
    frozen while a network learns of them.

    Lightness (N, 1, H, W), or (N, 4, H, W) with hints, to chroma (N, 2, H, W), all scaled to -1..1;
    H and W are multiples of 32.
    """

    def __init__(self, config: LiteUNetConfig) -> None:
        super().__init__(config)
        quarter, eighth, sixteenth, inner = config.widths
        beside = self.in_channels - 1
        self.encoder = EfficientNetLite2(config.drop_path)
        self.dropout = nn.Dropout2d(config.dropout)
        # Without norm: on the smallest picture there is a single pixel at this depth.
        self.bottom = nn.Sequential(
            ConvBlock(CHANNELS[4] + beside, inner, "none", kernel=1),
            ResidualBlock(inner, "none"),
        )
        self.context = nn.Conv2d(inner, inner, 1)
        self.levels = nn.ModuleList(
            Level(
                coarse,
                skip,
                width,
                detail=detail,
                beside=beside,
                gated=config.gates,
                finest=detail == 4,
                norm=config.norm,
            )
            for coarse, skip, width, detail in (
                (inner, CHANNELS[3], sixteenth, 0),
                (sixteenth, CHANNELS[2], eighth, 8),
                (eighth, CHANNELS[1], quarter, 4),
            )
        )
        self.head = (
            ClassHead(quarter, config.vividness)
            if config.head == "classes"
            else nn.Conv2d(quarter, 2, 1)
        )
        for part in (self.bottom, self.context, self.levels, self.head):
            init_scaled(part)

    @property
    def size_multiple(self) -> int:
        """The encoder's deepest stride."""
        return 32

    def load_pretrained(self) -> None:
        """Give the encoder its ImageNet weights if the config says so; training calls it once.

        Raises:
            WeightsError: The package's copy of them is absent or damaged.
        """
        if self.config.pretrained:
            self.encoder.load_imagenet()

    def decode(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what the head is given and the gates' maps, coarsest first."""
        lightness, planes = lightness[:, :1], lightness[:, 1:]
        _, *skips, deepest = self.encoder(lightness)
        hints = [[pool_hints(planes, stride)] if self.takes_hints else [] for stride in STRIDES]
        features = self.bottom(torch.cat((self.dropout(deepest), *hints[0]), dim=1))
        features = features + self.context(features.mean(dim=(2, 3), keepdim=True))
        maps = []
        for level, skip, given in zip(self.levels, reversed(skips), hints[1:], strict=True):
            features, attention = level(features, self.dropout(skip), lightness, given)
            if attention is not None:
                maps.append(attention)
        return features, maps
