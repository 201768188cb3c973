"""How often each colour is in the training photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from colorzoo.color import srgb_to_lab
from colorzoo.data.photos import center_square, decode
from colorzoo.data.sources import PhotoSource
from colorzoo.errors import ConfigError, DataError
from colorzoo.models.base import Generator, has_distribution
from colorzoo.training.classes import count_cells

_PHOTOS = 2000  # enough for the rarest cell that counts; more change nothing but the time
_SIDE = 64  # a quarter of what generators see, as their distributions are


def set_prior(generator: Generator[Any], source: PhotoSource | None, *, seed: int) -> None:
    """Count the colours of some training photos and keep their shares with the generator.

    Args:
        generator: One that predicts a distribution; any other stays as it is.
        source: The photos; None for a stream.
        seed: Fixes which photos are looked at.

    Raises:
        ConfigError: The photos come as a stream, which cannot be looked at beforehand.
        DataError: None of the photos can be read.
    """
    if not has_distribution(generator):
        return
    if source is None:
        raise ConfigError(
            "A loss on classes counts the colours of the training photos first, which a stream "
            "does not allow. Set data.streaming = false."
        )
    head = generator.classes
    counts = torch.zeros(len(head.cells))
    numbers = np.random.default_rng((seed, 2)).permutation(len(source))[:_PHOTOS]
    for number in numbers:
        photo = decode(source.open, int(number), _SIDE)
        if photo is not None:
            counts += count_cells(_chroma(np.array(center_square(photo, _SIDE))), head.cells.cpu())
    if not counts.any():
        raise DataError(
            f"None of {len(numbers)} training photos can be read; one is {source.name(0)}. Check "
            "data.train."
        )
    head.prior.copy_(counts / counts.sum())


def _chroma(pixels: Any) -> Tensor:
    """Return the colours (M, 2) of 8-bit RGB (H, W, 3), in Lab units."""
    rgb = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255.0
    return srgb_to_lab(rgb)[1:].flatten(1).T
