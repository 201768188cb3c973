"""Horizontal strips: how a picture is worked through so that memory does not grow with it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

STRIP_PIXELS: Final = 1 << 16
"""Pixels handled at once: some float planes of this size stay in the processor's cache."""

_MOST_THREADS: Final = 4  # beyond, decoding and encoding are what one waits for


def strip_bounds(height: int, width: int, *, multiple: int = 1) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) rows that cut a picture into strips of about ``STRIP_PIXELS``.

    Every strip but the last has a multiple of ``multiple`` rows.
    """
    rows = max(1, STRIP_PIXELS // (width * multiple)) * multiple
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what ``work`` makes of each item, in their order, some of them at the same time.

    As many threads work as there are processors for this process, at most four, and no more than
    OMP_NUM_THREADS says. Few results wait at a time, so that memory stays bounded. A single item is
    worked on here, and so is what is itself part of such work: its neighbours keep the others busy.
    """
    threads = min(processors(), _MOST_THREADS)
    coming = iter(items)
    first = list(islice(coming, 2))
    if threads == 1 or len(first) < 2 or getattr(_this_thread, "works", False):
        yield from map(work, chain(first, coming))
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, initializer=_note_thread) as pool:
        for item in chain(first, coming):
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_this_thread = threading.local()


def _note_thread() -> None:
    _this_thread.works = True


def processors() -> int:
    """Return how many processors this process may use; OMP_NUM_THREADS can lower it."""
    affinity = getattr(os, "sched_getaffinity", None)  # knows the limits of containers; Linux only
    there = len(affinity(0)) if affinity else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(there, int(wanted)) if wanted.isdigit() and int(wanted) > 0 else there
