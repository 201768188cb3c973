"""How fast a run goes, and how long it will take."""

from __future__ import annotations

import time

_SETUP = 3  # first steps that also set up kernels and workers, and tell nothing of the others
_FEWEST = 10


class Pace:
    """Steps per second since it was last asked, and the time that is left.

    Args:
        step: Steps taken so far.
    """

    def __init__(self, step: int) -> None:
        self._from = step + _SETUP
        self._begun: float | None = None
        self.skip(step)

    def skip(self, step: int) -> None:
        """Leave the time so far out of the rate, such as that of a validation."""
        self._step, self._time = step, time.perf_counter()

    def rate(self, step: int) -> float:
        """Return steps per second since the last call, and start anew."""
        before, since = self._step, self._time
        self.skip(step)
        return (step - before) / max(self._time - since, 1e-9)

    def seconds_left(self, step: int, steps: int) -> float | None:
        """Return how long the steps to come take if they go on as those before.

        Validations and checkpoints so far are in it.

        Args:
            step: Steps taken; to be asked after each.
            steps: Steps of the whole run.

        Returns:
            Seconds; None before a few steps have been taken.
        """
        now = time.perf_counter()
        if self._begun is None and step >= self._from:
            self._begun, self._from = now, step
        if self._begun is None or step - self._from < _FEWEST:
            return None
        return (now - self._begun) / (step - self._from) * (steps - step)
