"""What a photo costs in processor time, stage by stage, and so what a million cost.

``python benchmarks/scale.py`` colours the example photos, brought to several sizes, as a folder is
coloured: read, predicted eight at a time, finished, written. Times are processor times on one
thread, the least of several rounds, so that other work on the machine counts for little. From them
follow the cores that one GPU can keep busy, and the hours for a million photos; what a GPU does is
not measured but given: ``--gpu-rate``, photos a second through the network alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from _report import describe_machine
from PIL import Image, ImageOps

import colorzoo
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write
from colorzoo.predictor import Prediction
from colorzoo.prepare import working_lightness, working_shape

T = TypeVar("T")
STAGES = ("read", "shrink", "predict", "finish", "write")
EXAMPLES = Path(__file__).parent.parent / "demos" / "examples"
MILLION = 1_000_000
GPUS = (1, 8, 64)


class Costs:
    """Seconds of processor time of each stage for one photo, the least of several rounds."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, float("inf"))
        self.bytes_in = 0.0
        self.bytes_out = 0.0

    def measure(self, stage: str, photos: int, work: Callable[[], T]) -> T:
        """Run ``work`` on so many photos as one stage and return what it returns."""
        start = time.process_time()
        result = work()
        each = (time.process_time() - start) / photos
        self.seconds[stage] = min(self.seconds[stage], each)
        return result

    @property
    def host(self) -> float:
        """Seconds of a core that are needed whatever the network runs on."""
        return sum(seconds for stage, seconds in self.seconds.items() if stage != "predict")


def make_photos(folder: Path, megapixels: float, count: int) -> list[Path]:
    """Save the example photos, in turn, at a size of 4 to 3, as JPEGs of ordinary quality."""
    sources = sorted(EXAMPLES.glob("*.jpg"))
    size = round((megapixels * 4e6 / 3) ** 0.5), round((megapixels * 3e6 / 4) ** 0.5)
    paths = []
    for number in range(count):
        with Image.open(sources[number % len(sources)]) as image:
            paths.append(folder / f"{number}.jpg")
            ImageOps.fit(image.convert("L"), size).save(paths[-1], quality=90)
    return paths


def measure(model: str, megapixels: float, rounds: int, batch_size: int) -> Costs:
    """Colour photos of one size several times."""
    colorizer = colorzoo.load(model, device="cpu")
    costs = Costs()
    with tempfile.TemporaryDirectory() as name:
        paths = make_photos(Path(name), megapixels, batch_size)
        targets = [path.with_name(f"out-{path.name}") for path in paths]
        for _ in range(rounds):
            color_once(colorizer, paths, targets, costs)
        costs.bytes_in = sum(path.stat().st_size for path in paths) / len(paths)
        costs.bytes_out = sum(path.stat().st_size for path in targets) / len(targets)
    return costs


def color_once(
    colorizer: colorzoo.Colorizer, paths: list[Path], targets: list[Path], costs: Costs
) -> None:
    """Colour photos of one size as one batch, and note what each stage costs."""
    count = len(paths)
    pictures = costs.measure("read", count, lambda: [read(path) for path in paths])
    shape = working_shape(pictures[0].height, pictures[0].width, colorizer.working_size)
    own, seen = costs.measure(
        "shrink", count, lambda: working_lightness(pictures, shape, ColorizeOptions())
    )
    chroma = costs.measure("predict", count, lambda: colorizer.predict(seen[:, None]))
    predictions = list(map(Prediction, chroma, own))
    images = costs.measure(
        "finish", count, lambda: list(map(colorizer.finish, pictures, predictions))
    )
    costs.measure("write", count, lambda: list(map(write, images, targets)))


def print_costs(rows: dict[float, Costs]) -> None:
    """Print what one photo costs."""
    print("| a photo of | " + " | ".join(STAGES) + " | photos/s on one core | in, MB | out, MB |")
    print("| --- |" + " ---: |" * (len(STAGES) + 3))
    for megapixels, costs in rows.items():
        cells = [f"{costs.seconds[stage] * 1e3:.1f} ms" for stage in STAGES]
        rate = 1 / (costs.host + costs.seconds["predict"])
        cells += [f"{rate:.1f}", f"{costs.bytes_in / 1e6:.2f}", f"{costs.bytes_out / 1e6:.2f}"]
        print(f"| {megapixels:g} megapixels | {' | '.join(cells)} |")


def print_million(rows: dict[float, Costs], gpu_rate: float, cores: int) -> None:
    """Print what a million cost: on cores alone, and on GPUs with so many cores each."""
    headings = [f"{count} GPUs" if count > 1 else "1 GPU" for count in GPUS]
    print(f"| a million of | core hours | {' | '.join(headings)} | cores that keep a GPU busy |")
    print("| --- |" + " ---: |" * (len(GPUS) + 2))
    for megapixels, costs in rows.items():
        per_gpu = min(gpu_rate, cores / costs.host)
        alone = MILLION * (costs.host + costs.seconds["predict"]) / 3600
        cells = [f"{alone:.0f} h"]
        cells += [_hours(MILLION / (per_gpu * count) / 3600) for count in GPUS]
        print(f"| {megapixels:g} megapixels | {' | '.join(cells)} | {gpu_rate * costs.host:.0f} |")


def _hours(hours: float) -> str:
    return f"{hours * 60:.2g} min" if hours < 1 else f"{hours:.1f} h"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=colorzoo.DEFAULT_MODEL)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.25, 1.0, 12.0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--gpu-rate", type=float, default=1000.0, help="photos a second, assumed")
    parser.add_argument("--cores", type=int, default=16, help="beside each GPU")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine(torch.device("cpu")), end="\n\n")
    rows = {
        size: measure(options.model, size, options.rounds, options.batch_size)
        for size in options.megapixels
    }
    print_costs(rows)
    print(f"\nassumed: {options.gpu_rate:g} photos/s a GPU, {options.cores} cores beside each\n")
    print_million(rows, options.gpu_rate, options.cores)


if __name__ == "__main__":
    main()
