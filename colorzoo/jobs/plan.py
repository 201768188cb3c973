"""Which files of a folder are coloured, and what each result is called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from colorzoo.errors import PictureError
from colorzoo.pictures.formats import READABLE_SUFFIXES, WRITABLE_SUFFIXES


def find_pictures(folder: Path, *, recursive: bool, without: Path | None = None) -> list[Path]:
    """Return the picture files of a folder, sorted; hidden ones are left out.

    Links to files count as files; links to folders are not followed.

    Args:
        folder: Where to look.
        recursive: Look in its subfolders too.
        without: A subfolder that is left out.

    Raises:
        PictureError: The folder is missing or cannot be read.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise PictureError(f"{folder} {what}. Give a folder of pictures.")
    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        here = Path(place)
        found += [
            here / name
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in READABLE_SUFFIXES
        ]
        folders[:] = [
            name
            for name in folders
            if recursive
            and not name.startswith(".")
            and (without is None or not (here / name).samefile(without))
        ]
    return sorted(found)


def plan(source: Path, target: Path, *, recursive: bool) -> list[tuple[Path, Path]]:
    """Pair every picture of ``source`` with its place in ``target``, which mirrors the tree.

    A suffix is kept where it can be written, otherwise it becomes ``.png``; two pictures never get
    the same place, also where upper and lower case are the same. ``target`` may lie in ``source``:
    what is in it is then no source.

    Raises:
        PictureError: ``source`` is missing or no folder, or ``target`` is the same folder or a
            file.
    """
    if target.exists():
        if not target.is_dir():
            raise PictureError(f"{target} is a file. Give a folder for the coloured pictures.")
        if source.exists() and target.samefile(source):
            raise PictureError(
                f"{target} is the folder of the pictures themselves, which are never overwritten. "
                "Give another folder for the coloured ones."
            )
    sources = find_pictures(
        source, recursive=recursive, without=target if target.exists() else None
    )
    kept_first = sorted(sources, key=lambda path: path.suffix.lower() not in WRITABLE_SUFFIXES)
    taken: set[str] = set()
    places = {}
    for path in kept_first:
        relative = path.relative_to(source)
        place = next(name for name in _names(relative) if str(name).casefold() not in taken)
        taken.add(str(place).casefold())
        places[path] = target / place
    return [(path, places[path]) for path in sources]


def is_any_of(path: Path, files: set[tuple[int, int]]) -> bool:
    """Tell whether ``path`` is, by any name, one of ``files`` (see :func:`identities`)."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) in files


def identities(paths: list[Path]) -> set[tuple[int, int]]:
    """Return what tells files apart whatever they are called: device and inode of each."""
    found = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # a broken link: reading it will say so
            continue
        found.add((status.st_dev, status.st_ino))
    return found


def _names(relative: Path) -> Iterator[Path]:
    """Yield the names a result may have, best first."""
    if relative.suffix.lower() in WRITABLE_SUFFIXES:
        yield relative
    yield relative.with_suffix(".png")
    yield relative.with_name(f"{relative.name}.png")
    number = 2
    while True:
        yield relative.with_name(f"{relative.name}-{number}.png")
        number += 1


def _refuse(error: OSError) -> None:
    raise PictureError(
        f"Cannot read the folder {error.filename}: {error.strerror}. Check its access rights."
    ) from error
