"""What a run hands over: averaged weights as a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from colorzoo import config as config_io
from colorzoo.errors import TrainingError, WeightsError
from colorzoo.hub.weights import ImageSettings, load_model, save
from colorzoo.training.config import TrainingConfig


def write_model(
    network: nn.Module, folder: Path, config: TrainingConfig, *, steps: int, photos: int
) -> None:
    """Write a generator as a model folder with what training notes of itself.

    Args:
        network: The generator.
        folder: Where to.
        config: The run's settings.
        steps: Optimizer steps taken.
        photos: Photos seen, repetition included.
    """
    training = {
        "steps": steps,
        "photos_seen": photos,
        "seed": config.run.seed,
        "precision": config.run.precision,
        "loss": config_io.to_dict(config.loss),
        "optimizer": config_io.to_dict(config.optimizer),
    }
    image = ImageSettings(working_size=config.data.size)
    save(network, folder, image=image, training=training)


@torch.no_grad()
def mix_in(network: nn.Module, folder: Path, share: float) -> None:
    """Move a network's weights a share of the way to those of a model folder.

    Between weights trained on the pixel loss and weights that an adversarial loss made of them lie
    networks as sure as the first and as colourful as the second (network interpolation, Wang 2018,
    arXiv:1809.00219). Running statistics are mixed as the weights are.

    Raises:
        TrainingError: The folder is absent or holds another network.
    """
    try:
        other = load_model(folder).model.state_dict()
    except WeightsError as error:
        raise TrainingError(
            f"The weights from the end of the warm-up are gone: {error} Set loss.warmup_share=0 to "
            "finish without them."
        ) from error
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.lerp_(other[name].to(value), share)
