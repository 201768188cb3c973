"""How ways of doing the same are timed beside one another."""

from __future__ import annotations

import time
from collections.abc import Callable


def least_times(
    ways: dict[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the least time of each way in seconds; they take turns.

    Where there are several rounds, the first is not counted: it fills caches.

    Args:
        ways: What is timed, by name.
        rounds: How often.
        clock: In seconds; ``time.thread_time`` counts the processor's alone.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    uncounted = 1 if rounds > 1 else 0
    for _ in range(rounds + uncounted):
        for name, way in ways.items():
            start = clock()
            way()
            times[name].append(clock() - start)
    return {name: min(taken[uncounted:]) for name, taken in times.items()}
