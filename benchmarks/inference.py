"""What colouring costs beside its network, and how soon the command line has a first picture.

    python benchmarks/inference.py
    python benchmarks/inference.py squeeze-unet-gan --rounds 20 --threads 1

Both are ratios of least times of one run: eight pictures of 256x256 from pixels to pixels over the
bare network on their lightness, and ``colorzoo colorize`` of one photo over ``import torch``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from _report import describe_machine
from _timing import least_times
from PIL import Image, ImageOps

import colorzoo
from colorzoo.pictures.read import read

EXAMPLES = sorted((Path(__file__).parent.parent / "demos" / "examples").glob("*.jpg"))
BATCH = 8
SIDE = 256


def grey_pictures(side: int) -> list[Image.Image]:
    """Return a batch of grey squares from the example photographs."""
    pictures = []
    for number in range(BATCH):
        with Image.open(EXAMPLES[number % len(EXAMPLES)]) as photo:
            place = (0.5, number / (BATCH - 1))
            square = ImageOps.fit(ImageOps.grayscale(photo), (side, side), centering=place)
        pictures.append(square)
    return pictures


def batch_times(model: str, rounds: int, side: int) -> dict[str, float]:
    """Return seconds of a batch by the network alone and from pixels to pixels."""
    colorizer = colorzoo.load(model)
    pictures = grey_pictures(side)
    lightness = np.stack([read(picture).resized_lightness(side, side) for picture in pictures])
    return least_times(
        {
            "network": lambda: colorizer.predict(lightness[:, None]),
            "pixels to pixels": lambda: colorizer(pictures, working_size=side),
        },
        rounds,
    )


def start_times(model: str, rounds: int) -> dict[str, float]:
    """Return seconds of a Python that imports torch and of one that colours a photo."""

    def python(*arguments: str | Path) -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "color.jpg")
        colorize = ("-m", "colorzoo", "colorize", EXAMPLES[0], "-o", out, "--overwrite")
        return least_times(
            {
                "import torch": lambda: python("-c", "import torch"),
                "colorzoo colorize": lambda: python(*colorize, "--model", model),
            },
            rounds,
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", default=colorzoo.DEFAULT_MODEL, help="as in load")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--side", type=int, default=SIDE, help="of the pictures of the batch")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(describe_machine(torch.device("cpu")), end="\n\n")
    print(f"| {options.model} | seconds | ratio |")
    print("| --- | ---: | ---: |")
    batch = batch_times(options.model, options.rounds, options.side)
    start = start_times(options.model, min(options.rounds, 5))
    for times in (batch, start):
        first = next(iter(times.values()))
        for name, taken in times.items():
            print(f"| {name} | {taken:.3f} | {taken / first:.2f} |")


if __name__ == "__main__":
    main()
