"""What was used last, as long as there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Recent(Generic[KeyT, ValueT]):
    """Values by key, of which the least recently used go when all together weigh too much.

    Args:
        room: Bytes that all may weigh together.
        weigh: Tells the bytes of one.
    """

    def __init__(self, room: int, weigh: Callable[[ValueT], int]) -> None:
        self._room = room
        self._weigh = weigh
        self._values: OrderedDict[KeyT, ValueT] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: KeyT, make: Callable[[], ValueT]) -> ValueT:
        """Return the value of a key, made now if it is not here."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        self.put(key, value)
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        """Keep a value, for which others may have to go."""
        with self._lock:
            self._values[key] = value
            while sum(map(self._weigh, self._values.values())) > self._room:
                self._values.popitem(last=False)

    def keep(self, wanted: Callable[[KeyT], bool]) -> None:
        """Forget all that is not wanted any more."""
        with self._lock:
            for key in [key for key in self._values if not wanted(key)]:
                del self._values[key]
