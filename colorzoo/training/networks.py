"""The networks of a run, with their first weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from colorzoo import schema
from colorzoo.errors import ConfigError
from colorzoo.features.squeezenet import SqueezeNet
from colorzoo.hub.names import locate
from colorzoo.modelfolder.weights import load_model
from colorzoo.models.base import Generator
from colorzoo.registry import ARCHITECTURES
from colorzoo.training.config import DataSection


def load_first_weights(generator: Generator[Any], name: str) -> None:
    """Start from a model's weights, or from those the architecture itself may bring.

    Args:
        generator: Of random weights.
        name: The model as in :func:`colorzoo.load`, or empty.

    Raises:
        ConfigError: The model is of another architecture or config.
    """
    if name:
        loaded = load_model(locate(name)).model
        if type(loaded) is not type(generator) or _shape(loaded) != _shape(generator):
            raise ConfigError(
                f"model.weights = {name!r} has the config {loaded.config}, but model.name and "
                f"model.config say {generator.config}. Make them agree."
            )
        generator.load_state_dict(loaded.state_dict())
    else:
        generator.load_pretrained()


def _shape(generator: Generator[Any]) -> dict[str, Any]:
    """Return a generator's config but for where its first weights came from."""
    values = schema.to_dict(generator.config)
    values.pop("pretrained", None)
    return values


def check_sizes(generator: Generator[Any], data: DataSection) -> None:
    """Raise a ConfigError unless a generator takes squares of the sides it is to be trained at."""
    multiple = generator.size_multiple
    name = ARCHITECTURES.spec_of(generator).name
    for key, size in (("size", data.size), ("warmup_size", data.warmup_size)):
        if size % multiple:
            raise ConfigError(
                f"data.{key} is {size}, but {name!r} with this config needs a multiple of "
                f"{multiple}."
            )


def make_features(device: torch.device) -> nn.Module:
    """Return the fixed network whose features the perceptual loss compares.

    Raises:
        WeightsError: The package's copy of its weights is absent or damaged.
    """
    features = SqueezeNet(in_channels=3)
    features.load_imagenet()
    return features.to(device).eval().requires_grad_(False)
