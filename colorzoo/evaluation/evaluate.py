"""The protocol ``colorzoo-1``: colorizers against photos whose colours are known.

Each photo is set upright, decoded in full, brought to a shorter side of 256 pixels with antialias
and cut to its centre square: its truth, 8-bit sRGB. Embedded colour profiles are not applied. Each
colorizer is given the truth as a picture, of which it sees the lightness alone (CIELAB L, within
0.001 of exact), and its finished 8-bit picture is compared with the truth. So a model is measured
on the pictures that its users get: with its own working size, chroma brought up along edges, and
colours brought into sRGB. The row ``grey`` is the same lightness without colour.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from colorzoo import color
from colorzoo.colorizer import Colorizer, load
from colorzoo.data.photos import center_square
from colorzoo.data.sources import open_source
from colorzoo.errors import ConfigError, DataError
from colorzoo.evaluation.metrics import Picture8, Truth
from colorzoo.evaluation.perceptual import Perceptual
from colorzoo.evaluation.report import GREY, TRUTH, Report, Row
from colorzoo.evaluation.sheet import make_sheet
from colorzoo.pictures.formats import BROKEN_FILE, WRITABLE_SUFFIXES
from colorzoo.pictures.read import read
from colorzoo.pictures.samples import to_rgb
from colorzoo.pictures.write import write
from colorzoo.processes import Processes

Model = Colorizer | str | os.PathLike[str]

PROTOCOL = "colorzoo-1"
SIZE = 256
"""Side of the squares that are compared, pixels."""

_SHEET_ROWS = 12


@dataclass(slots=True)
class _Found:
    """What came of one photo.

    Attributes:
        number: Its number in the source.
        name: Its name.
        fault: Why it could not be read; empty if it could.
        values: Metrics by row.
        cells: Its pictures for the sheet: grey, each model's, truth; empty if it is not shown.
    """

    number: int
    name: str
    fault: str = ""
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    cells: list[Picture8] = field(default_factory=list)


def evaluate(
    models: Model | Sequence[Model] | Mapping[str, Model],
    source: str | os.PathLike[str],
    *,
    split: str = "test",
    column: str = "",
    limit: int | None = None,
    batch_size: int = 8,
    sheet: str | os.PathLike[str] | None = None,
    device: str = "auto",
    fid: bool = False,
    lpips: bool = False,
    progress: bool = False,
) -> Report:
    """Measure colorizers on photos whose colours are known, by the protocol ``colorzoo-1``.

    Processes started by ``accelerate launch`` share the photos; all must call this, and all get the
    same report, that of one process. Neither their number nor ``batch_size`` changes a result by
    more than the rounding of the networks' float32.

    Args:
        models: A colorizer or the name of a model, several of them, or several with row names.
        source: Photos: a folder, a ``.tar`` file or a pattern of such, or
            ``hf://datasets/owner/name``.
        split: Split of a Hub data set.
        column: Image column of a Hub data set; empty finds the only one.
        limit: Use the first so many photos of the source; all by default.
        batch_size: Photos coloured at once.
        sheet: File to write pictures to: grey, each model's, truth, of up to 12 photos.
        device: Where models that are given by name run, as in ``colorzoo.load``.
        fid: Measure FID too; this and LPIPS need the extra ``fid``.
        lpips: Measure LPIPS too.
        progress: Show a progress bar on standard error.

    Returns:
        The report; a photo that cannot be read is left out and named in it.

    Raises:
        ConfigError: A number or the sheet's suffix is wrong, or two rows would have one name.
        DataError: No photos are there, or none of them can be read.
        PictureError: The sheet cannot be written.
        ColorzooError: A model cannot be loaded, or what FID or LPIPS needs is not there.
    """
    _check(limit, batch_size, sheet)
    processes = Processes()
    photos = _Photos(os.fspath(source), split=split, column=column, limit=limit)
    colorizers = _load(models, device=processes.device if device == "auto" else device)
    own = torch.device(processes.device or "cpu")
    on = next((colorizer.device for colorizer in colorizers.values()), own)
    perceptual = Perceptual([GREY, *colorizers], fid=fid, lpips=lpips, device=on)
    shown = photos.spread(_SHEET_ROWS) if sheet is not None else frozenset()
    measuring = _Measuring(photos, colorizers, perceptual, shown)
    found = measuring.run(processes, batch_size, visible=progress)
    report = _report(photos.title, found, colorizers, perceptual)
    if sheet is not None and processes.is_main:
        _draw(found, [GREY, *colorizers, TRUTH], sheet)
    return report


class _Photos:
    """The photos of a source that are used, and what the report calls them."""

    def __init__(self, text: str, *, split: str, column: str, limit: int | None) -> None:
        self.source = open_source(text, split=split, column=column)
        self.count = len(self.source) if limit is None else min(limit, len(self.source))
        path = Path(text).expanduser()
        # Names begin below the source, because a report is read on other machines.
        self._root = f"{path if path.is_dir() else path.parent}{os.sep}"
        self.title = text if "://" in text else path.resolve().name

    def spread(self, count: int) -> frozenset[int]:
        """Return the numbers of so many photos from all over the source."""
        return frozenset(int(place) for place in np.linspace(0, self.count - 1, count).round())

    def read(self, number: int) -> tuple[_Found, Truth | None]:
        """Read a photo's truth; None when it is broken."""
        found = _Found(number, self.source.name(number).removeprefix(self._root))
        try:
            with self.source.open(number) as photo:
                return found, Truth(square(photo))
        except BROKEN_FILE as error:
            found.fault = str(error) or type(error).__name__
            return found, None


class _Measuring:
    """Photos to numbers, batch by batch."""

    def __init__(
        self,
        photos: _Photos,
        colorizers: Mapping[str, Colorizer],
        perceptual: Perceptual,
        shown: frozenset[int],
    ) -> None:
        self.photos = photos
        self.colorizers = colorizers
        self.perceptual = perceptual
        self.shown = shown

    def run(self, processes: Processes, batch_size: int, *, visible: bool) -> list[_Found]:
        """Measure this process's share, and return what all found, in the photos' order."""
        from rich.console import Console
        from rich.progress import Progress

        numbers = range(processes.rank, self.photos.count, processes.count)
        console = Console(stderr=True)
        hidden = not (visible and processes.is_main)
        outcomes: list[_Found] = []
        with (
            ThreadPoolExecutor(min(batch_size, os.cpu_count() or 1)) as pool,
            Progress(console=console, redirect_stdout=False, disable=hidden) as bar,
        ):
            task = bar.add_task("evaluating", total=len(numbers))
            for start in range(0, len(numbers), batch_size):
                batch = list(pool.map(self.photos.read, numbers[start : start + batch_size]))
                readable = [(found, truth) for found, truth in batch if truth]
                if readable:
                    self._measure(readable, pool)
                outcomes += [found for found, _ in batch]
                bar.advance(task, len(batch))
        return sorted(processes.gather(outcomes), key=lambda found: found.number)

    def _measure(self, batch: list[tuple[_Found, Truth]], pool: ThreadPoolExecutor) -> None:
        truths = [truth for _, truth in batch]
        rows = {GREY: [grey(truth) for truth in truths]}
        for name, colorizer in self.colorizers.items():
            colored = colorizer([truth.pixels for truth in truths], batch_size=len(truths))
            rows[name] = [np.asarray(picture) for picture in colored]
        for name, cells in rows.items():
            values = pool.map(Truth.measure, truths, cells)
            for (found, truth), cell, measured in zip(batch, cells, values, strict=True):
                distances = self.perceptual.measure(name, cell, truth.pixels)
                found.values[name] = measured | distances
                if found.number in self.shown:
                    found.cells.append(cell)
        for found, truth in batch:
            found.values[TRUTH] = truth.colorfulness
            if found.number in self.shown:
                found.cells.append(truth.pixels)


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


def grey(truth: Truth) -> Picture8:
    """Return what a colorizer sees of the truth, its lightness: (H, W, 3) uint8 sRGB."""
    picture = read(truth.pixels)
    lightness = torch.from_numpy(picture.lightness(0, picture.height))
    pixels: Picture8 = color.lab_to_srgb8(lightness, torch.zeros(2, *lightness.shape)).numpy()
    return pixels


def _check(limit: int | None, batch_size: int, sheet: str | os.PathLike[str] | None) -> None:
    for name, number in (("limit", limit), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise ConfigError(f"{name} must be a positive number, not {number}.")
    if sheet is not None and Path(sheet).suffix.lower() not in WRITABLE_SUFFIXES:
        raise ConfigError(
            f"The sheet {os.fspath(sheet)!r} must end in one of "
            f"{', '.join(sorted(WRITABLE_SUFFIXES))}."
        )


def _load(
    models: Model | Sequence[Model] | Mapping[str, Model], *, device: str | None
) -> dict[str, Colorizer]:
    """Return the colorizers by the names of their rows."""

    def opened(model: Model) -> Colorizer:
        return model if isinstance(model, Colorizer) else load(model, device=device or "auto")

    if isinstance(models, Mapping):
        named = [(name, opened(model)) for name, model in models.items()]
    else:
        several = [models] if isinstance(models, (Colorizer, str, os.PathLike)) else models
        named = [(colorizer.name, colorizer) for colorizer in map(opened, several)]
    names = [GREY, TRUTH, *(name for name, _ in named)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"The table cannot have the row {name!r} twice. Give other row names, as in "
                "evaluate({'before': first, 'after': second}, ...)."
            )
    return dict(named)


def _report(
    title: str,
    found: list[_Found],
    colorizers: Mapping[str, Colorizer],
    perceptual: Perceptual,
) -> Report:
    measured = [outcome for outcome in found if not outcome.fault]
    broken = tuple(f"{outcome.name} ({outcome.fault})" for outcome in found if outcome.fault)
    if not measured:
        raise DataError(
            f"None of the {len(found)} photos of {title} can be read; one is {broken[0]}. "
            "Check the data."
        )

    def row(name: str, parameters: int | None = None) -> Row:
        metrics = measured[0].values[name]
        return Row(
            name,
            parameters,
            {key: tuple(outcome.values[name][key] for outcome in measured) for key in metrics},
            perceptual.overall(name) if name != TRUTH else {},
        )

    return Report(
        protocol=PROTOCOL,
        source=title,
        photos=tuple(outcome.name for outcome in measured),
        broken=broken,
        models=tuple(
            row(name, colorizer.predictor.parameters) for name, colorizer in colorizers.items()
        ),
        grey=row(GREY),
        truth=row(TRUTH),
    )


def _draw(found: list[_Found], headings: list[str], path: str | os.PathLike[str]) -> None:
    rows = [[Image.fromarray(cell) for cell in outcome.cells] for outcome in found if outcome.cells]
    if rows:  # every photo chosen for the sheet may have been broken
        write(make_sheet(rows, headings), path)
