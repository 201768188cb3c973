"""What a run hands over: averaged weights as model folders, at the end and after each phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from colorzoo import schema
from colorzoo.errors import ColorzooError, TrainingError
from colorzoo.modelfolder.format import WEIGHTS_FILE, ImageSettings
from colorzoo.modelfolder.weights import load_model, save
from colorzoo.models.base import Generator
from colorzoo.training.config import TrainingConfig


def write_model(
    network: Generator[Any], folder: Path, config: TrainingConfig, *, steps: int, photos: int
) -> None:
    """Write a generator as a model folder with what training notes of itself.

    Args:
        network: The generator.
        folder: Where to.
        config: The run's settings.
        steps: Optimizer steps taken.
        photos: Photos seen, repetition included.
    """
    loss = schema.to_dict(config.loss)
    if config.loss.teacher and Path(config.loss.teacher).is_dir():
        loss["teacher"] = Path(config.loss.teacher).name  # where it lay is nobody else's business
    training = {
        "steps": steps,
        "photos_seen": photos,
        "seed": config.run.seed,
        "precision": config.run.precision,
        "phases": schema.to_dict(config)["phase"],
        "loss": loss,
        "optimizer": schema.to_dict(config.optimizer),
    }
    image = ImageSettings(working_size=config.working_size)
    save(network, folder, image=image, training=training)


@torch.no_grad()
def mix_in(network: nn.Module, folder: Path, share: float) -> None:
    """Move a network's weights a share of the way to those of a model folder.

    Between weights trained on the pixel loss and weights that an adversarial loss made of them lie
    networks as sure as the first and as colourful as the second (network interpolation, Wang 2018,
    arXiv:1809.00219). Running statistics are mixed as the weights are.

    Raises:
        TrainingError: The folder is absent, damaged or holds another network.
    """
    try:
        other = load_model(folder).generator.state_dict()
        pairs = [(value, other[name]) for name, value in network.state_dict().items()]
        for value, target in pairs:
            if value.is_floating_point():
                value.lerp_(target.to(value), share)
    except (ColorzooError, KeyError, RuntimeError) as error:
        raise TrainingError(
            f"The weights in {folder} from the end of the phase before cannot be used: {error}. "
            "Set the last phase's mix to 0 to finish without them."
        ) from error


def check_end_of_phase(folder: Path) -> None:
    """Raise a TrainingError if a run has lost the weights that its last phase's ``mix`` needs."""
    if not (folder / WEIGHTS_FILE).is_file():
        raise TrainingError(
            f"The last phase's mix needs the weights from the end of the phase before, and {folder}"
            " has none. Set that phase's mix to 0 to go on without them."
        )
