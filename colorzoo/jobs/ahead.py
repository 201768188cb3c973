"""Work that is prepared while the work before it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")

_END = object()


def read_ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """Yield items that a thread makes ahead, in their order.

    Args:
        items: Makes one at a time; what it raises is raised here, in its turn.
        depth: How many are made ahead at most.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as worker:
        waiting: deque[Future[object]] = deque(
            worker.submit(next, items, _END) for _ in range(depth)
        )
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(worker.submit(next, items, _END))
                yield cast("Item", item)
        finally:
            for future in waiting:
                future.cancel()
