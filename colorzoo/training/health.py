"""Whether a run is still sound: finite losses and weights of a sensible size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from colorzoo.errors import TrainingError
from colorzoo.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from accelerate import Accelerator

_LARGEST_LOSS = 1e4  # of a loss before its weight; chroma is within 1, so are sane pixel losses
_LARGEST_WEIGHT = 1e6


class Health:
    """Notes the first unsound step, without waiting for the device at each.

    Args:
        accelerator: Joins what its processes see.
        checkpoints: Where the last good state lies, for messages.
    """

    def __init__(self, accelerator: Accelerator, checkpoints: Checkpoints) -> None:
        self.accelerator = accelerator
        self.checkpoints = checkpoints
        self.first_bad = torch.full((), torch.inf, device=accelerator.device)

    def note(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Look at the losses of a step; the weighted sum ``"generator"`` need only be finite."""
        for name, value in losses.items():
            limit = torch.inf if name == "generator" else _LARGEST_LOSS
            bad = ~(value.abs() < limit)  # true for NaN as well
            self.first_bad = torch.where(bad, self.first_bad.clamp(max=step), self.first_bad)

    def check_losses(self) -> None:
        """Raise a TrainingError if any process has noted an unsound loss; call it on all."""
        first = float(self.accelerator.gather(self.first_bad).min())
        if first < torch.inf:
            self._fail(f"A loss is not finite or above {_LARGEST_LOSS:g} at step {int(first)}.")

    def check_weights(self, step: int, networks: Iterable[nn.Module]) -> None:
        """Raise a TrainingError if a weight is not finite or far too large, before it is saved."""
        for network in networks:
            for name, weight in network.named_parameters():
                if not weight.detach().abs().max() < _LARGEST_WEIGHT:
                    self._fail(
                        f"The weight {name} of {type(network).__name__} is not finite or above "
                        f"{_LARGEST_WEIGHT:g} at step {step}."
                    )

    def _fail(self, what: str) -> None:
        last = self.checkpoints.latest()
        start = f"resume from the checkpoint of step {last.step}" if last else "start anew"
        raise TrainingError(f"{what} Lower the learning rates or set optimizer.clip, and {start}.")
