"""The parts of training one by one: settings, losses, rates, average, steps."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import colorzoo
from colorzoo.errors import ConfigError, DataError
from colorzoo.training.config import TrainingConfig
from colorzoo.training.ema import MovingAverage
from colorzoo.training.losses import (
    discriminator_loss,
    generator_loss,
    perceptual_loss,
    pixel_loss,
)
from colorzoo.training.objective import (
    LOSSES,
    Loss,
    LossSetup,
    Prediction,
    StepView,
    make_losses,
    scale_photos,
    weigh_losses,
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
        optimizer = TrainingConfig.from_file(config_file, list(overrides)).optimizer
        return [learning_rate_share(step, 100, optimizer) for step in (0, 10, 50, 75, 99)]

    assert shares() == pytest.approx([1, 1, 1, 0.5, 0.02])
    assert shares("optimizer.decay=constant") == [1, 1, 1, 1, 1]
    assert shares("optimizer.decay=cosine")[3] == pytest.approx(0.5)
    assert shares("optimizer.rampup_steps=20")[:2] == pytest.approx([0.05, 0.55])


def test_the_moving_average_follows() -> None:
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
    assert average.updates == 1


def test_a_step_keeps_the_networks_apart(config_file: Path) -> None:
    """The generator's step leaves no gradient in the discriminator, and the other way round."""
    trainer = Trainer(TrainingConfig.from_file(config_file))
    before = [copy.deepcopy(network.state_dict()) for network in trainer.networks.all()]
    trainer.take_step()
    for network, weights in zip(trainer.networks.all(), before, strict=True):
        assert all(p.grad is None and p.requires_grad for p in network.parameters())
        moved = [not torch.equal(network.state_dict()[name], old) for name, old in weights.items()]
        assert all(moved)


def test_regression_builds_no_discriminator(config_file: Path) -> None:
    config = TrainingConfig.from_file(config_file, ["phase.0.losses={pixel = 1.0}"])
    networks = Trainer(config).networks
    assert (networks.discriminator, networks.discriminator_adam) == (None, None)
    assert networks.all() == [networks.generator]


PARTS = """
[model]
name = "squeeze-unet"
config = { widths = [4, 4, 8], pretrained = true }
[[phase]]
steps = 2
freeze = ["encoder", "up.0"]
losses = { pixel = 1.0 }
[[phase]]
steps = 2
learning_rate = 1e-3
rates = { encoder = 0.1, "encoder.conv1" = 0.0 }
"""


@pytest.fixture
def config_of_parts(config_file: Path) -> Path:
    """A pretrained encoder that stays as it is at first, and is then trained slowly."""
    text = config_file.read_text().replace("[[phase]]\nsteps = 8\n", "")
    model = text[text.index("[model]") : text.index("[discriminator]")]
    path = config_file.with_name("parts.toml")
    path.write_text(text.replace(model, "") + PARTS)
    return path


def test_a_phase_keeps_parts_as_they_are_and_trains_others_slowly(config_of_parts: Path) -> None:
    trainer = Trainer(TrainingConfig.from_file(config_of_parts))
    generator = trainer.networks.generator
    norms = [name for name, module in generator.named_modules() if "Norm" in type(module).__name__]
    assert any(name.startswith("up.0") for name in norms)
    before = copy.deepcopy(generator.state_dict())
    kept: list[bool] = []
    hook = generator.encoder.register_forward_hook(
        lambda module, given, features: kept.extend(part.requires_grad for part in features)
    )
    trainer.take_step()
    hook.remove()
    assert kept == [False] * 4  # nothing of the encoder is kept for a backward pass
    for name, old in before.items():
        same = torch.equal(generator.state_dict()[name], old)
        assert same == name.startswith(("encoder.", "up.0.")), name
    trainer.take_step()
    trainer.begin_phase()
    assert trainer.phase_number == 1
    before = copy.deepcopy(generator.state_dict())
    trainer.take_step()
    rates = {group["lr"] for group in trainer.networks.generator_adam.param_groups}
    share = learning_rate_share(2, 4, trainer.config.optimizer)
    assert sorted(rates) == pytest.approx([0.0, share * 1e-4, share * 1e-3])
    for name, old in before.items():
        same = torch.equal(generator.state_dict()[name], old)
        assert same == name.startswith("encoder.conv1."), name


def test_a_phase_has_learning_rates_of_its_own_for_both_networks(config_file: Path) -> None:
    rates = ["phase.0.learning_rate=1e-3", "phase.0.discriminator_learning_rate=1e-4"]
    settings = ["optimizer.decay=constant", "optimizer.rampup_steps=0", *rates]
    trainer = Trainer(TrainingConfig.from_file(config_file, settings))
    trainer.take_step()
    adams = (trainer.networks.generator_adam, trainer.networks.discriminator_adam)
    for adam, rate in zip(adams, (1e-3, 1e-4), strict=True):
        assert adam is not None
        assert [group["lr"] for group in adam.param_groups] == [rate]
    with pytest.raises(ConfigError, match="discriminator_learning_rate must be above 0, not -1"):
        TrainingConfig.from_file(config_file, ["phase.0.discriminator_learning_rate=-1"])


def test_a_resumed_run_of_such_phases_equals_a_straight_one(
    config_of_parts: Path, tmp_path: Path
) -> None:
    def config(*overrides: str) -> TrainingConfig:
        always = ["run.checkpoint_every=1", "optimizer.schedule=phase"]
        return TrainingConfig.from_file(config_of_parts, [*always, *overrides])

    def kill(done: int, total: int | None, numbers: object) -> None:
        if done == 3:
            raise KeyboardInterrupt

    straight = train(config(f"run.folder={tmp_path / 'straight'}"))
    with pytest.raises(KeyboardInterrupt):
        train(config(), on_progress=kill)
    resumed = train(config(), resume=True)
    assert straight.model
    assert resumed.model
    name = "model.safetensors"
    assert (resumed.model / name).read_bytes() == (straight.model / name).read_bytes()


def test_a_loss_of_ones_own_is_a_function_and_a_row(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_grey_loss(setup: LossSetup) -> Loss:
        assert setup.source is not None
        return lambda view: view.chroma.square().mean()

    monkeypatch.setitem(LOSSES, "grey", make_grey_loss)
    losses = "phase.0.losses={pixel = 2.0, grey = 3.0}"
    last = train(TrainingConfig.from_file(config_file, [losses, "phase.0.steps=1"])).last
    assert last["generator"] == pytest.approx(2 * last["pixel"] + 3 * last["grey"])


def perceptual_losses(config_file: Path) -> Callable[[torch.Tensor], dict[str, torch.Tensor]]:
    """Return what gives the losses of a chroma map, and its truth."""
    config = TrainingConfig.from_file(config_file)
    generator = colorzoo.create_model("cnn")
    setup = LossSetup(config, torch.device("cpu"), generator, source=None)
    losses = make_losses(["perceptual"], setup)
    return lambda chroma: weigh_losses(
        losses, {"perceptual": 2.0}, StepView(TRUTH, Prediction(chroma))
    )


TRUTH = scale_photos(
    torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator())
)


def test_perceptual_loss_is_nothing_for_equals_and_grows_with_the_distance(
    config_file: Path,
) -> None:
    losses = perceptual_losses(config_file)
    shares = [losses(share * TRUTH.chroma)["perceptual"].item() for share in (1.0, 0.5, 0.0)]
    assert shares[0] == pytest.approx(0.0, abs=1e-9)
    assert 0.0 < shares[1] < shares[2] <= 2.0
    grey = torch.zeros_like(TRUTH.chroma, requires_grad=True)
    total = losses(grey)["generator"]
    total.backward()
    assert total.item() == pytest.approx(2.0 * shares[2])
    assert grey.grad is not None
    assert torch.isfinite(grey.grad).all()
    assert grey.grad.abs().sum() > 0


def test_perceptual_loss_ignores_how_strong_features_are() -> None:
    features, true = torch.rand(2, 1, 4, 3, 3).unbind(0)
    once = perceptual_loss([features], [true])
    assert torch.allclose(perceptual_loss([7 * features], [0.1 * true]), once, atol=1e-6)
    opposite = perceptual_loss([features, features], [features, -features])
    assert opposite.item() == pytest.approx(2.0)  # 0 on one level, 4 on the other


def test_a_phase_draws_squares_of_its_own_size(config_file: Path) -> None:
    phases = "[[phase]]\nsteps = 2\nsize = 8\n[[phase]]\nsteps = 2\n"
    config_file.write_text(config_file.read_text().replace("[[phase]]\nsteps = 8\n", phases))
    trainer = Trainer(TrainingConfig.from_file(config_file, ["run.accumulation=2"]))

    def sizes() -> list[int]:
        return [batch.rgb.shape[-1] for batch in trainer.photos.take()]

    assert sizes() + sizes() == [8] * 4
    trainer.step = 1  # as after --resume
    trainer.begin_phase()
    assert sizes() == [8] * 2
    with pytest.raises(StopIteration):
        trainer.photos.take()
    trainer.step = 2
    trainer.begin_phase()
    assert sizes() + sizes() == [16] * 4


@pytest.mark.parametrize("norm", ["batch", "instance", "spectral", "none"])
def test_both_steps_see_the_same_logits_of_fakes(norm: str, config_file: Path) -> None:
    config = TrainingConfig.from_file(config_file, [f"discriminator.config.norm={norm}"])
    networks = Trainer(config).networks
    photos = scale_photos(torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8))
    chroma = torch.rand(4, 2, 16, 16) - 0.5
    with torch.no_grad():
        of_generator = networks.judge_fake(photos, chroma)
        of_discriminator = networks.judge_both(photos, chroma)[1]
    assert of_generator.mean().item() == pytest.approx(of_discriminator.mean().item(), abs=1e-3)


OLD = """
[model]
name = "cnn"
[data]
train = "photos"
warmup_size = 64
[loss]
pixel_weight = 50.0
warmup_steps = 2400
warmup_share = 0.3
[run]
folder = "run"
steps = 4200
"""
NEW = """
[[phase]]
steps = 2400
losses = { pixel = 50.0 }
size = 64
[[phase]]
steps = 1800
losses = { pixel = 50.0, adversarial = 1.0 }
mix = 0.3
"""


def test_a_config_in_the_old_form_is_shown_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text(OLD)
    with pytest.raises(ConfigError) as error:
        TrainingConfig.from_file(path)
    message = str(error.value)
    old = "run.steps, data.warmup_size, loss.pixel_weight, loss.warmup_steps, loss.warmup_share"
    assert message.startswith(f"old.toml: {old} are said by [[phase]] tables now.")
    shown = message[message.index("[[phase]]\n") :].replace(" [[", "\n[[")
    assert shown.split() == NEW.split()
    path.write_text('[model]\nname = "cnn"\n[data]\ntrain = "x"\n[run]\nfolder = "y"\n' + shown)
    assert TrainingConfig.from_file(path).phase[1].mix == 0.3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.bach_size=4", "Did you mean 'batch_size'?"),
        ("optimizer.lr=4", "Did you mean 'learning_rate'?"),
        ("dta.batch_size=4", "Did you mean 'data'"),
        ("data.batch_size=many", "type int"),
        ("data.batch_size=0", "1 to 65536"),
        ("loss.adversarial=lsgn", "Did you mean 'lsgan'"),
        ("data.size", "section.key=value"),
        ("steps=4", "section.key=value"),
        ("data.train.x=4", "no section"),
        ("data.train=''", "must not be empty"),
        ("data.size=8192", "4096"),
        ("phase.0.size=-8", "above 0"),
        ("phase.0.stes=8", "Did you mean 'steps'"),
        ("phase.steps=8", "as in phase.0.steps"),
        ("phase.1.steps=8", "a number below 1"),
        ("phase.0.mix=0.5", "last of several phases"),
        ("phase.0.mix=1", "0..1 without 1"),
        ("phase.0.losses.pixel=-1", "not negative"),
        ("phase.0.losses={}", "at least one loss"),
        ("run.steps=8", "[[phase]]"),
        ("run.folder=''", "must not be empty"),
        ("run.folder=", "lacks the key 'folder'"),
        ('run.folder="a\\u0000b"', "null byte"),
        ("run.seed=4294967296", "0 to 4294967295"),
        ("data.batch_size=100000000000", "1 to 65536"),
        ("optimizer.betas=[0.5, 1.0]", "betas"),
    ],
)
def test_a_wrong_setting_is_named_with_the_nearest_right_one(
    override: str, message: str, config_file: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        TrainingConfig.from_file(config_file, [override])


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("model.name=attention-unt", colorzoo.UnknownNameError, "attention-unet"),
        ("model.config.wdths=[4]", ConfigError, "Did you mean 'widths'"),
        ("data.train=/nowhere", DataError, "/nowhere"),
        ("data.size=17", ConfigError, "multiple of 4"),
        ("phase.0.size=18", ConfigError, "phase.0.size is 18"),
        ("phase.0.losses.pixl=1", ConfigError, "Did you mean 'pixel'"),
        ("phase.0.freeze=['encodr']", ConfigError, "names 'encodr'"),
        ("phase.0.rates={encodr = 0.1}", ConfigError, "names 'encodr'"),
        ("run.trackers=['tensorbord']", ConfigError, "Did you mean 'tensorboard'"),
        ("data.streaming=true", DataError, "hf://datasets/"),
    ],
)
def test_a_run_that_cannot_start_says_why_and_writes_nothing(
    override: str, error: type[Exception], message: str, config_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        train(TrainingConfig.from_file(config_file, [override]))
    assert not (tmp_path / "run" / "checkpoints").exists()
