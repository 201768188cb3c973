"""Run with Python: colours with an exported file where nothing can import torch.

Takes the folder of the file and of the pictures, and writes what became of it as JSON.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
from pathlib import Path
from typing import Any

REFUSED = ("torch", "torchvision", "torchmetrics", "accelerate", "timm", "datasets", "skimage")
UNNEEDED = ("scipy", "safetensors", "huggingface_hub")


class _Refusing(importlib.abc.MetaPathFinder):
    """Lets nothing be found of packages that are not there."""

    def __init__(self, *packages: str) -> None:
        self.packages = packages

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def with_least(folder: Path) -> dict[str, str]:
    """Colour where less is installed, and return what is said of the rest."""
    import colorzoo
    from colorzoo.cli import _run

    photo, model = folder / "photos" / "a.png", folder / "model.onnx"
    sys.argv = ["colorzoo", "colorize", str(photo), "-o", f"{folder}/least.png"]
    sys.argv += ["--model", str(model)]
    assert _run() == 0
    hints = colorzoo.Hints.from_points([(10, 10, "#c03020")])
    said = {}
    for name, fails in {
        "hints": lambda: colorzoo.load(model)(photo, hints=hints),
        "reference": lambda: colorzoo.load(model)(photo, reference=folder / "red.png"),
        "levin": lambda: colorzoo.load("levin")(photo, hints=hints),
    }.items():
        try:
            fails()
        except colorzoo.ColorzooError as error:
            said[name] = str(error)
    return said


def in_python(folder: Path) -> dict[str, Any]:
    """Colour one picture in each way there is."""
    import numpy as np

    import colorzoo

    photo, red = folder / "photos" / "a.png", folder / "red.png"
    hints = colorzoo.Hints.from_points([(10, 10, "#c03020")])
    colorizer = colorzoo.load(folder / "model.onnx")
    given: dict[str, dict[str, Any]] = {
        "plain": {},
        "vivid": {"vividness": 0.9, "saturation": 1.2},
        "hints": {"hints": hints},
        "reference": {"reference": red},
    }
    for name, options in given.items():
        colorizer(photo, **options).save(folder / f"{name}.png")
    for number, other in enumerate(colorizer.alternatives(photo, 2, seed=1)):
        other.save(folder / f"other-{number}.png")
    draft = colorizer.draft(photo)
    draft.finish(vividness=0.9, saturation=1.2).save(folder / "vivid-draft.png")
    np.save(folder / "doubt.npy", draft.uncertainty())
    colorzoo.load("levin")(photo, hints=hints).save(folder / "levin.png")
    colorzoo.load("yatziv")(photo, hints=hints).save(folder / "yatziv.png")
    colorzoo.load("welsh")(photo, reference=red).save(folder / "welsh.png")
    report = colorizer.folder(folder / "photos", folder / "colored")
    failures: dict[str, str] = {}
    for name, fails in {
        "load": lambda: colorzoo.load("lite-unet-gan"),
        "name": lambda: colorzoo.train,
        "uncertainty": lambda: colorzoo.load("levin").uncertainty(photo),
        "export": lambda: colorizer.export(folder / "again.onnx"),
        "device": lambda: colorizer.to("cuda"),
    }.items():
        try:
            fails()
        except colorzoo.ColorzooError as error:
            failures[name] = f"{type(error).__name__}: {error}"
    return {
        "repr": repr(colorizer),
        "folder": len(report.done),
        "likely": draft.likely_colors(20, 30),
        "failures": failures,
    }


def on_the_command_line(folder: Path) -> dict[str, int]:
    """Run commands, and return their exit codes."""
    from colorzoo.cli import _run

    model = ["--model", str(folder / "model.onnx")]
    photos = str(folder / "photos")
    hints, reference = ["--hints", f"{folder}/hints.json"], ["--reference", f"{folder}/red.png"]
    commands: dict[str, list[str]] = {
        "one": ["colorize", f"{photos}/a.png", "-o", f"{folder}/cli.png", *model, *hints],
        "folder": ["colorize", photos, "-o", f"{folder}/cli/", *model, *reference],
        "video": ["video", f"{folder}/film.mkv", "-o", f"{folder}/out.mkv", *model, *reference],
        "list": ["list", "--json"],
        "info": ["info", "lite-unet-gan", "--json"],
        "doctor": ["doctor", "--json"],
        "train": ["train", str(folder / "none.toml")],
        "default": ["colorize", f"{photos}/a.png", "-o", str(folder / "default.png")],
    }
    codes = {}
    for name, command in commands.items():
        sys.argv = ["colorzoo", *command]
        codes[name] = _run()
    return codes


def main() -> None:
    """Do both, and say so."""
    sys.meta_path.insert(0, _Refusing(*REFUSED))
    folder = Path(sys.argv[1])
    refusing = _Refusing(*UNNEEDED)
    sys.meta_path.insert(0, refusing)
    told: dict[str, Any] = {"least": with_least(folder)}
    sys.meta_path.remove(refusing)
    told |= {"python": in_python(folder), "commands": on_the_command_line(folder)}
    told["imported"] = [name for name in REFUSED if name in sys.modules]
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
