"""Searches for settings: found, pruned, failed, stopped and gone on with."""

from __future__ import annotations

import signal
import tomllib
from pathlib import Path

import forked
import pytest
from conftest import ROOT, Run

from colorzoo.errors import ConfigError, TrainingError
from colorzoo.training.config import TrainingConfig
from colorzoo.training.logbook import read_metrics

pytest.importorskip("optuna")

from colorzoo.training.tune import tune

RECIPE = """
[model]
name = "unet"
config = {{ widths = [4, 8], norm = "none" }}
[discriminator]
config = {{ width = 4, layers = 2 }}
[data]
train = "{photos}"
validation = "{photos}"
size = 16
batch_size = 2
workers = 0
[[phase]]
steps = 4
losses = {{ pixel = 100.0 }}
[optimizer]
ema = 0.0
[run]
folder = "{folder}"
device = "cpu"
log_every = 2
validate_every = 2
checkpoint_every = 2
[tune]
{tune}
[tune.space]
{space}
"""
RATES = '"optimizer.learning_rate" = { low = 1e-5, high = 1e-2, log = true }'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search"


def write(folder: Path, photos: Path, *, space: str = RATES, tune: str = "") -> Path:
    path = folder.parent / "recipe.toml"
    path.write_text(RECIPE.format(photos=photos, folder=folder, tune=tune, space=space))
    return path


def test_a_search_finds_the_best_run_and_goes_on(folder: Path, photo_folder: Path) -> None:
    space = RATES + '\n"loss.pixel" = { choices = ["l1", "huber"] }\n'
    space += '"optimizer.betas" = { choices = [[0.5, 0.9], [0.9, 0.99]] }\n'
    space += '"data.batch_size" = { low = 1, high = 2 }'
    recipe = write(folder, photo_folder, space=space)
    lines: list[str] = []
    tune(recipe, trials=2, report=lines.append)
    result = tune(recipe, trials=4, report=lines.append)
    assert result.runs == {"complete": 4}
    assert len(lines) == 4
    values = [read_metrics(run)[-1]["val_psnr"] for run in sorted(folder.glob("trial-*"))]
    assert len(values) == len(set(map(str, values))) == 4
    assert result.best
    assert result.best.value == max(values)
    assert result.best.folder.name == f"trial-{values.index(max(values)):04d}"
    assert set(result.best.settings) == {
        "optimizer.learning_rate",
        "loss.pixel",
        "optimizer.betas",
        "data.batch_size",
    }
    best, ran = (
        TrainingConfig.from_file(result.best.config),
        TrainingConfig.from_file(result.best.folder / "config.toml"),
    )
    assert (best.loss, best.optimizer, best.data) == (ran.loss, ran.optimizer, ran.data)
    assert best.run.folder == str(folder / "best")


def test_another_metric_downwards(folder: Path, photo_folder: Path) -> None:
    recipe = write(folder, photo_folder, tune='metric = "pixel"\ndirection = "minimize"')
    result = tune(recipe, trials=2)
    values = [read_metrics(run) for run in folder.glob("trial-*")]
    pixels = [[line["pixel"] for line in lines if "pixel" in line][-1] for lines in values]
    assert result.best
    assert result.best.value == min(pixels)


def test_runs_that_fail_are_noted_and_the_search_goes_on(folder: Path, photo_folder: Path) -> None:
    space = '"data.size" = { choices = [16, 18] }'  # of which the network takes only one
    lines: list[str] = []
    result = tune(write(folder, photo_folder, space=space), trials=6, report=lines.append)
    assert set(result.runs) == {"complete", "fail"}
    assert sum(result.runs.values()) == 6
    assert result.best
    assert result.best.settings == {"data.size": 16}
    assert (
        sum("failed" in line and "multiple of 4" in line for line in lines) == result.runs["fail"]
    )


def test_a_search_in_which_all_fail_says_why(folder: Path, photo_folder: Path) -> None:
    space = '"data.size" = { choices = [18] }'
    with pytest.raises(TrainingError, match=r"None of the 2 runs .* multiple of 4"):
        tune(write(folder, photo_folder, space=space), trials=2)


def test_runs_worse_than_most_are_ended_early(folder: Path, photo_folder: Path) -> None:
    # Five complete runs come first; then rates that learn nothing are below their median.
    result = tune(write(folder, photo_folder), trials=16)
    assert result.runs["pruned"] >= 1
    assert result.runs["complete"] >= 5
    steps = [read_metrics(run)[-1]["step"] for run in folder.glob("trial-*")]
    assert steps.count(2) <= result.runs["pruned"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_search_goes_on_in_the_run_it_was_in(
    number: signal.Signals, folder: Path, photo_folder: Path
) -> None:
    recipe = write(folder, photo_folder)
    text = recipe.read_text()
    recipe.write_text(text.replace("steps = 4", "steps = 5000"))
    with forked.Forked("-m", "colorzoo", "tune", recipe, "--trials", "2") as process:
        process.wait_until(lambda: list(folder.glob("trial-0000/checkpoints/step-*[0-9]")))
        process.send_signal(number)
        printed, messages = process.communicate()
    assert printed == ""
    if number == signal.SIGTERM:
        assert process.returncode == 128 + number, messages
        assert "goes on" in messages
    (checkpoint, *_) = sorted(
        int(path.name[5:]) for path in folder.glob("trial-0000/checkpoints/step-*[0-9]")
    )
    recipe.write_text(text.replace("steps = 4", f"steps = {checkpoint + 20}"))
    result = tune(recipe, trials=2)
    assert result.runs == {"complete": 2}
    assert len(list(folder.glob("trial-*"))) == 2
    steps = [line["step"] for line in read_metrics(folder / "trial-0000")]
    assert steps == sorted(steps)
    assert steps[-1] == checkpoint + 20


@pytest.mark.parametrize(
    ("space", "tune_table", "message"),
    [
        (
            '"optimizer.learning_rte" = { low = 0.1, high = 0.2 }',
            "",
            "Did you mean 'learning_rate'",
        ),
        ('"loss.emphasis" = { low = 2.0, high = 1.0 }', "", "must not be above high"),
        ('"loss.emphasis" = { low = 0.0, high = 1.0, log = true }', "", "above 0 where log"),
        ('"loss.emphasis" = { lo = 0.0, high = 1.0 }', "", "Did you mean 'low'"),
        ('"loss.emphasis" = { choices = [] }', "", "must not be empty"),
        ("", "", r"\[tune.space\] is empty"),
        (RATES, 'metric = "val_psn"', "not among the numbers of a run: .*val_psnr"),
        (RATES, 'direction = "up"', "maximize"),
    ],
)
def test_a_wrong_search_says_why(
    space: str, tune_table: str, message: str, folder: Path, photo_folder: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        tune(write(folder, photo_folder, space=space, tune=tune_table), trials=1)


def test_choices_may_not_change_within_a_search(folder: Path, photo_folder: Path) -> None:
    tune(write(folder, photo_folder, space='"loss.pixel" = { choices = ["l1"] }'), trials=1)
    other = write(folder, photo_folder, space='"loss.pixel" = { choices = ["huber"] }')
    with pytest.raises(ConfigError, match=r"run\.folder"):
        tune(other, trials=2)


def test_the_recipe_and_the_command(cli: Run, folder: Path, photo_folder: Path) -> None:
    recipe = folder.parent / "mine.toml"
    recipe.write_text(
        f'extends = "{ROOT / "recipes" / "tune.toml"}"\n'
        "[model]\nconfig = { widths = [4, 8] }\n[discriminator]\nconfig = { width = 4 }\n"
        f'[data]\ntrain = "{photo_folder}"\nvalidation = "{photo_folder}"\nsize = 32\n'
        "batch_size = 2\nworkers = 0\nmin_colorfulness = 0.0\n"
        "[[phase]]\nsteps = 2\nlosses = { pixel = 50.0 }\n"
        f'[run]\nfolder = "{folder}"\n'
    )
    result = cli("tune", recipe, "--trials", "1")
    assert result.returncode == 0, result.stderr
    found = tomllib.loads(result.stdout)
    assert 2e-4 <= found["optimizer"]["learning_rate"] <= 5e-3
    assert "runs: 1 complete" in result.stderr
    assert TrainingConfig.from_file(folder / "best.toml").optimizer.learning_rate == pytest.approx(
        found["optimizer"]["learning_rate"]
    )
