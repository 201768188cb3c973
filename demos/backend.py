"""What the page does with pictures: the models, the limits and the results."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PIL import Image

import colorzoo

from .admission import MAX_BATCH_BYTES
from .pictures import (
    LONGEST_SHOWN,
    free_name,
    read_picture,
    readable,
    suffix_of,
    suffix_to_show,
    tint,
    to_show,
)
from .recent import Recent
from .visitor_files import RefusedError, VisitorFiles

MAX_FILES: Final = 50
"""Pictures that come in at once."""

MAX_ARCHIVE_BYTES: Final = 400_000_000
"""Of the ZIP of several pictures."""

_PICTURES_BYTES: Final = 256_000_000  # of pictures in memory, for visitors who try this and that
_PREDICTIONS_BYTES: Final = 64_000_000
_THUMBNAIL: Final = 1024  # longer side in pixels of pictures that are only looked at
_HINT_SHARE: Final = 80  # the shorter side is so many times as long as a hint's radius
_SHOWN_BY_BROWSERS: Final = {".jpg", ".jpeg", ".png", ".webp"}
_NUMBERS: Final = {  # what the page tells of a model: key, heading, format
    "psnr": ("PSNR, dB ↑", ".2f"),
    "ssim": ("SSIM ↑", ".3f"),
    "mae": ("MAE ↓", ".2f"),
    "colorfulness": ("Colourfulness", ".1f"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to be coloured.

    Attributes:
        model: Label of the model.
        saturation: Strength of the colours.
        vividness: 0, the safest colours, to 1, the most vivid ones; None for the model's own, and
            for models that do not take it.
    """

    model: str
    saturation: float = 1.0
    vividness: float | None = None


@dataclass(frozen=True, slots=True)
class Coloring:
    """One coloured picture.

    Attributes:
        source: What the visitor gave.
        before: File with the picture in grey, as browsers show it.
        after: File with the coloured picture, as browsers show it.
        download: File with the coloured picture in the format that came in.
        note: Its size and how long it took.
    """

    source: Path
    before: Path
    after: Path
    download: Path
    note: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """A visitor's say in the colours of a picture.

    Attributes:
        points: Row, column and colour of places, in the picture's own pixels.
        file: A .json file of such places, as ``colorzoo.Hints`` writes it, or None.
        reference: A picture to take colours from, or None.
    """

    points: tuple[tuple[int, int, str], ...] = ()
    file: Path | None = None
    reference: Path | None = None


@dataclass(frozen=True, slots=True)
class WishedColoring:
    """A picture coloured as a visitor wished.

    Attributes:
        shown: File with the coloured picture, as browsers show it.
        download: File with it in the format that came in.
        hints: File with the given places and colours, or None.
        scale: Pixels of the picture for each one of the picture that is shown.
    """

    shown: Path
    download: Path
    hints: Path | None
    scale: float


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


class DemoBackend:
    """The models, and what can be done with a visitor's pictures.

    Attributes:
        files: Where files for visitors are written.
        seconds: What one picture takes at present.

    Args:
        names: What ``colorzoo.load`` takes.
        files: Where files for visitors are written.
        device: As for ``colorzoo.load``.
        dtype: As for ``colorzoo.load``.

    Raises:
        colorzoo.ColorzooError: There is no model, or the first one cannot be loaded.
    """

    def __init__(
        self,
        names: Sequence[str],
        files: VisitorFiles,
        *,
        device: str = "auto",
        dtype: str | None = None,
    ) -> None:
        self.files = files
        self.seconds = 1.0
        self._device, self._dtype = device, dtype
        self._lock = threading.Lock()
        self._loaded: dict[str, colorzoo.Colorizer] = {}
        self._pictures = Recent[Path, colorzoo.Picture](_PICTURES_BYTES, _bytes_of)
        self._predictions = Recent[tuple[Path, str, float | None], colorzoo.Prediction](
            _PREDICTIONS_BYTES, lambda prediction: 3 * prediction.lightness.nbytes
        )
        models = colorzoo.list_models()
        models.sort(key=lambda info: info.name != colorzoo.DEFAULT_MODEL)  # the default one first
        infos = {info.name: info for info in models}
        self._infos: dict[str, colorzoo.ModelInfo] = {}
        self._names: dict[str, str] = {}
        for name in names or infos:
            info = infos.get(name) or colorzoo.model_info(name)
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
                alike[info.architecture] = colorzoo.has_attention_maps(self.colorizer(label))
        return [label for label, info in self._infos.items() if alike[info.architecture]]

    def colorizer(self, label: str) -> colorzoo.Colorizer:
        """Return a model, loaded when it is first asked for."""
        with self._lock:
            if label not in self._loaded:
                self._loaded[label] = colorzoo.load(
                    self._names[label], device=self._device, dtype=self._dtype
                )
            return self._loaded[label]

    def own_vividness(self, label: str) -> float | None:
        """Return a model's own vividness; None where it has no safer and more vivid colours."""
        return self.colorizer(label).vividness

    def end(self, session: str | None) -> None:
        """Forget a visitor who has left."""
        self.files.end(session)
        self._pictures.keep(Path.exists)
        self._predictions.keep(lambda key: key[0].exists())

    def card(self, label: str) -> str:
        """Return in a line what a visitor should know of a model."""
        info = self._infos[label]
        return " · ".join(filter(None, (info.description, info.license)))

    def table(self) -> str:
        """Return the models' facts and numbers as a Markdown table."""
        keys = [
            key for key in _NUMBERS if any(key in info.metrics for info in self._infos.values())
        ]
        headings = ["Model", "Architecture", "Parameters", *(_NUMBERS[key][0] for key in keys)]
        rows = [headings, ["---"] * len(headings)]
        for label, info in self._infos.items():
            size = f"{info.parameters / 1e6:.1f} M" if info.parameters else ""
            numbers = (
                format(info.metrics[key], _NUMBERS[key][1]) if key in info.metrics else ""
                for key in keys
            )
            rows.append([label, info.architecture, size, *numbers])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def color(self, path: Path, look: Look, before: Path | None = None) -> Coloring:
        """Colour one picture at its own size.

        What was read and predicted of a picture lately is used again, so that another saturation
        takes only the last step.

        Args:
            path: The picture.
            look: How.
            before: Its grey version, where there is one already.
        """
        started = time.perf_counter()
        picture = self._pictures.get(path, lambda: read_picture(path))
        key = path, look.model, look.vividness
        prediction = self._predictions.get(key, lambda: self.predict(picture, look))
        colored = self.finish(picture, prediction, look)
        suffix, shown = suffix_of(path, picture), suffix_to_show(colored)
        with self.files.new_folder() as folder:
            if before is None or not before.exists():
                grey = self.finish(picture, prediction, replace(look, saturation=0.0))
                before = colorzoo.write(to_show(grey), folder / f"before{shown}")
            download = colorzoo.write(colored, folder / f"{path.stem}-color{suffix}")
            is_small = max(colored.size) <= LONGEST_SHOWN
            if suffix.lower() in _SHOWN_BY_BROWSERS and is_small:
                after = download
            else:
                after = colorzoo.write(to_show(colored), folder / f"after{shown}")
        seconds = time.perf_counter() - started
        self.seconds += 0.2 * (seconds - self.seconds)  # a mean that follows what is asked lately
        size = f"{colored.width} x {colored.height} pixels"
        note = f"{size}, {look.model}, {seconds:.1f} s"
        return Coloring(path, before, after, download, note)

    def color_as_wished(self, path: Path, look: Look, wishes: Wishes) -> WishedColoring:
        """Colour one picture with a visitor's hints, and with the colours of another."""
        picture = read_picture(path)
        if wishes.reference is not None:
            read_picture(wishes.reference)  # within the same limits
        hints = None
        if wishes.file is not None:
            if wishes.file.suffix.lower() != ".json":
                raise RefusedError("Hints are taken as a .json file, as this page gives them.")
            hints = colorzoo.Hints.from_file(wishes.file)
        elif wishes.points:
            radius = max(2, min(picture.height, picture.width) // _HINT_SHARE)
            hints = colorzoo.Hints.from_points(wishes.points, radius=radius)
        colored = self.guide(path, look, hints, wishes.reference)
        shown = to_show(colored)
        with self.files.new_folder() as folder:
            name = f"{path.stem}-color{suffix_of(path, picture)}"
            download = colorzoo.write(colored, folder / name)
            file = folder / f"{path.stem}-hints.json"
            if hints is not None:
                hints.to_file(file)
            shown_file = colorzoo.write(shown, folder / f"shown{suffix_to_show(colored)}")
        scale = colored.width / shown.width
        return WishedColoring(shown_file, download, file if hints else None, scale)

    def guide(
        self, path: Path, look: Look, hints: colorzoo.Hints | None, reference: Path | None
    ) -> Image.Image:
        """Colour a picture with hints and a reference."""
        return self.colorizer(look.model)(
            path, hints=hints, reference=reference, saturation=look.saturation
        )

    def color_many(
        self,
        paths: Sequence[Path],
        look: Look,
        on_step: Callable[[int], None],
    ) -> Batch:
        """Colour several pictures into a ZIP; what cannot be coloured is reported.

        Args:
            paths: The pictures.
            look: How.
            on_step: Called with the number of pictures done so far.
        """
        _check_batch(paths)
        previews: list[tuple[Path, str]] = []
        failed: dict[str, str] = {}
        with self.files.new_folder() as folder:
            archive = folder / "colored.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
                for number, path in enumerate(paths):
                    on_step(number)
                    try:
                        if archive.stat().st_size > MAX_ARCHIVE_BYTES:
                            raise RefusedError(f"{path.name} had no room in the ZIP.")
                        picture = read_picture(path)
                        prediction = self.predict(picture, look)
                        colored = self.finish(picture, prediction, look)
                        suffix = suffix_of(path, picture)
                        written = colorzoo.write(colored, folder / f"{number}{suffix}")
                    except (colorzoo.ColorzooError, RefusedError) as error:
                        failed[free_name(path.name, failed)] = readable(error, path)
                        continue
                    name = free_name(f"{path.stem}-color{suffix}", bundle.namelist())
                    bundle.write(written, name)
                    written.unlink()
                    colored.thumbnail((_THUMBNAIL, _THUMBNAIL))
                    shown = suffix_to_show(colored)
                    preview = colorzoo.write(colored, folder / f"preview-{number}{shown}")
                    previews.append((preview, name))
            if not previews:
                raise RefusedError("None could be coloured. " + " ".join(failed.values()))
        return Batch(archive, previews, failed)

    def attention(self, path: Path, label: str) -> list[tuple[Path, str]]:
        """Return the picture under each attention map, coarsest first, with its size and range."""
        picture = read_picture(path)
        colorizer = self.colorizer(label)
        maps = colorzoo.attention_maps(colorizer, path)
        look = Look(label, saturation=0.0)
        grey = self.finish(picture, self.predict(picture, look), look)
        grey.thumbnail((_THUMBNAIL, _THUMBNAIL))
        overlays = []
        with self.files.new_folder() as folder:
            for number, found in enumerate(maps, start=1):
                low, high = float(found.min()), float(found.max())
                file = colorzoo.write(tint(grey, found), folder / f"gate-{number}.jpg")
                caption = f"{found.shape[1]} x {found.shape[0]}: {low:.0%} to {high:.0%}"
                overlays.append((file, caption))
        return overlays

    def predict(self, picture: colorzoo.Picture, look: Look) -> colorzoo.Prediction:
        """Predict a picture's chroma at working size."""
        colorizer = self.colorizer(look.model)
        guidance = None
        if look.vividness is not None and self.own_vividness(look.model) is not None:
            guidance = colorzoo.Guidance(vividness=look.vividness)
        (prediction,) = colorizer.predict_pictures([picture], guidance=[guidance])
        return prediction

    def finish(
        self, picture: colorzoo.Picture, prediction: colorzoo.Prediction, look: Look
    ) -> Image.Image:
        """Give a picture its colours at its own size."""
        return self.colorizer(look.model).finish(picture, prediction, look.saturation)


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


def _bytes_of(picture: colorzoo.Picture) -> int:
    parts = (picture.codes, picture.table, picture.alpha)
    return sum(part.nbytes for part in parts if part is not None)
