"""The zoo from photos to cards, in one command that goes on where it was stopped.

python recipes/zoo.py --train photos/train --validation photos/validation
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from colorzoo._zoo import zoo_folder
from colorzoo.hub.weights import load_model, save

ROOT = Path(__file__).parent.parent
MODELS = (
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
    parser.add_argument(
        "--recipes", type=Path, default=ROOT / "recipes", help="recipes/cpu, or GPU"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"), help="run folders go there")
    options = parser.parse_args()
    names = options.names or MODELS
    for name in names:
        train(options.recipes / f"{name}.toml", options.runs / name, options)
        store(options.runs / name / "model", zoo_folder() / name)
        picture(name)
    measure(names, options)
    colorzoo("card", "--write", "--readme", ROOT / "README.md")


def train(recipe: Path, folder: Path, options: argparse.Namespace) -> None:
    """Train a model, from its newest checkpoint if it was stopped before."""
    if (folder / "model").is_dir():
        return
    resume = ["--resume"] if (folder / "checkpoints").is_dir() else []
    settings = {
        "data.train": options.train,
        "data.validation": options.validation,
        "run.folder": folder,
    }
    for key, value in settings.items():
        resume += ["--set", f"{key}={value}"]
    colorzoo("train", recipe, *resume)


def store(model: Path, target: Path) -> None:
    """Store a trained model in half precision as a model of the zoo."""
    loaded = load_model(model)
    save(loaded.model, target, image=loaded.image, training=loaded.training, dtype="float16")


def picture(name: str) -> None:
    """Colour the examples for the model's card."""
    photos = sorted((ROOT / "demos" / "examples").glob("*.jpg"))
    target = zoo_folder() / name / "before-after.jpg"
    script = ROOT / "benchmarks" / "before_after.py"
    run(sys.executable, script, *photos, "--model", name, "--out", target)


def measure(names: tuple[str, ...], options: argparse.Namespace) -> None:
    """Measure all models on the same photos, show some, and write the facts of each."""
    report = options.runs / "report.json"
    text = colorzoo("evaluate", *names, "--data", options.validation, "--json", capture=True)
    report.write_text(text, encoding="utf-8")
    for name in names:
        colorzoo("facts", zoo_folder() / name, "--evaluation", report)
    sheet = zoo_folder() / "comparison.jpg"
    shown = options.figure or options.validation
    colorzoo("evaluate", *names, "--data", shown, "--limit", 8, "--sheet", sheet)


def colorzoo(*arguments: object, capture: bool = False) -> str:
    """Run the command line."""
    return run(sys.executable, "-m", "colorzoo", *arguments, capture=capture)


def run(*command: object, capture: bool = False) -> str:
    """Run a command, show it, and end this one if it fails; return what it printed if captured."""
    words = [str(word) for word in command]
    print("$", *words, file=sys.stderr)
    output = subprocess.PIPE if capture else None
    process = subprocess.run(words, stdout=output, text=True, check=False)
    if process.returncode:
        sys.exit(process.returncode)
    return process.stdout or ""


if __name__ == "__main__":
    main()
