"""Archives of pictures to archives of pictures, each once, by as many processes as there are.

A shard is an uncompressed ``.tar`` archive, as WebDataset has them. It is coloured whole or not at
all: beside its result a manifest tells its hash and its failures, and a shard whose manifest is
there is done. A run that was stopped, on one machine or on many, goes on by the same command.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from colorzoo import schema
from colorzoo.errors import ColorzooError, ConfigError, DataError, HubError
from colorzoo.files import file_hash, replace_text
from colorzoo.hub.shards import HubDataset, fetch_file, look_up, send_files
from colorzoo.jobs.archive import color_archive
from colorzoo.jobs.records import settings_of
from colorzoo.options import ColorizeOptions
from colorzoo.processes import Processes

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer

SHARD_SUFFIX: Final = ".tar"
MANIFESTS: Final = "manifests"
"""The folder of the manifests, beside the shards."""
SUMMARY_FILE: Final = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What became of one shard.

    Attributes:
        shard: Its name, as in ``data/train-0001.tar``.
        sha256: Hash of the coloured archive, in hexadecimal.
        size: Its bytes.
        coloured: How many pictures were coloured.
        failures: Why a picture was not, by its name in the shard; such are left out.
        settings: The model and the options that decide how results look.
        seconds: How long it took, with fetching and sending.
    """

    shard: str
    sha256: str
    size: int
    coloured: int
    failures: dict[str, str]
    settings: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What became of one shard in this run.

    Attributes:
        shard: Its name.
        status: ``"skipped"`` means that an earlier run coloured it.
        manifest: What it holds now; None if it failed.
        reason: Why it failed; None otherwise.
    """

    shard: str
    status: Literal["done", "failed", "skipped"]
    manifest: Manifest | None
    reason: str | None = None


class ShardSource(Protocol):
    """Where shards come from."""

    def names(self) -> list[str]:
        """List them, in the order in which they are coloured."""
        ...

    def open(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Give the file of a shard on this disk, for as long as it is needed."""
        ...


class ShardTarget(Protocol):
    """Where coloured shards go."""

    def manifests(self) -> dict[str, Manifest]:
        """Read what is there already, by the shards' names."""
        ...

    def new(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Give the place where a coloured shard is to be written."""
        ...

    def keep(self, archive: Path, manifest: Manifest) -> None:
        """Take a shard that was written there, and then its manifest."""
        ...

    def summarize(self, text: str) -> None:
        """Take the joined manifests."""
        ...


class ShardFolder:
    """Shards in a folder and the folders below it.

    Args:
        folder: Where they are; made if missing when something is written.
        names: Which of them; None for all.
    """

    def __init__(self, folder: Path, names: Sequence[str] | None = None) -> None:
        self.folder = folder
        self._names = names

    def names(self) -> list[str]:
        """List them, sorted by name."""
        if self._names is not None:
            return sorted(self._names)
        archives = self.folder.rglob(f"*{SHARD_SUFFIX}")
        return sorted(path.relative_to(self.folder).as_posix() for path in archives)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Path]:
        """Give the file itself."""
        yield self.folder / name

    def manifests(self) -> dict[str, Manifest]:
        """Read them; the manifest of a shard that is no longer there does not count."""
        paths = sorted((self.folder / MANIFESTS).rglob("*.json"))
        known = (_parse(schema.read_json(path), str(path)) for path in paths)
        return {
            manifest.shard: manifest
            for manifest in known
            if (self.folder / manifest.shard).is_file()
        }

    @contextlib.contextmanager
    def new(self, name: str) -> Iterator[Path]:
        """Give its place in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    def keep(self, archive: Path, manifest: Manifest) -> None:
        """Write the manifest; the archive is in its place already."""
        path = self.folder / MANIFESTS / f"{manifest.shard}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, _render(manifest))

    def summarize(self, text: str) -> None:
        """Write the joined manifests."""
        replace_text(self.folder / SUMMARY_FILE, text)


class ShardRepo:
    """Shards of a data set on the Hub, each fetched when its turn comes.

    Args:
        data: The data set.
        private: Whether the repository, if it is made, is private.
    """

    def __init__(self, data: HubDataset, *, private: bool = False) -> None:
        self.data = data
        self.private = private

    def names(self) -> list[str]:
        """List them, sorted by name."""
        return sorted(name for name in self.data.hashes if name.endswith(SHARD_SUFFIX))

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Path]:
        """Fetch one; its file is removed when it is no longer needed."""
        with tempfile.TemporaryDirectory() as folder:
            yield fetch_file(self.data, name, Path(folder))

    def manifests(self) -> dict[str, Manifest]:
        """Fetch those that are there now.

        Raises:
            HubError: The Hub cannot be reached, or the repository is public and is to be private.
        """
        now = look_up(self.data.repo, missing_ok=True)
        if self.private and now.private is False:
            raise HubError(
                f"{now.repo} is there already and public, so nothing is pushed to it. Make it "
                "private in its settings on the Hub, or choose another name."
            )
        manifests = {}
        with tempfile.TemporaryDirectory() as folder:
            for name in now.hashes:
                if name.startswith(f"{MANIFESTS}/"):
                    path = fetch_file(now, name, Path(folder))
                    manifest = _parse(schema.read_json(path), f"{now.repo}/{name}")
                    if manifest.shard in now.hashes:
                        manifests[manifest.shard] = manifest
        return manifests

    @contextlib.contextmanager
    def new(self, name: str) -> Iterator[Path]:
        """Give a temporary place."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / Path(name).name

    def keep(self, archive: Path, manifest: Manifest) -> None:
        """Send the archive and its manifest as one commit."""
        beside = archive.with_name("manifest.json")
        replace_text(beside, _render(manifest))
        files = {manifest.shard: archive, f"{MANIFESTS}/{manifest.shard}.json": beside}
        send_files(self.data.repo, files, f"Colour {manifest.shard}", private=self.private)

    def summarize(self, text: str) -> None:
        """Send the joined manifests."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / SUMMARY_FILE
            replace_text(path, text)
            send_files(
                self.data.repo, {SUMMARY_FILE: path}, "Tell what was done", private=self.private
            )


def colorize_shards(
    colorizer: Colorizer,
    source: ShardSource,
    target: ShardTarget,
    options: ColorizeOptions | None = None,
    *,
    processes: Processes,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[ShardResult, None, None]:
    """Colour shards, and tell of each what became of it.

    Shards that are done already are left out first, so that the processes share what remains. All
    processes must call this.

    Args:
        colorizer: What colours them.
        source: Where they come from.
        target: Where they go.
        options: How they are coloured.
        processes: Those that share them.
        should_stop: Asked before each picture is written; once true, the shard in hand is given up.

    Yields:
        One result for each shard of this process; those of an earlier run in the main process.

    Raises:
        ConfigError: What is there already was coloured with another model or other options.
    """
    options = options or ColorizeOptions()
    settings = settings_of(colorizer, options)
    # What one process sees is what counts: another may look when a shard has been done meanwhile.
    (plan,) = processes.gather(
        [_plan(source.names(), target.manifests())] if processes.is_main else []
    )
    names, earlier = plan
    for manifest in earlier:
        if manifest.settings != settings:
            raise ConfigError(
                f"{manifest.shard} was coloured with {manifest.settings} and is now to be with "
                f"{settings}. Choose another place for the coloured shards, or the same settings."
            )
        if processes.is_main:
            yield ShardResult(manifest.shard, "skipped", manifest)
    for name in names[processes.rank :: processes.count]:
        result = _color_shard(colorizer, name, source, target, options, should_stop)
        if result is None:
            return
        yield result


def join_manifests(results: Sequence[ShardResult]) -> str:
    """Return what became of all shards as one text for people and programs, JSON."""
    manifests = sorted(
        (result.manifest for result in results if result.manifest),
        key=lambda manifest: manifest.shard,
    )
    summary = {
        "shards": len(manifests),
        "coloured": sum(manifest.coloured for manifest in manifests),
        "failed": sum(len(manifest.failures) for manifest in manifests),
        "settings": manifests[0].settings if manifests else {},
        "sha256": {manifest.shard: manifest.sha256 for manifest in manifests},
        "failures": {
            f"{manifest.shard}:{name}": reason
            for manifest in manifests
            for name, reason in manifest.failures.items()
        },
    }
    return json.dumps(summary, indent=2, ensure_ascii=False) + "\n"


def _plan(names: list[str], known: dict[str, Manifest]) -> tuple[list[str], list[Manifest]]:
    """Part shards into those that remain and those that are done."""
    if not names:
        raise DataError(
            f"There are no {SHARD_SUFFIX} archives to colour. A data set of pictures packed "
            "otherwise can be fetched with hf download and coloured as a folder."
        )
    remaining = [name for name in names if name not in known]
    return remaining, [known[name] for name in names if name in known]


def _color_shard(
    colorizer: Colorizer,
    name: str,
    source: ShardSource,
    target: ShardTarget,
    options: ColorizeOptions,
    should_stop: Callable[[], bool],
) -> ShardResult | None:
    """Colour one shard; return None if that was given up."""
    start = time.perf_counter()
    try:
        with source.open(name) as path, target.new(name) as place:
            outcome = color_archive(colorizer, path, place, options, should_stop=should_stop)
            if outcome is None:
                return None
            manifest = Manifest(
                shard=name,
                sha256=file_hash(place),
                size=place.stat().st_size,
                coloured=outcome.coloured,
                failures=outcome.failures,
                settings=settings_of(colorizer, options),
                seconds=round(time.perf_counter() - start, 3),
            )
            target.keep(place, manifest)
    except ConfigError:  # the fault of what was asked for, not of a shard
        raise
    except ColorzooError as error:
        return ShardResult(name, "failed", None, str(error))
    except OSError as error:
        return ShardResult(name, "failed", None, f"{name}: {error.strerror or error}")
    return ShardResult(name, "done", manifest)


def _render(manifest: Manifest) -> str:
    return json.dumps(dataclasses.asdict(manifest), indent=2, ensure_ascii=False) + "\n"


def _parse(values: object, where: str) -> Manifest:
    return schema.from_dict(Manifest, values, where=where)
