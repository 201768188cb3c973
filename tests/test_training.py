"""A training run from its config to a model folder that colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import colorzoo
from colorzoo.errors import ConfigError, TrainingError
from colorzoo.training.config import TrainingConfig, load_config
from colorzoo.training.logbook import read_metrics
from colorzoo.training.trainer import Trainer, train
from colorzoo.training.validation import open_validation


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_a_run_learns_and_leaves_a_model_that_colours(
    config_file: Path, training_photos: Path
) -> None:
    overrides = ["run.steps=60", "loss.warmup_steps=40", "optimizer.learning_rate=0.01"]
    overrides += ["model.config.norm=none", "run.validate_every=60"]
    result = train(load_config(config_file, overrides))
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


@pytest.mark.parametrize("stop", [2, 3], ids=["at the warm-up's end", "after it"])
def test_released_weights_lie_between_warm_up_and_end(
    stop: int, config_file: Path, tmp_path: Path
) -> None:
    def run(folder: str, *overrides: str, resume: bool = False) -> Path:
        values = (f"run.folder={tmp_path / folder}", "loss.warmup_steps=2", "run.steps=6")
        values += ("optimizer.decay=constant", *overrides)
        model = train(load_config(config_file, list(values)), resume=resume).model
        assert model
        return model

    end = weights_of(run("end"))
    share = "loss.warmup_share=0.25"
    mixed = weights_of(run("mixed", share))
    warmup = weights_of(tmp_path / "mixed" / "warmup")
    for name in (name for name, tensor in mixed.items() if tensor.is_floating_point()):
        expected = 0.75 * end[name].double() + 0.25 * warmup[name].double()
        torch.testing.assert_close(mixed[name].double(), expected, rtol=1e-5, atol=1e-6)
    run("halves", share, f"run.steps={stop}")
    resumed = weights_of(run("halves", share, resume=True))
    assert all(torch.equal(resumed[name], tensor) for name, tensor in mixed.items())


def test_a_run_that_lost_its_warm_up_says_so_at_once(config_file: Path) -> None:
    settings = ["loss.warmup_steps=1", "loss.warmup_share=0.5", "run.steps=2"]
    folder = train(load_config(config_file, settings)).folder
    more = load_config(config_file, [*settings, "run.steps=3"])
    (folder / "warmup" / "config.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"warm-up in .* cannot be used.*warmup_share=0"):
        train(more, resume=True)
    (folder / "warmup" / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"end of the warm-up, and .*warmup_share=0"):
        Trainer(more, resume=True)


def test_the_last_validation_is_of_the_released_weights(
    config_file: Path, training_photos: Path
) -> None:
    settings = ["loss.warmup_steps=10", "loss.warmup_share=0.9", "run.steps=20"]
    settings += [f"data.validation={training_photos}", "run.validate_every=20"]
    settings += ["optimizer.learning_rate=0.01", "optimizer.ema=0"]
    seen = {}
    config = load_config(config_file, settings)
    result = train(config, watch=lambda step, numbers: seen.update({step: dict(numbers)}))
    assert result.model
    device = torch.device("cpu")
    validation = open_validation(config.data, device)
    assert validation
    released = validation.measure(colorzoo.load(result.model).predictor.generator)
    assert seen == {20: released}
    assert {name: result.last[name] for name in released} == released


def test_a_run_that_is_past_its_end_says_so(config_file: Path) -> None:
    train(load_config(config_file, ["run.steps=4"]))
    with pytest.raises(TrainingError, match="at step 4 already, past run.steps = 2"):
        train(load_config(config_file, ["run.steps=2"]), resume=True)


def test_a_resumed_run_equals_a_straight_one(config_file: Path, tmp_path: Path) -> None:
    straight = train(load_config(config_file, [f"run.folder={tmp_path / 'straight'}"]))
    # Every setting but the length is the same, and the length only moves the learning rate.
    first = ["optimizer.decay=constant", f"run.folder={tmp_path / 'halves'}"]
    whole = ["optimizer.decay=constant", f"run.folder={tmp_path / 'whole'}"]
    train(load_config(config_file, [*first, "run.steps=4"]))
    resumed = train(load_config(config_file, first), resume=True)
    uninterrupted = train(load_config(config_file, whole))
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
    config = load_config(config_file, ["data.batch_size=2", "run.steps=1"])
    result = train(config)
    assert load_config(result.folder / "config.toml") == config
    facts = json.loads((result.folder / "model" / "config.json").read_text())
    assert facts["training"]["photos_seen"] == 2
    assert facts["image"]["working_size"] == 16


def test_accumulated_batches_equal_one_large_batch(config_file: Path, tmp_path: Path) -> None:
    def run(name: str, *overrides: str) -> dict[str, torch.Tensor]:
        common = ["model.config.norm=none", "discriminator.config.norm=none", "data.noise=0"]
        common += ["run.steps=3", f"run.folder={tmp_path / name}", *overrides]
        result = train(load_config(config_file, common))
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
    config = load_config(config_file, ["run.steps=2", "run.validate_every=0"])
    tiny = spec.config.tiny()
    size = 2 * colorzoo.create_model(name, tiny).size_multiple
    values = to_dict(config)
    values["model"] = {"name": name, "config": to_dict(tiny)}
    values["data"]["size"] = size
    from colorzoo.schema import from_dict

    result = train(from_dict(TrainingConfig, values, where="test"))
    assert result.model
    assert colorzoo.load(result.model).predict(torch.rand(1, 1, size, size) * 100).isfinite().all()


@pytest.mark.parametrize("kind", ["bce", "lsgan", "hinge"])
@pytest.mark.parametrize("norm", ["batch", "instance", "spectral", "none"])
def test_every_adversarial_loss_trains(kind: str, norm: str, config_file: Path) -> None:
    overrides = [f"loss.adversarial={kind}", f"discriminator.config.norm={norm}", "run.steps=2"]
    assert train(load_config(config_file, overrides)).last["adversarial"] != 0


@pytest.mark.parametrize(
    "override",
    [
        "run.precision=bf16",
        "run.precision=fp16",
        "optimizer.clip=0.5",
        "loss.pixel=huber",
        "loss.objective=regression",
    ],
)
def test_options_train(override: str, config_file: Path) -> None:
    result = train(load_config(config_file, [override, "run.steps=2"]))
    assert result.last["pixel"] > 0
    assert ("discriminator" in result.last) == ("regression" not in override)


def test_numbers_go_to_tensorboard(config_file: Path) -> None:
    pytest.importorskip("tensorboard")
    result = train(load_config(config_file, ["run.trackers=['tensorboard']", "run.steps=2"]))
    assert list(result.folder.rglob("events.out.tfevents.*"))


def test_broken_photos_are_skipped_counted_and_named(
    config_file: Path, training_photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (training_photos / "broken.jpg").write_bytes(b"no picture")
    result = train(load_config(config_file, ["data.validation="]))
    assert result.last["skipped_broken"] == 1
    assert "broken.jpg" in caplog.text


def test_a_run_goes_on_from_the_weights_of_a_model(config_file: Path, tmp_path: Path) -> None:
    first = train(load_config(config_file, ["run.steps=4", "optimizer.ema=0"]))
    further = [f"model.weights={first.model}", f"run.folder={tmp_path / 'further'}"]
    started = Trainer(load_config(config_file, further)).bare_generator.state_dict()
    assert first.model
    assert all(torch.equal(started[name], value) for name, value in weights_of(first.model).items())
    with pytest.raises(ConfigError, match=r"model\.weights"):
        Trainer(load_config(config_file, [*further, "model.config.widths=[4, 4]"]))
