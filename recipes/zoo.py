"""The zoo from photos to cards, in one command that goes on where it was stopped.

python recipes/zoo.py --train photos/train --validation photos/validation
"""

from __future__ import annotations

import argparse
import contextlib
import os
import runpy
import sys
from pathlib import Path

from PIL import Image

import colorzoo
from colorzoo.cli import commands
from colorzoo.modelfolder.weights import load_model
from colorzoo.training.checkpoints import Checkpoints
from colorzoo.training.logbook import plot_validation
from colorzoo.zoo.folders import zoo_folder

ROOT = Path(__file__).parent.parent
MODELS = (
    "lite-unet-gan",
    "unet-gan",
    "res-unet-gan",
    "dense-unet-gan",
    "attention-unet-gan",
    "cnn",
    "squeeze-unet-gan",
)


def main() -> None:
    """Train what is not trained yet, and make everything else anew from the trained weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"by default {' '.join(MODELS)}")
    parser.add_argument("--train", required=True, help="photos as in data.train")
    parser.add_argument("--validation", required=True, help="photos to validate and measure on")
    parser.add_argument("--figure", help="photos that are shown; by default some of validation")
    parser.add_argument("--recipes", type=Path, default=ROOT / "recipes", help="or recipes/cpu")
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"), help="run folders go there")
    options = parser.parse_args()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.exit("The zoo is made in one process. Start it without a launcher.")
    names = options.names or list(MODELS)
    for name in names:
        train(options.recipes / f"{name}.toml", options.runs / name, options)
        store(options.runs / name / "model", zoo_folder() / name)
        color_examples(name, zoo_folder() / name / "before-after.jpg")
    report = options.runs / "report.json"
    with report.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        command("evaluate", *names, "--data", options.validation, "--json")
    command("card", *names, "--evaluation", report, "--write", "--readme", ROOT / "README.md")
    shown = options.figure or options.validation
    everything = [info.name for info in colorzoo.list_models()]
    figure = zoo_folder() / "comparison.jpg"
    colorzoo.evaluate(everything, shown, limit=8, sheet=figure)
    with Image.open(figure) as sheet:
        smaller = sheet.reduce(2)
    smaller.save(figure, quality=85, optimize=True)
    plot_validation({name: options.runs / name for name in names}, zoo_folder() / "curves.png")
    if colorzoo.DEFAULT_MODEL in everything:
        color_examples(colorzoo.DEFAULT_MODEL, ROOT / "demos" / "before-after.jpg")


def train(recipe: Path, folder: Path, options: argparse.Namespace) -> None:
    """Train a model, from its newest checkpoint if it was stopped before."""
    settings = {
        "data.train": options.train,
        "data.validation": options.validation,
        "run.folder": folder,
    }
    config = colorzoo.TrainingConfig.from_file(
        recipe, [f"{key}={value}" for key, value in settings.items()]
    )
    resume = Checkpoints(folder / "checkpoints", keep=1).latest() is not None
    if resume and colorzoo.TrainingConfig.from_file(folder / "config.toml") != config:
        sys.exit(f"{folder} holds a run with other settings than {recipe}. Choose other --runs.")
    if (folder / "model").is_dir():
        return
    result = colorzoo.train(config, resume=resume)
    if result.model is None:
        sys.exit(f"stopped at step {result.steps} of {folder.name}; the same command goes on")


def store(model: Path, target: Path) -> None:
    """Store a trained model in half precision as a model of the zoo."""
    colorzoo.save(load_model(model), target, name=target.name, dtype="float16")


def color_examples(name: str, target: Path) -> None:
    """Draw the historic examples, grey and coloured by a model."""
    photos = sorted((ROOT / "demos" / "examples").glob("*.jpg"))
    draw = runpy.run_path(str(ROOT / "benchmarks" / "before_after.py"))["main"]
    draw([*map(str, photos), "--model", name, "--out", str(target)])


def command(*arguments: object) -> None:
    """Run a command of the command line in this process."""
    commands.main([str(argument) for argument in arguments], standalone_mode=False)


if __name__ == "__main__":
    main()
