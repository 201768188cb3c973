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
from colorzoo.registry import ARCHITECTURES, Registry
from colorzoo.training.config import DataSection


def build_network(registry: Registry, name: str, values: dict[str, Any], *, seed: int) -> nn.Module:
    """Build a network with random weights that its seed fixes.

    Args:
        registry: Where its name is registered.
        name: Its name.
        values: Settings of its own; the rest are defaults.
        seed: Fixes the weights.

    Raises:
        UnknownNameError: No network has that name.
        ConfigError: A setting is unknown or wrong.
    """
    spec = registry.get(name)
    config = schema.from_dict(spec.config, values, where=f"the config of {name!r}")
    torch.manual_seed(seed)
    network: nn.Module = spec.build(config)
    return network


def load_first_weights(generator: nn.Module, name: str) -> None:
    """Start from a model's weights, or from those the architecture itself may bring.

    Args:
        generator: Of random weights.
        name: The model as in :func:`colorzoo.load`, or empty.

    Raises:
        ConfigError: The model is of another architecture or config.
    """
    load_pretrained = getattr(generator, "load_pretrained", None)
    if name:
        loaded = load_model(locate(name)).model
        if type(loaded) is not type(generator) or _shape(loaded) != _shape(generator):
            raise ConfigError(
                f"model.weights = {name!r} has the config {loaded.config}, but model.name and "
                f"model.config say {generator.config}. Make them agree."
            )
        generator.load_state_dict(loaded.state_dict())
    elif load_pretrained is not None:
        load_pretrained()


def _shape(generator: Any) -> dict[str, Any]:
    """Return a generator's config but for where its first weights came from."""
    values = schema.to_dict(generator.config)
    values.pop("pretrained", None)
    return values


def check_sizes(generator: Any, data: DataSection) -> None:
    """Raise a ConfigError unless a generator takes squares of the sides it is to be trained at."""
    spec = ARCHITECTURES.spec_of(generator)
    multiple = spec.multiple_for(generator.config)
    for key, size in (("size", data.size), ("warmup_size", data.warmup_size)):
        if size % multiple:
            raise ConfigError(
                f"data.{key} is {size}, but {spec.name!r} with this config needs a multiple of "
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
