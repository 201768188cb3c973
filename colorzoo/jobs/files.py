"""Many pictures, one result each: the job behind folders, lists of files and the command line."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from colorzoo import notebook
from colorzoo.errors import ColorzooError, ConfigError, PictureError
from colorzoo.files import replace_text
from colorzoo.hints import Hints, PlacedHints
from colorzoo.interrupt import StoppedError
from colorzoo.jobs.batches import Task, in_batches
from colorzoo.jobs.hint_files import check_hint_files, find_hint_files
from colorzoo.jobs.pages import color_paged_file
from colorzoo.jobs.plan import Pair, identities, is_any_of, pair_folder
from colorzoo.jobs.records import (
    Fingerprint,
    Record,
    Records,
    content_of,
    difference,
    settings_of,
)
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import has_pages, read
from colorzoo.pictures.write import write
from colorzoo.prepare import read_reference
from colorzoo.progress import OnProgress

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer

Status = Literal["done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        source: The picture that was to be coloured.
        target: Where its colours went, or were to go.
        status: ``"skipped"`` means that a result of the same picture was there already.
        reason: Why it failed, or how what was there differs from what was asked for.
        notes: What a person should know, such as frames left out.
        seconds: How long it took, with its share of its batch.
    """

    source: Path
    target: Path
    status: Status
    reason: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class FolderReport:
    """What became of a folder or a list of files: a sequence of results, in order."""

    results: tuple[FileResult, ...]

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, number: int) -> FileResult:
        return self.results[number]

    def __iter__(self) -> Iterator[FileResult]:
        return iter(self.results)

    def __repr__(self) -> str:
        counts = (len(self.done), len(self.failed), len(self.skipped))
        return "FolderReport(done={}, failed={}, skipped={})".format(*counts)

    def _repr_html_(self) -> str:
        failures = {result.source.name: result.reason for result in self.failed}
        return notebook.facts(repr(self), failures)

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

    def _of(self, status: Status) -> tuple[FileResult, ...]:
        return tuple(result for result in self.results if result.status == status)

    def write_csv(self, path: Path) -> None:
        """Write a table with a row for each file.

        Raises:
            PictureError: It cannot be written.
        """
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(("source", "target", "status", "reason", "notes", "seconds"))
        for result in self.results:
            notes, seconds = "; ".join(result.notes), f"{result.seconds:.3f}"
            rows.writerow(
                (result.source, result.target, result.status, result.reason, notes, seconds)
            )
        try:
            replace_text(path, table.getvalue())
        except OSError as error:
            raise PictureError(
                f"Cannot write the table {path}: {error.strerror}. Give --csv another place."
            ) from error


def colorize_files(
    colorizer: Colorizer,
    pairs: Iterable[Pair],
    options: ColorizeOptions | None = None,
    *,
    hint_files: Mapping[Path, Path] | None = None,
    overwrite: bool = False,
    rank: int = 0,
    processes: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[FileResult, None, None]:
    """Colour files one batch after another, and tell of each what became of it.

    A bad file does not stop the others, also where it spoils the batch that it is in. At most two
    batches of pictures are held at once: the next is read while one is coloured. No input is ever
    overwritten. Beside the results, a hidden file remembers what they were made from (see
    :mod:`colorzoo.jobs.records`).

    Args:
        colorizer: What colours them.
        pairs: Each picture with the place of its result, whose folders are made if missing.
        options: How they are coloured.
        hint_files: Hints of each picture that has its own (see
            :func:`colorzoo.jobs.hint_files.find_hint_files`), in place of those of the options.
        overwrite: Replace what is there already. Otherwise a result of the same picture is skipped,
            and one of another picture is an error.
        rank: Number of this process.
        processes: How many processes share the pairs; each gives all, and colours its part.
        should_stop: Asked before each picture is written; once true, no more are.

    Yields:
        One result for each pair of this process, in their order.

    Raises:
        PictureError: Two pairs have the same target.
        ConfigError: The predictor does not take what is given, or lacks what it needs.
    """
    planned = list(pairs)
    _check_targets(planned)
    options = options or ColorizeOptions()
    settings = settings_of(colorizer, options)
    task = _FileTask(planned, settings, hint_files or {}, overwrite=overwrite)
    mine = planned[rank::processes]
    # Lazily: a file is looked into for pages when its turn has come.
    for paged, group in groupby(mine, lambda pair: options.all_pages and has_pages(pair[0])):
        if paged:
            with contextlib.suppress(StoppedError):
                for pair in group:
                    yield task.color_pages(colorizer, pair, options, should_stop)
        else:
            yield from in_batches(colorizer, task, group, options, should_stop=should_stop)
        if should_stop():
            return


def colorize_folder(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions,
    *,
    hints: str | os.PathLike[str] | None,
    recursive: bool,
    overwrite: bool,
    on_progress: OnProgress | None,
) -> FolderReport:
    """Colour the pictures of a folder; see :meth:`colorzoo.colorizer.Colorizer.folder`."""
    pairs = pair_folder(source, target, recursive=recursive)
    found = {}
    if hints is not None:
        pictures = [picture for picture, _ in pairs]
        found = find_hint_files(hints, source, pictures, recursive=recursive)
        check_hint_files(colorizer, pictures, found)
    if options.reference is not None:
        read_reference(options.reference)  # what is wrong with it is said before all else
    report = on_progress or (lambda done, total, numbers: None)
    report(0, len(pairs), {})
    results: list[FileResult] = []
    failed = 0
    for result in colorize_files(colorizer, pairs, options, hint_files=found, overwrite=overwrite):
        results.append(result)
        failed += result.status == "failed"
        report(len(results), len(pairs), {"failed": failed})
    return FolderReport(tuple(results))


class _FileTask(Task[Pair, FileResult]):
    """How files are read and written.

    Args:
        pairs: All of them, also those of other processes.
        settings: How they are coloured, as it is remembered.
        hint_files: Hints of each picture that has its own.
        overwrite: Replace what is there already.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        settings: dict[str, Any],
        hint_files: Mapping[Path, Path],
        *,
        overwrite: bool,
    ) -> None:
        self.settings = settings
        self.hint_files = hint_files
        self.overwrite = overwrite
        self.inputs = identities(source for source, _ in pairs)
        self.records = Records()
        self._begun: dict[Path, tuple[Fingerprint, dict[str, Any]]] = {}

    def read(self, pair: Pair) -> Picture | FileResult:
        """Read a picture, or say why it is not coloured."""
        known = self._begin(pair)
        return known or read(pair[0])

    def hints(self, pair: Pair, picture: Picture) -> PlacedHints | None:
        """Return the hints of a picture that has its own."""
        file = self.hint_files.get(pair[0])
        if file is None:
            return None
        hints = Hints.from_file(file)
        try:
            return hints.place(picture.height, picture.width)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from error

    def write(self, pair: Pair, image: Image.Image) -> None:
        """Write a result, and remember what it was made from."""
        write(image, pair[1])
        self._remember(pair[1])

    def color_pages(
        self,
        colorizer: Colorizer,
        pair: Pair,
        options: ColorizeOptions,
        should_stop: Callable[[], bool],
    ) -> FileResult:
        """Colour a file of several pages.

        Raises:
            StoppedError: ``should_stop`` has become true; nothing is written then.
        """
        start = time.perf_counter()
        notes: tuple[str, ...] = ()
        file = self.hint_files.get(pair[0])
        try:
            known = self._begin(pair, all_pages=True)
            if known:
                return known
            if file is not None:
                options = dataclasses.replace(options, hints=Hints.from_file(file))
            reason, notes = color_paged_file(colorizer, *pair, options, should_stop=should_stop)
            if reason is None:
                self._remember(pair[1])
        except ColorzooError as error:
            if file is None and isinstance(error, ConfigError):
                raise  # the fault of what was asked for, not of a picture
            reason = str(error)
        status: Status = "failed" if reason else "done"
        return FileResult(*pair, status, reason, notes, time.perf_counter() - start)

    def _begin(self, pair: Pair, **more: bool) -> FileResult | None:
        """Note what a picture is like now; or return why it is not coloured."""
        source, target = pair
        settings = {**self.settings, **more}
        try:
            if source in self.hint_files:
                settings["hints"] = content_of(self.hint_files[source])
            known = self._judge(source, target, settings)
            if known is None:
                self._begun[target] = Fingerprint.of(source), settings
        except OSError as error:
            raise PictureError(
                f"Cannot read {source}: {error.strerror}. Check the path."
            ) from error
        return known

    def _remember(self, target: Path) -> None:
        try:
            self.records.add(target.parent, Record(target.name, *self._begun.pop(target)))
        except OSError as error:
            raise PictureError(
                f"Cannot remember what {target} was made from: {error.strerror}. Check that "
                "files can be added to its folder."
            ) from error

    def result(
        self, pair: Pair, picture: Picture | None, reason: str | None, seconds: float
    ) -> FileResult:
        """Say what became of a file."""
        self._begun.pop(pair[1], None)  # of one that was read and not written
        notes = picture.notes if picture else ()
        return FileResult(*pair, "failed" if reason else "done", reason, notes, seconds)

    def _judge(self, source: Path, target: Path, settings: dict[str, Any]) -> FileResult | None:
        """Return why a picture is not coloured, None if it is."""
        if is_any_of(target, self.inputs):
            reason = f"{target} is one of the input pictures, which are never overwritten."
            return FileResult(source, target, "failed", reason)
        if self.overwrite or not target.exists():
            return None
        record = self.records.of(target)
        if record is None:
            reason = "it is not known from which picture"
            return FileResult(source, target, "skipped", reason)
        if not record.source.matches(source):
            reason = (
                f"{target} is there already, made from another picture than {source} is now "
                f"(it was called {record.source.name}). Overwrite it, or give another place."
            )
            return FileResult(source, target, "failed", reason)
        if record.settings != settings:
            reason = f"coloured with {difference(record.settings, settings)}"
            return FileResult(source, target, "skipped", reason)
        return FileResult(source, target, "skipped")


def _check_targets(pairs: Sequence[Pair]) -> None:
    sources: dict[Path, Path] = {}
    for source, target in pairs:
        if target in sources:
            raise PictureError(
                f"{sources[target]} and {source} would both become {target}; give each a place of "
                "its own."
            )
        sources[target] = source
