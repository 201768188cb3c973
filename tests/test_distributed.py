"""Training in two processes, on the CPU over gloo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from safetensors.torch import load_file

from colorzoo.training.config import TrainingConfig
from colorzoo.training.logbook import read_metrics
from colorzoo.training.trainer import train

pytest.importorskip("accelerate")

CONFIG = """
[model]
name = "unet"
config = {{ widths = [4, 8] }}
[discriminator]
config = {{ width = 4, layers = 2 }}
[data]
train = "{photos}"
size = 16
batch_size = 2
workers = 0
[optimizer]
learning_rate = 1e-3
[[phase]]
steps = 4
[run]
folder = "{folder}"
device = "cpu"
log_every = 2
"""
PLAIN = ("model.config.norm=none", "discriminator.config.norm=none")


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        small = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        small.resize((20, 20), Image.Resampling.BILINEAR).save(photos / f"{number}.png")
    path = tmp_path / "run.toml"
    path.write_text(CONFIG.format(photos=photos, folder=tmp_path / "run"))
    return path


def launch(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start two processes of one thread each; ``run.device`` keeps them on the processor.

    With ``--cpu`` the launcher would leave starting the second one to MPI.
    """
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    command += ["--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def overrides(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


@pytest.mark.parametrize(("norm", "accumulation"), [("batch", 2), ("spectral", 1)])
def test_weights_are_equal_on_both_ranks_after_each_step(
    norm: str, accumulation: int, config_file: Path
) -> None:
    settings = (f"discriminator.config.norm={norm}", f"run.accumulation={accumulation}")
    done = forked.run_ranks(ROOT / "tests" / "two_processes.py", config_file, *settings)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_equal_one_with_the_whole_batch(
    accumulation: int, config_file: Path, tmp_path: Path
) -> None:
    together = [*PLAIN, f"run.accumulation={accumulation}", f"run.folder={tmp_path / 'two'}"]
    if not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        together.append("run.device=auto")  # must not make two runs of one process each
    done = forked.run_ranks("-m", "colorzoo", "train", config_file, *overrides(*together))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "two" / "model")]
    alone = [*PLAIN, f"data.batch_size={4 * accumulation}", f"run.folder={tmp_path / 'one'}"]
    result = train(TrainingConfig.from_file(config_file, alone))
    assert result.model
    given = load_file(tmp_path / "two" / "model" / "model.safetensors")
    expected = load_file(result.model / "model.safetensors")
    for name, tensor in expected.items():
        assert torch.allclose(given[name], tensor, atol=2e-5), name
    last_two, last_one = (read_metrics(tmp_path / name)[-1] for name in ("two", "one"))
    assert last_two["photos"] == last_one["photos"] == 16 * accumulation
    assert last_two["pixel"] == pytest.approx(last_one["pixel"], rel=1e-4)


def test_a_signal_to_one_process_saves_on_agreement(config_file: Path, tmp_path: Path) -> None:
    train_it = ("-m", "colorzoo", "train", config_file)
    with forked.Ranks(*train_it, *overrides("phase.0.steps=1000000")) as ranks:
        first, second = ranks.processes
        first.wait_until((tmp_path / "run" / "metrics.jsonl").exists)
        second.send_signal(signal.SIGTERM)
        assert second.wait() == 128 + signal.SIGTERM
        first.wait()
    (saved,) = (tmp_path / "run" / "checkpoints").iterdir()
    step = int(saved.name.removeprefix("step-"))
    resumed = forked.run_ranks(*train_it, *overrides(f"phase.0.steps={step + 10}"), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert read_metrics(tmp_path / "run")[-1]["step"] == step + 10


@pytest.mark.slow
def test_ctrl_c_on_a_launcher_saves_on_agreement(config_file: Path, tmp_path: Path) -> None:
    """It reaches all processes, and the launcher then passes it on to them once more."""
    endless = overrides("phase.0.steps=1000000")
    process = launch("-m", "colorzoo", "train", config_file, *endless)
    deadline = time.monotonic() + 90
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=90)
    assert process.returncode != 0
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1
