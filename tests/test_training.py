"""A training run from its config to a model folder that colours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run
from PIL import Image
from safetensors.torch import load_file

import colorzoo
from colorzoo.errors import ConfigError, TrainingError
from colorzoo.progress import OnProgress
from colorzoo.training.config import TrainingConfig
from colorzoo.training.logbook import read_metrics
from colorzoo.training.trainer import Trainer, train
from colorzoo.training.validation import open_validation


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def in_phases(config_file: Path, *tables: str) -> Path:
    """Give a config other phases than its own, each as the lines of its table."""
    text = config_file.read_text()
    own = "[[phase]]\nsteps = 8\n"
    assert own in text
    path = config_file.with_name("phases.toml")
    path.write_text(text.replace(own, "".join(f"[[phase]]\n{table}\n" for table in tables)))
    return path


def test_a_line_of_numbers_is_the_mean_of_its_steps(config_file: Path) -> None:
    pixel = {}
    for every in (1, 4):
        overrides = [f"run.log_every={every}", f"run.folder={config_file.parent / str(every)}"]
        folder = train(TrainingConfig.from_file(config_file, overrides)).folder
        pixel[every] = [line["pixel"] for line in read_metrics(folder) if "pixel" in line]
    assert len(pixel[1]) == 8
    assert pixel[4] == pytest.approx(np.reshape(pixel[1], (2, 4)).mean(axis=1), rel=1e-4)


def test_a_run_learns_and_leaves_a_model_that_colours(
    config_file: Path, training_photos: Path
) -> None:
    phases = in_phases(config_file, "steps = 40\nlosses = { pixel = 100.0 }", "steps = 20")
    overrides = ["optimizer.learning_rate=0.01", "model.config.norm=none", "run.validate_every=60"]
    result = train(TrainingConfig.from_file(phases, overrides))
    assert result.model is not None
    lines = [line for line in read_metrics(result.folder) if "pixel" in line]
    assert lines[-1]["pixel"] < 0.6 * lines[0]["pixel"]
    assert "discriminator" not in lines[0]
    assert lines[-1]["discriminator"] > 0
    assert lines[-1]["photos"] == 60 * 4
    assert result.last["val_psnr"] > result.last["val_psnr_grey"] + 6
    for picture in ("loss.png", "sheet.png", "samples/step-000060.png"):
        with Image.open(result.folder / picture) as shown:
            assert shown.width > 50
    colorizer = colorzoo.load(result.model)
    with Image.open(training_photos / "0.png") as photo:
        truth = photo.convert("RGB")
    expected = np.asarray(truth, dtype=float)
    colored = np.asarray(colorizer(truth.convert("L")), dtype=float)
    grey = np.asarray(truth.convert("L").convert("RGB"), dtype=float)
    assert np.abs(colored - expected).mean() < 0.5 * np.abs(grey - expected).mean()


class StoppedError(Exception):
    """What ``on_progress`` raises to end a run, as a kill would."""


def stop_at(step: int) -> OnProgress:
    def on_progress(done: int, total: int | None, numbers: Mapping[str, float]) -> None:
        if done == step:
            raise StoppedError

    return on_progress


@pytest.mark.parametrize("stop", [2, 3], ids=["at a phase's end", "after it"])
def test_released_weights_lie_between_the_ends_of_the_last_two_phases(
    stop: int, config_file: Path, tmp_path: Path
) -> None:
    path = in_phases(config_file, "steps = 2\nlosses = { pixel = 100.0 }", "steps = 4")

    def config(folder: str, *overrides: str) -> TrainingConfig:
        values = [f"run.folder={tmp_path / folder}", "run.checkpoint_every=1", *overrides]
        return TrainingConfig.from_file(path, values)

    mix = "phase.1.mix=0.25"
    train(config("end"))
    train(config("mixed", mix))
    end, mixed = (weights_of(tmp_path / name / "model") for name in ("end", "mixed"))
    before = colorzoo.load(tmp_path / "mixed" / "phases" / "0").predictor.generator.state_dict()
    for name in (name for name, tensor in mixed.items() if tensor.is_floating_point()):
        expected = 0.75 * end[name].double() + 0.25 * before[name].double()
        torch.testing.assert_close(mixed[name].double(), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(StoppedError):
        train(config("halves", mix), on_progress=stop_at(stop))
    train(config("halves", mix), resume=True)
    resumed = weights_of(tmp_path / "halves" / "model")
    assert all(torch.equal(resumed[name], tensor) for name, tensor in mixed.items())


def test_a_run_that_lost_the_end_of_a_phase_says_so_at_once(config_file: Path) -> None:
    path = in_phases(config_file, "steps = 1", "steps = 1\nmix = 0.5")
    folder = train(TrainingConfig.from_file(path)).folder
    more = TrainingConfig.from_file(path, ["phase.1.steps=2"])
    (folder / "phases" / "0" / "config.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"phases/0 from the end of .* cannot be used.*mix to"):
        train(more, resume=True)
    (folder / "phases" / "0" / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"end of the phase before, and .*mix to 0"):
        Trainer(more, resume=True)


def test_the_last_validation_is_of_the_released_weights(
    config_file: Path, training_photos: Path
) -> None:
    path = in_phases(config_file, "steps = 10\nlosses.pixel = 1", "steps = 10\nmix = 0.9")
    settings = [f"data.validation={training_photos}", "run.validate_every=20"]
    settings += ["optimizer.learning_rate=0.01", "optimizer.ema=0"]
    seen = []
    config = TrainingConfig.from_file(path, settings)
    result = train(
        config, on_progress=lambda done, total, numbers: seen.append((done, total, dict(numbers)))
    )
    assert result.model
    validation = open_validation(config, torch.device("cpu"))
    assert validation
    released = validation.measure(colorzoo.load(result.model).predictor.generator)
    assert [(done, total) for done, total, _ in seen] == [(step, 20) for step in range(21)]
    assert seen[0][2] == {}
    assert "val_psnr" not in seen[-2][2]
    assert {name: seen[-1][2][name] for name in released} == released
    assert seen[-1][2] == result.last


def test_a_run_that_is_past_its_end_says_so(config_file: Path) -> None:
    train(TrainingConfig.from_file(config_file, ["phase.0.steps=4"]))
    with pytest.raises(TrainingError, match="at step 4 already, past the 2 of its phases"):
        train(TrainingConfig.from_file(config_file, ["phase.0.steps=2"]), resume=True)


def test_a_resumed_run_equals_a_straight_one(config_file: Path, tmp_path: Path) -> None:
    straight = train(TrainingConfig.from_file(config_file, [f"run.folder={tmp_path / 'straight'}"]))
    # Every setting but the length is the same, and the length only moves the learning rate.
    first = ["optimizer.decay=constant", f"run.folder={tmp_path / 'halves'}"]
    whole = ["optimizer.decay=constant", f"run.folder={tmp_path / 'whole'}"]
    train(TrainingConfig.from_file(config_file, [*first, "phase.0.steps=4"]))
    resumed = train(TrainingConfig.from_file(config_file, first), resume=True)
    uninterrupted = train(TrainingConfig.from_file(config_file, whole))
    assert resumed.model
    assert uninterrupted.model
    assert straight.model
    given, expected = weights_of(resumed.model), weights_of(uninterrupted.model)
    assert all(torch.equal(given[name], expected[name]) for name in expected)
    linear = weights_of(straight.model)
    assert not all(torch.equal(linear[name], expected[name]) for name in expected)
    steps = [line["step"] for line in read_metrics(resumed.folder) if "pixel" in line]
    assert steps == [2, 4, 6, 8]


def test_the_run_folder_tells_all_settings(config_file: Path) -> None:
    config = TrainingConfig.from_file(config_file, ["data.batch_size=2", "phase.0.steps=1"])
    result = train(config)
    assert TrainingConfig.from_file(result.folder / "config.toml") == config
    facts = json.loads((result.folder / "model" / "config.json").read_text())
    assert facts["training"]["photos_seen"] == 2
    assert facts["image"]["working_size"] == 16


def test_accumulated_batches_equal_one_large_batch(config_file: Path, tmp_path: Path) -> None:
    def run(name: str, *overrides: str) -> dict[str, torch.Tensor]:
        common = ["model.config.norm=none", "discriminator.config.norm=none", "data.noise=0"]
        common += ["phase.0.steps=3", f"run.folder={tmp_path / name}", *overrides]
        result = train(TrainingConfig.from_file(config_file, common))
        assert result.model
        return weights_of(result.model)

    large = run("large", "data.batch_size=4")
    small = run("small", "data.batch_size=2", "run.accumulation=2")
    for name, expected in large.items():
        assert torch.allclose(small[name], expected, atol=2e-5), name


@pytest.mark.parametrize("name", colorzoo.list_architectures())
def test_every_architecture_trains(name: str, config_file: Path) -> None:
    if name == "timm-unet":
        pytest.importorskip("timm")
    from colorzoo.registry import ARCHITECTURES
    from colorzoo.schema import to_dict

    spec = ARCHITECTURES.get(name)
    config = TrainingConfig.from_file(config_file, ["phase.0.steps=2", "run.validate_every=0"])
    tiny = spec.config.tiny()
    size = 2 * colorzoo.create_model(name, tiny).size_multiple
    values = to_dict(config)
    values["model"] = {"name": name, "config": to_dict(tiny)}
    values["data"]["size"] = size
    result = train(TrainingConfig.from_values(values, where="test"))
    assert result.model
    assert colorzoo.load(result.model).predict(torch.rand(1, 1, size, size) * 100).isfinite().all()


@pytest.mark.parametrize("kind", ["bce", "lsgan", "hinge"])
@pytest.mark.parametrize("norm", ["batch", "instance", "spectral", "none"])
def test_every_adversarial_loss_trains(kind: str, norm: str, config_file: Path) -> None:
    overrides = [f"loss.adversarial={kind}", f"discriminator.config.norm={norm}", "phase.0.steps=2"]
    assert train(TrainingConfig.from_file(config_file, overrides)).last["adversarial"] != 0


@pytest.mark.parametrize(
    "override",
    [
        "run.precision=bf16",
        "run.precision=fp16",
        "optimizer.clip=0.5",
        "loss.pixel=huber",
        "optimizer.name=adamw",
        "phase.0.losses={pixel = 1}",
    ],
)
def test_options_train(override: str, config_file: Path) -> None:
    result = train(TrainingConfig.from_file(config_file, [override, "phase.0.steps=2"]))
    assert result.last["pixel"] > 0
    assert ("discriminator" in result.last) == ("losses" not in override)


def test_numbers_go_to_tensorboard(config_file: Path) -> None:
    pytest.importorskip("tensorboard")
    result = train(
        TrainingConfig.from_file(
            config_file, ["run.trackers=['tensorboard']", "phase.0.steps=2", "run.validate_every=1"]
        )
    )
    events = [path.read_bytes() for path in result.folder.rglob("events.out.tfevents.*")]
    assert any(b"val_psnr" in event for event in events)
    assert any(b"samples" in event and b"PNG" in event for event in events)


def test_broken_photos_are_skipped_counted_and_named(
    config_file: Path, training_photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (training_photos / "broken.jpg").write_bytes(b"no picture")
    result = train(TrainingConfig.from_file(config_file, ["data.validation="]))
    assert result.last["skipped_broken"] == 1
    assert "broken.jpg" in caplog.text


def test_a_run_goes_on_from_the_weights_of_a_model(config_file: Path, tmp_path: Path) -> None:
    first = train(TrainingConfig.from_file(config_file, ["phase.0.steps=4", "optimizer.ema=0"]))
    further = [f"model.weights={first.model}", f"run.folder={tmp_path / 'further'}"]
    started = Trainer(
        TrainingConfig.from_file(config_file, further)
    ).networks.generator.state_dict()
    assert first.model
    assert all(torch.equal(started[name], value) for name, value in weights_of(first.model).items())
    other = [*further, "model.config.vividness=0.3"]  # no tensor depends on it
    Trainer(TrainingConfig.from_file(config_file, other))
    with pytest.raises(ConfigError, match=r"model\.weights"):
        Trainer(TrainingConfig.from_file(config_file, [*further, "model.config.widths=[4, 4]"]))


def test_a_run_says_after_a_few_steps_how_long_it_takes(config_file: Path, cli: Run) -> None:
    seen: list[dict[str, float]] = []
    config = TrainingConfig.from_file(config_file, ["phase.0.steps=30", "data.validation="])
    last = train(config, on_progress=lambda done, total, numbers: seen.append(dict(numbers))).last
    told = ["seconds_left" in numbers for numbers in seen]
    assert told == [False] * 13 + [True] * 17 + [False]
    assert seen[29]["seconds_left"] < seen[14]["seconds_left"] < 600
    assert last["epoch"] == 30 * 4 / 8
    settings = ("phase.0.steps=16", "data.validation=", f"run.folder={config_file.parent / 'cli'}")
    command = [part for setting in settings for part in ("--set", setting)]
    done = cli("train", config_file, *command)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "about a minute or less to go at the pace of the first steps",
        "trained 16 steps",
    ]
