"""A folder of hints: which of its files belongs to which picture of another folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from colorzoo.errors import ConfigError
from colorzoo.hints import Hints
from colorzoo.pictures.opening import local_path

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer

_SUFFIXES: Final = (".json", ".png")
_NAMED: Final = 3


def find_hint_files(
    hints: str | os.PathLike[str], source: Path, pictures: Iterable[Path], *, recursive: bool
) -> dict[Path, Path]:
    """Find the hints of each picture of a folder.

    Those of ``a/b.jpg`` are ``a/b.json``, or a layer ``a/b.png``, in the folder of hints; where
    several pictures are called ``a/b``, they are ``a/b.jpg.json`` or ``a/b.jpg.png``.

    Args:
        hints: The folder of hints. What is hidden in it is passed over.
        source: The folder of pictures.
        pictures: Those in it.
        recursive: Look into subfolders too.

    Returns:
        The file of each picture that has one.

    Raises:
        ConfigError: There is no such folder, or it is that of the pictures; a file in it belongs to
            no picture, or to several, or a picture has two files.
    """
    folder = _folder_of(hints, source, recursive=recursive)
    names: dict[Path, list[Path]] = {}
    for picture in pictures:
        inner = picture.relative_to(source)
        for name in {inner, inner.with_suffix("")}:
            names.setdefault(name, []).append(picture)
    found: dict[Path, Path] = {}
    foreign = []
    for file in _files_of(folder, recursive=recursive):
        inner = file.relative_to(folder)
        owners = names.get(inner.with_suffix(""), [])
        if inner.suffix.lower() not in _SUFFIXES or not owners:
            foreign.append(inner)
            continue
        if len(owners) > 1:
            raise ConfigError(
                f"The hints {file} may belong to {owners[0]} or to {owners[1]}. Call them "
                f"{owners[0].name}{file.suffix} or {owners[1].name}{file.suffix}."
            )
        if owners[0] in found:
            raise ConfigError(
                f"{found[owners[0]]} and {file} both hold hints for {owners[0]}. Keep one of them."
            )
        found[owners[0]] = file
    if foreign:
        named = ", ".join(str(inner) for inner in foreign[:_NAMED])
        more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
        raise ConfigError(
            f"In {folder} are files that are no hints for a picture of {source}: {named}{more}. "
            "Hints for a/b.jpg are a/b.json or a/b.png there; rename them, or take them out."
        )
    return found


def check_hint_files(
    colorizer: Colorizer, pictures: Iterable[Path], found: Mapping[Path, Path]
) -> None:
    """Raise a ConfigError if what colours the pictures needs hints, and one of them has none."""
    if "hints" not in colorizer.predictor.needs:
        return
    without = [picture for picture in pictures if picture not in found]
    if without:
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        raise ConfigError(
            f"{colorizer.name!r} needs hints, and there are none for {without[0]}{more}. Give each "
            "picture a file of hints, or choose a model that colours by itself."
        )


def _folder_of(hints: object, source: Path, *, recursive: bool) -> Path:
    if isinstance(hints, Hints):
        raise ConfigError(
            "Hints belong to one picture. For a folder of pictures give the path of a folder of "
            "such files as Hints.to_file writes: b.json there for b.jpg."
        )
    if not isinstance(hints, (str, os.PathLike)):
        raise ConfigError(f"hints must be the path of a folder, not {hints!r}.")
    folder = local_path(hints)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ConfigError(
            f"{folder} {what}. For a folder of pictures give a folder of files of hints: b.json "
            "there for b.jpg."
        )
    inside = source.resolve() in folder.resolve().parents
    if folder.samefile(source) or (inside and recursive):
        raise ConfigError(
            f"The folder of hints {folder} is in that of the pictures, {source}, where a layer "
            "would be taken for a picture. Give it another place."
        )
    return folder


def _files_of(folder: Path, *, recursive: bool) -> list[Path]:
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        files += [Path(place) / name for name in names if not name.startswith(".")]
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
    return sorted(files)
