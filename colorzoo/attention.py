"""What an attention gate lets through: its maps for one picture."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorzoo import color
from colorzoo.colorizer import Colorizer, working_shape
from colorzoo.errors import ConfigError
from colorzoo.pictures.read import PictureSource, read


@runtime_checkable
class _HasMaps(Protocol):
    def forward_with_maps(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]: ...


def has_attention_maps(colorizer: Colorizer) -> bool:
    """Tell whether the generator has attention gates whose maps can be asked for."""
    return isinstance(colorizer.generator, _HasMaps)


def attention_maps(colorizer: Colorizer, picture: PictureSource) -> list[NDArray[np.float32]]:
    """Return how much of each skip the attention gates let through (Oktay 2018), coarsest first.

    The picture is seen at the colorizer's working size, its sides rounded up to what the generator
    takes, so that every map covers the whole picture.

    Args:
        colorizer: One whose generator has attention gates, such as an ``attention-unet``.
        picture: As in calling the colorizer.

    Returns:
        For each skip (h, w) float32 in 0..1, at that skip's own resolution.

    Raises:
        ConfigError: The generator has no attention gates.
        PictureError: The picture cannot be read.
    """
    generator = colorizer.generator
    if not isinstance(generator, _HasMaps):
        raise ConfigError(
            f"{colorizer.name!r} has no attention maps: its generator has no attention gates. "
            "Give a model of the architecture attention-unet."
        )
    seen = read(picture)
    multiple = colorizer.size_multiple
    shape = working_shape(seen.width, seen.height, colorizer.settings.working_size)
    width, height = (-(-side // multiple) * multiple for side in shape)
    lightness = torch.from_numpy(seen.resized_lightness(width, height))[None, None]
    with torch.inference_mode():
        scaled = color.scale_lightness(lightness.to(colorizer.device)).to(colorizer.dtype)
        maps = generator.forward_with_maps(scaled)[1]
        return [found[0, 0].float().cpu().numpy() for found in maps]
