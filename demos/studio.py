"""What the page does with pictures: models, limits, results, and whose files they are."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

import colorzoo
from colorzoo.attention import has_attention_maps
from colorzoo.metrics.table import METRICS
from colorzoo.modelfolder.facts import read_facts
from colorzoo.pictures.formats import BROKEN_FILE, WRITERS
from colorzoo.pictures.opening import open_image
from colorzoo.pictures.write import write
from colorzoo.zoo.catalog import read_info

MAX_BYTES: Final = 30_000_000
MAX_PIXELS: Final = 50_000_000
MAX_FILES: Final = 50
MAX_BATCH_BYTES: Final = 150_000_000
KEPT_SECONDS: Final = 3600
"""Files of a visitor whose leaving was not noticed are removed after this time."""

_THUMBNAIL: Final = 1024  # longer side in pixels of pictures that are only looked at
_SHOWN_BY_BROWSERS: Final = {".jpg", ".jpeg", ".png", ".webp"}
_SUFFIXES: Final = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
}
# What a gate holds back is tinted like dusk, what it lets through like lamplight.
_DUSK: Final = np.array([0.16, 0.20, 0.42], dtype=np.float32)
_LAMPLIGHT: Final = np.array([1.0, 0.82, 0.36], dtype=np.float32)


class RefusedError(Exception):
    """What a visitor asked for is not done; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Coloring:
    """One coloured picture.

    Attributes:
        before: File with the picture in grey, as browsers show it.
        after: File with the coloured picture, as browsers show it.
        download: File with the coloured picture in the format that came in.
        note: Its size and how long it took.
    """

    before: Path
    after: Path
    download: Path
    note: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Several coloured pictures.

    Attributes:
        archive: ZIP file of them.
        previews: Small files to look at, each with its name.
        failed: Reason for each name that could not be coloured.
    """

    archive: Path
    previews: list[tuple[Path, str]]
    failed: dict[str, str]


class Desk:
    """Files of visitors in one folder, each removed when the last who uses it leaves.

    Args:
        folder: Where uploads come in too, in folders of their own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._results = folder / "results"
        self._results.mkdir()
        self._lock = threading.Lock()
        self._used: dict[str, set[Path]] = {}
        self._own: set[Path] = set()

    def keep_what_is_there(self) -> None:
        """Take all files so far for the page's own, such as its examples: they stay."""
        self._own = {path for path in self._folder.rglob("*") if path.is_file()}

    @contextlib.contextmanager
    def new_folder(self) -> Iterator[Path]:
        """Make an empty folder whose name cannot be guessed; it is removed if the work fails."""
        folder = self._results / secrets.token_hex(16)
        folder.mkdir()
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder)
            raise

    def note(self, session: str | None, files: Iterable[Path]) -> None:
        """Remember that a session uses files; those of no session are left to their age."""
        if session:
            with self._lock:
                self._used.setdefault(session, set()).update(set(files) - self._own)

    def end(self, session: str | None) -> None:
        """Remove the files that no other session uses."""
        with self._lock:
            mine = self._used.pop(session or "", set())
            for file in mine.difference(*self._used.values()):
                if self._folder in file.parents:
                    file.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):  # something else lies in it, or it is gone
                        file.parent.rmdir()

    def sweep(self, age: float = KEPT_SECONDS) -> None:
        """Remove results that are older than ``age`` seconds, and folders that are empty."""
        now = time.time()
        for folder in self._results.iterdir():
            if now - folder.stat().st_mtime > age:
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder != self._results and now - folder.stat().st_mtime > age:
                with contextlib.suppress(OSError):  # not empty
                    folder.rmdir()


class Studio:
    """The models, and what can be done with a visitor's pictures.

    Args:
        names: What ``colorzoo.load`` takes: names of the zoo, or folders.
        desk: Where files for visitors are written.
        device: As for ``colorzoo.load``.

    Raises:
        colorzoo.ColorzooError: There is no model, or the first one cannot be loaded.
    """

    def __init__(self, names: Sequence[str], desk: Desk, *, device: str = "auto") -> None:
        self.desk = desk
        self._device = device
        self._lock = threading.Lock()
        self._loaded: dict[str, colorzoo.Colorizer] = {}
        models = colorzoo.list_models()
        models.sort(key=lambda info: info.name != colorzoo.DEFAULT_MODEL)  # the default one first
        infos = {info.name: info for info in models}
        self._infos: dict[str, colorzoo.ModelInfo] = {}
        self._names: dict[str, str] = {}
        for name in names or infos:
            info = infos.get(name) or read_info(Path(name).expanduser())
            label = info.name  # a visitor never sees in which folder of this machine a model lies
            while label in self._names:
                label += "'"
            self._names[label], self._infos[label] = name, info
        if not self._names:
            raise colorzoo.UnknownNameError(
                "There is no model to show: the zoo is empty. Give the folder of one."
            )
        self.colorizer(self.labels[0])

    @property
    def labels(self) -> list[str]:
        """What the models are called on the page."""
        return list(self._names)

    @property
    def attentive(self) -> list[str]:
        """The models whose attention can be shown."""
        alike: dict[str, bool] = {}
        for label, info in self._infos.items():
            if info.architecture not in alike:
                alike[info.architecture] = has_attention_maps(self.colorizer(label))
        return [label for label, info in self._infos.items() if alike[info.architecture]]

    def colorizer(self, label: str) -> colorzoo.Colorizer:
        """Return a model, loaded when it is first asked for."""
        with self._lock:
            if label not in self._loaded:
                self._loaded[label] = colorzoo.load(self._names[label], device=self._device)
            return self._loaded[label]

    def card(self, label: str) -> str:
        """Return a model's facts and numbers as Markdown."""
        info = self._infos[label]
        facts = [info.architecture, f"sees {info.working_size} px"]
        facts += [f"{info.parameters / 1e6:.1f} M parameters"] if info.parameters else []
        facts += [f"{info.size / 1e6:.1f} MB"] if info.size else []
        facts += [info.license] if info.license else []
        parts = [f"{info.description}\n" if info.description else "", " · ".join(facts)]
        found = read_facts(info.folder)
        if found is not None and found.evaluation is not None:
            evaluation = found.evaluation
            rows = [
                f"| {metric.full_heading} "
                f"| {metric.show(evaluation.metrics[metric.name], spread=False)} "
                f"| {metric.show(evaluation.grey.get(metric.name), spread=False)} |"
                for metric in METRICS.shown(evaluation.metrics)
                if metric.main
            ]
            parts += [
                "\n| | this model | grey |\n| --- | --- | --- |",
                *rows,
                f"\nProtocol {evaluation.protocol}, {evaluation.photos} photos",
            ]
        return "\n".join(part for part in parts if part)

    def color(self, path: Path, label: str, saturation: float) -> Coloring:
        """Colour one picture at its own size."""
        suffix = check_picture(path)
        started = time.perf_counter()
        grey, colored = self.render(path, label, (0.0, saturation))
        seconds = time.perf_counter() - started
        shown = _suffix_to_show(colored)
        with self.desk.new_folder() as folder:
            download = write(colored, folder / f"{path.stem}-color{suffix}")
            before = write(grey, folder / f"before{shown}")
            if suffix.lower() in _SHOWN_BY_BROWSERS:
                after = download
            else:
                after = write(colored, folder / f"after{shown}")
        size = f"{colored.width} x {colored.height} pixels"
        return Coloring(before, after, download, f"{size}, {label}, {seconds:.1f} s")

    def color_many(
        self,
        paths: Sequence[Path],
        label: str,
        saturation: float,
        on_step: Callable[[int], None],
    ) -> Batch:
        """Colour several pictures into a ZIP; what cannot be coloured is reported.

        Args:
            paths: The pictures.
            label: The model.
            saturation: Strength of the colours.
            on_step: Called with the number of pictures done so far.
        """
        _check_batch(paths)
        previews: list[tuple[Path, str]] = []
        failed: dict[str, str] = {}
        with self.desk.new_folder() as folder:
            archive = folder / "colored.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
                for number, path in enumerate(paths):
                    on_step(number)
                    try:
                        suffix = check_picture(path)
                        (colored,) = self.render(path, label, (saturation,))
                        written = write(colored, folder / f"{number}{suffix}")
                    except (colorzoo.ColorzooError, RefusedError) as error:
                        failed[free_name(path.name, failed)] = readable(error, path)
                        continue
                    name = free_name(f"{path.stem}-color{suffix}", bundle.namelist())
                    bundle.write(written, name)
                    written.unlink()
                    colored.thumbnail((_THUMBNAIL, _THUMBNAIL))
                    preview = write(colored, folder / f"preview-{number}{_suffix_to_show(colored)}")
                    previews.append((preview, name))
            if not previews:
                raise RefusedError("None could be coloured. " + " ".join(failed.values()))
        return Batch(archive, previews, failed)

    def attention(self, path: Path, label: str) -> list[tuple[Path, str]]:
        """Return the picture under each attention map, coarsest first, with its size and range."""
        check_picture(path)
        colorizer = self.colorizer(label)
        maps = colorzoo.attention_maps(colorizer, path)
        (grey,) = self.render(path, label, (0.0,))
        grey.thumbnail((_THUMBNAIL, _THUMBNAIL))
        overlays = []
        with self.desk.new_folder() as folder:
            for number, found in enumerate(maps, start=1):
                low, high = float(found.min()), float(found.max())
                file = write(tint(grey, found), folder / f"gate-{number}.jpg")
                caption = f"{found.shape[1]} x {found.shape[0]}: {low:.0%} to {high:.0%}"
                overlays.append((file, caption))
        return overlays

    def render(
        self, path: Path, label: str, saturations: tuple[float, ...]
    ) -> tuple[Image.Image, ...]:
        """Colour a picture once for each saturation."""
        colorizer = self.colorizer(label)
        return tuple(colorizer(path, saturation=value) for value in saturations)


def check_picture(path: Path) -> str:
    """Refuse what is too large before it is decoded; return the suffix of its result."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RefusedError(
            f"{path.name} has {size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Save it smaller, or use colorzoo on your own machine."
        )
    try:
        with open_image(path) as image:
            pixels, found = image.width * image.height, image.format or ""
    except Image.DecompressionBombError:
        pixels, found = MAX_PIXELS + 1, ""
    except BROKEN_FILE:
        return ".png"  # colorzoo says what is wrong with it when it reads the whole file
    if pixels > MAX_PIXELS:
        raise RefusedError(
            f"{path.name} has more than {MAX_PIXELS / 1e6:.0f} million pixels. Scale it down, or "
            "use colorzoo on your own machine."
        )
    suffixes = _SUFFIXES.get(found, (".png",))
    return path.suffix if path.suffix.lower() in suffixes else suffixes[0]


def _suffix_to_show(image: Image.Image) -> str:
    """Return the suffix of a file that browsers show and that can hold a picture."""
    longest = WRITERS[".jpg"].longest_side or 0
    return ".png" if image.has_transparency_data or max(image.size) > longest else ".jpg"


def _check_batch(paths: Sequence[Path]) -> None:
    if not paths:
        raise RefusedError("There are no pictures yet. Add some first.")
    if len(paths) > MAX_FILES:
        raise RefusedError(
            f"{len(paths)} pictures are too many; at most {MAX_FILES} are taken at once."
        )
    size = sum(path.stat().st_size for path in paths)
    if size > MAX_BATCH_BYTES:
        raise RefusedError(
            f"The pictures have {size / 1e6:.0f} MB together; at most "
            f"{MAX_BATCH_BYTES / 1e6:.0f} MB are taken at once."
        )


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a file name that is not yet taken, upper and lower case being the same."""
    known = {other.casefold() for other in taken}
    path, number = Path(name), 1
    while name.casefold() in known:
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    return name


def readable(error: Exception, *paths: Path) -> str:
    """Return an error's message with the names of a visitor's files instead of their places."""
    text = str(error)
    for path in paths:
        text = text.replace(str(path), path.name).replace(f"{path.parent}/", "")
    return text


def tint(grey: Image.Image, attention: np.ndarray) -> Image.Image:
    """Lay an attention map, stretched to its own range, over a grey picture."""
    low, high = float(attention.min()), float(attention.max())
    stretched = (attention - low) / max(high - low, 1e-6)
    heat = Image.fromarray(stretched.astype(np.float32)).resize(
        grey.size, Image.Resampling.BILINEAR
    )
    share = np.asarray(heat)[..., None]
    light = np.asarray(grey.convert("RGB"), dtype=np.float32)
    return Image.fromarray((light * (_DUSK + (_LAMPLIGHT - _DUSK) * share)).astype(np.uint8))
