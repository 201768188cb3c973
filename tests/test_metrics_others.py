"""Metrics by networks, and metrics that other packages bring."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from subprocess import CompletedProcess

import forked
import numpy as np
import pytest
import torch
from conftest import ROOT

import colorzoo
from colorzoo.errors import ColorzooError, ConfigError
from colorzoo.evaluation.report import Report, Row
from colorzoo.metrics.perceptual import Fid
from colorzoo.metrics.table import Pixels


@pytest.fixture
def photos(evaluation_photos: Path) -> Path:
    return evaluation_photos


PLUGIN = """
import colorzoo

@colorzoo.register_metric(
    "redness", heading="redness", digits=".1f", better="↓", of_truth=True, meaning="mean of R"
)
def redness(picture, truth):
    return float(picture.rgb[..., 0].mean())

@colorzoo.register_metric("pictures", heading="pictures", digits=".0f")
class Pictures:
    def __init__(self, device):
        self.count = 0
    def add(self, picture, truth):
        self.count += 1
    def overall(self):
        return self.count

@colorzoo.register_metric("nothing", heading="nothing")
def nothing(picture, truth):
    return float("nan")
"""


def test_a_package_brings_metrics(photos: Path, model_folder: Path, tmp_path: Path) -> None:
    names = {"redness": "own_metrics", "pictures": "own_metrics", "nothing": "own_metrics"}
    info = tmp_path / "site" / "own_metrics-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-metrics\nVersion: 1.0\n")
    points = [f"{name} = {module}" for name, module in {**names, "worse": "no_module"}.items()]
    (info / "entry_points.txt").write_text("\n".join(["[colorzoo.metrics]", *points]))
    (tmp_path / "site" / "own_metrics.py").write_text(PLUGIN)
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path / 'site'}"}

    def run(*arguments: str | Path) -> CompletedProcess[str]:
        return forked.run("-m", "colorzoo", *arguments, env=path)

    def evaluate(*metrics: str) -> CompletedProcess[str]:
        chosen = [part for metric in metrics for part in ("--metric", metric)]
        options = ("--data", photos, "--device", "cpu", "--limit", "2", *chosen)
        return run("evaluate", model_folder, *options)

    result = evaluate("redness", "pictures", "psnr")
    nothing, worse, psnr = map(evaluate, ("nothing", "worse", "psnr"))
    told = run("doctor", "--json")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[2].split() == (
        ["model", "params", "PSNR", "dB", "pictures", "redness"]
    )
    assert "redness ↓  mean of R" in result.stdout
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("grey")]
    assert row.split()[-2] == "2"
    for result, message in (
        (nothing, "error: The metric 'nothing' gives nan for 0.jpg of 'grey'"),
        (worse, "error: own-metrics 1.0 promises the metric 'worse' but fails on import"),
    ):
        assert (result.returncode, result.stderr.startswith(message)) == (1, True), result.stderr
    assert psnr.returncode == 0
    assert "'worse' but fails on import" in json.loads(told.stdout)["problems"][0]
    assert "redness" in json.loads(told.stdout)["metrics"]


@pytest.mark.parametrize("wanted", ["fid", "lpips"])
def test_perceptual_networks_that_cannot_be_fetched(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    pytest.importorskip("torchmetrics")
    pytest.importorskip("torch_fidelity")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(ColorzooError, match="cannot be fetched: .* or leave FID and LPIPS out"):
        colorzoo.evaluate([], photos, metrics=("psnr", wanted))


class _Means(torch.nn.Module):
    """Features that need no weights: the means of the three channels."""

    num_features = 3

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float().mean(dim=(2, 3))


def test_fid_is_the_distance_of_the_features_normal_distributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    import scipy.linalg

    monkeypatch.setattr(
        "colorzoo.metrics.perceptual._make_fid",
        lambda: fid.FrechetInceptionDistance(feature=_Means()),
    )
    rng = np.random.default_rng(2)
    pictures = rng.integers(0, 256, (2, 9, 6, 6, 3), dtype=np.uint8)
    measured = Fid(torch.device("cpu"))
    for picture, truth in zip(*pictures, strict=True):
        assert measured.add(Pixels(picture), Pixels(truth)) is None
    one, other = pictures.mean(axis=(2, 3))
    spread, other_spread = np.cov(one.T), np.cov(other.T)
    root = scipy.linalg.sqrtm(spread @ other_spread).real
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(
        spread + other_spread - 2 * root
    )
    assert measured.overall() == pytest.approx(expected, rel=1e-3)


def test_fid_needs_two_photos(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    monkeypatch.setattr(
        "colorzoo.metrics.perceptual._make_fid",
        lambda: fid.FrechetInceptionDistance(feature=_Means()),
    )
    with pytest.raises(ConfigError, match="at least two photos"):
        colorzoo.evaluate([], photos, metrics=("fid",), limit=1)


def test_fid_and_lpips_stand_in_table_and_facts(photos: Path) -> None:
    report = colorzoo.evaluate([], photos, limit=2)
    row = Row(
        name="model",
        parameters=60_000,
        values={"lpips": (0.25, 0.35)},
        overall={"fid": 12.5},
    )
    report = dataclasses.replace(report, models=(row,))
    (line,) = [
        line for line in str(report).splitlines() if line.startswith("model  ") and " M " in line
    ]
    assert line.split()[-2:] == ["0.300", "12.50"]
    assert report.facts("model").metrics == {
        "lpips": {"mean": 0.3, "std": 0.05},
        "fid": {"mean": 12.5},
    }
    assert Report.from_dict(json.loads(report.to_json())) == report
