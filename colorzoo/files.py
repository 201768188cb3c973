"""Files that are seen whole or not at all, whatever stops the machine, and their hashes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``path`` once the block has ended without an error.

    Until then the old file stays. On Linux the new one has no name before it is complete, so that
    nothing is left behind even by a process that is killed.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    nameless = _open_nameless(path.parent)
    try:
        with nameless or beside.open("x+b") as file:
            yield file
            file.flush()
            if nameless:
                _name(nameless, beside)
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):  # gone already, or never made
            beside.unlink()


def replace_text(path: Path, text: str) -> None:
    """Write a text file beside its place and move it there; the old one stays until then.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    with replacing(path) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the files of a folder are on the disk itself."""
    for path in folder.iterdir():
        with path.open("r+b") as file:
            os.fsync(file.fileno())


def file_hash(path: Path, *, git: bool = False) -> str:
    """Return the SHA-256 of a file, or the SHA-1 under which git knows its content."""
    if git:
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_nameless(folder: Path) -> BinaryIO | None:
    """Open a file in a folder that has no name yet, or return None where that is not possible."""
    if sys.platform != "linux" or not Path("/proc/self/fd").is_dir():
        return None
    with contextlib.suppress(OSError):  # some file systems cannot; for real faults, open() tells
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b")
    return None


def _name(file: BinaryIO, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # With a folder's descriptor Python calls linkat, which alone follows the link in /proc.
        os.link(f"/proc/self/fd/{file.fileno()}", path.name, dst_dir_fd=folder)
    finally:
        os.close(folder)
