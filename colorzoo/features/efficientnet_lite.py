"""EfficientNet-Lite2 (Tan and Le 2019, arXiv:1905.11946) without its classifier, with weights.

The Lite variants have ReLU6 and no squeeze-and-excitation, which makes them quick on processors:
4.4 M parameters, 0.8 GMACs at 256x256. It is the encoder of ``lite-unet``; its ImageNet weights lie
beside this file in a clone, and otherwise in the package ``colorzoo-models``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from colorzoo.errors import MissingDependencyError, WeightsError
from colorzoo.registry import plugin_folders

CHANNELS: Final = (16, 24, 48, 120, 352)
"""Channels of the features at strides 2, 4, 8, 16 and 32."""

WEIGHTS: Final = Path(__file__).resolve().with_name("efficientnet_lite2.safetensors")

_STEM = 32
_STAGES: Final = (  # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
_LEVELS: Final = (0, 1, 2, 4, 6)  # the stages that are the last at their stride
_EPSILON: Final = 1e-3  # of the batch norms, as TensorFlow trained them


class ConvNorm(nn.Module):
    """Convolution and batch norm, ReLU6 if ``active``, padded as TensorFlow's "same" does.

    The batch norm always uses its stored statistics, in training too: those of ImageNet are better
    than the ones of a few small crops, and a picture of 32x32 has a single pixel in here. So it is
    one factor and one offset a channel, which ``forward`` puts into the convolution.
    """

    mean: Tensor
    variance: Tensor
    once_weight: Tensor | None
    once_bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.groups, self.active = stride, groups, active
        # At stride 2 and even sizes "same" puts the odd row and column after, not before.
        before = (kernel - stride) // 2
        self.padding = (before, kernel - stride - before) * 2
        shape = (out_channels, in_channels // groups, kernel, kernel)
        self.weight = nn.Parameter(nn.init.kaiming_normal_(torch.empty(shape), mode="fan_in"))
        self.scale = nn.Parameter(torch.ones(out_channels))
        self.shift = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("mean", torch.zeros(out_channels))
        self.register_buffer("variance", torch.ones(out_channels))
        # What fold() keeps beside what is trained and saved.
        self.register_buffer("once_weight", None, persistent=False)
        self.register_buffer("once_bias", None, persistent=False)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the one convolution that does the same."""
        factor = self.scale * torch.rsqrt(self.variance + _EPSILON)
        return self.weight * factor[:, None, None, None], self.shift - self.mean * factor

    def fold(self) -> None:
        """Work that convolution out once, until the module trains or loads other weights."""
        with torch.no_grad():
            self.once_weight, self.once_bias = self.folded()

    def train(self, mode: bool = True) -> ConvNorm:
        """Set the mode; what is to train must not be worked out before."""
        if mode:
            self.once_weight = self.once_bias = None
        super().train(mode)
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        self.once_weight = self.once_bias = None
        super()._load_from_state_dict(*args)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out, H / stride, W / stride)."""
        if self.once_weight is None or self.once_bias is None:
            return _convolve(features, *self.folded(), self)
        return _convolve(features, self.once_weight, self.once_bias, self)


class InvertedResidual(nn.Module):
    """1x1 to many channels, one filter a channel, 1x1 back to few; plus the input if it fits.

    ``drop_path`` is the share of a batch's pictures that only have the input, in training.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int,
        expansion: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.skip = stride == 1 and in_channels == out_channels
        self.drop_path = drop_path
        self.expand = ConvNorm(in_channels, inner) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(inner, inner, kernel, stride=stride, groups=inner)
        self.project = ConvNorm(inner, out_channels, active=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out, H / stride, W / stride)."""
        out: Tensor = self.project(self.depthwise(self.expand(features)))
        if not self.skip:
            return out
        if self.training and self.drop_path > 0.0:
            kept = 1.0 - self.drop_path
            out = out * (torch.empty_like(out[:, :1, :1, :1]).bernoulli_(kept) / kept)
        return features + out


class EfficientNetLite2(nn.Module):
    """Features of EfficientNet-Lite2 at strides 2, 4, 8, 16 and 32, of a grey picture.

    Its height and width must be multiples of 32.

    Args:
        drop_path: Share of pictures that pass by the deepest block in training, 0 <= share < 1;
            it rises to that with depth (stochastic depth, Huang 2016, arXiv:1603.09382).
    """

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__()
        total = sum(repeats for repeats, *_ in _STAGES)
        rates = iter(drop_path * number / (total - 1) for number in range(total))
        self.stem = ConvNorm(1, _STEM, 3, stride=2)
        self.stages = nn.ModuleList()
        inner = _STEM
        for repeats, kernel, stride, expansion, channels in _STAGES:
            blocks = nn.Sequential()
            for block in range(repeats):
                blocks.append(
                    InvertedResidual(
                        inner,
                        channels,
                        kernel,
                        stride=1 if block else stride,
                        expansion=expansion,
                        drop_path=next(rates),
                    )
                )
                inner = channels
            self.stages.append(blocks)

    def forward(self, lightness: Tensor) -> list[Tensor]:
        """Return the features of a picture, finest first.

        Args:
            lightness: (N, 1, H, W) in -1..1.

        Returns:
            (N, 16, H/2, W/2), (N, 24, H/4, W/4), (N, 48, H/8, W/8), (N, 120, H/16, W/16),
            (N, 352, H/32, W/32).
        """
        # The weights expect (grey - 127) / 128 of grey in 0..255.
        features = self.stem((lightness * 127.5 + 0.5) / 128.0)
        levels = []
        for number, stage in enumerate(self.stages):
            features = stage(features)
            if number in _LEVELS:
                levels.append(features)
        return levels

    def load_imagenet(self) -> None:
        """Take the ImageNet weights, which lie in a clone or in the package ``colorzoo-models``.

        Raises:
            MissingDependencyError: They are not installed.
            WeightsError: The file is not what it should be.
        """
        path = _weights_file()
        try:
            weights = {name: tensor.float() for name, tensor in load_file(path).items()}
            # They were trained on colour: three equal channels are one under the sum of weights.
            weights["stem.weight"] = weights["stem.weight"].sum(dim=1, keepdim=True)
            self.load_state_dict(weights)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise WeightsError(
                f"The ImageNet features {path} cannot be read: {error}. Install them again."
            ) from error


def _weights_file() -> Path:
    """Return where the ImageNet weights lie: they train, and nothing else needs their 9 MB."""
    elsewhere = (folder / WEIGHTS.name for folder in plugin_folders("colorzoo.zoo"))
    for path in (WEIGHTS, *elsewhere):
        if path.is_file():
            return path
    raise MissingDependencyError(
        "colorzoo-models", extra="models", purpose="Training from EfficientNet-Lite2's features"
    )


def fold_batch_norms(module: nn.Module) -> None:
    """Put every batch norm of the encoders in ``module`` into its convolution.

    The features stay the same, and so does what the module saves. It ends when the module trains
    or loads other weights; weights that are changed in place are not seen.
    """
    for part in module.modules():
        if isinstance(part, ConvNorm):
            part.fold()


def _convolve(features: Tensor, weight: Tensor, bias: Tensor, layer: ConvNorm) -> Tensor:
    before, after = layer.padding[:2]
    if before == after:
        out = F.conv2d(features, weight, bias, layer.stride, before, groups=layer.groups)
    elif features.requires_grad and features.device.type == "cpu" and layer.groups > 1:
        # Every place, and then every other: 7 to 28 times as quick with its gradient, for oneDNN
        # has no kernel of its own for the gradient of filters of one channel at stride 2.
        out = F.conv2d(features, weight, bias, 1, after, groups=layer.groups)[:, :, 1::2, 1::2]
    else:
        out = F.conv2d(
            F.pad(features, layer.padding), weight, bias, layer.stride, groups=layer.groups
        )
    return F.relu6(out) if layer.active else out
