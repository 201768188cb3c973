"""The protocol ``colorzoo-1``: colorizers against photos whose colours are known.

Each photo is set upright, decoded in full, brought to a shorter side of 256 pixels with antialias
and cut to its centre square: its truth, 8-bit sRGB. Embedded colour profiles are not applied. Each
colorizer is given the truth as a picture, of which it sees the lightness alone (CIELAB L, within
0.001 of exact), and its finished 8-bit picture is compared with the truth. So a model is measured
on the pictures that its users get: with its own working size, chroma brought up along edges, and
colours brought into sRGB. The row ``grey`` is the same lightness without colour.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps

from colorzoo import color
from colorzoo.colorizer import Colorizer
from colorzoo.data.photos import center_square
from colorzoo.data.sources import open_source
from colorzoo.errors import ConfigError, DataError
from colorzoo.evaluation.report import GREY, TRUTH, Report, Row
from colorzoo.evaluation.sheet import make_sheet
from colorzoo.files import file_hash
from colorzoo.loading import load
from colorzoo.metrics.table import (
    METRICS,
    PROTOCOL,
    Collector,
    Metric,
    Pixels,
    measure_pair,
)
from colorzoo.modelfolder.format import WEIGHTS_FILE
from colorzoo.pictures.formats import BROKEN_FILE, WRITABLE_SUFFIXES
from colorzoo.pictures.read import read
from colorzoo.pictures.samples import to_rgb
from colorzoo.pictures.write import write
from colorzoo.processes import Processes
from colorzoo.progress import OnProgress

if TYPE_CHECKING:
    from colorzoo.metrics.table import Picture8

Model = Colorizer | str | os.PathLike[str]

SIZE = 256
"""Side of the squares that are compared, pixels."""

_SHEET_ROWS = 12


@dataclass(frozen=True, slots=True)
class _Measured:
    """A colorizer, and the weights it was loaded from."""

    colorizer: Colorizer
    weights_sha256: str | None


@dataclass(slots=True)
class _Photo:
    """What came of one photo.

    Attributes:
        number: Its number in the source.
        name: Its name.
        fault: Why it could not be read, or None.
        values: Metrics by row.
        cells: Its pictures for the sheet: grey, each model's, truth; empty if it is not shown.
    """

    number: int
    name: str
    fault: str | None = None
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    cells: list[Picture8] = field(default_factory=list)


def evaluate(
    models: Model | Sequence[Model] | Mapping[str, Model],
    source: str | os.PathLike[str],
    *,
    metrics: Iterable[str] = (PROTOCOL,),
    split: str = "test",
    column: str | None = None,
    limit: int | None = None,
    batch_size: int = 8,
    sheet: str | os.PathLike[str] | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> Report:
    """Measure colorizers on photos whose colours are known, by the protocol ``colorzoo-1``.

    Processes started by ``accelerate launch`` share the photos; all must call this, and all get the
    same report, that of one process. Neither their number nor ``batch_size`` changes a result by
    more than the rounding of the networks' float32.

    Args:
        models: A colorizer or the name of a model, several of them, or several with row names. A
            card can be written from the report for those that are given by name or folder.
        source: Photos: a folder, a ``.tar`` file or a pattern of such, or
            ``hf://datasets/owner/name``.
        metrics: What to measure: names of the table of metrics, where ``"colorzoo-1"`` stands for
            all of the protocol, as in ``("colorzoo-1", "lpips")``.
        split: Split of a Hub data set.
        column: Image column of a Hub data set; without it the only one.
        limit: Use the first so many photos of the source; all by default.
        batch_size: Photos coloured at once.
        sheet: File to write pictures to: grey, each model's, truth, of up to 12 photos.
        device: Where models that are given by name run, as in ``colorzoo.load``.
        on_progress: Told how many photos of the main process are measured.

    Returns:
        The report; a photo that cannot be read is left out and named in it.

    Raises:
        ConfigError: A number or the sheet's suffix is wrong, or two rows would have one name.
        UnknownNameError: There is no such metric, or no such model.
        DataError: No photos are there, none of them can be read, or a metric gave no finite number.
        PictureError: The sheet cannot be written.
        ColorzooError: A model cannot be loaded, or what a metric needs is not there.
    """
    _check(limit, batch_size, sheet)
    rows = METRICS.chosen(metrics)
    processes = Processes()
    photos = _Photos(os.fspath(source), split=split, column=column, limit=limit)
    measured = _load(models, device=processes.device if device == "auto" else device)
    measuring = _Measuring(
        photos,
        {name: one.colorizer for name, one in measured.items()},
        rows,
        device=torch.device(processes.device or "cpu"),
        shown=photos.spread(_SHEET_ROWS) if sheet is not None else frozenset(),
    )
    outcomes = measuring.run(processes, batch_size, on_progress)
    if sheet is not None and processes.is_main:
        _draw(outcomes, [GREY, *measured, TRUTH], sheet)
    return _report(photos.title, outcomes, measured, measuring)


class _Photos:
    """The photos of a source that are used, and what the report calls them."""

    def __init__(self, text: str, *, split: str, column: str | None, limit: int | None) -> None:
        self.source = open_source(text, split=split, column=column)
        self.count = len(self.source) if limit is None else min(limit, len(self.source))
        path = Path(text).expanduser()
        # Names begin below the source, because a report is read on other machines.
        self._root = f"{path if path.is_dir() else path.parent}{os.sep}"
        self.title = text if "://" in text else path.resolve().name

    def spread(self, count: int) -> frozenset[int]:
        """Return the numbers of so many photos from all over the source."""
        return frozenset(int(place) for place in np.linspace(0, self.count - 1, count).round())

    def read(self, number: int) -> tuple[_Photo, Pixels | None]:
        """Read a photo's truth; None when it is broken."""
        photo = _Photo(number, self.source.name(number).removeprefix(self._root))
        try:
            with self.source.open(number) as opened:
                return photo, Pixels(square(opened))
        except BROKEN_FILE as error:
            photo.fault = str(error) or type(error).__name__
            return photo, None


class _Measuring:
    """Photos to numbers, batch by batch."""

    def __init__(
        self,
        photos: _Photos,
        colorizers: Mapping[str, Colorizer],
        rows: Sequence[Metric],
        *,
        device: torch.device,
        shown: frozenset[int],
    ) -> None:
        self.photos = photos
        self.colorizers = colorizers
        self.rows = rows
        self.shown = shown
        devices = (torch.device(colorizer.device) for colorizer in colorizers.values())
        on = next(devices, device)
        self.collectors: dict[str, dict[str, Collector]] = {
            name: {row.name: row.collector(on) for row in rows if row.collector}
            for name in (GREY, *colorizers)
        }

    def run(
        self, processes: Processes, batch_size: int, on_progress: OnProgress | None
    ) -> list[_Photo]:
        """Measure this process's share, and return what came of all, in the photos' order."""
        numbers = range(processes.rank, self.photos.count, processes.count)
        told = on_progress if processes.is_main else None
        outcomes: list[_Photo] = []
        with ThreadPoolExecutor(min(batch_size, os.cpu_count() or 1)) as pool:
            for start in range(0, len(numbers), batch_size):
                if told:
                    told(start, len(numbers), {})
                batch = list(pool.map(self.photos.read, numbers[start : start + batch_size]))
                readable = [(photo, truth) for photo, truth in batch if truth]
                if readable:
                    self._measure(readable, pool)
                outcomes += [photo for photo, _ in batch]
        if told:
            told(len(numbers), len(numbers), {})
        return sorted(processes.gather(outcomes), key=lambda photo: photo.number)

    def overall(self, name: str) -> dict[str, float]:
        """Return a row's metrics that have one number for all photos; collective."""
        numbers = {
            metric: collector.overall() for metric, collector in self.collectors[name].items()
        }
        return {metric: number for metric, number in numbers.items() if number is not None}

    def _measure(self, batch: list[tuple[_Photo, Pixels]], pool: ThreadPoolExecutor) -> None:
        truths = [truth for _, truth in batch]
        pictures = {GREY: [grey(truth.rgb) for truth in truths]}
        for name, colorizer in self.colorizers.items():
            colored = colorizer([truth.rgb for truth in truths], batch_size=len(truths))
            pictures[name] = [np.asarray(picture) for picture in colored]
        for name, cells in pictures.items():
            measured = pool.map(self._numbers, cells, truths)
            for (photo, truth), cell, numbers in zip(batch, cells, measured, strict=True):
                photo.values[name] = numbers | self._collect(name, Pixels(cell), truth)
                _check_finite(photo, name)
                if photo.number in self.shown:
                    photo.cells.append(cell)
        for photo, truth in batch:
            photo.values[TRUTH] = measure_pair(
                truth, truth, [row for row in self.rows if row.of_truth]
            )
            if photo.number in self.shown:
                photo.cells.append(truth.rgb)

    def _numbers(self, cell: Picture8, truth: Pixels) -> dict[str, float]:
        return measure_pair(Pixels(cell), truth, self.rows)

    def _collect(self, name: str, picture: Pixels, truth: Pixels) -> dict[str, float]:
        """Give a picture to the collectors of its row, and return the numbers of its own."""
        numbers = {
            metric: collector.add(picture, truth)
            for metric, collector in self.collectors[name].items()
        }
        return {metric: number for metric, number in numbers.items() if number is not None}


def square(photo: Image.Image) -> Picture8:
    """Return the truth of the protocol: (256, 256, 3) uint8 sRGB, read-only.

    Args:
        photo: A photo, decoded or not.

    Raises:
        OSError: It cannot be decoded.
        PictureError: It is a deep grey with values out of range.
    """
    upright = to_rgb(ImageOps.exif_transpose(photo))
    pixels: Picture8 = np.asarray(center_square(upright, SIZE))
    return pixels


def grey(truth: Picture8) -> Picture8:
    """Return what a colorizer sees of the truth, its lightness: (H, W, 3) uint8 sRGB."""
    picture = read(truth)
    lightness = picture.lightness(0, picture.height)
    return color.lab_to_srgb8(lightness, np.zeros((2, *lightness.shape), dtype=np.float32))


def _check(limit: int | None, batch_size: int, sheet: str | os.PathLike[str] | None) -> None:
    for name, number in (("limit", limit), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise ConfigError(f"{name} must be a positive number, not {number}.")
    if sheet is not None and Path(sheet).suffix.lower() not in WRITABLE_SUFFIXES:
        raise ConfigError(
            f"The sheet {os.fspath(sheet)!r} must end in one of "
            f"{', '.join(sorted(WRITABLE_SUFFIXES))}."
        )


def _check_finite(photo: _Photo, row: str) -> None:
    for metric, value in photo.values[row].items():
        if not math.isfinite(value):
            raise DataError(
                f"The metric {metric!r} gives {value} for {photo.name} of {row!r}, but means need "
                "finite numbers. Leave the metric out, or have its author give it a ceiling."
            )


def _load(
    models: Model | Sequence[Model] | Mapping[str, Model], *, device: str | None
) -> dict[str, _Measured]:
    """Return the colorizers by the names of their rows."""

    def opened(model: Model) -> _Measured:
        if isinstance(model, Colorizer):  # whose weights may have changed since they were read
            return _Measured(model, None)
        colorizer = load(model, device=device or "auto")
        folder = colorizer.model.folder if colorizer.model else None
        return _Measured(colorizer, None if folder is None else file_hash(folder / WEIGHTS_FILE))

    if isinstance(models, Mapping):
        named = [(name, opened(model)) for name, model in models.items()]
    else:
        several = [models] if isinstance(models, (Colorizer, str, os.PathLike)) else models
        rows = [opened(model) for model in several]
        named = list(zip(_row_names(several, rows), rows, strict=True))
    names = [GREY, TRUTH, *(name for name, _ in named)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"The table cannot have the row {name!r} twice. Give other row names, as in "
                "evaluate({'before': first, 'after': second}, ...)."
            )
    return dict(named)


def _row_names(models: Sequence[Model], measured: Sequence[_Measured]) -> list[str]:
    """Name the rows; folders with one name get as much of their paths as tells them apart."""
    names = [one.colorizer.name for one in measured]
    paths = {
        row: Path(model).expanduser().absolute().parts
        for row, model in enumerate(models)
        if not isinstance(model, Colorizer)
    }
    for name in {name for name in names if names.count(name) > 1}:
        alike = {row: path for row, path in paths.items() if names[row] == name}
        for length in range(1, max(map(len, alike.values()), default=0) + 1):
            ends = {row: "/".join(path[-length:]) for row, path in alike.items()}
            if len(set(ends.values())) == len(ends) > 1:
                names = [ends.get(row, name) for row, name in enumerate(names)]
                break
    return names


def _report(
    title: str, photos: list[_Photo], models: Mapping[str, _Measured], measuring: _Measuring
) -> Report:
    measured = [photo for photo in photos if photo.fault is None]
    broken = tuple(f"{photo.name} ({photo.fault})" for photo in photos if photo.fault)
    if not measured:
        raise DataError(
            f"None of the {len(photos)} photos of {title} can be read; one is {broken[0]}. "
            "Check the data."
        )

    def row(name: str, model: _Measured | None = None) -> Row:
        metrics = measured[0].values[name]
        return Row(
            name=name,
            parameters=model.colorizer.predictor.parameters if model else None,
            weights_sha256=model.weights_sha256 if model else None,
            values={key: tuple(photo.values[name][key] for photo in measured) for key in metrics},
            overall=measuring.overall(name) if name != TRUTH else {},
        )

    return Report(
        protocol=PROTOCOL,
        source=title,
        photos=tuple(photo.name for photo in measured),
        broken=broken,
        models=tuple(row(name, model) for name, model in models.items()),
        grey=row(GREY),
        truth=row(TRUTH),
    )


def _draw(photos: list[_Photo], headings: list[str], path: str | os.PathLike[str]) -> None:
    rows = [[Image.fromarray(cell) for cell in photo.cells] for photo in photos if photo.cells]
    if rows:  # every photo chosen for the sheet may have been broken
        write(make_sheet(rows, headings), path)
