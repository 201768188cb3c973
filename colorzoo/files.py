"""Files that are seen whole or not at all, whatever stops the machine, and their hashes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a text file beside its place and move it there; the old one stays until then.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


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
