"""The trained model that a run learns from, beside its photos or in place of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from colorzoo.errors import ConfigError
from colorzoo.features.efficientnet_lite import fold_batch_norms
from colorzoo.hub.names import locate
from colorzoo.modelfolder.weights import load_model
from colorzoo.models.base import has_distribution
from colorzoo.training.phases import DISTILLATION

if TYPE_CHECKING:
    from colorzoo.training.config import TrainingConfig

Teacher = Callable[[Tensor], Tensor]
"""Gives its logits (N, Q, h, w) for lightness (N, 1, H, W) in -1..1."""

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


def load_teacher(config: TrainingConfig, device: torch.device) -> Teacher:
    """Load the model that ``loss.teacher`` names; it runs in the run's precision.

    Raises:
        ConfigError: None is named, it has no distribution, expects hints, or cannot see squares of
            the size of a phase.
        UnknownNameError: No model has its name.
    """
    name, run = config.loss.teacher, config.run
    if name is None:
        raise ConfigError(
            f"The loss {DISTILLATION!r} learns from a trained model. Name one: "
            "loss.teacher = 'lite-unet-gan'."
        )
    generator = load_model(locate(name)).generator
    if not has_distribution(generator):
        raise ConfigError(
            f"loss.teacher = {name!r} has no distribution over colours. Name a model that has one."
        )
    if generator.takes_hints:
        raise ConfigError(
            f"loss.teacher = {name!r} expects hints beside lightness. Name one that does not."
        )
    multiple = generator.size_multiple
    for number, phase in enumerate(config.phase):
        size = phase.size or config.data.size
        if DISTILLATION in phase.weights and size % multiple:
            raise ConfigError(
                f"phase.{number} has squares of {size} pixels, but loss.teacher = {name!r} needs "
                f"a multiple of {multiple}."
            )
    layout = torch.channels_last if run.channels_last else torch.contiguous_format
    generator.to(device=device, memory_format=layout)  # type: ignore[call-overload]  # missing in torch's stubs
    generator.eval().requires_grad_(False)
    fold_batch_norms(generator)
    kind = _AUTOCAST.get(run.precision)

    def ask(lightness: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(device.type, kind, enabled=kind is not None):
            return generator.logits(lightness)

    return ask
