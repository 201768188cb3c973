"""How fast a run goes."""

from __future__ import annotations

import time


class Pace:
    """Steps per second since it was last asked.

    Args:
        step: Steps taken so far.
    """

    def __init__(self, step: int) -> None:
        self.step = step
        self.time = time.perf_counter()

    def rate(self, step: int) -> float:
        """Return steps per second since the last call, and start anew."""
        now = time.perf_counter()
        rate = (step - self.step) / max(now - self.time, 1e-9)
        self.step, self.time = step, now
        return rate
