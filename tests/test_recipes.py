"""The recipes, the printed example, and files that extend others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from conftest import ROOT, Run

import colorzoo
from colorzoo.errors import ConfigError
from colorzoo.models.build import create_model
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS
from colorzoo.schema import to_dict
from colorzoo.training.config import TrainingConfig
from colorzoo.training.example import example_text
from colorzoo.training.networks import load_first_weights
from colorzoo.training.trainer import train

RECIPES = sorted(
    path for path in (ROOT / "recipes").rglob("*.toml") if path.stem not in ("common", "tune")
)


@pytest.mark.parametrize(("folder", "size"), [("recipes", 256), ("recipes/cpu", 96)])
def test_the_five_models_have_recipes_that_differ_in_nothing_else(folder: str, size: int) -> None:
    configs = [
        TrainingConfig.from_file(ROOT / folder / f"{name}.toml")
        for name in ("unet-gan", "res-unet-gan", "dense-unet-gan", "attention-unet-gan", "cnn")
    ]
    assert [config.model.name for config in configs] == [
        "unet",
        "res-unet",
        "dense-unet",
        "attention-unet",
        "cnn",
    ]
    assert [config.adversarial for config in configs] == [True] * 4 + [False]
    assert len({config.data for config in configs}) == 1
    assert len({config.optimizer for config in configs}) == 1
    assert len({config.steps for config in configs}) == 1
    assert all(config.phase == configs[0].phase for config in configs[:4])
    assert len({config.run.folder for config in configs}) == 5
    assert configs[0].data.size == size


def test_the_recipe_of_the_report_has_its_settings() -> None:
    config = TrainingConfig.from_file(ROOT / "recipes" / "report.toml")
    assert (config.data.size, config.data.flip, config.data.noise > 0) == (256, True, True)
    assert config.loss.pixel == "l1"
    assert [phase.losses for phase in config.phase] == [{"pixel": 100.0, "adversarial": 1.0}]
    assert config.model.config["norm"] == config.discriminator.config["norm"] == "batch"


def test_the_recipe_of_nazeri_has_their_settings() -> None:
    config = TrainingConfig.from_file(ROOT / "recipes" / "nazeri.toml")
    network = create_model(config.model.name, config.model.config)
    assert network.size_multiple == 128  # 256x256 becomes 2x2
    assert all(phase.losses == {"pixel": 100.0, "adversarial": 1.0} for phase in config.phase)
    assert (config.loss.adversarial, config.loss.real_label) == ("bce", 0.9)
    assert (config.data.size, config.data.batch_size) == (256, 16)
    assert config.optimizer.betas == (0.5, 0.999)
    rates = [2e-4, 2e-5, 2e-6]
    assert [
        phase.learning_rate or config.optimizer.learning_rate for phase in config.phase
    ] == rates
    assert [
        phase.discriminator_learning_rate or config.optimizer.discriminator_learning_rate
        for phase in config.phase
    ] == rates


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipe_trains(recipe: Path, photo_folder: Path, tmp_path: Path) -> None:
    config = TrainingConfig.from_file(recipe)
    spec = ARCHITECTURES.get(config.model.name)
    own = {key: value for key, value in config.model.config.items() if key != "widths"}
    tiny = {**to_dict(spec.config.tiny()), **own}
    small = {**to_dict(DISCRIMINATORS.get("patch").config.tiny()), **config.discriminator.config}
    small |= {"width": 4, "layers": 2}
    size = 2 * create_model(spec.name, spec.config.tiny()).size_multiple
    overrides = [
        f"data.train={photo_folder}",
        f"data.validation={photo_folder}",
        f"data.size={max(size, 32) if config.loss.teacher else size}",
        "data.batch_size=2",
        "data.workers=0",
        "data.min_colorfulness=0",
        *(f"phase.{number}.steps=1" for number in range(len(config.phase))),
        *(f"phase.{number}.size=" for number in range(len(config.phase))),
        "run.device=cpu",
        f"run.folder={tmp_path / 'run'}",
        "model.weights=",
    ]
    values = {"model": tiny, "discriminator": small}
    for name, section in values.items():
        overrides += [f"{name}.config.{key}={_toml(value)}" for key, value in section.items()]
    result = train(TrainingConfig.from_file(recipe, overrides))
    assert result.steps == len(config.phase)
    assert result.model
    assert ("discriminator" in result.last) == config.adversarial
    assert colorzoo.load(result.model).name


def test_recipes_that_start_from_a_model_fit_it() -> None:
    starts = [TrainingConfig.from_file(path).model for path in RECIPES]
    assert any(model.weights for model in starts)
    for model in starts:
        if model.weights:
            load_first_weights(create_model(model.name, model.config), model.weights)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def test_the_example_explains_every_key_and_loads(tmp_path: Path) -> None:
    text = example_text()
    path = tmp_path / "example.toml"
    path.write_text(text)
    config = TrainingConfig.from_file(path)
    defaults = TrainingConfig(config.model, config.data, config.run, config.phase)
    assert config == defaults
    lines = text.splitlines()
    for entry in dataclasses.fields(config):
        section = getattr(config, entry.name)
        heading = f"[[{entry.name}]]" if isinstance(section, tuple) else f"[{entry.name}]"
        start = lines.index(heading)
        for key in dataclasses.fields(section[0] if isinstance(section, tuple) else section):
            place = next(
                number
                for number, line in enumerate(lines[start:], start)
                if line.removeprefix("# ").startswith(f"{key.name} = ")
            )
            assert lines[place - 1].startswith("# ")
    assert max(map(len, lines)) <= 100


def test_the_command_prints_the_example(cli: Run) -> None:
    result = cli("train", "--example")
    assert (result.returncode, result.stdout, result.stderr) == (0, example_text(), "")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def test_a_file_extends_another_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    write(
        tmp_path,
        top='extends = "below/middle.toml"\n[model]\nname = "cnn"\nconfig = {norm = "none"}',
    )
    write(
        tmp_path / "below",
        middle='extends = "base.toml"\n[data]\nsize = 64',
        base='[model]\nname = "unet"\nconfig = {widths = [8]}\n'
        '[data]\ntrain = "photos"\nsize = 32\nbatch_size = 3\n[[phase]]\nsteps = 5\n'
        '[[phase]]\nsteps = 6\n[run]\nfolder = "run"',
    )
    config = TrainingConfig.from_file(tmp_path / "top.toml", ["phase.0.steps=6"])
    assert (config.model.name, config.model.config) == ("cnn", {"norm": "none"})
    assert (config.data.size, config.data.batch_size, config.steps) == (64, 3, 12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "other.toml"', "extends itself"),
        ('extends = "nowhere.toml"', "nowhere.toml"),
        ("extends = 3", "must name a file, not 3"),
    ],
)
def test_extending_nothing_or_oneself_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, run=text, other='extends = "run.toml"\n[run]\nfolder = "a"\n[data]\n')
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.from_file(tmp_path / "run.toml")
