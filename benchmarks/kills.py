"""Kill a training run while it writes checkpoints, again and again: does every resume work?

``python benchmarks/kills.py``. A run that writes a checkpoint after each step is killed with
SIGKILL at a random moment of the writing, resumed, killed, and so on. In the end its weights must
equal, bit for bit, those of a run that nobody killed. The exit code is 0 if they do.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _report import describe_machine
from PIL import Image
from safetensors.torch import load_file

from colorzoo.training.checkpoints import Checkpoints

SETTINGS = """
[model]
name = "unet"
config = {{ widths = [64, 128, 192] }}
[discriminator]
config = {{ width = 32 }}
[data]
train = "{photos}"
size = 32
batch_size = 2
workers = 0
[optimizer]
decay = "constant"
[[phase]]
steps = 1000000
[run]
folder = "{folder}"
device = "cpu"
checkpoint_every = 1
"""
PATIENCE = 120.0
"""Seconds after which a run that writes no checkpoint counts as stuck."""


def start(config: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a run."""
    command = [sys.executable, "-m", "colorzoo", "train", str(config), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def newest(folder: Path) -> int:
    """Return the newest whole checkpoint's step, or 0."""
    last = Checkpoints(folder / "checkpoints", keep=1).latest()
    return last.step if last else 0


def kill_while_writing(process: subprocess.Popen[bytes], folder: Path, known: int) -> bool:
    """Kill a run at a random moment after its first new checkpoint; tell whether it was writing."""
    deadline = time.monotonic() + PATIENCE
    writing = folder / "checkpoints"
    while newest(folder) <= known or not list(writing.glob(".step-*")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            _, messages = process.communicate()
            sys.exit(f"the run from step {known} did not go on:\n{messages.decode()[-2000:]}")
        time.sleep(0.001)
    time.sleep(random.uniform(0.0, 0.05))
    process.kill()
    process.communicate()
    return bool(list(writing.glob(".step-*")))


def finish(config: Path, steps: int, *arguments: str) -> None:
    """Run to the end, or leave with the run's own message."""
    process = start(config, "--set", f"phase.0.steps={steps}", *arguments)
    _, messages = process.communicate()
    if process.returncode:
        sys.exit(messages.decode()[-2000:])


def main() -> None:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="fixes the moments")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        rng = np.random.default_rng(0)
        (place / "photos").mkdir()
        for number in range(5):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "photos" / f"{number}.png")
        config, folder = place / "run.toml", place / "run"
        config.write_text(SETTINGS.format(photos=place / "photos", folder=folder))
        hits, steps = 0, []
        for number in range(options.kills):
            known = newest(folder)
            process = start(config, *(["--resume"] if number else []))
            hits += kill_while_writing(process, folder, known)
            steps.append(newest(folder))
            print(f"kill {number + 1}: newest whole checkpoint is of step {steps[-1]}", flush=True)
        last = steps[-1] + 1
        finish(config, last, "--resume")
        finish(config, last, "--set", f"run.folder={place / 'straight'}")
        given, expected = (
            load_file(run / "model" / "model.safetensors") for run in (folder, place / "straight")
        )
        equal = all(torch.equal(given[key], expected[key]) for key in expected)
    print(describe_machine(torch.device("cpu")))
    print(
        f"{options.kills} kills, {hits} of them in the middle of a checkpoint, as many resumes; "
        f"after {last} steps the weights {'equal' if equal else 'DIFFER FROM'} those of a run "
        "without kills, bit for bit"
    )
    sys.exit(not equal)


if __name__ == "__main__":
    main()
