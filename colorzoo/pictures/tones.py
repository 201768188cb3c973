"""Old prints for a network's eyes: faded tones stretched, grain smoothed.

Networks learn from photographs of full contrast and little noise. What is done here is done to what
a network sees, at its working size; the finished picture keeps its own lightness, grain and all.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.pictures.planes import box_mean

Lightness = NDArray[np.float32]

_ENDS: Final = (0.5, 99.5)  # percent of pixels that may be darker than black or lighter than white
_MOST_GAIN: Final = 3.0  # a picture of fog stays a picture of fog
_RADIUS: Final = 2
_STRENGTH: Final = 2.0  # deviations of the noise below which a difference is smoothed away
# Immerkaer 1996: blind to slopes and to edges along the axes, so that what is left is noise; 6 is
# the root of the sum of its squares, and 0.6745 what the median is of a normal deviation.
_NOISE_MASK: Final = ((1.0, -2.0, 1.0), (-2.0, 4.0, -2.0), (1.0, -2.0, 1.0))
_MEDIAN_OF_NOISE: Final = 6.0 * 0.6745


def prepare(
    lightness: Lightness, *, restore_tones: bool = False, denoise: bool = False
) -> Lightness:
    """Return what a network is to see of a picture.

    Args:
        lightness: (h, w) float32, L of 0..100 at working size.
        restore_tones: Stretch faded tones; see :func:`stretched`.
        denoise: Smooth grain; see :func:`smoothed`. This is done first.

    Returns:
        (h, w) float32, L of 0..100; the same array where nothing is asked for.
    """
    if denoise:
        lightness = smoothed(lightness)
    return stretched(lightness) if restore_tones else lightness


def stretched(lightness: Lightness) -> Lightness:
    """Stretch the tones of a faded picture so that they reach from black to white.

    Contrast is raised at most threefold, around the middle of what there is. A picture that reaches
    from black to white stays nearly as it is.

    Args:
        lightness: (h, w) float32, L of 0..100.
    """
    low, high = np.percentile(lightness, _ENDS)
    gain = min(100.0 / max(high - low, 1e-6), _MOST_GAIN)
    middle = (low + high) / 2.0
    # Held within 0..100: a dark picture whose contrast may not be raised further is not moved up
    # more than to touch an end.
    center = min(max(middle, gain * (high - low) / 2.0), 100.0 - gain * (high - low) / 2.0)
    moved = (lightness - middle) * gain + center
    shown: Lightness = moved.clip(0.0, 100.0).astype(np.float32)
    return shown


def smoothed(lightness: Lightness) -> Lightness:
    """Smooth grain and keep edges: a guided filter, guided by the picture itself (He et al. 2013).

    How much is smoothed follows from the noise that is found, so that a clean picture stays nearly
    as it is.

    Args:
        lightness: (h, w) float32, L of 0..100.
    """
    exact = lightness.astype(np.float64)  # the variance is a small difference of large means
    mean = box_mean(exact, _RADIUS)
    variance = np.maximum(box_mean(exact * exact, _RADIUS) - mean * mean, 0.0)
    slope = variance / (variance + (_STRENGTH * noise_of(lightness)) ** 2 + 1e-6)
    smooth = box_mean(slope, _RADIUS) * lightness + box_mean((1.0 - slope) * mean, _RADIUS)
    return smooth.clip(0.0, 100.0).astype(np.float32)


def noise_of(lightness: Lightness) -> float:
    """Estimate the standard deviation of a picture's noise (Immerkaer 1996), in units of L.

    Of the mask's answers the median is taken instead of the mean, so that texture counts less.

    Args:
        lightness: (h, w) float32, L of 0..100.
    """
    height, width = lightness.shape
    if height < 3 or width < 3:
        return 0.0
    answer = np.zeros((height - 2, width - 2), dtype=np.float64)
    for down, row in enumerate(_NOISE_MASK):
        for across, weight in enumerate(row):
            answer += weight * lightness[down : height - 2 + down, across : width - 2 + across]
    return float(np.median(np.abs(answer))) / _MEDIAN_OF_NOISE
