"""Metrics of one picture against its truth, both 8-bit sRGB arrays (H, W, 3).

These are the metrics of the protocol ``colorzoo-1``. Lab comes from :mod:`colorzoo.color` in
float64; structural similarity and colour difference come from scikit-image.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from colorzoo import color
from colorzoo.errors import TensorError

Picture8 = NDArray[np.uint8]
Lab = NDArray[np.float64]

PSNR_CEILING = 100.0
"""What :func:`measure` gives a picture equal to its truth, so that means stay finite, in dB."""

_WINDOW = 7  # side of the window of structural similarity, pixels
_LIGHTNESS_RANGE, _CHROMA_RANGE = 100.0, 220.0  # what the percentages of accuracy are shares of


def mae(picture: Picture8, truth: Picture8) -> float:
    """Return the mean absolute difference of RGB, 0..255."""
    return float(np.abs(picture.astype(np.float64) - truth).mean())


def psnr(picture: Picture8, truth: Picture8) -> float:
    """Return the peak signal-to-noise ratio of RGB, data range 255, in dB; inf if equal."""
    error = float(((picture.astype(np.float64) - truth) ** 2).mean())
    return math.inf if error == 0 else 10.0 * math.log10(255.0**2 / error)


def ssim(picture: Picture8, truth: Picture8) -> float:
    """Return the structural similarity of RGB, at most 1 (Wang et al. 2004).

    As scikit-image works it out by default: a uniform window of side 7, data range 255, the mean of
    the three channels.
    """
    from skimage.metrics import structural_similarity  # slow to import

    value = structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image has no types
        truth, picture, win_size=_WINDOW, data_range=255, channel_axis=2
    )
    return float(value)


def accuracy(picture: Lab, truth: Lab, *, percent: float, lightness: bool = True) -> float:
    """Return the share of pixels whose colour is right (Nazeri, Ng and Ebrahimi 2018), 0..1.

    A pixel is right when, on Lab values rounded to whole numbers, each channel is off by no more
    than ``percent`` of its range: 100 for L, 220 for a and b. At 5 % that is 5, 11 and 11.

    Args:
        picture: (H, W, 3) Lab.
        truth: (H, W, 3) Lab.
        percent: Largest difference that counts as right, percent of a channel's range.
        lightness: Whether L counts; else a and b alone.
    """
    off = np.abs(np.rint(picture) - np.rint(truth))
    right = (off[..., 1:] <= _CHROMA_RANGE * percent / 100.0).all(axis=-1)
    if lightness:
        right &= off[..., 0] <= _LIGHTNESS_RANGE * percent / 100.0
    return float(right.mean())


def delta_e2000(picture: Lab, truth: Lab) -> float:
    """Return the mean CIEDE2000 colour difference of two Lab pictures (H, W, 3)."""
    from skimage.color import deltaE_ciede2000  # slow to import

    difference = deltaE_ciede2000(truth, picture)  # type: ignore[no-untyped-call]  # as above
    return float(difference.mean())


def colorfulness(picture: Picture8) -> float:
    """Return the colourfulness of Hasler & Suesstrunk (2003), from signed opponent channels."""
    return _colorfulness(*_opponents(picture))


def colorfulness_abs(picture: Picture8) -> float:
    """Return the colourfulness from the sizes of the opponent channels.

    Not what the paper defines, but what most papers on colorization print.
    """
    first, second = _opponents(picture)
    return _colorfulness(np.abs(first), np.abs(second))


def srgb8_to_lab(picture: Picture8) -> Lab:
    """Return the Lab of an 8-bit sRGB picture: (H, W, 3) float64."""
    rgb = torch.from_numpy(picture.astype(np.float64)).div_(255.0)
    lab: Lab = color.srgb_to_lab(rgb.permute(2, 0, 1)).permute(1, 2, 0).contiguous().numpy()
    return lab


@dataclass(frozen=True)
class Truth:
    """A true picture to measure several pictures against, its Lab worked out once.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB, H and W at least 7.

    Raises:
        TensorError: The pixels are of another shape or type.
    """

    pixels: Picture8

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3:
            raise TensorError(
                f"A picture to measure must be uint8 of shape (H, W, 3), not {self.pixels.dtype} "
                f"of shape {shape}. Convert it to 8-bit sRGB first."
            )
        if min(shape[:2]) < _WINDOW:
            raise TensorError(
                f"A picture to measure must be at least {_WINDOW} x {_WINDOW} pixels, not "
                f"{shape[1]} x {shape[0]}: structural similarity looks at windows of that size."
            )

    @functools.cached_property
    def lab(self) -> Lab:
        """Its Lab, (H, W, 3) float64."""
        return srgb8_to_lab(self.pixels)

    @functools.cached_property
    def colorfulness(self) -> dict[str, float]:
        """Both of its colourfulnesses."""
        return _both_colorfulnesses(self.pixels)

    def measure(self, picture: Picture8) -> dict[str, float]:
        """Return all metrics of a picture of the same shape; see :func:`measure`."""
        if picture.dtype != np.uint8 or picture.shape != self.pixels.shape:
            raise TensorError(
                f"A picture must be uint8 of its truth's shape {self.pixels.shape}, not "
                f"{picture.dtype} of shape {picture.shape}."
            )
        lab = srgb8_to_lab(picture)
        colors = _both_colorfulnesses(picture)
        return {
            "mae": mae(picture, self.pixels),
            "accuracy_5": accuracy(lab, self.lab, percent=5.0),
            "accuracy_2": accuracy(lab, self.lab, percent=2.0),
            "accuracy_ab_5": accuracy(lab, self.lab, percent=5.0, lightness=False),
            "psnr": min(psnr(picture, self.pixels), PSNR_CEILING),
            "ssim": ssim(picture, self.pixels),
            "delta_e2000": delta_e2000(lab, self.lab),
            **colors,
            "delta_colorfulness": colors["colorfulness_abs"]
            - self.colorfulness["colorfulness_abs"],
        }


def measure(picture: Picture8, truth: Picture8) -> dict[str, float]:
    """Return all metrics of a picture against its truth.

    Args:
        picture: (H, W, 3) uint8 sRGB.
        truth: The same shape and type, H and W at least 7.

    Returns:
        ``mae`` 0..255; ``accuracy_5``, ``accuracy_2`` and, without lightness, ``accuracy_ab_5``
        0..1; ``psnr`` in dB, at most 100; ``ssim``; ``delta_e2000``; ``colorfulness`` and
        ``colorfulness_abs``; ``delta_colorfulness``, the latter minus the truth's, below 0 when the
        picture is paler.

    Raises:
        TensorError: A picture is of another shape or type.
    """
    return Truth(truth).measure(picture)


def _opponents(picture: Picture8) -> tuple[Lab, Lab]:
    """Return red against green, and yellow against blue."""
    red, green, blue = picture.astype(np.float64).reshape(-1, 3).T
    return red - green, 0.5 * (red + green) - blue


def _colorfulness(first: Lab, second: Lab) -> float:
    spread = math.hypot(float(first.std()), float(second.std()))
    return spread + 0.3 * math.hypot(float(first.mean()), float(second.mean()))


def _both_colorfulnesses(picture: Picture8) -> dict[str, float]:
    return {
        "colorfulness": colorfulness(picture),
        "colorfulness_abs": colorfulness_abs(picture),
    }
