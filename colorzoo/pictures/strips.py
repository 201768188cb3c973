"""Horizontal strips: how a picture is worked through so that memory does not grow with it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

STRIP_PIXELS: Final = 1 << 16
"""Pixels handled at once: some float planes of this size stay in the processor's cache."""

_MOST_THREADS: Final = 4  # beyond, decoding and encoding are what one waits for

_lock = threading.Lock()
_inside = 0
_threads_outside = 1


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Let torch work on pixels with one CPU thread, and put back the number it had.

    Strips fit a core's cache and are finished faster than threads can be woken: on two busy cores,
    two threads that wait for each other after every step take ten times as long as one. Threads
    that work on strips of their own do not wait: see :func:`in_order`.
    """
    global _inside, _threads_outside
    with _lock:
        if _inside == 0:
            _threads_outside = torch.get_num_threads()
        _inside += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(_threads_outside)
        with _lock:
            _inside -= 1


def strip_bounds(height: int, width: int, *, multiple: int = 1) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) rows that cut a picture into strips of about ``STRIP_PIXELS``.

    Every strip but the last has a multiple of ``multiple`` rows.
    """
    rows = max(1, STRIP_PIXELS // (width * multiple)) * multiple
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what ``work`` makes of each item, in their order, some of them at the same time.

    As many threads work as torch had before :func:`single_thread`, at most four. Few results wait
    at a time, so that memory stays bounded.
    """
    threads = min(_threads_outside if _inside else torch.get_num_threads(), _MOST_THREADS)
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
