"""Learning from a trained model's distribution: the loss, a run, what is no teacher."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import colorzoo
from colorzoo.errors import ConfigError, UnknownNameError
from colorzoo.modelfolder.format import read_model_file
from colorzoo.modelfolder.weights import load_model
from colorzoo.training.classes import distillation_loss
from colorzoo.training.config import TrainingConfig
from colorzoo.training.trainer import train

LEARN = ("model.config.head=classes", "phase.0.losses={distillation = 1.0}")


@pytest.fixture
def teacher(tmp_path: Path) -> Callable[..., Path]:
    """Saves a network that is nearly sure of the fortieth colour, as a model."""

    def save(architecture: str = "unet", **config: Any) -> Path:
        config = {"widths": (4, 8), "head": "classes", **config}
        model: Any = colorzoo.create_model(architecture, **config)
        if config["head"] == "classes":
            with torch.no_grad():
                model.classes.to_logits.bias[40] += 6.0
        image = colorzoo.ImageSettings(working_size=32)
        return colorzoo.save(model, tmp_path / "teacher", image=image, training={})

    return save


def random_logits(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_the_loss_is_least_where_student_and_teacher_agree() -> None:
    told, weights = random_logits(2, 261, 3, 4), random_logits(261).exp()
    student = (told + 7.0).requires_grad_()  # the same chances
    loss = distillation_loss(student, told, weights)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-5)
    assert student.grad is not None
    assert student.grad.abs().max() < 1e-6
    for other in (torch.zeros_like(told), told + random_logits(2, 261, 3, 5)[..., :4]):
        assert distillation_loss(other, told, weights) > 0.05


def test_a_place_learns_from_the_mean_of_a_finer_teachers_chances() -> None:
    told = random_logits(1, 261, 4, 8)
    mean = F.avg_pool2d(torch.softmax(told, dim=1), 2).log()
    assert distillation_loss(mean, told, torch.ones(261)).item() == pytest.approx(0.0, abs=1e-5)


def test_a_student_comes_to_see_what_its_teacher_sees(
    config_file: Path, teacher: Callable[..., Path]
) -> None:
    folder = teacher()
    overrides = [*LEARN, f"loss.teacher={folder}", "phase.0.steps=60", "optimizer.ema=0"]
    losses: list[float] = []
    result = train(
        TrainingConfig.from_file(config_file, overrides),
        on_progress=lambda done, total, numbers: losses.append(numbers.get("distillation", 0.0)),
    )
    assert result.model
    assert 0.0 < result.last["distillation"] < 0.5 * max(losses)
    student: Any = load_model(result.model).generator
    logits = student.logits(torch.zeros(1, 1, 32, 32))
    assert (logits.mean((2, 3)).argmax(dim=1) == 40).all()
    assert read_model_file(result.model).training["loss"]["teacher"] == folder.name


@pytest.mark.parametrize(
    ("architecture", "config", "override", "message"),
    [
        ("unet", {"head": "ab"}, None, "has no distribution over colours"),
        ("unet", {"hints": True}, None, "expects hints beside lightness"),
        ("unet", {"widths": (4, 4, 4, 4, 4, 4)}, None, "squares of 16 pixels"),
        ("unet", {}, "model.config.head=ab", "Set head = 'classes' in model.config"),
        ("unet", {}, "loss.teacher=", "learns from a trained model. Name one"),
    ],
)
def test_what_is_no_teacher_is_refused_before_the_first_step(
    architecture: str,
    config: dict[str, Any],
    override: str | None,
    message: str,
    config_file: Path,
    teacher: Callable[..., Path],
) -> None:
    folder = teacher(architecture, **config)
    overrides = [*LEARN, f"loss.teacher={folder}", *([override] if override else [])]
    with pytest.raises(ConfigError, match=re.escape(message)):
        train(TrainingConfig.from_file(config_file, overrides))


def test_a_teacher_that_is_not_there_is_an_unknown_name(config_file: Path) -> None:
    config = TrainingConfig.from_file(config_file, [*LEARN, "loss.teacher=lite-unet-gam"])
    with pytest.raises(UnknownNameError, match="lite-unet-gan"):
        train(config)
