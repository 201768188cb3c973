"""Where photos come from: a folder, tar archives read in place, or a data set on the Hub.

A source is a numbered set of photos. Opening one lists names and offsets; nothing is decoded, and
no picture is held in memory.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from PIL import Image

from colorzoo.data.streaming import PREFIX, open_hub_source
from colorzoo.errors import DataError
from colorzoo.pictures.formats import READABLE_SUFFIXES
from colorzoo.pictures.opening import open_image


class PhotoSource(Protocol):
    """A numbered set of photos that can be read in any order, from any process."""

    def __len__(self) -> int:
        """Return the number of photos."""
        ...

    def name(self, index: int) -> str:
        """Return what photo ``index`` is called in messages."""
        ...

    def open(self, index: int) -> Image.Image:
        """Open photo ``index`` without decoding it; raises OSError when it is no picture."""
        ...


class FolderSource:
    """All photos in a folder and the folders below it, in the order of their paths."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in READABLE_SUFFIXES and path.is_file()
        )

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.paths)

    def name(self, index: int) -> str:
        """Return the photo's path."""
        return str(self.paths[index])

    def open(self, index: int) -> Image.Image:
        """Open the photo's file."""
        return open_image(self.paths[index])


class TarSource:
    """All photos in tar archives, read by offset: nothing is unpacked.

    Archives must not be compressed as a whole, because a compressed one cannot be read at random.
    """

    def __init__(self, archives: list[Path]) -> None:
        self.archives = archives
        self.members: list[tuple[int, str, int, int]] = []
        for number, archive in enumerate(archives):
            self.members.extend(
                (number, member.name, member.offset_data, member.size)
                for member in _photos_in(archive)
            )

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.members)

    def name(self, index: int) -> str:
        """Return ``archive:member``."""
        number, name, _, _ = self.members[index]
        return f"{self.archives[number]}:{name}"

    def open(self, index: int) -> Image.Image:
        """Read the photo's bytes from its archive and open them."""
        number, _, offset, size = self.members[index]
        with self.archives[number].open("rb") as file:
            file.seek(offset)
            return open_image(io.BytesIO(file.read(size)))


def open_source(text: str, *, split: str = "train", column: str | None = None) -> PhotoSource:
    """Open the photos that ``text`` names.

    Args:
        text: A folder, a ``.tar`` file, a pattern of ``.tar`` files such as
            ``photos/train-*.tar``, or a Hub data set ``hf://datasets/owner/name[@revision]``.
        split: Split of a Hub data set.
        column: Image column of a Hub data set; None finds the only one.

    Raises:
        DataError: Nothing is there, or it holds no photo.
        MissingDependencyError: A Hub data set is named and ``datasets`` is not installed.
    """
    path = Path(text).expanduser()
    source: PhotoSource
    if text.startswith(PREFIX):
        source = open_hub_source(text, split=split, column=column)
    elif path.is_dir():
        source = FolderSource(path)
    elif path.suffix == ".tar":
        archives = sorted(path.parent.glob(path.name))
        if not archives:
            raise DataError(f"No archive matches {text!r}. Check the path.")
        source = TarSource(archives)
    else:
        raise DataError(
            f"{text!r} is neither a folder nor a .tar archive of photos, nor does it begin with "
            f"{PREFIX}. Check the path."
        )
    if len(source) == 0:
        raise DataError(
            f"{text!r} holds no photos. Expected files ending in "
            f"{', '.join(sorted(READABLE_SUFFIXES))}."
        )
    return source


def _photos_in(archive: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the photos of an archive.

    Sizes are checked one by one as they are read: a negative one would lead back and never to the
    end, and one beyond the archive's end would ask for more memory than there is.
    """
    try:
        length = archive.stat().st_size
        with tarfile.open(archive, mode="r:") as tar:
            for member in tar:
                if member.size < 0 or member.offset_data > length:
                    raise tarfile.ReadError(f"{member.name!r} is said to have {member.size} bytes")
                if member.isfile() and Path(member.name).suffix.lower() in READABLE_SUFFIXES:
                    if member.offset_data + member.size > length:
                        raise tarfile.ReadError(f"it is cut off in the middle of {member.name!r}")
                    yield member
    except (OSError, ValueError, OverflowError, MemoryError, tarfile.TarError) as error:
        raise DataError(
            f"{archive} cannot be read as an uncompressed tar archive: {error}. "
            "Make it again with: tar cf photos.tar FOLDER"
        ) from error
