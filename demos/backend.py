"""What the page does with pictures: the models, the limits and the results."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import colorzoo

from .admission import MAX_BATCH_BYTES, MAX_BYTES
from .visitor_files import RefusedError, VisitorFiles

MAX_PIXELS: Final = 50_000_000
"""Of one picture."""

MAX_FILES: Final = 50
"""Pictures that come in at once."""

MAX_ARCHIVE_BYTES: Final = 400_000_000
"""Of the ZIP of several pictures."""

_LONGEST_SHOWN: Final = 4096  # longer side in pixels of what the page shows; downloads are whole
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
_NUMBERS: Final = {  # what the page tells of a model: key, heading, format
    "psnr": ("PSNR, dB ↑", ".2f"),
    "ssim": ("SSIM ↑", ".3f"),
    "mae": ("MAE ↓", ".2f"),
    "colorfulness": ("Colourfulness", ".1f"),
}
# What a gate holds back is tinted like dusk, what it lets through like lamplight.
_DUSK: Final = np.array([0.16, 0.20, 0.42], dtype=np.float32)
_LAMPLIGHT: Final = np.array([1.0, 0.82, 0.36], dtype=np.float32)


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


class DemoBackend:
    """The models, and what can be done with a visitor's pictures.

    Attributes:
        files: Where files for visitors are written.
        seconds: What one picture takes at present.

    Args:
        names: What ``colorzoo.load`` takes.
        files: Where files for visitors are written.
        device: As for ``colorzoo.load``.

    Raises:
        colorzoo.ColorzooError: There is no model, or the first one cannot be loaded.
    """

    def __init__(self, names: Sequence[str], files: VisitorFiles, *, device: str = "auto") -> None:
        self.files = files
        self.seconds = 1.0
        self._device = device
        self._lock = threading.Lock()
        self._loaded: dict[str, colorzoo.Colorizer] = {}
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
        rows = [
            f"| {heading} | {info.metrics[key]:{digits}} |"
            for key, (heading, digits) in _NUMBERS.items()
            if key in info.metrics
        ]
        if rows:
            parts += ["\n| Measured on other photos | |\n| --- | --- |", *rows]
        return "\n".join(part for part in parts if part)

    def color(self, path: Path, label: str, saturation: float) -> Coloring:
        """Colour one picture at its own size."""
        started = time.perf_counter()
        picture = read_picture(path)
        grey, colored = self.render(picture, label, (0.0, saturation))
        seconds = time.perf_counter() - started
        self.seconds += 0.2 * (seconds - self.seconds)
        shown = ".png" if colored.has_transparency_data else ".jpg"
        suffix = suffix_of(path, picture)
        is_small = max(colored.size) <= _LONGEST_SHOWN
        with self.files.new_folder() as folder:
            download = colorzoo.write(colored, folder / f"{path.stem}-color{suffix}")
            before = colorzoo.write(_to_show(grey), folder / f"before{shown}")
            if suffix.lower() in _SHOWN_BY_BROWSERS and is_small:
                after = download
            else:
                after = colorzoo.write(_to_show(colored), folder / f"after{shown}")
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
        with self.files.new_folder() as folder:
            archive = folder / "colored.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
                for number, path in enumerate(paths):
                    on_step(number)
                    try:
                        if archive.stat().st_size > MAX_ARCHIVE_BYTES:
                            raise RefusedError(f"{path.name} had no room in the ZIP.")
                        picture = read_picture(path)
                        (colored,) = self.render(picture, label, (saturation,))
                        suffix = suffix_of(path, picture)
                        written = colorzoo.write(colored, folder / f"{number}{suffix}")
                    except (colorzoo.ColorzooError, RefusedError) as error:
                        failed[free_name(path.name, failed)] = readable(error, path)
                        continue
                    name = free_name(f"{path.stem}-color{suffix}", bundle.namelist())
                    bundle.write(written, name)
                    written.unlink()
                    colored.thumbnail((_THUMBNAIL, _THUMBNAIL))
                    shown = ".png" if colored.has_transparency_data else ".jpg"
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
        (grey,) = self.render(picture, label, (0.0,))
        grey.thumbnail((_THUMBNAIL, _THUMBNAIL))
        overlays = []
        with self.files.new_folder() as folder:
            for number, found in enumerate(maps, start=1):
                low, high = float(found.min()), float(found.max())
                file = colorzoo.write(tint(grey, found), folder / f"gate-{number}.jpg")
                caption = f"{found.shape[1]} x {found.shape[0]}: {low:.0%} to {high:.0%}"
                overlays.append((file, caption))
        return overlays

    def render(
        self, picture: colorzoo.Picture, label: str, saturations: tuple[float, ...]
    ) -> tuple[Image.Image, ...]:
        """Colour a picture once for each saturation."""
        colorizer = self.colorizer(label)
        (prediction,) = colorizer.predict_pictures([picture])
        return tuple(colorizer.finish(picture, prediction, value) for value in saturations)


def read_picture(path: Path) -> colorzoo.Picture:
    """Read a visitor's picture, unless it is too large.

    Raises:
        RefusedError: The file has too many bytes.
        colorzoo.PictureError: It has too many pixels, or is no picture.
    """
    length = path.stat().st_size
    if length > MAX_BYTES:
        raise RefusedError(
            f"{path.name} has {length / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Save it smaller, or use colorzoo on your own machine."
        )
    return colorzoo.read(path, max_pixels=MAX_PIXELS)


def suffix_of(path: Path, picture: colorzoo.Picture) -> str:
    """Return the suffix of a picture's result: its own where that is right and can be written."""
    suffixes = _SUFFIXES.get(picture.format or "", (".png",))
    return path.suffix if path.suffix.lower() in suffixes else suffixes[0]


def _to_show(image: Image.Image) -> Image.Image:
    """Return a picture as the page shows it: no larger than a browser shows well."""
    if max(image.size) <= _LONGEST_SHOWN:
        return image
    scale = _LONGEST_SHOWN / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


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


def tint(grey: Image.Image, attention: NDArray[np.float32]) -> Image.Image:
    """Lay an attention map, stretched to its own range, over a grey picture."""
    low, high = float(attention.min()), float(attention.max())
    stretched = (attention - low) / max(high - low, 1e-6)
    heat = Image.fromarray(stretched.astype(np.float32)).resize(
        grey.size, Image.Resampling.BILINEAR
    )
    share = np.asarray(heat)[..., None]
    light = np.asarray(grey.convert("RGB"), dtype=np.float32)
    return Image.fromarray((light * (_DUSK + (_LAMPLIGHT - _DUSK) * share)).astype(np.uint8))
