"""The parts of training one by one: settings, losses, rates, average, steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import colorzoo
from colorzoo.errors import ConfigError, DataError
from colorzoo.training.config import LossSection, load_config
from colorzoo.training.ema import MovingAverage
from colorzoo.training.losses import (
    discriminator_loss,
    generator_loss,
    perceptual_loss,
    pixel_loss,
)
from colorzoo.training.networks import make_features
from colorzoo.training.objective import (
    discriminator_step_loss,
    generator_step_losses,
    scale_photos,
)
from colorzoo.training.schedule import learning_rate_share
from colorzoo.training.trainer import Trainer, train


def test_losses_are_what_their_formulas_say() -> None:
    truth = torch.tensor([[[[0.3]], [[0.4]]], [[[0.0]], [[0.0]]]])
    given = truth + 0.2
    assert pixel_loss(given, truth, kind="l1").item() == pytest.approx(0.2)
    far, near = truth.clone(), truth.clone()
    far[0] += 0.2
    near[1] += 0.2
    weighted = pixel_loss(far, truth, kind="l1", emphasis=4.0)
    assert weighted.item() == pytest.approx(0.1 * 3 / 2)  # weights 3 and 1, scaled to a mean of 1
    assert pixel_loss(near, truth, kind="l1", emphasis=4.0).item() == pytest.approx(0.1 * 1 / 2)
    assert pixel_loss(given, truth, kind="huber").item() == pytest.approx(0.2 - 0.05)
    real, fake = torch.tensor([2.0]), torch.tensor([-0.5])
    assert discriminator_loss(real, fake, kind="hinge").item() == pytest.approx(0.25)
    assert discriminator_loss(real, fake, kind="lsgan", real_label=0.9).item() == pytest.approx(
        0.5 * (1.1**2 + 0.5**2)
    )
    assert generator_loss(fake, kind="hinge").item() == pytest.approx(0.5)
    assert generator_loss(fake, kind="lsgan").item() == pytest.approx(1.5**2)
    assert generator_loss(torch.zeros(3), kind="bce").item() == pytest.approx(np.log(2))


def test_learning_rates_rise_hold_and_fall(config_file: Path) -> None:
    def shares(*overrides: str) -> list[float]:
        optimizer = load_config(config_file, list(overrides)).optimizer
        return [learning_rate_share(step, 100, optimizer) for step in (0, 10, 50, 75, 99)]

    assert shares() == pytest.approx([1, 1, 1, 0.5, 0.02])
    assert shares("optimizer.decay=constant") == [1, 1, 1, 1, 1]
    assert shares("optimizer.decay=cosine")[3] == pytest.approx(0.5)
    assert shares("optimizer.rampup_steps=20")[:2] == pytest.approx([0.05, 0.55])


def test_the_moving_average_follows_and_is_saved_with_its_age() -> None:
    network: Any = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    average = MovingAverage(network, 0.5)
    before = average.module[0].weight.clone()
    with torch.no_grad():
        network[0].weight += 1.0
        network[1].num_batches_tracked += 7
    average.update(network)
    # The first decay is (1 + 1) / (10 + 1), below the final one.
    assert torch.allclose(average.module[0].weight, before + 9 / 11)
    assert average.module[1].num_batches_tracked == 7
    copy = MovingAverage(network, 0.5)
    copy.load_state_dict(average.state_dict())
    assert copy.updates == 1
    assert torch.equal(copy.module[0].weight, average.module[0].weight)


def test_a_trainer_keeps_the_networks_apart(config_file: Path) -> None:
    """The generator's step leaves no gradient in the discriminator, and the other way round."""
    trainer = Trainer(load_config(config_file))
    batches = iter(trainer._make_loader())
    batch = next(batches)
    with trainer.accelerator.accumulate(trainer.generator, trainer.discriminator):
        trainer._take_batch(batch)
    networks = (trainer.bare_generator, trainer.bare_discriminator)
    assert all(p.grad is None for network in networks for p in network.parameters())
    assert all(p.requires_grad for p in trainer.bare_discriminator.parameters())


def test_perceptual_loss_is_nothing_for_equals_and_grows_with_the_distance() -> None:
    truth = scale_photos(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8))
    features = make_features(torch.device("cpu"))
    settings = LossSection(pixel_weight=0.0, perceptual_weight=2.0)

    def losses(chroma: torch.Tensor) -> dict[str, torch.Tensor]:
        return generator_step_losses(None, truth, chroma, settings, features=features)

    shares = [losses(share * truth.chroma)["perceptual"].item() for share in (1.0, 0.5, 0.0)]
    assert shares[0] == pytest.approx(0.0, abs=1e-9)
    assert 0.0 < shares[1] < shares[2] <= 2.0
    grey = torch.zeros_like(truth.chroma, requires_grad=True)
    found = losses(grey)
    found["generator"].backward()
    assert found["generator"].item() == pytest.approx(2.0 * shares[2])
    assert grey.grad is not None
    assert torch.isfinite(grey.grad).all()
    assert grey.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in features.parameters())


def test_perceptual_loss_ignores_how_strong_features_are() -> None:
    found, wanted = torch.rand(2, 1, 4, 3, 3).unbind(0)
    once = perceptual_loss([found], [wanted])
    assert torch.allclose(perceptual_loss([7 * found], [0.1 * wanted]), once, atol=1e-6)
    opposite = perceptual_loss([found, found], [found, -found])
    assert opposite.item() == pytest.approx(2.0)  # 0 on one level, 4 on the other


def test_warming_up_draws_small_squares_of_the_same_photos(config_file: Path) -> None:
    overrides = ["loss.warmup_steps=2", "run.steps=4", "run.accumulation=2"]
    trainer = Trainer(load_config(config_file, [*overrides, "data.warmup_size=8"]))
    sizes = [batch.rgb.shape[-1] for batch in trainer._make_loader()]
    assert sizes == [8] * 4 + [16] * 4
    trainer.step = 1  # as after --resume
    assert [batch.rgb.shape[-1] for batch in trainer._make_loader()] == [8] * 2 + [16] * 4


@pytest.mark.parametrize("norm", ["batch", "instance", "spectral", "none"])
def test_both_steps_see_the_same_logits_of_fakes(norm: str, config_file: Path) -> None:
    trainer = Trainer(load_config(config_file, [f"discriminator.config.norm={norm}"]))
    photos = scale_photos(torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8))
    fake = torch.rand(4, 2, 16, 16) - 0.5
    critic = trainer.bare_discriminator
    hinge = LossSection(adversarial="hinge", pixel_weight=0.0)
    of_generator = generator_step_losses(critic, photos, fake, hinge)["adversarial"]
    seen: list[torch.Tensor] = []
    critic.register_forward_hook(lambda module, given, logits: seen.append(logits.chunk(2)[1]))
    discriminator_step_loss(critic, photos, fake, hinge)
    assert of_generator.item() == pytest.approx(-seen[0].mean().item(), abs=1e-3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.bach_size=4", "Did you mean 'batch_size'"),
        ("dta.batch_size=4", "Did you mean 'data'"),
        ("data.batch_size=many", "type int"),
        ("data.batch_size=0", "above 0"),
        ("loss.adversarial=lsgn", "Did you mean 'lsgan'"),
        ("data.size", "section.key=value"),
        ("steps=4", "section.key=value"),
        ("data.train.x=4", "no section"),
        ("data.train=", "must not be empty"),
        ("data.size=8192", "4096"),
        ("data.warmup_size=-8", "must not be negative"),
        ("data.warmup_size=8", "data.warmup_size needs loss.warmup_steps"),
        ("loss.warmup_share=0.5", "warmup_share needs warmup_steps"),
        ("loss.warmup_share=1", "0..1 without 1"),
        ("loss.perceptual_weight=-1", "must not be negative"),
        ("run.folder=", "must not be empty"),
        ("optimizer.betas=[0.5, 1.0]", "betas"),
    ],
)
def test_a_wrong_setting_is_named_with_the_nearest_right_one(
    override: str, message: str, config_file: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(config_file, [override])


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("model.name=attention-unt", colorzoo.UnknownNameError, "attention-unet"),
        ("model.config.wdths=[4]", ConfigError, "Did you mean 'widths'"),
        ("data.train=/nowhere", DataError, "/nowhere"),
        ("data.size=17", ConfigError, "multiple of 4"),
        ("run.trackers=['tensorbord']", ConfigError, "Did you mean 'tensorboard'"),
        ("data.streaming=true", DataError, "hf://datasets/"),
    ],
)
def test_a_run_that_cannot_start_says_why_and_writes_nothing(
    override: str, error: type[Exception], message: str, config_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        train(load_config(config_file, [override]))
    assert not (tmp_path / "run" / "checkpoints").exists()
