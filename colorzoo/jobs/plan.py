"""Which pictures are coloured, and what each result is called."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from colorzoo.errors import ConfigError, PictureError
from colorzoo.jobs.records import Records
from colorzoo.pictures.formats import READABLE_SUFFIXES, WRITABLE_SUFFIXES
from colorzoo.pictures.opening import address_of, local_path

Pair = tuple[Path, Path]
"""A picture and the place of its result."""

# Names of pictures that colorzoo neither reads nor writes; a folder is not called that by intent.
_FOREIGN_SUFFIXES: Final = frozenset({".heic", ".heif", ".jxl", ".psd", ".svg", ".dng", ".pdf"})
_PICTURE_SUFFIXES: Final = READABLE_SUFFIXES | WRITABLE_SUFFIXES | _FOREIGN_SUFFIXES


def list_pictures(folder: Path, *, recursive: bool, without: Path | None = None) -> list[Path]:
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
    pictures: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        here = Path(place)
        pictures += [
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
    return sorted(pictures)


def pair_folder(source: Path, target: Path, *, recursive: bool) -> list[Pair]:
    """Pair every picture of ``source`` with its place in ``target``, which mirrors the tree.

    A suffix is kept where it can be written, otherwise it becomes ``.png``. Two pictures never get
    the same place, also where upper and lower case are the same: the second gets a name of its own,
    as in ``a.gif.png``. A picture keeps the place that an earlier run gave it, and gets none that
    is another's. ``target`` may lie in ``source``: what is in it is then no source, and neither is
    what an earlier run made of a picture and put beside it.

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
    without = target if target.exists() else None
    by_folder: dict[Path, list[Path]] = {}
    for path in list_pictures(source, recursive=recursive, without=without):
        by_folder.setdefault(path.parent, []).append(path)
    records = Records()
    pairs = []
    for folder, listed in by_folder.items():
        beside = frozenset(listed)
        paths = [path for path in listed if not _is_made_from_another(path, beside, records)]
        place = target / folder.relative_to(source)
        earlier = {record.source.name: name for name, record in records.in_folder(place).items()}
        names = name_results([path.name for path in paths], earlier)
        pairs += [(path, place / name) for path, name in zip(paths, names, strict=True)]
    return sorted(pairs)


def _is_made_from_another(path: Path, others: frozenset[Path], records: Records) -> bool:
    """Tell whether a picture is the result of another, which lies beside it."""
    record = records.of(path)
    if record is None or record.source.name == path.name:
        return False
    source = path.with_name(record.source.name)
    try:
        return source in others and record.source.matches(source)
    except OSError:  # reading it as a picture will say so
        return False


def pair_paths(paths: Sequence[str], out: str | None, *, recursive: bool) -> list[Pair]:
    """Pair the pictures that a command line names with the places of their results.

    Args:
        paths: Files and folders.
        out: A file, if there is one path and it is a file; else a folder, which mirrors the inner
            folders of a folder. Of several folders each gets its own in it. If None, results lie
            beside what they are made from: ``x-color.jpg`` beside ``x.jpg``.
        recursive: Take the subfolders of folders too.

    Raises:
        PictureError: Nothing is at any of the paths, or a folder cannot be read or written to.
        ConfigError: ``out`` does not go with the paths, or two pictures would become one file.
    """
    for text in paths:
        if address := address_of(text):
            raise PictureError(_about_address(text, address))
    sources = [local_path(text) for text in paths]
    if not any(path.exists() for path in sources):
        raise PictureError(
            f"There is no file or folder {', '.join(paths)}. Give pictures, or folders of pictures."
        )
    if out is None:
        return _pair_beside(sources, recursive=recursive)
    target = local_path(out)
    if len(sources) == 1 and not sources[0].is_dir() and _is_file_name(out, target):
        return [(sources[0], target)]
    if not target.is_dir() and (target.exists() or target.suffix.lower() in _PICTURE_SUFFIXES):
        raise ConfigError(
            f"{out} is a file or is named like one; for several pictures give a folder with -o."
        )
    if len(sources) == 1 and sources[0].is_dir():
        return pair_folder(sources[0], target, recursive=recursive)
    return _pair_into(sources, target, recursive=recursive)


def is_any_of(path: Path, files: set[tuple[int, int]]) -> bool:
    """Tell whether ``path`` is, by any name, one of ``files`` (see :func:`identities`)."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) in files


def identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """Return what tells files apart whatever they are called: device and inode of each."""
    numbers = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # a broken link: reading it will say so
            continue
        numbers.add((status.st_dev, status.st_ino))
    return numbers


def _is_file_name(out: str, target: Path) -> bool:
    """Tell whether one picture goes to the file ``out`` and not into a folder of that name."""
    suffix = target.suffix.lower()
    if target.is_dir() or not suffix or out.endswith(("/", os.sep)):
        return False
    if suffix in WRITABLE_SUFFIXES:
        return True
    raise ConfigError(
        f"Cannot write {out}: colorzoo does not write {suffix}. Use one of "
        f"{', '.join(sorted(WRITABLE_SUFFIXES))}; for a folder of that name write {out}{os.sep}"
    )


def _pair_into(sources: Sequence[Path], out: Path, *, recursive: bool) -> list[Pair]:
    """Put files side by side into a folder, and each folder into one of its own there."""
    places: dict[Path, Path] = {}
    pairs: list[Pair] = []
    for path in sources:
        # The name of "." is that of its folder, and that of a link its own.
        place = out / Path(os.path.abspath(path)).name  # noqa: PTH100  # resolve() follows links
        if not path.is_dir() and place.suffix.lower() not in WRITABLE_SUFFIXES:
            place = place.with_suffix(".png")
        if place in places:
            raise ConfigError(
                f"{places[place]} and {path} would both become {place}; colour them apart."
            )
        places[place] = path
        is_folder = path.is_dir()
        pairs += pair_folder(path, place, recursive=recursive) if is_folder else [(path, place)]
    return pairs


def _pair_beside(sources: Sequence[Path], *, recursive: bool) -> list[Pair]:
    """Put each result beside its picture or folder.

    As in ``colorize *.jpg``, which names the results of an earlier run too: what is known to be
    made from another of the paths is no source.
    """
    records = Records()
    given = {path.absolute() for path in sources}
    pairs: list[Pair] = []
    for path in sources:
        if path.is_dir():
            # That of . or .. has its name elsewhere.
            named = path if path.name not in ("", "..") else path.resolve()
            place = named.with_name(f"{named.name}-color") if named.name else named
            pairs += pair_folder(path, place, recursive=recursive)
            continue
        record = records.of(path)
        if record is None or path.with_name(record.source.name).absolute() not in given:
            suffix = path.suffix if path.suffix.lower() in WRITABLE_SUFFIXES else ".png"
            pairs.append((path, path.with_name(f"{path.stem}-color{suffix}")))
    return pairs


def name_results(names: Sequence[str], earlier: dict[str, str]) -> list[str]:
    """Return the name of each picture's result in one folder.

    Args:
        names: The pictures' own names.
        earlier: For a picture's name that of its result, where there is one from an earlier run.
    """
    results = {name: earlier[name] for name in names if name in earlier}
    free = _FreeNames(earlier.values())
    # Those that keep their suffix choose first.
    for name in sorted(names, key=lambda name: Path(name).suffix.lower() not in WRITABLE_SUFFIXES):
        if name not in results:
            results[name] = free.choose(name)
    return [results[name] for name in names]


class _FreeNames:
    """The names that results may still have in one folder.

    Args:
        taken: Those that they may not have.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {_folded(name) for name in taken}
        self._numbers: dict[str, int] = {}

    def choose(self, name: str) -> str:
        """Take the best name for the result of the picture called ``name``."""
        candidates = [str(Path(name).with_suffix(".png")), f"{name}.png"]
        if Path(name).suffix.lower() in WRITABLE_SUFFIXES:
            candidates.insert(0, name)
        for candidate in candidates:
            if self._take(candidate):
                return candidate
        # Numbers go on from the last one: thousands of names that differ in case alone would
        # else try all earlier numbers each.
        number = self._numbers.get(_folded(name), 1)
        while True:
            number += 1
            if self._take(f"{name}-{number}.png"):
                self._numbers[_folded(name)] = number
                return f"{name}-{number}.png"

    def _take(self, name: str) -> bool:
        is_free = _folded(name) not in self._taken
        self._taken.add(_folded(name))
        return is_free


def _folded(name: str) -> str:
    """Return what is equal for names that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _about_address(text: str, address: str) -> str:
    if address != text:
        return f"There is no file or folder {text}. Did you mean {address}?"
    if text.startswith("hf://"):
        return (
            f"{text} is no data set of archives, as in hf://datasets/owner/name, and not on this "
            "disk. Fetch it first, as in: hf download owner/name --local-dir photos"
        )
    return (
        f"{text} is an address on the web, and colorzoo colours files of this disk. Fetch it "
        f"first: curl -L '{text}' | colorzoo colorize - -o colored.png"
    )


def _refuse(error: OSError) -> None:
    raise PictureError(
        f"Cannot read the folder {error.filename}: {error.strerror}. Check its access rights."
    ) from error
