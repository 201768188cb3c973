"""Many pictures, one result each: the job behind folders, lists of files and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colorzoo.errors import PictureError
from colorzoo.jobs.plan import identities, is_any_of
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer

Pair = tuple[Path, Path]
"""A picture and the place of its result."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        source: The picture that was to be coloured.
        target: Where its colours went, or were to go.
        status: ``"skipped"`` means that ``target`` was there already.
        reason: Why it failed; empty otherwise.
        notes: What a person should know, such as frames left out.
    """

    source: Path
    target: Path
    status: Literal["done", "failed", "skipped"]
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What became of a folder, file by file, in order."""

    results: tuple[FileResult, ...]

    @property
    def done(self) -> tuple[FileResult, ...]:
        """The files that were coloured."""
        return self._of("done")

    @property
    def failed(self) -> tuple[FileResult, ...]:
        """The files that were not, each with its reason."""
        return self._of("failed")

    @property
    def skipped(self) -> tuple[FileResult, ...]:
        """The files whose result was there already."""
        return self._of("skipped")

    def _of(self, status: str) -> tuple[FileResult, ...]:
        return tuple(result for result in self.results if result.status == status)


def colorize_files(
    colorizer: Colorizer,
    pairs: Iterable[Pair],
    options: ColorizeOptions | None = None,
    *,
    overwrite: bool = False,
) -> Iterator[FileResult]:
    """Colour files one batch after another, and tell of each what became of it.

    A bad file does not stop the others. At most two batches of pictures are held at once: the next
    is read while one is coloured. No input is ever overwritten.

    Args:
        colorizer: What colours them.
        pairs: Each picture with the place of its result, whose folders are made if missing.
        options: How they are coloured.
        overwrite: Colour again what is there already; otherwise it is skipped.

    Yields:
        One result a pair, in their order.
    """
    options = options or ColorizeOptions()
    planned = list(pairs)
    inputs = identities([source for source, _ in planned])
    chunks = _chunks(planned, options.batch_size)
    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = [reader.submit(_read_all, chunk, inputs, overwrite) for chunk in islice(chunks, 1)]
        while ahead:
            entries = ahead.pop().result()
            ahead += [
                reader.submit(_read_all, chunk, inputs, overwrite) for chunk in islice(chunks, 1)
            ]
            yield from _finish_all(colorizer, entries, options)


def _chunks(pairs: Sequence[Pair], size: int) -> Iterator[Sequence[Pair]]:
    return (pairs[start : start + size] for start in range(0, len(pairs), size))


def _read_all(
    pairs: Sequence[Pair], inputs: set[tuple[int, int]], overwrite: bool
) -> list[FileResult | tuple[Pair, Picture]]:
    """Read pictures; what is not to be coloured comes as its result."""
    entries: list[FileResult | tuple[Pair, Picture]] = []
    for source, target in pairs:
        if is_any_of(target, inputs):
            reason = f"{target} is one of the input pictures, which are never overwritten."
            entries.append(FileResult(source, target, "failed", reason))
        elif target.exists() and not overwrite:
            entries.append(FileResult(source, target, "skipped"))
        else:
            try:
                entries.append(((source, target), read(source)))
            except PictureError as error:
                entries.append(FileResult(source, target, "failed", str(error)))
    return entries


def _finish_all(
    colorizer: Colorizer,
    entries: list[FileResult | tuple[Pair, Picture]],
    options: ColorizeOptions,
) -> Iterator[FileResult]:
    """Colour and write what was read; pass on what was not."""
    pictures = [entry[1] for entry in entries if not isinstance(entry, FileResult)]
    predictions = iter(colorizer.predict_pictures(pictures, options))
    for entry in entries:
        if isinstance(entry, FileResult):
            yield entry
            continue
        (source, target), picture = entry
        try:
            prediction = next(predictions)
            write(colorizer.finish(picture, prediction, options.saturation, options.depth), target)
        except PictureError as error:
            yield FileResult(source, target, "failed", str(error))
        else:
            yield FileResult(source, target, "done", notes=picture.notes)
