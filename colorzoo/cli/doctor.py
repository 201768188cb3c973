"""``colorzoo doctor``: what is installed, what works, what does not."""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

import colorzoo
from colorzoo.cli._output import print_json, print_values
from colorzoo.cli._ways import measure_ways
from colorzoo.errors import LEFT_OUT, needing
from colorzoo.metrics.table import METRICS
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS, METHODS
from colorzoo.zoo.catalog import list_models
from colorzoo.zoo.folders import zoo_folders

CORE = (
    "click",
    "huggingface-hub",
    "numpy",
    "pillow",
    "rich",
    "safetensors",
    "scipy",
    "torch",
)
EXTRAS = {
    "train": ("accelerate", "datasets", "matplotlib", "tensorboard", "tomli-w"),
    "timm": ("timm",),
    "heif": ("pillow-heif",),
    "onnx": ("onnx", "onnxruntime"),
    "video": ("av", "opencv-python-headless"),
    "demo": ("gradio",),
    "metrics": ("scikit-image", "torchmetrics"),
    "tune": ("optuna",),
    "models": ("colorzoo-models",),
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--measure",
    is_flag=True,
    help="Time the network too: memory layout, folded norms, bfloat16. Some seconds.",
)
@click.option(
    "--model", default=colorzoo.DEFAULT_MODEL, show_default=True, help="What --measure times."
)
def command(as_json: bool, measure: bool, model: str) -> None:
    """Report versions, devices, extras, models and broken plug-ins.

    With --measure it says in which way networks run here, and what that takes beside other ways.

    Exits with 1 when a core library is missing or a plug-in is broken. Where onnxruntime is, torch
    may be missing, and without it what only its models, hints and the Hub need.
    """
    report, problems = examine()
    if measure:
        with needing("Measuring networks"):
            report["measured"] = measure_ways(model)
    if as_json:
        print_json({**report, "problems": problems})
    else:
        print_values(report)
    for problem in problems:
        click.secho(f"problem: {problem}", fg="red", err=True)
    if problems:
        click.get_current_context().exit(1)


def examine() -> tuple[dict[str, Any], list[str]]:
    """Return the report and the list of what is wrong."""
    core = {name: _version(name) for name in CORE}
    # Beside onnxruntime, and without torch, exported files are what is run.
    unneeded = LEFT_OUT if core["torch"] is None and _runs_exported_files() else ()
    problems = [
        f"{name} is not installed. Install it with: pip install {name}"
        for name, installed in core.items()
        if installed is None and name.replace("-", "_") not in unneeded
    ]
    devices = _find_devices(problems)
    for registry in (ARCHITECTURES, DISCRIMINATORS, METHODS, METRICS):
        problems += registry.broken_plugins().values()
    report = {
        "colorzoo": colorzoo.__version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "core": core,
        "extras": {
            extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()
        },
        "devices": devices,
        "zoo": [str(folder) for folder in zoo_folders()],
        "models": [info.name for info in list_models()],
        "architectures": ARCHITECTURES.names(),
        "discriminators": DISCRIMINATORS.names(),
        "methods": METHODS.names(),
        "metrics": METRICS.names(),
    }
    return report, problems


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _runs_exported_files() -> bool:
    return _version("onnxruntime") is not None


def _find_devices(problems: list[str]) -> list[str]:
    """List what torch can compute on; a torch that does not even import is a problem."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:  # OSError: a shared library is missing
        if isinstance(error, ModuleNotFoundError) and _runs_exported_files():
            return ["cpu (onnxruntime, for exported files, and methods; torch is not installed)"]
        problems.append(f"torch cannot be imported: {error}. Install it again.")
        return []
    from colorzoo.devices import has_bfloat16, list_devices

    lines = []
    for name in list_devices():
        kind, _, index = name.partition(":")
        what = f"{torch.get_num_threads()} threads, " if kind == "cpu" else ""
        what += f"{torch.cuda.get_device_name(int(index))}, " if kind == "cuda" else ""
        quick = has_bfloat16(torch.device(name))
        what += "bfloat16 instructions" if quick else "no bfloat16 instructions known"
        lines.append(f"{name} ({what}: --dtype auto is {'bfloat16' if quick else 'float32'})")
    return lines
