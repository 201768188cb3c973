"""Many pictures, one result each: the job behind folders, lists of files and the command line."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colorzoo.errors import ColorzooError, ConfigError, PictureError
from colorzoo.files import replace_text
from colorzoo.jobs.plan import Pair, identities, is_any_of, pair_folder
from colorzoo.jobs.records import Fingerprint, Record, Records, difference, settings_of
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write
from colorzoo.predictor import Prediction
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

    def __iter__(self) -> Iterator[FileResult]:
        return iter(self.results)

    def __repr__(self) -> str:
        counts = (len(self.done), len(self.failed), len(self.skipped))
        return "FolderReport(done={}, failed={}, skipped={})".format(*counts)

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


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A picture that was read, and is to be coloured."""

    source: Path
    target: Path
    picture: Picture
    fingerprint: Fingerprint
    seconds: float


def colorize_files(
    colorizer: Colorizer,
    pairs: Iterable[Pair],
    options: ColorizeOptions | None = None,
    *,
    overwrite: bool = False,
    rank: int = 0,
    processes: int = 1,
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
        overwrite: Replace what is there already. Otherwise a result of the same picture is skipped,
            and one of another picture is an error.
        rank: Number of this process.
        processes: How many processes share the pairs; each gives all, and colours its part.

    Yields:
        One result for each pair of this process, in their order.

    Raises:
        PictureError: Two pairs have the same target.
        ConfigError: The predictor does not take what is given, or lacks what it needs.
    """
    planned = list(pairs)
    _check_targets(planned)
    job = _Job(colorizer, planned, options or ColorizeOptions(), overwrite=overwrite)
    mine = planned[rank::processes]
    size = job.options.batch_size
    chunks = [mine[start : start + size] for start in range(0, len(mine), size)]
    with ThreadPoolExecutor(max_workers=1) as reader:
        try:
            ahead = [reader.submit(job.read, chunk) for chunk in chunks[:1]]
            for number in range(len(chunks)):
                entries = ahead.pop().result()
                ahead += [reader.submit(job.read, chunk) for chunk in chunks[number + 1 :][:1]]
                yield from job.finish(entries)
        finally:
            job.stopped.set()


def colorize_folder(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions,
    *,
    recursive: bool,
    overwrite: bool,
    on_progress: OnProgress | None,
) -> FolderReport:
    """Colour the pictures of a folder; see :meth:`colorzoo.colorizer.Colorizer.folder`."""
    pairs = pair_folder(source, target, recursive=recursive)
    report = on_progress or (lambda done, total, numbers: None)
    report(0, len(pairs), {})
    results: list[FileResult] = []
    failed = 0
    for result in colorize_files(colorizer, pairs, options, overwrite=overwrite):
        results.append(result)
        failed += result.status == "failed"
        report(len(results), len(pairs), {"failed": failed})
    return FolderReport(tuple(results))


class _Job:
    """Reading on one thread, colouring and writing on another.

    Attributes:
        options: How pictures are coloured.
        stopped: Set when no more results are wanted.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        pairs: Sequence[Pair],
        options: ColorizeOptions,
        *,
        overwrite: bool,
    ) -> None:
        self.colorizer = colorizer
        self.options = options
        self.overwrite = overwrite
        self.inputs = identities(source for source, _ in pairs)
        self.records = Records()
        self.settings = settings_of(colorizer, options)
        self.stopped = threading.Event()

    def read(self, pairs: Sequence[Pair]) -> list[FileResult | _Opened]:
        """Read pictures; what is not to be coloured comes as its result."""
        entries: list[FileResult | _Opened] = []
        for source, target in pairs:
            if self.stopped.is_set():
                break
            try:
                entries.append(self._judge(source, target) or self._open(source, target))
            except PictureError as error:
                entries.append(FileResult(source, target, "failed", str(error)))
            except OSError as error:
                reason = f"Cannot read {source}: {error.strerror}. Check the path."
                entries.append(FileResult(source, target, "failed", reason))
        return entries

    def _open(self, source: Path, target: Path) -> _Opened:
        start = time.perf_counter()
        picture, fingerprint = read(source), Fingerprint.of(source)
        return _Opened(source, target, picture, fingerprint, time.perf_counter() - start)

    def _judge(self, source: Path, target: Path) -> FileResult | None:
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
        if record.settings != self.settings:
            reason = f"coloured with {difference(record.settings, self.settings)}"
            return FileResult(source, target, "skipped", reason)
        return FileResult(source, target, "skipped")

    def finish(self, entries: Sequence[FileResult | _Opened]) -> Iterator[FileResult]:
        """Colour and write what was read; pass on what was not."""
        start = time.perf_counter()
        opened = [entry for entry in entries if isinstance(entry, _Opened)]
        predictions = iter(self._predict([entry.picture for entry in opened]))
        share = (time.perf_counter() - start) / max(1, len(opened))
        for entry in entries:
            if isinstance(entry, FileResult):
                yield entry
                continue
            start = time.perf_counter()
            reason = self._write(entry, next(predictions))
            seconds = entry.seconds + share + time.perf_counter() - start
            status: Status = "failed" if reason else "done"
            notes = entry.picture.notes
            yield FileResult(entry.source, entry.target, status, reason, notes, seconds)

    def _predict(self, pictures: list[Picture]) -> list[Prediction | str]:
        """Predict, and where that fails, again by halves: only who is at fault is left without.

        Returns:
            For each picture its prediction, or the reason why there is none.
        """
        try:
            return list(self.colorizer.predict_pictures(pictures, self.options))
        except ConfigError:  # the fault of what was asked for, not of a picture
            raise
        except Exception as error:  # noqa: BLE001  # a predictor may be anybody's code
            if len(pictures) < 2:
                return [_explain(error, picture) for picture in pictures]
        # Here the error is gone, and with it what its frames held of the device's memory.
        middle = len(pictures) // 2
        return self._predict(pictures[:middle]) + self._predict(pictures[middle:])

    def _write(self, entry: _Opened, prediction: Prediction | str) -> str | None:
        """Finish and write one picture; return why that failed, None if it did not."""
        if isinstance(prediction, str):
            return prediction
        try:
            options = self.options
            image = self.colorizer.finish(
                entry.picture, prediction, options.saturation, options.depth
            )
            write(image, entry.target)
            record = Record(entry.target.name, entry.fingerprint, self.settings)
            self.records.add(entry.target.parent, record)
        except OSError as error:
            return f"Cannot remember what {entry.target} was made from: {error.strerror}."
        except (ColorzooError, MemoryError, RuntimeError) as error:  # torch's are RuntimeErrors
            return _explain(error, entry.picture)
        return None


def _check_targets(pairs: Sequence[Pair]) -> None:
    sources: dict[Path, Path] = {}
    for source, target in pairs:
        if target in sources:
            raise PictureError(
                f"{sources[target]} and {source} would both become {target}; give each a place of "
                "its own."
            )
        sources[target] = source


def _explain(error: Exception, picture: Picture) -> str:
    """Say why one picture cannot be coloured."""
    if isinstance(error, ColorzooError):
        return str(error) if picture.name in str(error) else f"{picture.name}: {error}"
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return (
            f"{picture.name}: the memory does not suffice for {picture.height} x {picture.width} "
            "pixels (height x width). Choose a smaller working size, or the device cpu."
        )
    return f"{picture.name}: the predictor failed: {type(error).__name__}: {error}"
