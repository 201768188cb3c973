"""What an attention gate lets through: its maps for one picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError
from colorzoo.models.base import GatedGenerator
from colorzoo.pictures.read import PictureSource, read
from colorzoo.predictors.network import NetworkPredictor, round_up
from colorzoo.prepare import working_shape


def has_attention_maps(colorizer: Colorizer) -> bool:
    """Tell whether the colorizer has attention gates whose maps can be asked for."""
    predictor = colorizer.predictor
    return isinstance(predictor, NetworkPredictor) and isinstance(
        predictor.generator, GatedGenerator
    )


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
        ConfigError: It has no attention gates.
        PictureError: The picture cannot be read.
    """
    predictor = colorizer.predictor
    if not isinstance(predictor, NetworkPredictor):
        raise ConfigError(
            f"{colorizer.name!r} has no attention maps: it is no network. Give a model of the "
            "architecture attention-unet."
        )
    seen = read(picture)
    height, width = (
        round_up(side, predictor.generator.size_multiple)
        for side in working_shape(seen.height, seen.width, colorizer.working_size)
    )
    lightness = torch.from_numpy(seen.resized_lightness(height, width))[None, None]
    maps = predictor.attention_maps(lightness.to(predictor.device))
    return [gate_map[0, 0].cpu().numpy() for gate_map in maps]
