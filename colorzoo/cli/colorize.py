"""``colorzoo colorize``: grey pictures in, coloured pictures out."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from colorzoo.cli._options import colorize_options, device_option, dtype_option, model_option
from colorzoo.cli._progress import ProgressBar, progress_bar
from colorzoo.cli._shards import are_shards, find_places, load_shared, run_shards
from colorzoo.errors import ConfigError, PictureError
from colorzoo.options import ColorizeOptions, Depth

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.jobs.files import FileResult, FolderReport
    from colorzoo.jobs.plan import Pair
    from colorzoo.processes import Processes

_PIPE: Final = "-"
_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_FILE_OR_FOLDER: Final = click.Path(path_type=Path)


@click.command("colorize")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--out",
    help="Folder to write to, or a file if PATH is one file; beside PATH if left out.",
)
@model_option
@colorize_options
@click.option(
    "--hints",
    type=_FILE_OR_FOLDER,
    help="Colours of places: a .json file, an RGBA layer, or for a folder a folder of such.",
)
@click.option("--reference", type=_FILE, help="A picture in colour to take colours from.")
@device_option
@dtype_option
@click.option(
    "--depth",
    type=click.Choice(("auto", "8", "16")),
    default="auto",
    show_default=True,
    help="Bits of a sample in PNG and TIFF; auto keeps the picture's own.",
)
@click.option("--all-pages", is_flag=True, help="Colour every page of a TIFF, into a TIFF.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Pictures that are coloured together.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is in OUT already.")
@click.option("--no-recursive", is_flag=True, help="Leave out folders inside folders.")
@click.option(
    "--csv",
    "table",
    type=_FILE,
    help="Write what became of each picture to this file.",
)
@click.option("--push", metavar="OWNER/NAME", help="Data set on the Hub for coloured archives.")
@click.option("--private", is_flag=True, help="Make a new data set private.")
def command(
    paths: tuple[str, ...],
    out: str | None,
    model: str,
    options: ColorizeOptions,
    depth: str,
    all_pages: bool,
    hints: Path | None,
    reference: Path | None,
    device: str,
    dtype: str | None,
    batch_size: int,
    overwrite: bool,
    no_recursive: bool,
    table: Path | None,
    push: str | None,
    private: bool,
) -> None:
    """Colour pictures and folders of pictures.

    OUT mirrors a folder's inner folders; of several folders each gets its own in OUT. Without -o
    x.jpg becomes x-color.jpg beside it. In a folder for --hints, those of a/b.jpg are a/b.json or a
    layer a/b.png. A picture that cannot be read is reported and left out, and
    the exit code is then 1. The names of the written files go to stdout. PATH and OUT may be - for
    a picture on stdin and stdout.

    .tar archives, a folder of them, or a data set of them on the Hub (hf://datasets/owner/name)
    become such in OUT, or on the Hub with --push. A stopped run goes on by the same command.

    Several processes share the work under 'accelerate launch -m colorzoo colorize ...'.
    """
    from colorzoo.jobs.hint_files import check_hint_files

    if table is not None and not table.absolute().parent.is_dir():
        raise click.UsageError(f"There is no folder {table.absolute().parent} for --csv {table}.")
    bits: Depth = "auto" if depth == "auto" else 16 if depth == "16" else 8
    options = dataclasses.replace(options, batch_size=batch_size, depth=bits, all_pages=all_pages)
    if push is not None or are_shards(paths):
        if table is not None or hints is not None or all_pages:
            raise click.UsageError(
                "--csv, --hints and --all-pages go with pictures, not with archives."
            )
        options = _with_guides(options, None, reference, 1)
        places = find_places(paths, out, push, private=private)
        click.get_current_context().exit(run_shards(places, model, device, dtype, options))
    with _planned(paths, out, recursive=not no_recursive) as pairs:
        hint_files = _hint_files(hints, paths, pairs, recursive=not no_recursive)
        alone = hints if hint_files is None else None
        options = _with_guides(options, alone, reference, len(pairs))
        colorizer, processes = load_shared(model, device, dtype)
        if hint_files is not None:
            check_hint_files(colorizer, [picture for picture, _ in pairs], hint_files)
        report, number = _run(colorizer, pairs, options, hint_files, overwrite, processes)
        processes.close()
        if processes.is_main:
            _tell(report, len(pairs), number, table, to_pipe=_goes_to_pipe(paths, out))
    if number or report.failed:
        click.get_current_context().exit(128 + number if number else 1)


def _hint_files(
    hints: Path | None, paths: Sequence[str], pairs: Sequence[Pair], *, recursive: bool
) -> dict[Path, Path] | None:
    """Return the hints of each picture where a folder of them was given, else None."""
    from colorzoo.jobs.hint_files import find_hint_files
    from colorzoo.pictures.opening import local_path

    if hints is None or not hints.is_dir():
        return None
    source = local_path(paths[0])
    if len(paths) > 1 or not source.is_dir():
        raise click.UsageError("A folder of --hints is for one folder of pictures.")
    return find_hint_files(hints, source, [picture for picture, _ in pairs], recursive=recursive)


def _with_guides(
    options: ColorizeOptions, hint_file: Path | None, reference: Path | None, count: int
) -> ColorizeOptions:
    """Read hints and the reference; what is wrong with them is said before anything is coloured."""
    from colorzoo.hints import Hints
    from colorzoo.prepare import read_reference

    if hint_file is not None and count > 1:
        raise click.UsageError(
            f"--hints are for one picture, and PATH has {count}: give one picture, or for a folder "
            "of pictures a folder of hints."
        )
    if reference is not None:
        read_reference(reference)
    hints = Hints.from_file(hint_file) if hint_file else None
    return dataclasses.replace(options, hints=hints, reference=reference)


def _goes_to_pipe(paths: Sequence[str], out: str | None) -> bool:
    return out == _PIPE or (out is None and _PIPE in paths)


@contextlib.contextmanager
def _planned(paths: Sequence[str], out: str | None, *, recursive: bool) -> Iterator[list[Pair]]:
    """Pair pictures with their results; what comes or goes through a pipe lies in files meanwhile.

    A result for standard output is written there when the block ends.
    """
    from colorzoo.jobs.plan import pair_paths

    to_pipe = _goes_to_pipe(paths, out)
    if len(paths) > 1 and (to_pipe or _PIPE in paths):
        raise click.UsageError("One picture goes through a pipe at a time: give - alone.")
    if to_pipe and sys.stdout.isatty():
        raise click.UsageError("Not writing a picture to a terminal: give -o FILE, or a pipe.")
    with contextlib.ExitStack() as stack:
        if to_pipe or _PIPE in paths:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if _PIPE in paths:
            paths = [str(_read_pipe(folder))]
        if to_pipe:
            out = str(folder / f"out{_suffix(Path(paths[0]))}")
        try:
            pairs = pair_paths(paths, out, recursive=recursive)
        except ConfigError as error:
            raise click.UsageError(str(error)) from error
        if not pairs:
            raise PictureError(f"There are no pictures in {', '.join(paths)}.")
        yield pairs
        if to_pipe:
            _write_pipe(pairs[0][1])


def _read_pipe(folder: Path) -> Path:
    """Store what comes on standard input."""
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path.rename(path.with_suffix(_suffix(path)))


def _suffix(path: Path) -> str:
    """Return the suffix of the format that a picture has and gets; .png where it cannot be kept."""
    from colorzoo.pictures.formats import BROKEN_FILE, WRITERS
    from colorzoo.pictures.opening import open_image

    try:
        with open_image(path) as image:
            format_name = image.format
    except BROKEN_FILE:  # colouring it will say what is wrong
        format_name = None
    return next(
        (suffix for suffix, writer in WRITERS.items() if writer.name == format_name), ".png"
    )


def _write_pipe(path: Path) -> None:
    if path.exists():
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _run(
    colorizer: Colorizer,
    pairs: Sequence[Pair],
    options: ColorizeOptions,
    hint_files: Mapping[Path, Path] | None,
    overwrite: bool,
    processes: Processes,
) -> tuple[FolderReport, int | None]:
    """Colour this process's part under a progress bar, and put all parts together.

    Returns:
        What became of all pictures, and the signal that stopped the work, None if none did.
    """
    from colorzoo.interrupt import Interrupt
    from colorzoo.jobs.files import FolderReport, colorize_files

    results: list[FileResult] = []
    # The second SIGTERM too leaves by an exception, so that nothing half-written stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Interrupt() as interrupt, progress_bar("colorize") as bar:
        for result in colorize_files(
            colorizer,
            pairs,
            options,
            hint_files=hint_files,
            overwrite=overwrite,
            rank=processes.rank,
            processes=processes.count,
            should_stop=lambda: interrupt.number is not None,
        ):
            results.append(result)
            _note(bar, result)
            if processes.is_main:  # the others are about as far
                bar(min(len(pairs), len(results) * processes.count), len(pairs), {})
    order = {target: number for number, (_, target) in enumerate(pairs)}
    gathered = sorted(processes.gather(results), key=lambda result: order[result.target])
    return FolderReport(tuple(gathered)), interrupt.number


def _note(bar: ProgressBar, result: FileResult) -> None:
    """Say at once what is wrong with a picture."""
    if result.status == "failed":
        bar.say(f"error: {result.reason}", color="red")
    for text in result.notes:
        bar.say(f"note: {result.source}: {text}")


def _tell(
    report: FolderReport, total: int, number: int | None, table: Path | None, *, to_pipe: bool
) -> None:
    """Name what was written on stdout, and sum it up on stderr."""
    if table is not None:
        report.write_csv(table)
    if not to_pipe:
        for result in report.done:
            click.echo(result.target)
    click.echo(_summarize(report, total, number), err=True)


def _summarize(report: FolderReport, total: int, number: int | None) -> str:
    """Return one sentence on how many pictures became what."""
    parts = [f"{len(report.done)} of {total} pictures coloured"]
    for reason, count in Counter(result.reason for result in report.skipped).items():
        parts.append(f"{count} there already{f', {reason}' if reason else ''}")
    if report.skipped:
        parts[-1] += " (--overwrite colours them again)"
    if report.failed:
        parts.append(f"{len(report.failed)} failed")
    if number:
        name = signal.Signals(number).name
        parts.append(f"stopped by {name}; the same command goes on from here")
    return ", ".join(parts)
