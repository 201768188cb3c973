"""What each result was made from: a hidden file beside the results remembers it.

A name alone does not tell whether a result that is there already is the one that is asked for:
``a.gif`` and ``a.png`` may both become ``a.png``, and another model may have coloured it. One line
of JSON a result says which picture it was made from and how. Lines are only ever added, so that
several processes may write and a killed one does no harm; the last line of a result counts.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from colorzoo.errors import PictureError
from colorzoo.files import file_hash

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.options import ColorizeOptions

RECORDS_FILE: Final = ".colorzoo.jsonl"
"""Name of the hidden file; there is one in each folder that holds results."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one picture's file from another.

    Attributes:
        name: Its name, without its folder: both folders may be moved.
        size: Bytes.
        modified: When it was last changed, in nanoseconds since 1970.
        sha256: Hash of its content, in hexadecimal.
    """

    name: str
    size: int
    modified: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Read a file's.

        Raises:
            OSError: It cannot be read.
        """
        status = path.stat()
        return cls(path.name, status.st_size, status.st_mtime_ns, file_hash(path))

    def matches(self, path: Path) -> bool:
        """Tell whether a file has the same content; it is read only where the rest leaves doubt.

        Raises:
            OSError: It cannot be read.
        """
        status = path.stat()
        if (path.name, status.st_size, status.st_mtime_ns) == (self.name, self.size, self.modified):
            return True
        return status.st_size == self.size and file_hash(path) == self.sha256


@dataclass(frozen=True, slots=True)
class Record:
    """From what, and how, one result was made.

    Attributes:
        target: Name of the result in its folder.
        source: The picture.
        settings: The model's name and the options that change what comes out (see
            :func:`settings_of`).
    """

    target: str
    source: Fingerprint
    settings: dict[str, Any]


class Records:
    """The records of all folders that a job writes to, each read when it is first asked for."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Record]] = {}

    def of(self, target: Path) -> Record | None:
        """Return what is known of a result; None if nothing is."""
        return self.in_folder(target.parent).get(target.name)

    def in_folder(self, folder: Path) -> dict[str, Record]:
        """Return the records of a folder by the names of their results."""
        if folder not in self._folders:
            self._folders[folder] = _read(folder / RECORDS_FILE)
        return self._folders[folder]

    def add(self, folder: Path, record: Record) -> None:
        """Remember a result.

        Raises:
            OSError: The folder cannot be written to.
        """
        self.in_folder(folder)[record.target] = record
        # Before the line, not after it: what a killed process left of its own ends here then.
        line = "\n" + json.dumps(dataclasses.asdict(record), ensure_ascii=False)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(folder / RECORDS_FILE, flags, 0o666)
        try:
            os.write(descriptor, line.encode())  # one call, so that lines of processes do not mix
        finally:
            os.close(descriptor)


def settings_of(colorizer: Colorizer, options: ColorizeOptions) -> dict[str, Any]:
    """Return what decides how a result looks, in the form in which it is stored.

    Options that are None are left out, and so are the size of a batch, which changes nothing, and
    whether all pages are taken, which is noted with the files that have some. Hints and a reference
    are told by digests of their content, for a file may be changed or moved.

    Raises:
        PictureError: The reference cannot be read.
    """
    values = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.name not in ("batch_size", "all_pages")
    }
    values["dtype"] = rounding_of(colorizer)
    if options.reference is not None:
        values["reference"] = content_of(options.reference)
    plain = json.dumps({"model": colorizer.name, **values}, default=repr)
    return {key: value for key, value in json.loads(plain).items() if value is not None}


def content_of(path: Path) -> str:
    """Return the beginning of the hash of a reference or of hints, enough to tell it from others.

    Raises:
        PictureError: The file cannot be read.
    """
    try:
        return file_hash(path)[:16]
    except OSError as error:
        raise PictureError(f"Cannot read {path}: {error.strerror}. Check the path.") from error


def rounding_of(colorizer: Colorizer) -> str | None:
    """Return the precision of a colorizer's network where it is not the usual one."""
    return None if colorizer.dtype == "float32" else colorizer.dtype


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say in which settings a result differs from what is asked for; both as stored."""
    differing = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return ", ".join(f"{key} {_earlier(key, before, now)}" for key in differing)


def _earlier(key: str, before: dict[str, Any], now: dict[str, Any]) -> Any:
    """Return a setting's value where it is no longer what it was."""
    return before.get(key, False if now.get(key) is True else "of its own")


def _read(path: Path) -> dict[str, Record]:
    """Return the records of one file; a line that is cut off or foreign is passed over."""
    records: dict[str, Record] = {}
    try:
        lines = path.read_bytes().splitlines() if path.is_file() else []
    except OSError:  # what cannot be read tells nothing, and its results are left as they are
        return records
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match values:
            case {
                "target": str(target),
                "source": {
                    "name": str(name),
                    "size": int(size),
                    "modified": int(modified),
                    "sha256": str(sha256),
                },
                "settings": dict(settings),
            }:
                source = Fingerprint(name, size, modified, sha256)
                records[target] = Record(target, source, settings)
    return records
