"""The part of ``colorzoo colorize`` that is for archives, here and on the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from colorzoo.cli._progress import progress_bar
from colorzoo.errors import ColorzooError, PictureError
from colorzoo.options import ColorizeOptions

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.jobs.shards import ShardFolder, ShardRepo, ShardResult
    from colorzoo.processes import Processes

    Places = tuple[ShardFolder | ShardRepo, ShardFolder | ShardRepo]

_HUB: Final = "hf://datasets/"
_SUFFIX: Final = ".tar"


def are_shards(paths: Sequence[str]) -> bool:
    """Tell whether a command line names archives of pictures, not pictures."""
    return any(
        text.startswith(_HUB) or text.endswith(_SUFFIX) or _holds_archives(Path(text))
        for text in paths
    )


def find_places(
    paths: Sequence[str], out: str | None, push: str | None, *, private: bool
) -> Places:
    """Return where archives come from and where they go.

    Args:
        paths: One data set on the Hub, one folder of archives, or archives of one folder.
        out: Folder for the coloured ones, unless they are pushed.
        push: Data set for them on the Hub.
        private: Whether that, if it is made, is private.

    Raises:
        click.UsageError: The paths are of several kinds, or not just one place is given.
        ColorzooError: The data set is not there.
    """
    from colorzoo.hub.shards import HubDataset, look_up
    from colorzoo.jobs.shards import ShardFolder, ShardRepo

    if (out is None) == (push is None):
        raise click.UsageError("Archives go to a folder (-o OUT) or to the Hub (--push): give one.")
    source: ShardFolder | ShardRepo
    if len(paths) == 1 and paths[0].startswith(_HUB):
        source = ShardRepo(look_up(paths[0]))
    elif len(paths) == 1 and Path(paths[0]).is_dir():
        source = ShardFolder(Path(paths[0]))
    else:
        archives = [Path(text) for text in paths]
        if len({path.parent for path in archives}) > 1 or any(
            path.suffix != _SUFFIX for path in archives
        ):
            raise click.UsageError("Give one data set, one folder of archives, or archives of one.")
        source = ShardFolder(archives[0].parent, [path.name for path in archives])
    if push is not None:
        return source, ShardRepo(HubDataset(push, None, {}), private=private)
    target = ShardFolder(Path(out or "."))
    if isinstance(source, ShardFolder) and _lies_in(target.folder, source.folder):
        raise PictureError(
            f"{target.folder} lies in {source.folder}, whose archives are never overwritten. Give "
            "a folder elsewhere."
        )
    return source, target


def load_shared(model: str, device: str, dtype: str | None) -> tuple[Colorizer, Processes]:
    """Load a model on this process's device, and tell its place among all processes."""
    import colorzoo
    from colorzoo.processes import Processes

    processes = Processes()
    chosen = processes.device if device == "auto" and processes.device else device
    return colorzoo.load(model, device=chosen, dtype=dtype), processes


def run_shards(
    places: Places, model: str, device: str, dtype: str | None, options: ColorizeOptions
) -> int:
    """Colour archives under a progress bar, and return the exit code."""
    from colorzoo.interrupt import Interrupt
    from colorzoo.jobs.shards import colorize_shards, join_manifests

    source, target = places
    colorizer, processes = load_shared(model, device, dtype)
    results: list[ShardResult] = []
    with Interrupt() as interrupt, progress_bar("colorize") as bar:
        for result in colorize_shards(
            colorizer,
            source,
            target,
            options,
            processes=processes,
            should_stop=lambda: interrupt.number is not None,
        ):
            results.append(result)
            if result.reason is not None:
                bar.say(f"error: {result.reason}", color="red")
            if processes.is_main:
                bar(len(results), None, {})
    gathered = sorted(processes.gather(results), key=lambda result: result.shard)
    processes.close()
    if processes.is_main and gathered:
        try:
            target.summarize(join_manifests(gathered))
        except OSError as error:
            raise ColorzooError(f"Cannot write the summary: {error.strerror}.") from error
        _tell(gathered)
    if interrupt.number is not None:
        click.echo("stopped; the same command goes on from here", err=True)
        return 128 + interrupt.number
    lost = any(result.manifest is None or result.manifest.failures for result in gathered)
    return 1 if lost else 0


def _tell(results: Sequence[ShardResult]) -> None:
    """Name the archives that were written on stdout, and sum them up on stderr."""
    for result in results:
        if result.status == "done":
            click.echo(result.shard)
    manifests = [result.manifest for result in results if result.manifest]
    parts = [f"{len(manifests)} archives"]
    skipped = sum(result.status == "skipped" for result in results)
    if skipped:
        parts.append(f"{skipped} of them there already")
    parts.append(f"{sum(manifest.coloured for manifest in manifests)} pictures coloured")
    failures = sum(len(manifest.failures) for manifest in manifests)
    if failures:
        parts.append(f"{failures} pictures failed and are left out (manifest.json tells why)")
    broken = len(results) - len(manifests)
    if broken:
        parts.append(f"{broken} archives failed")
    click.echo(", ".join(parts), err=True)


def _holds_archives(folder: Path) -> bool:
    """Tell whether a folder is one of archives; one that holds pictures beside them is not."""
    if not folder.is_dir():
        return False
    from colorzoo.pictures.formats import READABLE_SUFFIXES

    suffixes = {path.suffix.lower() for path in folder.iterdir() if not path.name.startswith(".")}
    return _SUFFIX in suffixes and not suffixes & READABLE_SUFFIXES


def _lies_in(folder: Path, other: Path) -> bool:
    return other.resolve() in (folder.resolve(), *folder.resolve().parents)
