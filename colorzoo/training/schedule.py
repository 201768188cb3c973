"""Learning rates over a run."""

from __future__ import annotations

import math

from colorzoo.training.config import OptimizerSection


def learning_rate_share(step: int, steps: int, optimizer: OptimizerSection) -> float:
    """Return the share of the full learning rates that counts at a step.

    Args:
        step: Steps taken so far, 0 <= step < steps.
        steps: Steps of what the rates rise and fall over: the run, or a phase.
        optimizer: How rates rise and fall.
    """
    rise = min(1.0, (step + 1) / optimizer.rampup_steps) if optimizer.rampup_steps else 1.0
    start = optimizer.decay_start * steps
    if optimizer.decay == "constant" or step <= start:
        return rise
    done = (step - start) / (steps - start)
    fall = 1.0 - done if optimizer.decay == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
    return rise * fall
