"""SqueezeNet v1.1 (Iandola 2016, arXiv:1602.07360) without its classifier, and ImageNet weights.

Small enough to lie in the package: 0.7 M parameters. It is the encoder of ``squeeze-unet`` and what
the perceptual loss looks with.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorzoo.errors import WeightsError
from colorzoo.features.squeezenet_arrays import WEIGHTS, imagenet_weights
from colorzoo.features.widening import widened

CHANNELS = (64, 128, 256, 512)
"""Channels of the features at strides 2, 4, 8 and 16."""


class Fire(nn.Module):
    """1x1 convolution to few channels, then 1x1 and 3x3 ones to many, joined."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 2 x expanded, H, W)."""
        squeezed = F.relu(self.squeeze1x1(features))
        return F.relu(torch.cat((self.expand1x1(squeezed), self.expand3x3(squeezed)), dim=1))


class SqueezeNet(nn.Module):
    """Features of SqueezeNet v1.1 at strides 2, 4, 8 and 16.

    Convolution and pooling are padded, which the original leaves out, so that each stride halves
    height and width exactly; they must be multiples of 16.

    Args:
        in_channels: 3 for RGB, 1 for grey, or more than 3 for grey and what else there is.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.fire2 = Fire(64, 16, 64)
        self.fire3 = Fire(128, 16, 64)
        self.fire4 = Fire(128, 32, 128)
        self.fire5 = Fire(256, 32, 128)
        self.fire6 = Fire(256, 48, 192)
        self.fire7 = Fire(384, 48, 192)
        self.fire8 = Fire(384, 64, 256)
        self.fire9 = Fire(512, 64, 256)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return the features of a picture, finest first.

        Args:
            picture: (N, C, H, W) in -1..1: RGB, or lightness.

        Returns:
            (N, 64, H/2, W/2), (N, 128, H/4, W/4), (N, 256, H/8, W/8), (N, 512, H/16, W/16).
        """
        half = F.relu(self.conv1(picture))
        quarter = self.fire3(self.fire2(self.pool(half)))
        eighth = self.fire5(self.fire4(self.pool(quarter)))
        sixteenth = self.fire9(self.fire8(self.fire7(self.fire6(self.pool(eighth)))))
        return [half, quarter, eighth, sixteenth]

    @torch.no_grad()
    def load_imagenet(self) -> None:
        """Take the ImageNet weights that lie in the package.

        See :func:`colorzoo.features.squeezenet_arrays.imagenet_weights`. What is beside grey counts
        nothing.

        Raises:
            WeightsError: The file is absent, or not what it should be.
        """
        channels = self.conv1.in_channels
        weights = imagenet_weights(in_channels=3 if channels == 3 else 1)
        tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
        try:
            tensors["conv1.weight"] = widened(tensors["conv1.weight"], channels)
            self.load_state_dict(tensors)
        except RuntimeError as error:
            raise WeightsError(
                f"The ImageNet features {WEIGHTS} cannot be read: {error}. Install colorzoo again."
            ) from error
