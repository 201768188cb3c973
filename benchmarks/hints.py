"""What hints and a reference bring: quality on photos whose colours are known, and time.

    python benchmarks/hints.py --data photos --limit 50 --figure hints.jpg
    python benchmarks/hints.py --times --threads 1

Hints are true colours at random places, each the mean of a disc five pixels across; pictures are
those of the protocol colorzoo-1. A reference of the same scene is the other half of the photo, an
unrelated one is half of the next photo.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from _report import describe_machine
from numpy.typing import NDArray
from PIL import Image, ImageOps

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.data.sources import open_source
from colorzoo.evaluation.evaluate import grey, square
from colorzoo.methods.mending import mend
from colorzoo.prepare import read_reference

Pixels = NDArray[np.uint8]

NUMBERS = (0, 1, 5, 20, 50)
RADIUS = 2
STROKES = 50
HALF_MEGAPIXEL = (612, 816)
TWELVE_MEGAPIXELS = (3000, 4000)


@dataclass(frozen=True)
class Case:
    """One photo, in the ways that are measured."""

    truth: Pixels
    halves: tuple[Pixels, Pixels]


def read_cases(data: str, limit: int) -> list[Case]:
    """Read photos, spread evenly over those of ``data``."""
    source = open_source(data)
    step = max(1, len(source) // limit)
    cases = []
    for index in range(0, len(source), step)[:limit]:
        photo = ImageOps.exif_transpose(source.open(index)).convert("RGB")
        photo.thumbnail((512, 512))
        middle = (photo.width // 2, photo.height // 2)
        first = (
            0,
            0,
            *((middle[0], photo.height), (photo.width, middle[1]))[photo.height > photo.width],
        )
        second = (photo.width - first[2], photo.height - first[3], photo.width, photo.height)
        halves = np.asarray(photo.crop(first)), np.asarray(photo.crop(second))
        cases.append(Case(square(photo), halves))
    return cases


def psnr(truth: Pixels, image: Image.Image | Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = (np.asarray(image)[..., :3].astype(float) - truth) ** 2
    return float(10.0 * np.log10(255.0**2 / max(error.mean(), 1e-10)))


def true_hints(truth: Pixels, count: int, seed: int) -> colorzoo.Hints:
    """Return the true colours of so many random places; more hints hold those of fewer."""
    rng = np.random.default_rng(seed)
    side = len(truth)
    points = []
    for row, column in rng.integers(RADIUS, side - RADIUS, (max(NUMBERS), 2))[:count]:
        patch = truth[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1]
        red, green, blue = (round(value) for value in patch.reshape(-1, 3).mean(axis=0))
        points.append((int(row), int(column), (red, green, blue)))
    return colorzoo.Hints.from_points(points, radius=RADIUS)


def measure_hints(colorizers: dict[str, Colorizer], cases: list[Case]) -> str:
    """Return a table of PSNR by number of hints."""
    rows = {"grey": [[psnr(case.truth, grey(case.truth)) for case in cases]]}
    for name, colorizer in colorizers.items():
        rows[name] = [
            [
                psnr(
                    case.truth, colorizer(grey(case.truth), hints=true_hints(case.truth, count, n))
                )
                for n, case in enumerate(cases)
            ]
            for count in NUMBERS
            if count or not colorizer.predictor.needs
        ]
    lines = [
        f"| PSNR in dB, {len(cases)} photos | " + " | ".join(f"{n} hints" for n in NUMBERS) + " |",
        "| --- |" + " ---: |" * len(NUMBERS),
    ]
    for name, columns in rows.items():
        cells = [f"{statistics.mean(values):.2f}" for values in columns]
        missing = len(NUMBERS) - len(cells)
        cells = cells + [""] * missing if name == "grey" else ["-"] * missing + cells
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_references(colorizers: dict[str, Colorizer], cases: list[Case]) -> str:
    """Return a table of PSNR without a reference, with one of the scene, with an unrelated one."""
    lines = [
        f"| PSNR in dB, {len(cases)} halves of photos | alone | other half | unrelated half |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, colorizer in colorizers.items():
        numbers: list[list[float]] = []
        for n, case in enumerate(cases):
            truth, other = case.halves
            seen, unrelated = grey(truth), cases[(n + 1) % len(cases)].halves[1]
            numbers.append(
                [
                    float("nan") if colorizer.predictor.needs else psnr(truth, colorizer(seen)),
                    *(
                        psnr(truth, colorizer(seen, reference=reference))
                        for reference in (other, unrelated)
                        if has_color(reference)
                    ),
                ]
            )
        full = np.array([row for row in numbers if len(row) == 3])
        cells = ["-" if np.isnan(value) else f"{value:.2f}" for value in full.mean(axis=0)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def has_color(pixels: Pixels) -> bool:
    """Tell whether a picture can be a reference."""
    try:
        read_reference(pixels)
    except colorzoo.PictureError:
        return False
    return True


def draw(colorizer: Colorizer, cases: list[Case], path: str) -> None:
    """Write a figure: grey, alone, with 5 and 50 hints, with two references, and the truth."""
    rows = []
    for n, case in enumerate(cases[:4]):
        seen = grey(case.truth)
        references = [cases[(n + step) % len(cases)].truth for step in (1, 2)]
        pictures: list[Image.Image | Pixels] = [
            seen,
            colorizer(seen),
            *(colorizer(seen, hints=true_hints(case.truth, count, n)) for count in (5, 50)),
            *(colorizer(seen, reference=reference) for reference in references),
            case.truth,
        ]
        rows.append(np.concatenate([np.asarray(picture) for picture in pictures], axis=1))
    Image.fromarray(np.concatenate(rows)).save(path, quality=90)


def best_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the least processor time of several runs, after one that warms up."""
    work()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def measure_times(models: list[str], rounds: int) -> str:
    """Return a table of seconds, and of ratios to the default model alone."""
    rng = np.random.default_rng(0)
    waves = [np.cumsum(rng.normal(size=(1, side)), axis=1) for side in HALF_MEGAPIXEL]
    half = (127 + 60 * np.sin((waves[0].T + waves[1]) / 9)).astype(np.uint8)
    large = np.asarray(Image.fromarray(half).resize(TWELVE_MEGAPIXELS[::-1]))
    reference = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    network = colorzoo.load(models[0], device="cpu")

    def hints(pixels: Pixels, radius: int) -> colorzoo.Hints:
        rows, columns = (rng.integers(0, side, STROKES) for side in pixels.shape)
        colors = rng.integers(0, 256, (STROKES, 3))
        points = [
            (int(row), int(column), (int(red), int(green), int(blue)))
            for row, column, (red, green, blue) in zip(rows, columns, colors, strict=True)
        ]
        return colorzoo.Hints.from_points(points, radius=radius)

    strokes, large_strokes = hints(half, 4), hints(large, 16)
    side = network.working_size
    shape = side, side * 4 // 3
    lightness = rng.random(shape, dtype=np.float32) * 100
    predicted = np.zeros((2, *shape), np.float32)
    placed = hints(np.zeros((side, side * 4 // 3), np.uint8), 1).place(side, side * 4 // 3)
    chroma, mask = placed.resized(side, side * 4 // 3)
    works: dict[str, Callable[[], object]] = {
        f"{models[0]}, 0.5 megapixels": lambda: network(half),
        f"{models[0]}, 0.5 megapixels, {STROKES} hints": lambda: network(half, hints=strokes),
        f"of which spreading, {side} x {side * 4 // 3}": lambda: mend(
            lightness, predicted, chroma[0], mask[0, 0]
        ),
        f"{models[0]}, 0.5 megapixels, reference": lambda: network(half, reference=reference),
        f"{models[0]}, 12 megapixels": lambda: network(large),
        f"{models[0]}, 12 megapixels, {STROKES} hints": lambda: network(large, hints=large_strokes),
    }
    for name in ("levin", "yatziv"):
        method = colorzoo.load(name, device="cpu")
        works[f"{name}, 0.5 megapixels, {STROKES} hints"] = lambda method=method: method(  # type: ignore[misc]
            half, hints=strokes
        )
    welsh = colorzoo.load("welsh", device="cpu")
    works["welsh, 0.5 megapixels"] = lambda: welsh(half, reference=reference)
    lines = ["| best of processor time | s | / the model alone |", "| --- | ---: | ---: |"]
    seconds = {name: best_seconds(work, rounds) for name, work in works.items()}
    alone = next(iter(seconds.values()))
    lines += [f"| {name} | {s:.3f} | {s / alone:.1f} |" for name, s in seconds.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=[colorzoo.DEFAULT_MODEL, "attention-unet-gan"])
    parser.add_argument("--data", help="folder or archive of photos; without it no quality")
    parser.add_argument("--limit", type=int, default=50, help="photos that are measured")
    parser.add_argument("--figure", help="write pictures to this file")
    parser.add_argument("--times", action="store_true", help="measure times")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each that are timed")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(describe_machine(torch.device("cpu")), end="\n\n")
    if options.data:
        cases = read_cases(options.data, options.limit)
        networks = {name: colorzoo.load(name, device="cpu") for name in options.models}
        methods = {name: colorzoo.load(name, device="cpu") for name in ("levin", "yatziv")}
        print(measure_hints(methods | networks, cases), end="\n\n", flush=True)
        welsh = {"welsh": colorzoo.load("welsh", device="cpu")}
        print(measure_references(welsh | networks, cases), end="\n\n", flush=True)
        if options.figure:
            draw(networks[options.models[0]], cases, options.figure)
    if options.times:
        print(measure_times(options.models, options.rounds))


if __name__ == "__main__":
    main()
