"""SIGINT and SIGTERM as a wish to stop after the step."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ECHO = 2.0
"""Seconds in which a launcher passes on the Ctrl-C that its processes have got already."""


class StoppedError(Exception):
    """What was begun is given up, as a stop is wished; it undoes what is half written."""


class Interrupt:
    """While entered, notes the first SIGINT or SIGTERM; two seconds later one has its usual effect.

    Attributes:
        number: The signal that came, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._came = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        # Python lets only the main thread handle signals; elsewhere they are the caller's matter.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.number is None:
            self.number, self._came = number, now
        elif now - self._came > _ECHO:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
