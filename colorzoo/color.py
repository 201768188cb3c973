"""sRGB to CIELAB and back, on tensors: the only place where colour is converted.

CIELAB is relative to the white point D65, 2 degree observer, with the exact piecewise sRGB curve
(IEC 61966-2-1) and the constants scikit-image uses. Everything runs in float32 or better, whatever
autocast says, batched, on any device, and is differentiable. Channels stand third from the end:
``(..., 3, H, W)``.

Networks see scaled values, as in pix2pix (Isola 2017): lightness L/50 - 1, chroma ab/110.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from torch import Tensor

from colorzoo.errors import TensorError

CHROMA_SCALE = 110.0
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


def srgb_to_lab(rgb: Tensor) -> Tensor:
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
    f = _lab_curve(xyz / xyz.new_tensor(_WHITE).view(3, 1, 1))
    x, y, z = f.unbind(-3)
    return torch.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), dim=-3)


def lab_to_srgb(lab: Tensor, *, gamut: Gamut = "clip") -> Tensor:
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
    lightness, a, b = lab.unbind(-3)
    y = (lightness + 16.0) / 116.0
    f = torch.stack((y + a / 500.0, y, y - b / 200.0), dim=-3)
    xyz = _inverse_lab_curve(f) * f.new_tensor(_WHITE).view(3, 1, 1)
    linear = _mix(xyz, _RGB_FROM_XYZ)
    if gamut == "desaturate":
        linear = _desaturate_into_gamut(linear, xyz[..., 1:2, :, :])
    return _srgb_from_linear(linear.clamp(0.0, 1.0))


def srgb_to_lightness(rgb: Tensor) -> Tensor:
    """Return the L of sRGB colours alone, at a third of the cost of all three channels.

    Args:
        rgb: (..., 3, H, W), values 0..1, any float type.

    Returns:
        (..., 1, H, W) in float32 (float64 stays float64): L in 0..100.

    Raises:
        TensorError: The third axis from the end is not of length 3, or values are not floats.
    """
    linear = _linear_from_srgb(_checked(rgb, "sRGB", channels=3))
    red, green, blue = (linear[..., channel : channel + 1, :, :] for channel in range(3))
    to_y = _XYZ_FROM_RGB[1]
    return 116.0 * _lab_curve(red * to_y[0] + green * to_y[1] + blue * to_y[2]) - 16.0


def srgb_codes_to_lightness(codes: Tensor) -> Tensor:
    """Return the L of sRGB codes, fast: what a picture is read with. Not differentiable.

    Args:
        codes: (H, W, 3), uint8 or uint16.

    Returns:
        (H, W) float32, L in 0..100, within 1e-4 of :func:`srgb_to_lightness`.
    """
    tables = _luminance_of_codes(codes.dtype, codes.device)
    # A look-up with 32-bit numbers is four times as fast as the power that it stands for.
    shares = [
        table.index_select(0, codes[..., channel].to(torch.int32).view(-1))
        for channel, table in enumerate(tables)
    ]
    luminance = shares[0].add_(shares[1]).add_(shares[2]).view(codes.shape[:2])
    line = luminance.clamp(max=_EPSILON).sub_(_EPSILON).mul_(116.0 * _SLOPE)
    # By logarithms to the base 2 a root takes half the time.
    root = luminance.clamp_(min=_EPSILON).log2_().mul_(1.0 / 3.0).exp2_()
    return line.add_(root, alpha=116.0).sub_(16.0)


def lab_to_srgb8(lightness: Tensor, chroma: Tensor) -> Tensor:
    """Convert one strip of CIELAB to 8-bit sRGB, fast: what a finished picture is made with.

    The same colours as ``lab_to_srgb(..., gamut="desaturate")``, rounded; but worked out as a grey
    and the distance from it, so that ab = 0 gives three channels that are equal to the last bit.
    Not differentiable.

    Args:
        lightness: (H, W) float32, L in 0..100.
        chroma: (2, H, W) float32, a and b in Lab units.

    Returns:
        (H, W, 3) uint8.
    """
    steps = _linear_in_gamut(lightness, chroma).mul_(_LINEAR_STEPS).add_(0.5).to(torch.int32)
    steps.clamp_(0, _LINEAR_STEPS)  # also what NaN becomes, so that no step lies outside the table
    # A look-up with 32-bit numbers is four times as fast as the power that it stands for.
    codes = _codes_of_linear(lightness.device).index_select(0, steps.view(-1))
    return torch.stack(codes.view(steps.shape).unbind(), dim=-1)


def lab_to_srgb16(lightness: Tensor, chroma: Tensor) -> Tensor:
    """Convert one strip of CIELAB to 16-bit sRGB, as :func:`lab_to_srgb8` does to 8 bits.

    Returns:
        (H, W, 3) uint16.
    """
    curve = _srgb_from_linear(_linear_in_gamut(lightness, chroma).clamp_(0.0, 1.0))
    codes = curve.mul_(65535.0).round_().to(torch.int32)
    return torch.stack(codes.unbind(), dim=-1).to(torch.uint16)


def scale_lightness(lightness: Tensor) -> Tensor:
    """Scale L from 0..100 to the -1..1 that generators take."""
    return lightness / 50.0 - 1.0


def scale_chroma(chroma: Tensor) -> Tensor:
    """Scale ab from Lab units to the -1..1 that generators give."""
    return chroma / CHROMA_SCALE


def unscale_lightness(scaled: Tensor) -> Tensor:
    """Scale -1..1 back to L in 0..100."""
    return (scaled + 1.0) * 50.0


def unscale_chroma(scaled: Tensor) -> Tensor:
    """Scale -1..1 back to ab in Lab units."""
    return scaled * CHROMA_SCALE


def _checked(pixels: Tensor, what: str, *, channels: int) -> Tensor:
    if pixels.ndim < 3 or pixels.shape[-3] != channels:
        raise TensorError(
            f"{what} must have shape (..., {channels}, H, W), not {tuple(pixels.shape)}. "
            "Move the channels to the third axis from the end."
        )
    if not pixels.is_floating_point():
        raise TensorError(
            f"{what} must hold floats, not {pixels.dtype}. Divide 8-bit values by 255 first."
        )
    return pixels if pixels.dtype == torch.float64 else pixels.float()


def _mix(channels: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Apply a 3x3 matrix to the channels by plain sums, which autocast and TF32 leave alone."""
    first, second, third = channels.unbind(-3)
    rows = [first * row[0] + second * row[1] + third * row[2] for row in matrix]
    return torch.stack(rows, dim=-3)


def _linear_from_srgb(rgb: Tensor) -> Tensor:
    curve = ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(rgb > 0.04045, curve, rgb / 12.92)


def _srgb_from_linear(linear: Tensor) -> Tensor:
    curve = 1.055 * linear.clamp(min=_SRGB_KNEE) ** (1.0 / 2.4) - 0.055
    return torch.where(linear > _SRGB_KNEE, curve, linear * 12.92)


def _lab_curve(share: Tensor) -> Tensor:
    curve = share.clamp(min=_EPSILON) ** (1.0 / 3.0)
    return torch.where(share > _EPSILON, curve, _SLOPE * share + _OFFSET)


def _inverse_lab_curve(f: Tensor) -> Tensor:
    return torch.where(f > _LAB_KNEE, f**3, (f - _OFFSET) / _SLOPE)


def _desaturate_into_gamut(linear: Tensor, luminance: Tensor) -> Tensor:
    """Mix linear RGB with the grey of its own luminance, as little as brings it into 0..1."""
    grey = luminance.clamp(0.0, 1.0)
    away = linear - grey
    room = torch.where(away > 0, 1.0 - grey, grey)
    share = (room / away.abs().clamp(min=1e-9)).amin(dim=-3, keepdim=True).clamp(max=1.0)
    return grey + share * away


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


_RGB_FROM_XYZ = _invert(_XYZ_FROM_RGB)


def _linear_in_gamut(lightness: Tensor, chroma: Tensor) -> Tensor:
    """Return linear RGB (3, H, W), within 0..1 but for rounding, desaturated into the gamut.

    Every line is one walk through the strip, which is what the time goes into: hence the constants
    that are folded into others, and the results that are written over what is no longer needed.
    """
    f = lightness.new_empty((3, *lightness.shape))
    torch.mul(lightness, 1.0 / 116.0, out=f[1]).add_(_OFFSET)
    torch.add(f[1], chroma[0], alpha=1.0 / 500.0, out=f[0])
    torch.sub(f[1], chroma[1], alpha=1.0 / 200.0, out=f[2])
    # The inverse curve as cube above the knee plus line below it, without a branch. The line's
    # constant falls out of the differences and is taken off the grey alone.
    line = f.clamp(max=_LAB_KNEE).mul_(1.0 / _SLOPE)
    x, grey, z = torch.addcmul(line, torch.square(f.clamp_(min=_LAB_KNEE)), f, out=f).unbind()
    x.sub_(grey)
    z.sub_(grey)
    grey.sub_(_LAB_KNEE / _SLOPE).clamp_(0.0, 1.0)
    away = line  # the distance of each channel from the grey
    for channel, row in enumerate(_RGB_FROM_XYZ):
        torch.mul(x, row[0] * _WHITE[0], out=away[channel]).add_(z, alpha=row[2] * _WHITE[2])
    red, green, blue = away.unbind()
    up = torch.maximum(torch.maximum(red, green), blue).clamp_(min=1e-9)
    down = torch.minimum(torch.minimum(red, green), blue).clamp_(max=-1e-9)
    # The share of the distance for which there is room, with the sign that needs no negation.
    share = torch.maximum(torch.sub(grey, 1.0, out=x).div_(up), torch.div(grey, down, out=z))
    return torch.addcmul(grey, away, share.clamp_(min=-1.0), value=-1.0, out=away)


@functools.cache
def _codes_of_linear(device: torch.device) -> Tensor:
    """8-bit sRGB codes of linear light in ``_LINEAR_STEPS`` steps."""
    linear = torch.linspace(0.0, 1.0, _LINEAR_STEPS + 1, dtype=torch.float64)
    return _srgb_from_linear(linear).mul(255.0).round().to(torch.uint8).to(device)


@functools.cache
def _luminance_of_codes(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """What each code of red, of green and of blue adds to luminance."""
    levels = torch.iinfo(dtype).max
    linear = _linear_from_srgb(torch.arange(levels + 1, dtype=torch.float64) / levels)
    return tuple((linear * weight).float().to(device) for weight in _XYZ_FROM_RGB[1])
