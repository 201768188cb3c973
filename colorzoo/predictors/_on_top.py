"""What the predictors that stand on another one share."""

from __future__ import annotations

import torch

from colorzoo.predictor import Guide, Predictor


class OnTop:
    """All of a predictor (see :class:`colorzoo.predictor.Predictor`) but what it predicts.

    Args:
        base: What colours by itself.
        guide: What is accepted beyond what the base accepts.
    """

    def __init__(self, base: Predictor, guide: Guide) -> None:
        self.base = base
        self.name = base.name
        self.working_size = base.working_size
        self.accepts: frozenset[Guide] = base.accepts | {guide}
        self.needs = base.needs

    @property
    def device(self) -> torch.device:
        """Where its base works."""
        return self.base.device

    @property
    def parameters(self) -> int:
        """Those of its base."""
        return self.base.parameters

    def to(self, device: torch.device) -> None:
        """Move its base."""
        self.base.to(device)
