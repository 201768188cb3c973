"""Uploads and results of visitors: whose they are, how much room they take, when they go."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

KEPT_SECONDS: Final = 3600
"""Files of a visitor whose leaving was not noticed are removed after this time."""

UNCLAIMED_SECONDS: Final = 900
"""Uploads that no visitor has used are removed after this time."""

SESSION_BYTES: Final = 500_000_000
"""What one visitor's files take at most; the oldest make room for new ones."""

TOTAL_BYTES: Final = 4_000_000_000
"""What the files of all visitors take at most; then no more are taken in for a while."""


class RefusedError(Exception):
    """What a visitor asked for is not done; the message says why and what to do."""


class VisitorFiles:
    """Files of visitors in one folder, each removed when the last who uses it leaves.

    Each upload and each result has a folder of its own whose name cannot be guessed, so that two
    visitors with the same picture never share a file.

    Args:
        folder: Where all of them lie.
        session_bytes: What one visitor's files take at most.
        total_bytes: What all files take at most.
    """

    def __init__(
        self,
        folder: Path,
        *,
        session_bytes: int = SESSION_BYTES,
        total_bytes: int = TOTAL_BYTES,
    ) -> None:
        self._folder = folder
        self._uploads = folder / "uploads"
        self._results = folder / "results"
        for inner in (self._uploads, self._results):
            inner.mkdir()
        self._session_bytes = session_bytes
        self._total_bytes = total_bytes
        self._lock = threading.Lock()
        self._coming = 0  # bytes of uploads that are on their way
        self._used: dict[str, dict[Path, None]] = {}  # in the order of use; a dict keeps it
        self._own: set[Path] = set()

    def keep_what_is_there(self) -> None:
        """Take all files so far for the page's own, such as its examples: they stay."""
        self._own = set(self._all_files())

    @contextlib.contextmanager
    def receive(self, size: int) -> Iterator[Path]:
        """Make a folder for an upload of ``size`` bytes; it is removed if the upload fails.

        Raises:
            RefusedError: There is no room for it now.
        """
        with self._lock:
            self._check_room(size)
            self._coming += size
        try:
            with _removed_on_failure(self._uploads / secrets.token_hex(16)) as folder:
                yield folder
        finally:
            with self._lock:
                self._coming -= size

    @contextlib.contextmanager
    def new_folder(self) -> Iterator[Path]:
        """Make a folder for results; it is removed if the work fails.

        Raises:
            RefusedError: There is no room for any.
        """
        with self._lock:
            self._check_room(0)
        with _removed_on_failure(self._results / secrets.token_hex(16)) as folder:
            yield folder

    def note(self, session: str | None, files: Iterable[Path]) -> None:
        """Remember that a session uses files; those of no session are left to their age.

        Where a session's files take too much, those that it used longest ago go.
        """
        if not session:
            return
        given = [file for file in files if file not in self._own]
        with self._lock:
            used = self._used.setdefault(session, {})
            for file in given:
                used.pop(file, None)
                used[file] = None
            sizes = {file: _size(file) for file in used}
            excess = sum(sizes.values()) - self._session_bytes
            for file in list(used)[: len(used) - len(given)]:
                if excess <= 0:
                    break
                excess -= sizes[file]
                del used[file]
                self._remove_unused(file)

    def end(self, session: str | None) -> None:
        """Remove the files that no other session uses."""
        with self._lock:
            for file in self._used.pop(session or "", {}):
                self._remove_unused(file)

    def remove(self, *files: Path) -> None:
        """Remove files that no session uses."""
        with self._lock:
            for file in files:
                self._remove_unused(file)

    def sweep(self, age: float = KEPT_SECONDS, unclaimed_age: float = UNCLAIMED_SECONDS) -> None:
        """Remove what is older than ``age`` seconds, or, where nobody uses it, ``unclaimed_age``.

        Files that a visitor's leaving removes at the same time are no matter.
        """
        now = time.time()
        with self._lock:
            claimed = set[Path]().union(*self._used.values())
        for file in self._all_files():
            limit = age if file in claimed else min(age, unclaimed_age)
            if file not in self._own and now - _modified(file, now) > limit:
                with contextlib.suppress(OSError):
                    file.unlink()
        for path, _, _ in os.walk(self._folder, topdown=False):
            folder = Path(path)
            if folder not in self._fixed and now - _modified(folder, now) > unclaimed_age:
                with contextlib.suppress(OSError):  # not empty, or gone
                    folder.rmdir()

    @property
    def _fixed(self) -> tuple[Path, ...]:
        return self._folder, self._uploads, self._results

    def _check_room(self, size: int) -> None:
        taken = sum(map(_size, self._all_files())) + self._coming
        if taken + size > self._total_bytes:
            raise RefusedError(
                "The page has no room for more pictures at the moment, because others use it. "
                f"Come back in {UNCLAIMED_SECONDS // 60} minutes."
            )

    def _remove_unused(self, file: Path) -> None:
        """Remove a file that no session uses, and the folders that are then empty."""
        if any(file in used for used in self._used.values()):
            return
        if self._folder not in file.parents:  # a visitor named another file; it is not ours
            return
        with contextlib.suppress(OSError):  # gone, or something else lies in the folder
            file.unlink(missing_ok=True)
            for folder in file.parents:
                if folder in self._fixed:
                    break
                folder.rmdir()

    def _all_files(self) -> Iterator[Path]:
        for path, _, names in os.walk(self._folder):  # unlike rglob, it bears folders that vanish
            yield from (Path(path, name) for name in names)


@contextlib.contextmanager
def _removed_on_failure(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _size(file: Path) -> int:
    """Return a file's bytes, 0 if it has gone."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _modified(path: Path, otherwise: float) -> float:
    """Return when a file or folder was changed, ``otherwise`` if it has gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return otherwise
