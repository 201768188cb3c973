"""One tar archive of pictures to another that is like it, coloured."""

from __future__ import annotations

import contextlib
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from PIL import Image

from colorzoo.errors import DataError
from colorzoo.files import replacing
from colorzoo.interrupt import StoppedError
from colorzoo.jobs.batches import Task, in_batches
from colorzoo.jobs.plan import name_results
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.formats import READABLE_SUFFIXES
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer


@dataclass(slots=True, eq=False)
class _Member:
    """One entry of an archive.

    Attributes:
        info: Its header.
        target: Its name in the coloured archive.
        content: Its bytes, once coloured those of the result; None for what is no file.
        is_picture: Whether it is to be coloured.
        reason: Why it could not be; None if it was, or needed not.
    """

    info: tarfile.TarInfo
    target: str
    content: bytes | None
    is_picture: bool
    reason: str | None = None


@dataclass(slots=True)
class ArchiveOutcome:
    """What became of an archive's pictures.

    Attributes:
        coloured: How many were.
        failures: Why others were not, by their names.
    """

    coloured: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class _MemberTask(Task[_Member, _Member]):
    """How members are read and written: from bytes, and to bytes.

    Args:
        folder: An empty one, for files in passing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, item: _Member) -> Picture | _Member:
        if not item.is_picture or item.content is None:
            return item
        return read(item.content)

    def write(self, item: _Member, image: Image.Image) -> None:
        # Through a file, as pictures become files in one way only.
        path = self.folder / f"{id(item)}{PurePosixPath(item.target).suffix}"
        item.content = write(image, path).read_bytes()
        path.unlink()

    def result(
        self, item: _Member, picture: Picture | None, reason: str | None, seconds: float
    ) -> _Member:
        item.reason = reason
        return item


def color_archive(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions,
    *,
    should_stop: Callable[[], bool],
) -> ArchiveOutcome | None:
    """Colour the pictures of an archive.

    Everything else in it goes along as it is, in the same order. A picture that fails is left out.
    A name whose suffix cannot be written ends in ``.png``.

    Args:
        colorizer: What colours them.
        source: An uncompressed tar archive.
        target: Where the coloured one goes; it is seen whole or not at all.
        options: How they are coloured.
        should_stop: Asked before each picture; once true, all is given up.

    Returns:
        What became of the pictures; None if it was given up, and then nothing is written.

    Raises:
        DataError: The source is no such archive, is damaged, or cannot be read.
        OSError: The target cannot be written.
    """
    outcome = ArchiveOutcome()
    with contextlib.suppress(StoppedError):
        with tempfile.TemporaryDirectory() as folder, replacing(target) as file:
            task = _MemberTask(Path(folder))
            with tarfile.open(fileobj=file, mode="w") as archive:
                for member in in_batches(
                    colorizer, task, _members(source), options, should_stop=should_stop
                ):
                    if member.reason is not None:
                        outcome.failures[member.info.name] = member.reason
                        continue
                    outcome.coloured += member.is_picture
                    archive.addfile(_header(member), io.BytesIO(member.content or b""))
            if should_stop():
                raise StoppedError  # from inside, so that what is half written is not kept
        return outcome
    return None


def _header(member: _Member) -> tarfile.TarInfo:
    """Return the header of a member of the coloured archive."""
    if member.content is None:
        return member.info
    info = tarfile.TarInfo(member.target)  # not a copy, which might keep an old size or name
    info.size = len(member.content)
    for key in ("mode", "mtime", "uid", "gid", "uname", "gname"):
        setattr(info, key, getattr(member.info, key))
    return info


def _members(source: Path) -> Iterator[_Member]:
    """Read an archive's members one by one."""
    try:
        with tarfile.open(source, mode="r:") as archive:
            infos = archive.getmembers()
            _check_end(source, archive.offset)
            pictures = [info for info in infos if _is_picture(info)]
            names = name_results([info.name for info in pictures], {})
            targets = dict(zip(pictures, names, strict=True))
            for info in infos:
                stream = archive.extractfile(info) if info.isfile() else None
                content = stream.read() if stream else None
                yield _Member(info, targets.get(info, info.name), content, info in targets)
    except (OSError, tarfile.TarError) as error:
        raise DataError(
            f"{source} cannot be read as an uncompressed tar archive: {error}. Make it again, or "
            "fetch it anew from where it came."
        ) from error


def _check_end(source: Path, offset: int) -> None:
    """Raise a TarError unless an archive ends in zeros, as whole ones do.

    Python's reader takes one that is cut off between two members for complete.
    """
    with source.open("rb") as file:
        file.seek(offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it is cut off")


def _is_picture(info: tarfile.TarInfo) -> bool:
    path = PurePosixPath(info.name)
    hidden = path.name.startswith(".")
    return info.isfile() and not hidden and path.suffix.lower() in READABLE_SUFFIXES
