"""The scripts in ``benchmarks/``, at the smallest size at which they say anything."""

from __future__ import annotations

from pathlib import Path

import forked
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("accelerate")

STAGES = ("read", "shrink", "predict", "finish", "write")


@pytest.mark.slow
def test_the_ablation_draws_its_figure_and_goes_on(photo_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ("data.size=32", "data.batch_size=2", "data.workers=0", "run.device=cpu")
    networks = ("model.config.widths=[4, 8]", "discriminator.config.width=4")
    networks += ("discriminator.config.layers=2", "optimizer.learning_rate=0.01")
    command = ["benchmarks/ablation.py", "--data", photo_folder, "--out", out, "--photos", "1"]
    command += [part for setting in settings + networks for part in ("--set", setting)]
    first = forked.run(*command, "--epochs", "1")
    assert first.returncode == 0, first.stderr
    again = forked.run(*command, "--epochs", "2")
    assert again.returncode == 0, again.stderr
    assert again.stdout.split() == [str(out / "ablation.png")]
    runs = sorted(path.name for path in out.iterdir() if path.is_dir())
    assert runs == ["gan-batch-norm", "gan-l1-batch-norm", "gan-l1-no-norm", "gan-no-norm"]
    with Image.open(out / "ablation.png") as figure:
        assert figure.width == 6 * 38 + 6
        assert figure.height == 2 * 38 + 6 + 22
    pictures = [np.asarray(Image.open(path)) for path in sorted(out.rglob("epoch-*.png"))]
    assert len(pictures) == 8
    assert len({picture.tobytes() for picture in pictures}) == 8


@pytest.mark.slow
def test_the_cost_of_training_is_measured(photo_folder: Path) -> None:
    result = forked.run(
        *("benchmarks/training.py", "unet-gan", "cnn", "--data", photo_folder),
        *("--size", "64", "--batch-size", "2", "--rounds", "1"),
    )
    assert result.returncode == 0, result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if "%" in line]
    assert [row[0] for row in rows] == ["unet-gan", "cnn"]
    for _, loader, step, ratio, *_ in rows:
        assert float(loader) / float(step) == pytest.approx(float(ratio), rel=0.1)


@pytest.mark.slow
def test_what_colouring_costs_beside_its_network_is_measured(model_folder: Path) -> None:
    options = (model_folder, "--rounds", "1", "--side", "32", "--threads", "1")
    result = forked.run("benchmarks/inference.py", *options)
    assert result.returncode == 0, result.stderr
    lines = [line.strip("| ").split(" | ") for line in result.stdout.splitlines()]
    rows = {line[0]: line[1:] for line in lines if len(line) == 3}
    names = ("network", "pixels to pixels", "import torch", "colorzoo colorize")
    assert tuple(rows)[2:] == names
    seconds = {name: float(rows[name][0]) for name in names}
    assert all(taken > 0.0 for taken in seconds.values())
    assert float(rows["network"][1]) == float(rows["import torch"][1]) == 1.0
    ratio = seconds["colorzoo colorize"] / seconds["import torch"]
    assert float(rows["colorzoo colorize"][1]) == pytest.approx(ratio, rel=0.02)


def test_what_a_million_photos_cost_is_measured(model_folder: Path) -> None:
    options = ("--megapixels", "0.01", "0.02", "--rounds", "1", "--batch-size", "2")
    rates = ("--gpu-rate", "100", "--cores", "2")
    result = forked.run("benchmarks/scale.py", "--model", model_folder, *options, *rates)
    assert result.returncode == 0, result.stderr
    tables = [
        [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
        for part in result.stdout.split("assumed: 100 photos/s a GPU, 2 cores beside each")
    ]
    for heading, _, *rows in tables:
        assert [row[0] for row in rows] == ["0.01 megapixels", "0.02 megapixels"]
        assert {len(row) for row in rows} == {len(heading)}
    costs, million = ([row[1:] for row in table[2:]] for table in tables)
    for row, (_, one, eight, _, cores) in zip(costs, million, strict=True):
        stages = dict(zip(tables[0][0][1:], row, strict=True))
        milliseconds = {name: float(stages[name].removesuffix(" ms")) for name in STAGES}
        assert all(each > 0.0 for each in milliseconds.values())
        rate = float(stages["photos/s on one core"])
        assert rate == pytest.approx(1e3 / sum(milliseconds.values()), rel=0.1)
        host = sum(milliseconds.values()) - milliseconds["predict"]
        assert float(cores) == pytest.approx(100 * host / 1e3, abs=1.0)
        alone, shared = (hours_of(each) for each in (one, eight))
        assert alone == pytest.approx(8 * shared, rel=0.1)
        assert alone == pytest.approx(1e6 / min(100, 2 / (host / 1e3)) / 3600, rel=0.2)


def hours_of(text: str) -> float:
    number, unit = text.split()
    return float(number) / {"h": 1, "min": 60}[unit]


@pytest.mark.slow
def test_what_hints_and_a_reference_bring_is_measured(
    training_photos: Path, tmp_path: Path
) -> None:
    figure = tmp_path / "figure.png"
    options = ("--data", training_photos, "--limit", "2", "--figure", figure)
    result = forked.run("benchmarks/hints.py", "unet-gan", *options)
    assert result.returncode == 0, result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if "| " in line]
    hints = {row[0]: row[1:] for row in rows[:6]}
    assert list(hints)[2:] == ["grey", "levin", "yatziv", "unet-gan"]
    assert float(hints["levin"][-1]) > float(hints["levin"][1]) > 0.0
    assert [row[0] for row in rows[-2:]] == ["welsh", "unet-gan"]
    with Image.open(figure) as picture:
        assert picture.size == (7 * 256, 2 * 256)


@pytest.mark.slow
def test_the_figure_shows_one_photo_under_three_references(tmp_path: Path) -> None:
    figure = tmp_path / "figure.png"
    options = ("--model", "squeeze-unet-gan", "--height", "120", "--out", figure)
    result = forked.run("benchmarks/references.py", *options)
    assert result.returncode == 0, result.stderr
    with Image.open(figure) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (2 * 120 + 3 * 8, 4 * 90 + 5 * 8, 3)
    alone, like, turned, unlike = (pixels[136:256, 8 + 98 * n : 98 + 98 * n] for n in range(4))
    green = [(each[..., 1] - each[..., 0]).mean() for each in (alone, like, turned, unlike)]
    assert green[2] > green[0] + 4.0 > green[1]
    assert abs(unlike - alone).mean() < 0.2 * abs(turned - alone).mean()
