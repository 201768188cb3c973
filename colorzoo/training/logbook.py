"""The numbers of a run: ``metrics.jsonl``, trackers, and a plot at the end."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from colorzoo.errors import TrainingError
from colorzoo.files import replace_text
from colorzoo.training.objective import LOSSES
from colorzoo.training.phases import ADVERSARIAL

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

FILE = "metrics.jsonl"


class Logbook:
    """Appends lines of numbers to ``metrics.jsonl`` and passes them on to the trackers.

    Args:
        folder: The run folder.
        accelerator: Knows the trackers, and which process writes.
        step: Lines past this step, of a run that was stopped later, are dropped.
    """

    def __init__(self, folder: Path, accelerator: Accelerator, *, step: int) -> None:
        self.path = folder / FILE
        self.accelerator = accelerator
        if accelerator.is_main_process and self.path.exists():
            kept = [line for line in read_metrics(folder) if line["step"] <= step]
            replace_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append one line; only the main process writes."""
        self.accelerator.log(dict(numbers), step=step)
        if self.accelerator.is_main_process:
            rounded = {name: _round(value) for name, value in numbers.items()}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **rounded}) + "\n")

    def show(self, step: int, picture: Path) -> None:
        """Pass a picture on to the trackers that show pictures."""
        for tracker in self.accelerator.trackers:
            if tracker.name == "tensorboard":
                with Image.open(picture) as sheet:
                    pixels = np.asarray(sheet.convert("RGB"))
                tracker.log_images({"samples": pixels[None]}, step=step, dataformats="NHWC")


class Means:
    """The means of losses by name since they were last taken, kept on their device till then."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Note the losses of one step; a phase may bring others than the one before."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0) + value
            self._counts[name] += 1

    def take(self) -> dict[str, Tensor]:
        """Return the means, and begin anew."""
        means = {name: value / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, Counter()
        return means


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the lines of a run's ``metrics.jsonl``; a last line cut by a kill is left out.

    Raises:
        TrainingError: Another line is no table of numbers.
    """
    path = folder / FILE
    texts = path.read_bytes().split(b"\n")
    lines: list[dict[str, float]] = []
    for number, text in enumerate(texts[:-1], start=1):  # after the last line's end there is none
        try:
            line = json.loads(text)
            if not isinstance(line.get("step"), int):
                raise ValueError("it lacks the key 'step'")
        except (ValueError, AttributeError, RecursionError) as error:
            raise TrainingError(
                f"{path}, line {number} is damaged: {error}. Delete that line, or the file to go "
                "on without the numbers so far."
            ) from error
        lines.append(line)
    return lines


def plot_metrics(folder: Path, target: Path) -> None:
    """Draw losses and validation PSNR of a run over its steps, as a PNG."""
    from matplotlib.figure import Figure

    lines = read_metrics(folder)
    groups = {
        "losses": [name for name in LOSSES if name != ADVERSARIAL],
        "adversarial losses": [ADVERSARIAL, "discriminator"],
        "validation PSNR, dB": ["val_psnr", "val_psnr_grey"],
    }
    curves = {
        title: {name: points for name in names if (points := _points(lines, name))}
        for title, names in groups.items()
    }
    curves = {title: those for title, those in curves.items() if those}
    figure = Figure(figsize=(8, 1 + 2 * max(1, len(curves))), layout="constrained")
    panels = figure.subplots(max(1, len(curves)), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (title, those) in zip(panels, curves.items(), strict=False):
        for name, points in those.items():
            panel.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        panel.set_ylabel(title)
        panel.grid(alpha=0.3)
        panel.legend(frameon=False)
    panels[-1].set_xlabel("step")
    figure.savefig(target, dpi=110)


def plot_validation(folders: Mapping[str, Path], target: Path) -> None:
    """Draw what runs gain over leaving photos grey against the photos they have seen, as a PNG.

    Args:
        folders: The run folders by what their curves are called.
        target: The picture.

    Raises:
        TrainingError: A ``metrics.jsonl`` is damaged.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    panel = figure.subplots()
    for name, folder in folders.items():
        lines = read_metrics(folder)
        photos = {line["step"]: line["photos"] for line in lines if "photos" in line}
        seen = [
            (photos[line["step"]] / 1000, line["val_psnr"] - line["val_psnr_grey"])
            for line in lines
            if "val_psnr" in line and line["step"] in photos
        ]
        if seen:
            panel.plot(*zip(*seen, strict=True), label=name, marker="o", markersize=3)
    panel.set_xlabel("photos seen, thousands")
    panel.set_ylabel("validation PSNR above grey, dB")
    panel.grid(alpha=0.3)
    if panel.lines:
        panel.legend(frameon=False)
    figure.savefig(target, dpi=110)


def _points(lines: Iterable[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(line["step"], line[name]) for line in lines if name in line]


def _round(value: float) -> float:
    """Round to six significant digits, enough for any curve."""
    return float(f"{value:.6g}") if math.isfinite(value) else value
