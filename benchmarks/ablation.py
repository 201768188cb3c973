"""The report's ablation (its Fig. 6): does the generator need L1, and does it need batch norm?

``python benchmarks/ablation.py --data PHOTOS --out FOLDER`` trains four times,
{adversarial only, + L1} x {no norm, batch norm}, with all else as in ``recipes/report.toml``, and
lays what they make of a few photos after each of the first epochs side by side in
``FOLDER/ablation.png``: a row for each epoch, a column for each of the four, grey and truth around
them. Given again after a stop, the command goes on.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from PIL import Image

import colorzoo
from colorzoo.data.photos import center_square, decode
from colorzoo.data.sources import open_source
from colorzoo.evaluation.sheet import make_sheet, save_sheet
from colorzoo.training.checkpoints import Checkpoints
from colorzoo.training.config import TrainingConfig
from colorzoo.training.trainer import train

RECIPE = Path(__file__).parent.parent / "recipes" / "report.toml"
VARIANTS = {
    "GAN, no norm": ("none", 0),
    "GAN, batch norm": ("batch", 0),
    "GAN + L1, no norm": ("none", 100),
    "GAN + L1, batch norm": ("batch", 100),
}
"""Heading of each column: norm of both networks, weight of L1."""


def configure(name: str, epoch: int, options: argparse.Namespace) -> TrainingConfig:
    """Return the settings of a variant's run up to the end of an epoch."""
    norm, weight = VARIANTS[name]
    overrides = [
        f"data.train={options.data}",
        "data.validation=",
        "optimizer.decay=constant",  # of a long run, only the beginning is looked at
        *options.overrides,
        f"model.config.norm={norm}",
        f"discriminator.config.norm={norm}",
        f"phase.0.losses.pixel={weight}",
        f"run.folder={folder_of(name, options)}",
    ]
    batch = TrainingConfig.from_file(RECIPE, overrides).data.batch_size
    steps = math.ceil(len(open_source(options.data)) / batch) * epoch
    return TrainingConfig.from_file(RECIPE, [*overrides, f"phase.0.steps={steps}"])


def folder_of(name: str, options: argparse.Namespace) -> Path:
    """Return the run folder of a variant."""
    slug = name.lower().replace(",", "").replace(" + ", "-").replace(" ", "-")
    return Path(options.out) / slug


def show_epochs(
    name: str, truths: list[Image.Image], options: argparse.Namespace
) -> list[list[Image.Image]]:
    """Train one variant and return its pictures of all photos after each epoch."""
    folder = folder_of(name, options)
    epochs = []
    for epoch in range(1, options.epochs + 1):
        places = [
            folder / "pictures" / f"epoch-{epoch:02d}-{number}.png" for number in range(len(truths))
        ]
        if not all(place.exists() for place in places):
            resume = Checkpoints(folder / "checkpoints", keep=1).latest() is not None
            result = train(configure(name, epoch, options), resume=resume)
            if result.model is None:
                sys.exit(128 + (result.signal or 0))
            colorizer = colorzoo.load(result.model)
            places[0].parent.mkdir(exist_ok=True)
            for place, truth in zip(places, truths, strict=True):
                colorizer(truth.convert("L")).save(place)
        epochs.append([Image.open(place) for place in places])
    return epochs


def choose_photos(options: argparse.Namespace, size: int) -> list[Image.Image]:
    """Return the centre squares of the first photos that can be read."""
    source = open_source(options.validation or options.data)
    photos = (decode(source.open, index, size) for index in range(len(source)))
    squares = (center_square(photo, size) for photo in photos if photo)
    return [square for square, _ in zip(squares, range(options.photos), strict=False)]


def main() -> None:
    """Train the four and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="photos to train on, as in data.train")
    parser.add_argument("--validation", help="photos to show; the first of --data if not given")
    parser.add_argument("--out", required=True, help="folder for the runs and ablation.png")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--photos", type=int, default=3, help="how many photos to show")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="a setting of all four runs, such as data.size=128",
    )
    options = parser.parse_args()
    size = configure(next(iter(VARIANTS)), 1, options).data.size
    truths = choose_photos(options, size)
    columns = {name: show_epochs(name, truths, options) for name in VARIANTS}
    rows = [
        [truth.convert("L"), *(columns[name][epoch][number] for name in VARIANTS), truth]
        for number, truth in enumerate(truths)
        for epoch in range(options.epochs)
    ]
    target = Path(options.out) / "ablation.png"
    save_sheet(make_sheet(rows, ["grey", *VARIANTS, "truth"]), target)
    print(target)


if __name__ == "__main__":
    main()
