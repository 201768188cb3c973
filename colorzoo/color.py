"""sRGB to CIELAB and back: the only place where colour is converted.

CIELAB is relative to the white point D65, 2 degree observer, with the exact piecewise sRGB curve
(IEC 61966-2-1) and the constants scikit-image uses. The exact functions take numpy arrays and
tensors alike and return what they were given: of tensors batched, on any device, differentiable, in
float32 or better whatever autocast says. Channels stand third from the end: ``(..., 3, H, W)``.
Those on codes are what pictures go through: numpy alone, strip by strip. torch is never imported
here.

Networks see scaled values, as in pix2pix (Isola 2017): lightness L/50 - 1, chroma ab/110.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorzoo.errors import TensorError

if TYPE_CHECKING:
    from torch import Tensor

    Channels = TypeVar("Channels", NDArray[Any], Tensor)
    """Colours as an array or as a tensor."""

Codes = NDArray[np.uint8] | NDArray[np.uint16]

CHROMA_SCALE: Final = 110.0
"""Chroma of this many Lab units is 1.0 to a network."""

Gamut = Literal["clip", "desaturate"]

_WHITE = (0.95047, 1.0, 1.08883)
_XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_EPSILON = 0.008856  # below this share of white, Lab's cube root is replaced by a straight line
_SLOPE = 7.787
_OFFSET = 16.0 / 116.0
_LAB_KNEE = 0.2068966  # the cube root of _EPSILON
_LINEAR_STEPS = 1 << 17  # where sRGB is steepest, 0.025 of an 8-bit code each
_SRGB_KNEE = 0.0031308  # below this linear value, sRGB's power is replaced by a straight line


def srgb_to_lab(rgb: Channels) -> Channels:
    """Convert sRGB to CIELAB.

    Args:
        rgb: (..., 3, H, W), values 0..1, any float type.

    Returns:
        (..., 3, H, W) in float32 (float64 stays float64): L in 0..100, a and b about -110..110.

    Raises:
        TensorError: The third axis from the end is not of length 3, or values are not floats.
    """
    rgb = _checked(rgb, "sRGB", channels=3)
    xyz = _mix(_linear_from_srgb(rgb), _XYZ_FROM_RGB)
    x, y, z = (_lab_curve(channel / white) for channel, white in zip(xyz, _WHITE, strict=True))
    return _joined((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)))


def lab_to_srgb(lab: Channels, *, gamut: Gamut = "clip") -> Channels:
    """Convert CIELAB to sRGB.

    Args:
        lab: (..., 3, H, W), L in 0..100, a and b in Lab units, any float type.
        gamut: What happens to colours sRGB cannot show. ``"clip"`` cuts each channel at 0 and 1,
            as scikit-image does, and so moves lightness; ``"desaturate"`` mixes in the grey of the
            same luminance until the colour fits, and so keeps lightness exactly.

    Returns:
        (..., 3, H, W) in float32 (float64 stays float64), values 0..1.

    Raises:
        TensorError: The third axis from the end is not of length 3, or values are not floats.
    """
    lab = _checked(lab, "Lab", channels=3)
    lightness, a, b = _parted(lab)
    y = (lightness + 16.0) / 116.0
    f = _joined((y + a / 500.0, y, y - b / 200.0))
    shares = _parted(_inverse_lab_curve(f))
    xyz = _joined([share * white for share, white in zip(shares, _WHITE, strict=True)])
    linear = _joined(_mix(xyz, _RGB_FROM_XYZ))
    if gamut == "desaturate":
        linear = _desaturate_into_gamut(linear, xyz[..., 1:2, :, :])
    return _srgb_from_linear(linear.clip(0.0, 1.0))


def srgb_to_lightness(rgb: Channels) -> Channels:
    """Return the L of sRGB colours alone, at a third of the cost of all three channels.

    Args:
        rgb: (..., 3, H, W), values 0..1, any float type.

    Returns:
        (..., 1, H, W) in float32 (float64 stays float64): L in 0..100.

    Raises:
        TensorError: The third axis from the end is not of length 3, or values are not floats.
    """
    linear = _linear_from_srgb(_checked(rgb, "sRGB", channels=3))
    (luminance,) = _mix(linear, _XYZ_FROM_RGB[1:2])
    return 116.0 * _lab_curve(luminance[..., None, :, :]) - 16.0


def srgb_codes_to_lightness(codes: Codes) -> NDArray[np.float32]:
    """Return the L of sRGB codes, fast: what a picture is read with.

    Args:
        codes: (H, W, 3), uint8 or uint16.

    Returns:
        (H, W) float32, L in 0..100, within 1e-4 of :func:`srgb_to_lightness`.
    """
    # A look-up takes less time than the power that it stands for.
    tables = _luminance_of_codes(codes.dtype.itemsize)
    luminance, green, blue = (table.take(codes[..., i]) for i, table in enumerate(tables))
    luminance += green
    luminance += blue
    line = np.minimum(luminance, _EPSILON, out=green)
    line -= _EPSILON
    line *= 116.0 * _SLOPE
    lightness: NDArray[np.float32] = np.cbrt(
        np.maximum(luminance, _EPSILON, out=luminance), out=luminance
    )
    lightness *= 116.0
    lightness += line
    lightness -= 16.0
    return lightness


def lab_to_srgb8(lightness: NDArray[np.float32], chroma: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert one strip of CIELAB to 8-bit sRGB, fast: what a finished picture is made with.

    The same colours as ``lab_to_srgb(..., gamut="desaturate")``, rounded; but worked out as a grey
    and the distance from it, so that ab = 0 gives three channels that are equal to the last bit.

    Args:
        lightness: (H, W) float32, L in 0..100.
        chroma: (2, H, W) float32, a and b in Lab units.

    Returns:
        (H, W, 3) uint8.
    """
    steps = _linear_from_lab(lightness, chroma)
    steps *= _LINEAR_STEPS
    steps += 0.5
    codes = np.empty((*lightness.shape, 3), dtype=np.uint8)
    for channel, plane in enumerate(steps):
        # A look-up takes less time than the power that it stands for; of these numbers, the least.
        codes[..., channel] = _codes_of_linear().take(plane.astype(np.intp))
    return codes


def lab_to_srgb16(
    lightness: NDArray[np.float32], chroma: NDArray[np.float32]
) -> NDArray[np.uint16]:
    """Convert one strip of CIELAB to 16-bit sRGB, as :func:`lab_to_srgb8` does to 8 bits.

    Returns:
        (H, W, 3) uint16.
    """
    curve = _srgb_from_linear(_linear_from_lab(lightness, chroma))
    curve *= 65535.0
    codes: NDArray[np.uint16] = np.rint(curve, out=curve).astype(np.uint16).transpose(1, 2, 0)
    return np.ascontiguousarray(codes)


def scale_lightness(lightness: Channels) -> Channels:
    """Scale L from 0..100 to the -1..1 that generators take."""
    return lightness / 50.0 - 1.0


def scale_chroma(chroma: Channels) -> Channels:
    """Scale ab from Lab units to the -1..1 that generators give."""
    return chroma / CHROMA_SCALE


def unscale_lightness(scaled: Channels) -> Channels:
    """Scale -1..1 back to L in 0..100."""
    return (scaled + 1.0) * 50.0


def unscale_chroma(scaled: Channels) -> Channels:
    """Scale -1..1 back to ab in Lab units."""
    return scaled * CHROMA_SCALE


def _checked(pixels: Channels, what: str, *, channels: int) -> Channels:
    if pixels.ndim < 3 or pixels.shape[-3] != channels:
        raise TensorError(
            f"{what} must have shape (..., {channels}, H, W), not {tuple(pixels.shape)}. "
            "Move the channels to the third axis from the end."
        )
    dtype = str(pixels.dtype).removeprefix("torch.")
    if not dtype.startswith(("float", "bfloat")):
        raise TensorError(
            f"{what} must hold floats, not {pixels.dtype}. Divide 8-bit values by 255 first."
        )
    if dtype == "float64":
        return pixels
    if isinstance(pixels, np.ndarray):
        return pixels.astype(np.float32)
    return pixels.float()


def _library_of(channels: object) -> Any:
    """Return numpy or torch: what the functions of the same name in both are taken from."""
    return np if isinstance(channels, np.ndarray) else sys.modules["torch"]


def _parted(channels: Channels) -> list[Channels]:
    return [channels[..., number, :, :] for number in range(3)]


def _joined(channels: Sequence[Channels]) -> Channels:
    joined: Channels = _library_of(channels[0]).stack(tuple(channels), -3)
    return joined


def _mix(channels: Channels, matrix: Sequence[tuple[float, ...]]) -> list[Channels]:
    """Apply rows of a matrix to three channels by plain sums, which autocast and TF32 let alone."""
    first, second, third = _parted(channels)
    return [first * row[0] + second * row[1] + third * row[2] for row in matrix]


def _linear_from_srgb(rgb: Channels) -> Channels:
    curve = ((rgb.clip(0.04045, None) + 0.055) / 1.055) ** 2.4
    linear: Channels = _library_of(rgb).where(rgb > 0.04045, curve, rgb / 12.92)
    return linear


def _srgb_from_linear(linear: Channels) -> Channels:
    curve = 1.055 * linear.clip(_SRGB_KNEE, None) ** (1.0 / 2.4) - 0.055
    srgb: Channels = _library_of(linear).where(linear > _SRGB_KNEE, curve, linear * 12.92)
    return srgb


def _lab_curve(share: Channels) -> Channels:
    curve = share.clip(_EPSILON, None) ** (1.0 / 3.0)
    line = _SLOPE * share + _OFFSET
    curved: Channels = _library_of(share).where(share > _EPSILON, curve, line)
    return curved


def _inverse_lab_curve(f: Channels) -> Channels:
    share: Channels = _library_of(f).where(f > _LAB_KNEE, f**3, (f - _OFFSET) / _SLOPE)
    return share


def _desaturate_into_gamut(linear: Channels, luminance: Channels) -> Channels:
    """Mix linear RGB with the grey of its own luminance, as little as brings it into 0..1."""
    grey = luminance.clip(0.0, 1.0)
    away = linear - grey
    room = _library_of(linear).where(away > 0, 1.0 - grey, grey)
    fitting = room / abs(away).clip(1e-9, None)
    red, green, blue = _parted(fitting)
    least = _library_of(linear).minimum
    share = least(least(red, green), blue).clip(None, 1.0)[..., None, :, :]
    desaturated: Channels = grey + share * away
    return desaturated


def _invert(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    """Invert a 3x3 matrix by cofactors."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        (
            (e * i - f * h) / determinant,
            (c * h - b * i) / determinant,
            (b * f - c * e) / determinant,
        ),
        (
            (f * g - d * i) / determinant,
            (a * i - c * g) / determinant,
            (c * d - a * f) / determinant,
        ),
        (
            (d * h - e * g) / determinant,
            (b * g - a * h) / determinant,
            (a * e - b * d) / determinant,
        ),
    )


_RGB_FROM_XYZ: Final = _invert(_XYZ_FROM_RGB)


def _linear_from_lab(
    lightness: NDArray[np.float32], chroma: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return linear RGB (3, H, W) in 0..1, desaturated into the gamut; what is no number is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        linear = _linear_in_gamut(lightness, chroma)
    return np.fmin(np.fmax(linear, 0.0, out=linear), 1.0, out=linear)


def _linear_in_gamut(
    lightness: NDArray[np.float32], chroma: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return linear RGB (3, H, W), desaturated into 0..1 but for rounding.

    Every line is one walk through the strip, which is what the time goes into: hence the constants
    that are folded into others, and the results that are written over what is no longer needed.
    """
    f = np.empty((3, *lightness.shape), dtype=np.float32)
    x, grey, z = f
    np.multiply(lightness, 1.0 / 116.0, out=grey)
    grey += _OFFSET
    np.multiply(chroma[0], 1.0 / 500.0, out=x)
    x += grey
    np.multiply(chroma[1], -1.0 / 200.0, out=z)
    z += grey
    # The inverse curve as cube above the knee plus line below it, without a branch. The line's
    # constant falls out of the differences and is taken off the grey alone.
    line = np.minimum(f, _LAB_KNEE)
    line *= 1.0 / _SLOPE
    np.maximum(f, _LAB_KNEE, out=f)
    away = f * f  # the distance of each channel from the grey, once this is added up
    f *= away
    f += line
    x -= grey
    z -= grey
    grey -= _LAB_KNEE / _SLOPE
    np.clip(grey, 0.0, 1.0, out=grey)
    for channel, row in enumerate(_RGB_FROM_XYZ):
        np.multiply(x, row[0] * _WHITE[0], out=away[channel])
        away[channel] += np.multiply(z, row[2] * _WHITE[2], out=line[0])
    red, green, blue = away
    up, down, share = line
    np.maximum(np.maximum(red, green, out=up), blue, out=up)
    np.minimum(np.minimum(red, green, out=down), blue, out=down)
    # The share of the distance for which there is room.
    np.divide(np.subtract(1.0, grey, out=x), np.maximum(up, 1e-9, out=up), out=up)
    np.divide(grey, np.minimum(down, -1e-9, out=down), out=down)
    np.minimum(up, np.negative(down, out=down), out=share)
    np.minimum(share, 1.0, out=share)
    away *= share
    away += grey
    return away


@functools.cache
def _codes_of_linear() -> NDArray[np.uint8]:
    """8-bit sRGB codes of linear light in ``_LINEAR_STEPS`` steps."""
    linear = np.linspace(0.0, 1.0, _LINEAR_STEPS + 1)
    return np.rint(_srgb_from_linear(linear) * 255.0).astype(np.uint8)


@functools.cache
def _luminance_of_codes(size: int) -> tuple[NDArray[np.float32], ...]:
    """What each code of red, of green and of blue adds to luminance; of so many bytes a code."""
    levels = 256**size - 1
    linear = _linear_from_srgb(np.arange(levels + 1, dtype=np.float64) / levels)
    return tuple((linear * weight).astype(np.float32) for weight in _XYZ_FROM_RGB[1])
