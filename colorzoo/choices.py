"""What a model that predicts a distribution over colours says beyond one picture.

The colours of an old photograph are a guess. Here a user sees where, and which other guesses are
as good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from colorzoo.errors import ConfigError
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource, read
from colorzoo.pictures.write import FinishedPictures
from colorzoo.predictor import Prediction
from colorzoo.predictors.distribution import choose_alternatives, uncertainty_of
from colorzoo.predictors.network import NetworkPredictor, round_up
from colorzoo.prepare import working_shape
from colorzoo.schema import check_whole

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer

MOST = 32
"""Alternatives at once; after a dozen they repeat themselves."""


def alternatives(
    colorizer: Colorizer, picture: PictureSource, n: int = 4, *, seed: int = 0
) -> list[Image.Image]:
    """Colour a picture in several ways, each as a whole and as likely as the others.

    Where a surface could have several colours, as a dress or a car, each picture takes another of
    them for all of it; where it could not, as grass or the sky, all keep the same.

    Args:
        colorizer: One whose model predicts a distribution over colours.
        picture: As in calling the colorizer.
        n: How many, 1 to 32.
        seed: Fixes which colours are taken.

    Returns:
        ``n`` pictures as calling the colorizer gives them.

    Raises:
        ConfigError: The model has no distribution, or ``n`` or ``seed`` is out of range.
        PictureError: The picture cannot be read.
    """
    check_whole("n", n, MOST)
    if not 0 <= seed < 2**63:  # what torch's generators take
        raise ConfigError(f"seed must be a whole number of at most 63 bits, not {seed}.")
    predictor = _network_of(colorizer)
    seen = read(picture)
    lightness = _lightness_of(seen, colorizer)
    shares = predictor.distribution(lightness)
    chosen = choose_alternatives(shares, predictor.cells, count=n, seed=seed)
    height, width = lightness.shape[-2:]
    chroma = predictor.chroma_of(chosen, (height, width))
    return FinishedPictures(
        colorizer.finish(seen, Prediction(one, lightness[0, 0])) for one in chroma
    )


def uncertainty(colorizer: Colorizer, picture: PictureSource) -> NDArray[np.float32]:
    """Tell where the colours of a picture are a guess: there a hint helps most.

    Args:
        colorizer: One whose model predicts a distribution over colours.
        picture: As in calling the colorizer.

    Returns:
        (height, width) float32 of the picture's size: the entropy of the distribution as a share of
        the largest there is, from 0, sure, to 1, every colour as likely.

    Raises:
        ConfigError: The model has no distribution.
        PictureError: The picture cannot be read.
    """
    predictor = _network_of(colorizer)
    seen = read(picture)
    lightness = _lightness_of(seen, colorizer)
    height, width = lightness.shape[-2:]
    entropy = uncertainty_of(predictor.distribution(lightness))
    multiple = predictor.generator.size_multiple
    filled = (round_up(height, multiple), round_up(width, multiple))
    at_working_size = F.interpolate(entropy, size=filled, mode="bilinear")[..., :height, :width]
    full = F.interpolate(at_working_size, size=(seen.height, seen.width), mode="bilinear")
    shown: NDArray[np.float32] = full[0, 0].clamp(0.0, 1.0).cpu().numpy()
    return shown


def _network_of(colorizer: Colorizer) -> NetworkPredictor:
    if not isinstance(colorizer.predictor, NetworkPredictor):
        raise ConfigError(
            f"{colorizer.name!r} is no network and predicts no distribution over colours. Choose a "
            "model that has one, such as lite-unet-gan."
        )
    return colorizer.predictor


def _lightness_of(picture: Picture, colorizer: Colorizer) -> Tensor:
    """Return a picture's lightness at working size, as a batch of one."""
    shape = working_shape(picture.height, picture.width, colorizer.working_size)
    return torch.from_numpy(picture.resized_lightness(*shape))[None, None].to(colorizer.device)
