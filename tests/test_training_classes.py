"""Training a distribution over colours: the prior, the loss in a run, other tones, patterns."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import colorzoo
from colorzoo.errors import ConfigError
from colorzoo.modelfolder.weights import load_model
from colorzoo.training.config import TrainingConfig
from colorzoo.training.objective import scale_photos
from colorzoo.training.prior import set_prior
from colorzoo.training.trainer import Trainer, train

CLASSES = ("model.config.head=classes", "phase.0.losses={classes = 1.0}", "data.crop_scale=[1, 1]")


def classes_of(trainer: Trainer) -> Any:
    generator: Any = trainer.networks.generator
    return generator.classes


def test_the_prior_is_counted_from_the_photos_and_kept_with_the_model(config_file: Path) -> None:
    trainer = Trainer(TrainingConfig.from_file(config_file, list(CLASSES)))
    head = classes_of(trainer)
    assert head.prior.sum().item() == pytest.approx(1.0)
    # The photos are a blend of an orange and a blue, through grey.
    common = head.cells[head.prior > 0.01]
    assert common[:, 1].min() < -20 < 20 < common[:, 1].max()
    assert head.prior[(head.cells[:, 0] < -20)].sum() == 0.0  # and hold no green
    average: Any = trainer.networks.average.module
    assert torch.equal(average.classes.prior, head.prior)
    result = trainer.fit()
    assert result.model
    released: Any = load_model(result.model).generator
    torch.testing.assert_close(released.classes.prior, head.prior)


def test_the_loss_falls_and_a_resumed_run_equals_a_straight_one(
    config_file: Path, tmp_path: Path
) -> None:
    def config(*overrides: str) -> TrainingConfig:
        return TrainingConfig.from_file(
            config_file, [*CLASSES, "run.checkpoint_every=1", "data.tone=0.4", *overrides]
        )

    losses: list[float] = []

    def kill(done: int, total: int | None, numbers: Any) -> None:
        losses.append(numbers.get("classes", float("inf")))
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config(), on_progress=kill)
    resumed = train(config(), resume=True)
    straight = train(config(f"run.folder={tmp_path / 'straight'}"))
    first = next(loss for loss in losses if loss < float("inf"))
    assert straight.last["classes"] < 0.95 * first
    assert resumed.model
    assert straight.model
    name = "model.safetensors"
    assert (resumed.model / name).read_bytes() == (straight.model / name).read_bytes()


def test_classes_need_a_distribution(config_file: Path) -> None:
    config = TrainingConfig.from_file(config_file, [CLASSES[1]])
    with pytest.raises(ConfigError, match=re.escape("Set head = 'classes' in model.config")):
        train(config)


def test_the_colors_of_a_stream_cannot_be_counted() -> None:
    generator = colorzoo.create_model("unet", widths=(4, 8), head="classes")
    with pytest.raises(ConfigError, match=re.escape("data.streaming = false")):
        set_prior(generator, None, seed=0)


def test_tone_changes_what_the_generator_sees_and_nothing_else() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).expand(40, 3, 64, 64)
    plain = scale_photos(ramp)
    toned = scale_photos(ramp, tone=0.5)
    assert plain.noisy is plain.lightness
    assert torch.equal(toned.lightness, plain.lightness)
    assert torch.equal(toned.chroma, plain.chroma)
    assert toned.noisy.min() >= -1.0
    assert toned.noisy.max() <= 1.0
    assert (toned.noisy.diff(dim=3) >= -1e-6).all()  # brighter stays brighter
    means = toned.noisy.mean(dim=(1, 2, 3))
    assert means.std() > 0.05
    spreads = toned.noisy.std(dim=(1, 2, 3))
    assert spreads.max() > 1.05 * plain.noisy.std(dim=(1, 2, 3)).max()
    assert spreads.min() < 0.8 * plain.noisy.std(dim=(1, 2, 3)).min()


def test_a_pattern_freezes_layers_of_one_kind(config_file: Path) -> None:
    overrides = [
        "model.name=lite-unet",
        "model.config={widths = [4, 4, 8, 8]}",
        CLASSES[1],
        "phase.0.freeze=['encoder.stem', 'encoder.*.depthwise']",
        "data.size=32",
    ]
    trainer = Trainer(TrainingConfig.from_file(config_file, overrides))
    before = copy.deepcopy(trainer.networks.generator.state_dict())
    trainer.take_step()
    for name, value in trainer.networks.generator.state_dict().items():
        if name.startswith("encoder.") and not name.endswith((".mean", ".variance")):
            frozen = ".depthwise." in name or name.startswith("encoder.stem.")
            assert torch.equal(value, before[name]) == frozen, name


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.tone=1.5", "tone must lie in 0..1"),
        ("loss.class_evenness=0", "class_evenness must lie above 0"),
        ("loss.class_rarity=-1", "class_rarity must not be negative"),
    ],
)
def test_settings_out_of_range_are_refused(override: str, message: str, config_file: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        TrainingConfig.from_file(config_file, [override])
