"""Files that are seen whole or not at all, whatever stops the machine, and their hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
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


@contextlib.contextmanager
def replacing_folder(folder: Path, *, entirely: bool = False) -> Iterator[Path]:
    """Make a folder whose files take their places in ``folder`` once the block has ended well.

    A new ``folder`` appears whole or not at all. In an existing one files of the same names are
    replaced one by one, and only after all are on the disk; everything else in it stays. A killed
    process leaves a hidden folder behind, called as ``folder`` with a dot before.

    Args:
        folder: Where they go.
        entirely: Nothing stays of an existing ``folder``, which the new one replaces.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        beside = Path(name) / folder.name
        beside.mkdir()
        yield beside
        sync_folder(beside)
        if entirely:
            shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            for path in sorted(beside.iterdir()):
                path.replace(folder / path.name)
        else:
            beside.rename(folder)


def sync_folder(folder: Path) -> None:
    """Wait until the files of a folder are on the disk itself."""
    for path in folder.iterdir():
        with path.open("r+b") as file:
            os.fsync(file.fileno())


def is_endless(path: Path) -> bool:
    """Tell whether something is a pipe, a socket or a device: its end may never come."""
    return path.exists() and not path.is_file() and not path.is_dir()


def file_hash(path: Path, *, git: bool = False) -> str:
    """Return the SHA-256 of a file, or the SHA-1 under which git knows its content.

    Raises:
        OSError: It cannot be read, or is none whose end ever comes.
    """
    if is_endless(path):
        raise OSError(errno.EINVAL, "it is no file but a pipe, a socket or a device", str(path))
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
