"""What a large photo costs from file to file, stage by stage, beside the plain way of doing it.

Run it on a quiet machine, Linux: ``python benchmarks/pictures.py``. The plain way is what most
colorization code does: scikit-image to CIELAB and back at full size, chroma brought up bilinearly.
Both use the same generator with random weights, each in a process of its own, so that peak memory
is its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from _report import describe_machine, peak_memory
from PIL import Image

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write
from colorzoo.predictor import Prediction
from colorzoo.prepare import working_shape

T = TypeVar("T")
STAGES = ("decode", "prepare", "predict", "finish", "encode")


class Stopwatch:
    """Seconds of each stage, the best of several rounds."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Run ``work`` as one stage and return what it returns."""
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        self.best[stage] = min(seconds, self.best.get(stage, seconds))
        return result


def our_way(photo: Path, target: Path, colorizer: Colorizer, watch: Stopwatch) -> None:
    """Colour a photo by the library's own stages."""
    picture = watch.time("decode", lambda: read(photo))
    shape = working_shape(picture.height, picture.width, colorizer.working_size)
    guide = torch.from_numpy(watch.time("prepare", lambda: picture.resized_lightness(*shape)))
    small = watch.time("predict", lambda: colorizer.predict(guide[None, None])[0])
    image = watch.time("finish", lambda: colorizer.finish(picture, Prediction(small, guide)))
    watch.time("encode", lambda: write(image, target))


def plain_way(photo: Path, target: Path, colorizer: Colorizer, watch: Stopwatch) -> None:
    """Colour a photo with scikit-image at full size and bilinear chroma."""
    from skimage.color import lab2rgb, rgb2lab

    def decode() -> np.ndarray:
        with Image.open(photo) as image:
            return np.asarray(image.convert("RGB"))

    rgb = watch.time("decode", decode)
    height, width = rgb.shape[:2]
    shape = working_shape(height, width, colorizer.working_size)

    def prepare() -> tuple[np.ndarray, torch.Tensor]:
        lightness = rgb2lab(rgb)[..., :1].astype(np.float32)
        full = torch.from_numpy(lightness[..., 0])[None, None]
        return lightness, torch.nn.functional.interpolate(
            full, size=shape, mode="bilinear", antialias=True
        )

    lightness, guide = watch.time("prepare", prepare)
    small = watch.time("predict", lambda: colorizer.predict(guide))

    def finish() -> Image.Image:
        ab = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear")
        lab = np.concatenate((lightness, ab[0].permute(1, 2, 0).numpy()), axis=-1)
        return Image.fromarray((lab2rgb(lab) * 255).round().astype(np.uint8))

    image = watch.time("finish", finish)
    watch.time("encode", lambda: image.save(target, quality=95, subsampling=0))


def make_photo(path: Path, width: int, height: int) -> None:
    """Save a grey JPEG with shapes and grain."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    shade = 120 + 60 * np.sin(9 * x) * np.cos(7 * y) + 40 * ((x - 0.6) ** 2 + (y - 0.5) ** 2 < 0.1)
    grain = np.random.default_rng(0).normal(0, 6, shade.shape)
    Image.fromarray((shade + grain).clip(0, 255).astype(np.uint8)).save(path, quality=92)


def measure(way: str, photo: Path, architecture: str, rounds: int) -> dict[str, float]:
    """Return the best seconds of each stage, and peak memory in MB before and after."""
    torch.manual_seed(0)
    colorizer = Colorizer(
        colorzoo.NetworkPredictor(colorzoo.create_model(architecture), device="cpu")
    )
    idle = peak_memory()
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            run = our_way if way == "colorzoo" else plain_way
            run(photo, Path(folder) / "out.jpg", colorizer, watch)
    return {**watch.best, "idle MB": idle, "peak MB": peak_memory()}


def main() -> None:
    """Measure both ways and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path, help="a photo; a made one of 4000 x 3000 if left out")
    parser.add_argument("--architecture", default="attention-unet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=("colorzoo", "plain"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        found = measure(options.way, options.photo, options.architecture, options.rounds)
        print(json.dumps(found))
        return
    print(describe_machine(torch.device("cpu")), end="\n\n")
    with tempfile.TemporaryDirectory() as folder:
        photo = options.photo or Path(folder) / "photo.jpg"
        if options.photo is None:
            make_photo(photo, 4000, 3000)
        rows = {}
        for way in ("colorzoo", "plain"):
            command = [sys.executable, __file__, "--way", way, "--photo", str(photo)]
            command += ["--architecture", options.architecture, "--rounds", str(options.rounds)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows[way] = json.loads(answer.stdout)
    with_total = {way: {**row, "sum": sum(row[s] for s in STAGES)} for way, row in rows.items()}
    print("| seconds, best of rounds | colorzoo | plain | plain / colorzoo |")
    print("| --- | ---: | ---: | ---: |")
    for key in (*STAGES, "sum", "idle MB", "peak MB"):
        ours, plain = with_total["colorzoo"][key], with_total["plain"][key]
        digits = 0 if key.endswith("MB") else 3
        print(f"| {key} | {ours:.{digits}f} | {plain:.{digits}f} | {plain / ours:.1f} |")


if __name__ == "__main__":
    main()
