"""Runs that are stopped, killed, out of disk or astray, and what they leave."""

from __future__ import annotations

import errno
import hashlib
import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import forked
import numpy as np
import pytest

from colorzoo.errors import TrainingError
from colorzoo.files import replace_text
from colorzoo.training.config import TrainingConfig
from colorzoo.training.logbook import Logbook
from colorzoo.training.trainer import Trainer, train

TRAIN = ("-m", "colorzoo", "train")


def rewrite(checkpoint: Path, key: str, value: object) -> None:
    """Change a value of a checkpoint, and its manifest with it."""
    state, manifest = checkpoint / "state.json", checkpoint / "manifest.json"
    assert key in json.loads(state.read_text())
    state.write_text(json.dumps({**json.loads(state.read_text()), key: value}))
    hashes = json.loads(manifest.read_text())
    hashes["sha256"]["state.json"] = hashlib.sha256(state.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(hashes))


def newest_step(tmp_path: Path) -> int:
    folders = (tmp_path / "run" / "checkpoints").glob("step-*")
    return max((int(path.name[5:]) for path in folders if path.name[5:].isdecimal()), default=0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_saves(
    number: signal.Signals, config_file: Path, tmp_path: Path
) -> None:
    endless = ("--set", "phase.0.steps=100000", "--set", "data.workers=1")
    with forked.Forked(*TRAIN, config_file, *endless) as process:
        process.wait_until((tmp_path / "run" / "metrics.jsonl").exists)
        process.send_signal(number)
        _, messages = process.communicate()
    assert process.returncode == 128 + number, messages
    assert "Traceback" not in messages
    assert "--resume" in messages
    saved = max(int(path.name[5:]) for path in (tmp_path / "run" / "checkpoints").iterdir())
    resumed = TrainingConfig.from_file(config_file, [f"phase.0.steps={saved + 2}"])
    assert train(resumed, resume=True).steps == saved + 2


def test_kills_at_any_moment_leave_a_run_that_resumes(config_file: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    always = ["--set", "run.checkpoint_every=1", "--set", "phase.0.steps=100000"]
    always += ["--set", "run.validate_every=0"]
    with forked.Forked(*TRAIN, config_file, *always) as first:
        first.wait_until(lambda: newest_step(tmp_path) >= 2)
    for _ in range(2):
        with forked.Forked(*TRAIN, config_file, *always, "--resume") as process:
            known = newest_step(tmp_path)
            process.wait_until(lambda known=known: newest_step(tmp_path) > known)
            time.sleep(float(rng.uniform(0, 0.05)))
    last = newest_step(tmp_path)
    result = train(
        TrainingConfig.from_file(config_file, [f"phase.0.steps={last + 1}"]), resume=True
    )
    assert result.steps == last + 1
    assert not list((tmp_path / "run" / "checkpoints").glob(".step-*"))


def test_a_disk_that_is_full_leaves_the_last_good_checkpoint(
    config_file: Path, tmp_path: Path
) -> None:
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=4"]))
    # A limit on file sizes fails a write as a full disk does, but for this one process.
    code = (
        "import resource, sys; from colorzoo.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000));"
        "sys.argv = ['colorzoo', 'train', sys.argv[1], '--resume']; main()"
    )
    done = forked.run("-c", code, config_file)
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-4"]
    assert train(TrainingConfig.from_file(config_file), resume=True).steps == 8


def test_an_exploding_loss_names_the_step_and_keeps_the_last_good_state(
    config_file: Path, tmp_path: Path
) -> None:
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=4"]))
    wild = TrainingConfig.from_file(
        config_file, ["optimizer.learning_rate=1e30", "phase.0.steps=12", "run.checkpoint_every=1"]
    )
    with pytest.raises(TrainingError, match=r"step 5.*resume from the checkpoint of step 4"):
        train(wild, resume=True)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-4"]
    assert train(config_file, resume=True).steps == 8


def test_a_heavy_pixel_loss_is_no_explosion(config_file: Path) -> None:
    heavy = ["phase.0.losses.pixel=1e6", "phase.0.steps=2", "optimizer.learning_rate=1e-6"]
    assert train(TrainingConfig.from_file(config_file, heavy)).last["generator"] > 1e4


def test_a_run_does_not_go_on_with_other_photos(config_file: Path) -> None:
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=1"]))
    with pytest.raises(TrainingError, match=r"run\.seed was 0, is 5"):
        train(
            TrainingConfig.from_file(config_file, ["run.seed=5", "data.batch_size=2"]), resume=True
        )


def test_a_run_folder_that_cannot_be_made_is_one_clear_error(
    config_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match=r"run\.folder"):
        train(TrainingConfig.from_file(config_file, [f"run.folder={tmp_path / 'file' / 'run'}"]))


def test_a_run_folder_in_use_and_one_without_checkpoints_are_errors(config_file: Path) -> None:
    config = TrainingConfig.from_file(config_file, ["phase.0.steps=1"])
    with pytest.raises(TrainingError, match="no checkpoint"):
        train(config, resume=True)
    train(config)
    with pytest.raises(TrainingError, match="--resume"):
        train(config)


def test_a_checkpoint_of_other_networks_is_one_clear_error(config_file: Path) -> None:
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=1"]))
    with pytest.raises(TrainingError, match="cannot be restored"):
        train(TrainingConfig.from_file(config_file, ["model.config.widths=[4, 4]"]), resume=True)


def test_only_the_newest_checkpoints_are_kept(config_file: Path, tmp_path: Path) -> None:
    train(TrainingConfig.from_file(config_file, ["run.checkpoint_every=1", "phase.0.steps=5"]))
    kept = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == ["step-4", "step-5"]


@pytest.mark.parametrize(
    "name", ["state.json", "generator.safetensors", "generator-adam.safetensors", "manifest.json"]
)
def test_a_checkpoint_emptied_by_a_power_cut_is_one_clear_error(
    name: str, config_file: Path, tmp_path: Path
) -> None:
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=2"]))
    (tmp_path / "run" / "checkpoints" / "step-2" / name).write_bytes(b"")
    with pytest.raises(TrainingError, match=rf"step-2 is damaged: .*{name}.*none before it"):
        train(TrainingConfig.from_file(config_file, ["phase.0.steps=4"]), resume=True)


def test_a_run_does_not_go_on_with_another_number_of_photos_a_step(
    config_file: Path, tmp_path: Path
) -> None:
    """As when two processes took the first part of a run and one is to take the rest."""
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=2"]))
    folder = tmp_path / "run" / "checkpoints" / "step-2"
    rewrite(folder, "photos_per_step", 8)
    with pytest.raises(TrainingError, match="took 8 photos a step, and would now take 4"):
        train(TrainingConfig.from_file(config_file, ["phase.0.steps=4"]), resume=True)


def test_a_disk_that_fills_up_between_checkpoints_is_one_clear_error(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(TrainingConfig.from_file(config_file, ["run.log_every=1"]))

    def full(step: int, numbers: Mapping[str, float]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Logbook, "write", lambda self, step, numbers: full(step, numbers))
    with pytest.raises(TrainingError, match="No space left on device.*checkpoint is whole"):
        trainer.fit()


def test_a_config_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    replace_text(path, "first")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "cut \udc00")
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]
