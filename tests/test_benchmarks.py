"""The scripts in ``benchmarks/`` that train, at the smallest size at which they say anything."""

from __future__ import annotations

from pathlib import Path

import forked
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("accelerate")


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
