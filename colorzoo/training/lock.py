"""One process at a time in a run folder."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from colorzoo.errors import TrainingError

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]  # the module, or None where there is none

FILE = "run.lock"


class RunLock:
    """While entered, keeps other processes out of a run folder.

    The lock is the system's on the file ``run.lock``, so it ends with the process that holds it,
    however that ends: none is ever stale. What stands in the file only names the holder. Loader
    processes do not inherit it.

    Args:
        folder: The run folder; made if need be.
        held: False for processes that leave the lock to another of the same run.

    Raises:
        TrainingError: Another process works in the folder, or it cannot be written.
    """

    def __init__(self, folder: Path, *, held: bool = True) -> None:
        self.path = folder / FILE
        self.held = held and fcntl is not None
        self._file: IO[str] | None = None

    def __enter__(self) -> RunLock:
        if not self.held:
            return self
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise TrainingError(
                f"The run folder {self.path.parent} cannot be written: {error.strerror}. Choose "
                "another run.folder."
            ) from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            holder = _describe(file.read())
            file.close()
            raise TrainingError(
                f"Another run works in {self.path.parent}: {holder}. Wait for its end or stop it, "
                "or choose another run.folder."
            ) from None
        except OSError:
            file.close()  # a file system without locks
            return self
        self._file = file
        file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def check_free(folder: Path) -> None:
    """Raise a TrainingError if another run works in a folder, whose checkpoints then come and go.

    The first process of a run asks; the others would find it asking.
    """
    if os.environ.get("RANK", "0") == "0" and (folder / FILE).exists():
        with RunLock(folder):
            return


def _describe(text: str) -> str:
    """Return who holds a lock, as far as its file tells."""
    try:
        holder = json.loads(text)
        return f"process {holder['process']} on {holder['host']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just begun"
