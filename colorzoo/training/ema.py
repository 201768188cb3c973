"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from colorzoo.models.base import Generator


class MovingAverage:
    """A copy of a network whose weights trail the trained one's.

    The decay rises as (1 + t) / (10 + t) to its final value, so that early averages do not remember
    the random start. Buffers, such as batch-norm statistics, are averaged as the weights are.

    Args:
        module: The network that is trained.
        decay: Final decay per step, 0 <= decay < 1; at 0 the copy equals the network.

    Attributes:
        module: The copy, in eval mode.
        updates: How many steps it has taken.
    """

    def __init__(self, module: Generator[Any], decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take one step towards the trained network."""
        self.updates += 1
        share = 1.0 - min(self.decay, (1.0 + self.updates) / (10.0 + self.updates))
        if self.decay == 0:
            share = 1.0
        trained = module.state_dict()
        for name, value in self.module.state_dict().items():
            if value.is_floating_point():
                value.lerp_(trained[name].to(value.dtype), share)
            else:
                value.copy_(trained[name])
