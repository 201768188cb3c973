"""Pixels of any kind, from Pillow or numpy, to codes of lightness and opacity."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from colorzoo import color
from colorzoo.color import Codes
from colorzoo.errors import PictureError
from colorzoo.pictures.deep import DeepColors
from colorzoo.pictures.strips import in_order, strip_bounds

_INTEGER_MODES: Final = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_DEEP_GREY_MODES: Final = (*_INTEGER_MODES, "F")  # PIL's own conversion would clip them
_GREY_MODES: Final = ("1", "L", "LA", "La")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What is kept of a picture's pixels.

    Attributes:
        codes: (H, W) uint8 or uint16.
        table: (256 or 65536,) float32, L in 0..100 of each code.
        alpha: (H, W) uint8 opacity, or None.
        bit_depth: Bits of a sample that were read.
        rgb: (H, W, 3) uint8 sRGB where colour was asked for and there is any, else None.
    """

    codes: Codes
    table: NDArray[np.float32]
    alpha: NDArray[np.uint8] | None
    bit_depth: int
    rgb: NDArray[np.uint8] | None = None


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a PIL picture of any mode to 8-bit RGB; colour profiles are not applied.

    Greys of 16 bits, 32 bits (0..65535) or floats (0..1) are scaled, where PIL would clip them.

    Raises:
        PictureError: Such greys are out of range.
        OSError: The picture cannot be decoded.
    """
    if image.mode in _DEEP_GREY_MODES:
        samples = from_image(image, None, "the photo", [])
        image = Image.fromarray(eight_bit(samples.codes))
    return image.convert("RGB")


def from_image(
    image: Image.Image,
    profile: bytes | None,
    name: str,
    notes: list[str],
    *,
    keep_color: bool = False,
    deep: DeepColors | None = None,
) -> Samples:
    """Take the samples of a loaded, upright PIL picture of any mode.

    Args:
        image: The picture.
        profile: Its ICC profile.
        name: What to call it in messages.
        notes: Remarks on what could not be used are added here.
        keep_color: Keep its colours too.
        deep: All 16 bits of its colours, if they have so many.

    Raises:
        PictureError: Its values are out of range.
    """
    if image.mode in _INTEGER_MODES:
        return _from_integers(image, profile, name, notes)
    if image.mode == "F":
        return from_array(np.asarray(image), name)
    if image.mode == "LAB":
        colors = np.asarray(_lab_to_srgb(image)) if keep_color else None
        return Samples(np.asarray(image.getchannel(0)), _linear_table(256), None, 8, colors)
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in _GREY_MODES else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
    if image.mode in _GREY_MODES:
        grey = np.asarray(image.convert("L"))
        return Samples(grey, _toned_table(256, profile, notes), alpha, 8)
    converted = _through_profile(image, profile, notes)
    rgb = converted or (image if image.mode == "RGB" else image.convert("RGB"))
    colors = np.asarray(rgb) if keep_color else None
    if deep is not None and converted is None:
        codes, table = _lightness_of(deep.rows, rgb.height, rgb.width)
        return Samples(codes, table, alpha, 16, colors)
    if deep is not None:
        notes.append("its colour profile is applied to 8 of its 16 bits")
    codes, table = _lightness_of(
        lambda start, stop: np.asarray(rgb.crop((0, start, rgb.width, stop))), rgb.height, rgb.width
    )
    return Samples(codes, table, alpha, 8, colors)


def from_array(pixels: NDArray[Any], name: str, *, keep_color: bool = False) -> Samples:
    """Take the samples of an array; see :func:`colorzoo.pictures.read` for what it may be.

    Raises:
        PictureError: Its shape, type or range is wrong.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1] if pixels.ndim == 3 else 0
    if channels not in (1, 3, 4) or 0 in pixels.shape:
        advice = ""
        if pixels.ndim == 4 and pixels.shape[-1] in (1, 3, 4):
            advice = " For a batch of pictures, give list(array)."
        elif pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
            advice = " For channels first, use array.transpose(1, 2, 0)."
        raise PictureError(
            f"{name} has shape {pixels.shape}; a picture has shape (H, W), (H, W, 1), (H, W, 3) or "
            f"(H, W, 4), none of them 0.{advice}"
        )
    whole = _as_integers(pixels.reshape(*pixels.shape[:2], channels), name)
    alpha = np.array(eight_bit(whole[..., 3])) if channels == 4 else None
    depth = 8 * pixels.dtype.itemsize if pixels.dtype != np.bool_ else 1
    if channels == 1:
        codes = whole[..., 0].copy()
        return Samples(codes, _grey_table(np.iinfo(codes.dtype).max + 1), alpha, depth)
    codes, table = _lightness_of(lambda start, stop: whole[start:stop, :, :3], *whole.shape[:2])
    colors = np.array(eight_bit(whole[..., :3])) if keep_color else None
    return Samples(codes, table, alpha, depth, colors)


def is_srgb(profile: bytes) -> bool:
    """Tell by its description whether a readable profile is sRGB."""
    return "sRGB" in ImageCms.getProfileDescription(_open_profile(profile))


def _from_integers(
    image: Image.Image, profile: bytes | None, name: str, notes: list[str]
) -> Samples:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise PictureError(
            f"{name} holds greys from {values.min()} to {values.max()}; 32-bit pictures must lie "
            "in 0..65535. Scale them first."
        )
    codes = values.astype(np.uint16)
    transparent = image.info.get("transparency")
    alpha = None
    if isinstance(transparent, int):
        alpha = np.where(codes == transparent, 0, 255).astype(np.uint8)
    return Samples(codes, _toned_table(65536, profile, notes), alpha, 16)


def _as_integers(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Bring array values to uint8 or uint16 codes of sRGB."""
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype.kind != "f":
        raise PictureError(
            f"{name} is of type {pixels.dtype}; expected uint8, uint16, bool, or floats in 0..1. "
            "For whole numbers in 0..255 use array.astype(numpy.uint8)."
        )
    low, high = pixels.min(), pixels.max()
    if not (low >= 0.0 and high <= 1.0):
        raise PictureError(
            f"{name} holds floats from {low} to {high}; they must be numbers in 0..1. "
            "Divide by 255 if they lie in 0..255, and replace NaN."
        )
    codes = np.empty(pixels.shape, dtype=np.uint16)
    for start, stop in strip_bounds(*pixels.shape[:2]):
        codes[start:stop] = np.rint(pixels[start:stop].astype(np.float32) * np.float32(65535))
    return codes


def eight_bit(codes: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 or uint16 codes as uint8, rounded to the nearest."""
    if codes.dtype == np.uint8:
        return codes
    return ((codes.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _lightness_of(
    rows: Callable[[int, int], NDArray[Any]], height: int, width: int
) -> tuple[Codes, NDArray[np.float32]]:
    """Return lightness codes and their table for RGB that comes by rows, (rows, W, 3).

    Equal channels are kept as they are; colours become L in 65536 steps.
    """
    bounds = list(strip_bounds(height, width))
    first = rows(0, 1)
    levels = int(np.iinfo(first.dtype).max)
    if all(_is_grey(rows(start, stop)) for start, stop in bounds):
        grey = np.empty((height, width), dtype=first.dtype)
        for start, stop in bounds:
            grey[start:stop] = rows(start, stop)[..., 0]
        return grey, _grey_table(levels + 1)

    def measure(strip: tuple[int, int]) -> NDArray[np.float32]:
        lightness = color.srgb_codes_to_lightness(rows(*strip))
        lightness *= 655.35
        return np.clip(np.rint(lightness, out=lightness), 0.0, 65535.0, out=lightness)

    codes = np.empty((height, width), dtype=np.uint16)
    for (start, stop), lightness in zip(bounds, in_order(measure, bounds), strict=True):
        codes[start:stop] = lightness
    return codes, _linear_table(65536)


def _is_grey(rgb: NDArray[Any]) -> bool:
    red = rgb[..., 0]
    return np.array_equal(red, rgb[..., 1]) and np.array_equal(red, rgb[..., 2])


@functools.cache
def _grey_table(levels: int) -> NDArray[np.float32]:
    """L of each grey sRGB code."""
    return _lightness_of_greys(np.arange(levels) / (levels - 1))


@functools.cache
def _linear_table(levels: int) -> NDArray[np.float32]:
    """L of codes that are L themselves, scaled."""
    table = np.linspace(0.0, 100.0, levels, dtype=np.float32)
    table.setflags(write=False)
    return table


def _lightness_of_greys(greys: NDArray[np.float64]) -> NDArray[np.float32]:
    rgb = np.broadcast_to(greys, (3, 1, len(greys)))
    lightness: NDArray[np.float64] = color.srgb_to_lightness(rgb)[0, 0]
    table: NDArray[np.float32] = lightness.clip(0.0, 100.0).astype(np.float32)
    table.setflags(write=False)
    return table


def _toned_table(levels: int, profile: bytes | None, notes: list[str]) -> NDArray[np.float32]:
    """L of each grey code under a profile, which for greys is no more than a curve."""
    if profile is None:
        return _grey_table(levels)
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    toned = _to_srgb(ramp, profile, notes, ImageCms.Flags.NOOPTIMIZE)
    if toned is None:
        return _grey_table(levels)
    curve = np.asarray(toned)[0].mean(axis=-1) / 255.0
    return _lightness_of_greys(np.interp(np.linspace(0.0, 255.0, levels), np.arange(256), curve))


def _through_profile(
    image: Image.Image, profile: bytes | None, notes: list[str]
) -> Image.Image | None:
    """Return colours as sRGB, or None where no profile is to be applied."""
    if profile is None:
        return None
    flat = image if image.mode in ("RGB", "CMYK") else image.convert("RGB")
    return _to_srgb(flat, profile, notes)


def _to_srgb(
    image: Image.Image,
    profile: bytes,
    notes: list[str],
    flags: ImageCms.Flags = ImageCms.Flags.NONE,
) -> Image.Image | None:
    """Convert L, RGB or CMYK to sRGB, or return None where there is nothing to convert."""
    try:
        opened = _open_profile(profile)
        if is_srgb(profile):
            return None
        space = opened.profile.xcolor_space.strip()
        if space == "RGB" and image.mode == "L":  # against the standard, but in use
            image = image.convert("RGB")
        if {"L": "GRAY"}.get(image.mode, image.mode) != space:
            notes.append(f"its colour profile is for {space}, not for this picture, and is ignored")
            return None
        return ImageCms.profileToProfile(
            image,
            opened,
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
            flags=flags,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        notes.append(f"its colour profile is broken and is ignored ({error})")
        return None


def _lab_to_srgb(image: Image.Image) -> Image.Image:
    """Convert a picture of mode LAB, which is relative to the white of print (D50)."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    return converted or image.convert("RGB")


def _open_profile(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
