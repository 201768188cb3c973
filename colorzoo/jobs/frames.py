"""Films that are folders of pictures, one file a frame: written, and put under their name."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from colorzoo.errors import VideoError
from colorzoo.jobs.film import Film, Frame
from colorzoo.jobs.plan import name_results
from colorzoo.pictures.write import write


class FolderWriter:
    """Writes some frames of a film to a folder of their own; a context manager.

    Args:
        folder: The folder; what is left in it of a job that was stopped goes.
        film: Whose frames they are: those of a folder keep their names where their formats can be
            written, others are numbered.
    """

    def __init__(self, folder: Path, film: Film) -> None:
        self._folder = folder
        self._names = None if film.files is None else name_results(_names(film.files), {})

    def write(self, image: Image.Image, frame: Frame) -> None:
        """Write one finished frame, with the metadata and the depth that it has."""
        name = f"{frame.index:06}.png" if self._names is None else self._names[frame.index]
        write(image, self._folder / name)

    def __enter__(self) -> FolderWriter:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        pass


def join_folders(segments: Sequence[Path], beside: Path, target: Path) -> None:
    """Put the frames of all segments into one folder.

    Args:
        segments: Folders of :class:`FolderWriter`.
        beside: A folder on the same disk that they are gathered in first.
        target: The folder that they go to; what else lies in it stays.

    Raises:
        VideoError: A file is in the place of the folder.
    """
    if target.exists() and not target.is_dir():
        raise VideoError(f"{target} is a file. Give a folder for the frames.")
    beside.mkdir(exist_ok=True)
    for segment in segments:
        for file in segment.iterdir():
            file.rename(beside / file.name)
    if not target.exists():
        beside.rename(target)
        return
    for file in sorted(beside.iterdir()):
        file.replace(target / file.name)


def _names(files: Sequence[Path]) -> list[str]:
    return [file.name for file in files]
