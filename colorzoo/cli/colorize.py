"""``colorzoo colorize``: grey pictures in, coloured pictures out."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.errors import PictureError
from colorzoo.options import MAX_WORKING_SIZE
from colorzoo.zoo.folders import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from colorzoo.colorizer import Colorizer
    from colorzoo.jobs.files import FileResult

# Names of pictures that colorzoo neither reads nor writes; a folder is not called that by intent.
_FOREIGN_SUFFIXES = frozenset({".heic", ".heif", ".jxl", ".psd", ".svg", ".dng", ".pdf"})


@dataclass(frozen=True, slots=True)
class _Options:
    """How pictures are coloured, as the user asked."""

    saturation: float
    working_size: int | None
    batch_size: int
    recursive: bool
    overwrite: bool


@click.command("colorize")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write to, or a file if PATH is one file.",
)
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, help="Model, folder or Hub name."
)
@click.option(
    "--saturation",
    type=click.FloatRange(min=0.0),
    default=1.0,
    show_default=True,
    help="Strength of the colours; 0 is grey.",
)
@click.option(
    "--working-size",
    type=click.IntRange(min=1, max=MAX_WORKING_SIZE),
    help="Shorter side in pixels that the model sees; its own if left out.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Pictures of a folder that are coloured together.",
)
@click.option("--overwrite", is_flag=True, help="Colour again what is in OUT already.")
@click.option("--no-recursive", is_flag=True, help="Leave out folders inside folders.")
def command(
    paths: tuple[Path, ...],
    out: Path,
    model: str,
    saturation: float,
    working_size: int | None,
    device: str,
    batch_size: int,
    overwrite: bool,
    no_recursive: bool,
) -> None:
    """Colour pictures and folders of pictures.

    OUT mirrors a folder's inner folders; of several folders each gets its own in OUT. A picture
    that cannot be read is reported and left out, and the exit code is then 1. The names of the
    written files go to stdout.
    """
    jobs = _plan(paths, out)
    import colorzoo

    colorizer = colorzoo.load(model, device=device)
    options = _Options(saturation, working_size, batch_size, not no_recursive, overwrite)
    results = _run(colorizer, jobs, options)
    if not results:
        raise PictureError(f"There are no pictures in {', '.join(map(str, paths))}.")
    for result in results:
        if result.status == "done":
            click.echo(result.target)
    click.echo(_summarize(results), err=True)
    if any(result.status == "failed" for result in results):
        click.get_current_context().exit(1)


def _plan(paths: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """Pair every path with the file or folder it becomes, before anything is written."""
    if not any(path.exists() for path in paths):
        raise PictureError(
            f"There is no file or folder {', '.join(map(str, paths))}. Give pictures, or folders "
            "of pictures."
        )
    from colorzoo.pictures.formats import READABLE_SUFFIXES, WRITABLE_SUFFIXES

    if len(paths) == 1 and paths[0].is_dir():
        return [(paths[0], out)]
    suffix = out.suffix.lower()
    if len(paths) == 1 and suffix in WRITABLE_SUFFIXES and not out.is_dir():
        return [(paths[0], out)]
    unwritable = (READABLE_SUFFIXES | _FOREIGN_SUFFIXES) - WRITABLE_SUFFIXES
    if suffix in unwritable and not out.is_dir():
        raise click.UsageError(
            f"Cannot write {out}: colorzoo does not write {suffix}. Use one of "
            f"{', '.join(sorted(WRITABLE_SUFFIXES))}, or give a folder with -o."
        )
    if not out.is_dir() and (out.exists() or suffix in WRITABLE_SUFFIXES):
        raise click.UsageError(
            f"{out} is a file or is named like one; for several pictures give a folder with -o."
        )
    sources: dict[Path, Path] = {}
    for path in paths:
        target = out / path.resolve().name
        if not path.is_dir() and target.suffix.lower() not in WRITABLE_SUFFIXES:
            target = target.with_suffix(".png")
        if target in sources:
            raise click.UsageError(
                f"{sources[target]} and {path} would both become {target}; colour them apart."
            )
        sources[target] = path
    return [(path, target) for target, path in sources.items()]


def _run(
    colorizer: Colorizer, jobs: Sequence[tuple[Path, Path]], options: _Options
) -> list[FileResult]:
    """Colour all jobs under a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    results: list[FileResult] = []
    inputs = [source for source, _ in jobs if not source.is_dir()]
    console = Console(stderr=True)
    # Standard output is for data; rich would redirect it to the terminal of the progress bar.
    with Progress(
        console=console, redirect_stdout=False, transient=True, disable=not console.is_terminal
    ) as progress:
        for source, target in jobs:
            task = progress.add_task(source.name, total=None)
            note = functools.partial(_note, results, progress, task)
            if source.is_dir():
                colorizer.folder(
                    source,
                    target,
                    recursive=options.recursive,
                    overwrite=options.overwrite,
                    saturation=options.saturation,
                    working_size=options.working_size,
                    batch_size=options.batch_size,
                    on_result=note,
                )
            else:
                note(_colorize_file(colorizer, source, target, inputs, options), 1)
    return results


def _note(
    results: list[FileResult], progress: Progress, task: TaskID, result: FileResult, total: int
) -> None:
    """Keep one result, move the bar, and say at once what is wrong with a picture."""
    results.append(result)
    progress.update(task, total=total, advance=1)
    show = functools.partial(progress.console.print, markup=False, highlight=False, soft_wrap=True)
    if result.status == "failed":
        show(f"error: {result.reason}", style="red")
    for text in result.notes:
        show(f"note: {result.source}: {text}")


def _colorize_file(
    colorizer: Colorizer, source: Path, target: Path, inputs: list[Path], options: _Options
) -> FileResult:
    """Colour one file as :meth:`Colorizer.folder` colours each of its."""
    from colorzoo.jobs.files import FileResult
    from colorzoo.jobs.plan import identities, is_any_of
    from colorzoo.pictures.write import write

    if is_any_of(target, identities(inputs)):
        reason = f"{target} is one of the input pictures, which are never overwritten."
        return FileResult(source, target, "failed", reason)
    if target.exists() and not options.overwrite:
        return FileResult(source, target, "skipped")
    try:
        image = colorizer(source, saturation=options.saturation, working_size=options.working_size)
        write(image, target)
    except PictureError as error:
        return FileResult(source, target, "failed", str(error))
    return FileResult(source, target, "done")


def _summarize(results: Sequence[FileResult]) -> str:
    """Return one sentence on how many pictures became what."""
    counts = Counter(result.status for result in results)
    parts = [f"{counts['done']} of {len(results)} pictures coloured"]
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} there already (--overwrite colours them again)")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed")
    return ", ".join(parts)
