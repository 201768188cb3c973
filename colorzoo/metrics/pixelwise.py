"""Metrics of one picture against its truth, pixel by pixel or window by window.

Arrays are used by their methods alone, so that reading the rows imports neither numpy nor torch.
Structural similarity and colour difference come from scikit-image, which only they need.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from colorzoo.errors import TensorError
from colorzoo.metrics.table import Pixels, register_metric

if TYPE_CHECKING:
    from colorzoo.metrics.table import Lab

PSNR_CEILING: Final = 100.0
"""What an equal picture gets, in dB, so that means over photos stay finite."""

_WINDOW: Final = 7  # side of the window of structural similarity, pixels
# What the percentages of accuracy are shares of: L spans 0..100, a and b about -110..110.
_LIGHTNESS_RANGE: Final = 100.0
_CHROMA_RANGE: Final = 220.0


@register_metric(
    "mae",
    heading="MAE",
    short="MAE",
    meaning="mean absolute difference of RGB, 0 to 255",
    digits=".2f",
    better="↓",
    main=True,
    protocol=True,
)
def mae(picture: Pixels, truth: Pixels) -> float:
    """Return the mean absolute difference of RGB, 0..255."""
    return float(abs(picture.rgb.astype("float64") - truth.rgb).mean())


@register_metric(
    "accuracy_5",
    heading="accuracy@5%",
    short="acc@5%",
    meaning="share of pixels whose L, a and b are each off by 5 % of their range at most",
    digits=".3f",
    better="↑",
    main=True,
    protocol=True,
)
def accuracy_5(picture: Pixels, truth: Pixels) -> float:
    """Return the share of pixels that are right within 5 %: 5 of L, 11 of a and of b."""
    return accuracy(picture.lab, truth.lab, percent=5.0)


@register_metric(
    "accuracy_2",
    heading="accuracy@2%",
    short="acc@2%",
    meaning="the same with 2 %",
    digits=".3f",
    better="↑",
    protocol=True,
)
def accuracy_2(picture: Pixels, truth: Pixels) -> float:
    """Return the share of pixels that are right within 2 %: 2 of L, 4.4 of a and of b."""
    return accuracy(picture.lab, truth.lab, percent=2.0)


@register_metric(
    "accuracy_ab_5",
    heading="accuracy of ab@5%",
    short="ab@5%",
    meaning="the same with 5 % for a and b alone",
    digits=".3f",
    better="↑",
    protocol=True,
)
def accuracy_ab_5(picture: Pixels, truth: Pixels) -> float:
    """Return the share of pixels whose a and b are right within 5 %, whatever L is."""
    return accuracy(picture.lab, truth.lab, percent=5.0, lightness=False)


@register_metric(
    "psnr",
    heading="PSNR, dB",
    short="PSNR dB",
    meaning="peak signal-to-noise ratio of RGB; it rewards pale pictures",
    digits=".2f",
    better="↑",
    spread=True,
    main=True,
    protocol=True,
)
def psnr(picture: Pixels, truth: Pixels) -> float:
    """Return the peak signal-to-noise ratio of RGB, data range 255, in dB; at most 100."""
    error = float(((picture.rgb.astype("float64") - truth.rgb) ** 2).mean())
    return PSNR_CEILING if error == 0 else min(10.0 * math.log10(255.0**2 / error), PSNR_CEILING)


@register_metric(
    "ssim",
    heading="SSIM",
    short="SSIM",
    meaning="structural similarity of RGB, at most 1; lightness, which is given, rules it",
    digits=".3f",
    better="↑",
    spread=True,
    main=True,
    protocol=True,
    library="skimage",
)
def ssim(picture: Pixels, truth: Pixels) -> float:
    """Return the structural similarity of RGB, at most 1 (Wang et al. 2004).

    As scikit-image works it out by default: a uniform window of side 7, data range 255, the mean of
    the three channels.

    Raises:
        TensorError: A side is shorter than the window.
    """
    from skimage.metrics import structural_similarity

    height, width = truth.rgb.shape[:2]
    if min(height, width) < _WINDOW:
        raise TensorError(
            f"A picture to measure must be at least {_WINDOW} x {_WINDOW} pixels, not "
            f"{height} x {width}: structural similarity looks at windows of that size."
        )
    value = structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image has no types
        truth.rgb, picture.rgb, win_size=_WINDOW, data_range=255, channel_axis=2
    )
    return float(value)


@register_metric(
    "delta_e2000",
    heading="ΔE2000",
    short="ΔE2000",
    meaning="mean CIEDE2000 colour difference; 1 is just seen",
    digits=".2f",
    better="↓",
    protocol=True,
    library="skimage",
)
def delta_e2000(picture: Pixels, truth: Pixels) -> float:
    """Return the mean CIEDE2000 colour difference (Sharma, Wu and Dalal 2005)."""
    from skimage.color import deltaE_ciede2000

    difference = deltaE_ciede2000(truth.lab, picture.lab)  # type: ignore[no-untyped-call]  # as above
    return float(difference.mean())


@register_metric(
    "colorfulness",
    heading="colourfulness",
    short="CF",
    meaning="colourfulness from signed opponent channels, 0 for grey",
    digits=".1f",
    of_truth=True,
    protocol=True,
)
def colorfulness(picture: Pixels, truth: Pixels) -> float:
    """Return the colourfulness of Hasler and Suesstrunk (2003)."""
    return _spread_and_mean(*_opponents(picture))


@register_metric(
    "colorfulness_abs",
    heading="colourfulness, absolute",
    short="CFabs",
    meaning="the same from the channels' sizes, as most papers on colorization print it",
    digits=".1f",
    main=True,
    of_truth=True,
    protocol=True,
)
def colorfulness_abs(picture: Pixels, truth: Pixels) -> float:
    """Return the colourfulness from the sizes of the opponent channels.

    Not what Hasler and Suesstrunk define, but what most papers on colorization print.
    """
    first, second = _opponents(picture)
    return _spread_and_mean(abs(first), abs(second))


@register_metric(
    "delta_colorfulness",
    heading="colourfulness minus truth's",
    short="ΔCF",
    meaning="CFabs minus the truth's; below 0 is too pale, above too gaudy",
    digits="+.1f",
    protocol=True,
)
def delta_colorfulness(picture: Pixels, truth: Pixels) -> float:
    """Return the absolute colourfulness minus the truth's."""
    return colorfulness_abs(picture, truth) - colorfulness_abs(truth, truth)


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
    off = abs(picture.round() - truth.round())
    right = (off[..., 1:] <= _CHROMA_RANGE * percent / 100.0).all(axis=-1)
    if lightness:
        right &= off[..., 0] <= _LIGHTNESS_RANGE * percent / 100.0
    return float(right.mean())


def _opponents(picture: Pixels) -> tuple[Lab, Lab]:
    """Return red against green, and yellow against blue."""
    red, green, blue = picture.rgb.astype("float64").reshape(-1, 3).T
    return red - green, 0.5 * (red + green) - blue


def _spread_and_mean(first: Lab, second: Lab) -> float:
    spread = math.hypot(float(first.std()), float(second.std()))
    return spread + 0.3 * math.hypot(float(first.mean()), float(second.mean()))
