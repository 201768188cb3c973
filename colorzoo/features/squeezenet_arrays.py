"""The features of :mod:`colorzoo.features.squeezenet` by numpy alone, of one grey picture.

They are what a reference is matched by, and small enough to need no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.errors import WeightsError

Floats = NDArray[np.float32]

WEIGHTS: Final = Path(__file__).with_name("squeezenet.safetensors")

_BGR_MEAN: Final = (103.939, 116.779, 123.68)  # of 0..255, as the weights were trained
_FEATURE_SIZE: Final = 64.0


def imagenet_weights(in_channels: int) -> dict[str, Floats]:
    """Return the ImageNet weights that lie in the package, for pictures in -1..1.

    They were trained on BGR in 0..255 less its mean; that is folded into the first convolution, for
    a grey picture as the sum over its three equal channels. So is a division of all features by 64,
    which brings them to the size of one.

    Args:
        in_channels: 3 for RGB, or 1 for grey.

    Raises:
        WeightsError: The file is absent, or not what it should be.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        loaded: dict[str, Any] = load_file(WEIGHTS)
        weights = {name: array.astype(np.float32) for name, array in loaded.items()}
        bgr = weights["conv1.weight"]
        # From -1..1: 127.5 x + 127.5 is in 0..255.
        offset = (127.5 - np.array(_BGR_MEAN)).astype(np.float32)
        weights["conv1.bias"] += (bgr.sum(axis=(2, 3)) * offset).sum(axis=1)
        rgb = np.float32(127.5 / _FEATURE_SIZE) * bgr[:, ::-1].copy()
        weights["conv1.weight"] = rgb.sum(axis=1, keepdims=True) if in_channels == 1 else rgb
        for name in weights:
            if name.endswith("bias"):  # ReLUs let a factor through to the next layer
                weights[name] /= _FEATURE_SIZE
    except (OSError, SafetensorError, KeyError) as error:
        raise WeightsError(
            f"The ImageNet features {WEIGHTS} cannot be read: {error}. Install colorzoo again."
        ) from error
    return weights


def features_of(picture: Floats, weights: dict[str, Floats]) -> list[Floats]:
    """Return the features of a grey picture, finest first.

    Args:
        picture: (H, W) in -1..1, both multiples of 16.
        weights: Those of :func:`imagenet_weights`.

    Returns:
        (64, H/2, W/2), (128, H/4, W/4), (256, H/8, W/8), (512, H/16, W/16).
    """

    def fire(features: Floats, number: int) -> Floats:
        name = f"fire{number}"
        squeezed = _convolved(features, weights, f"{name}.squeeze1x1")
        expanded = [_convolved(squeezed, weights, f"{name}.expand{side}") for side in _SIDES]
        return np.concatenate(expanded)

    half = _convolved(picture[None], weights, "conv1", stride=2)
    quarter = fire(fire(_pooled(half), 2), 3)
    eighth = fire(fire(_pooled(quarter), 4), 5)
    sixteenth = _pooled(eighth)
    for number in (6, 7, 8, 9):
        sixteenth = fire(sixteenth, number)
    return [half, quarter, eighth, sixteenth]


_SIDES: Final = ("1x1", "3x3")


def _convolved(
    features: Floats, weights: dict[str, Floats], name: str, *, stride: int = 1
) -> Floats:
    """Return the ReLU of a convolution of (C, h, w), padded so that size / stride comes out."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    side = kernel.shape[-1]
    padded = np.pad(features, ((0, 0), *[(side // 2, side // 2)] * 2))
    height, width = (length // stride for length in features.shape[1:])
    result = np.repeat(bias[:, None], height * width, axis=1)
    for row in range(side):
        for column in range(side):
            seen = padded[
                :, row : row + stride * height : stride, column : column + stride * width : stride
            ]
            result += kernel[:, :, row, column] @ seen.reshape(len(features), -1)
    return np.maximum(result, 0.0, out=result).reshape(-1, height, width)


def _pooled(features: Floats) -> Floats:
    """Return the largest of each 3x3 window at stride 2; features are never negative."""
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    height, width = (length // 2 for length in features.shape[1:])
    windows = [
        padded[:, row : row + 2 * height : 2, column : column + 2 * width : 2]
        for row in range(3)
        for column in range(3)
    ]
    largest: Floats = np.maximum.reduce(windows)
    return largest
