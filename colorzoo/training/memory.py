"""What a network asks of memory, found out before it is taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from colorzoo.errors import ConfigError

Network = TypeVar("Network", bound=nn.Module)

_COPIES = 5  # of each weight: itself, its gradient, Adam's two averages, the moving average


def build_within_memory(key: str, build: Callable[[], Network], *, seed: int) -> Network:
    """Build a network of random weights, unless training it would take more than all memory.

    Args:
        key: The setting that decides how large it is, for messages.
        build: Builds the network; called twice, first without memory.
        seed: Fixes the weights.

    Raises:
        ConfigError: It is too large for this machine.
    """
    try:
        with torch.device("meta"):
            needed = _COPIES * sum(weight.nbytes for weight in build().parameters())
    except (RuntimeError, MemoryError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(f"{key} cannot be built: {reason}. Give smaller numbers.") from error
    there = _physical_memory()
    if there is not None and needed > there:
        raise ConfigError(
            f"{key} makes a network whose training takes {needed / 1e9:,.0f} GB, and this machine "
            f"has {there / 1e9:,.0f} GB in all. Give smaller numbers."
        )
    torch.manual_seed(seed)
    return build()


def _physical_memory() -> int | None:
    """Return the bytes of memory of this machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
