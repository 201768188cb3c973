"""An exported model gives what its network gives, says what it is, and is a colorizer again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, Run, one_line_error
from PIL import Image

import colorzoo
from colorzoo.predictors.onnx import OnnxPredictor
from colorzoo.testing.export import check_exported
from colorzoo.zoo.catalog import model_names

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def exported(classes: colorzoo.Colorizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classes.export(tmp_path_factory.mktemp("onnx") / "model.onnx").path


@pytest.fixture
def photo() -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (5, 6), dtype=np.uint8))
    return small.resize((61, 43), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", model_names())
def test_every_model_of_the_zoo(name: str) -> None:
    check_exported(colorzoo.load(name, device="cpu").predictor)


def test_a_loaded_file_is_a_colorizer(classes, exported: Path, photo: Image.Image) -> None:
    loaded = colorzoo.load(exported)
    assert (loaded.name, loaded.working_size) == (classes.name, 32)
    assert loaded.predictor.parameters == classes.predictor.parameters
    assert loaded.vividness == classes.vividness
    assert loaded.accepts == classes.accepts
    hints = colorzoo.Hints.from_points([(10, 10, "#c03020")])
    given = {"hints": hints, "vividness": 0.9, "saturation": 1.2}
    for options in ({}, given):
        wanted, got = (np.asarray(c(photo, **options), int) for c in (classes, loaded))
        assert np.abs(wanted - got).max() <= 1
    plain, vivid = (np.asarray(loaded(photo, vividness=v), int) for v in (0.0, 1.0))
    assert np.abs(plain - vivid).max() > 5


def test_the_graph_stands_alone(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    lightness, vividness = session.get_inputs()
    assert (lightness.name, lightness.shape) == ("lightness", ["batch", 1, "height", "width"])
    assert (vividness.name, vividness.shape) == ("vividness", [])
    chroma, logits = session.get_outputs()
    assert (chroma.name, logits.name) == ("chroma", "logits")
    assert (chroma.shape[1], logits.shape[0]) == (2, "batch")
    onnx.checker.check_model(onnx.load(exported))


def test_a_file_without_logits_is_one_of_an_earlier_version(exported: Path, tmp_path: Path) -> None:
    proto = onnx.load(exported)
    notes = [entry for entry in proto.metadata_props if entry.key != "colorzoo.distribution"]
    del proto.metadata_props[:], proto.graph.output[1:]
    proto.metadata_props.extend(notes)
    onnx.save(proto, tmp_path / "old.onnx")
    old = colorzoo.load(tmp_path / "old.onnx")
    grey = Image.new("L", (40, 40), 90)
    vivid = np.asarray(old.draft(grey).finish(vividness=1.0))
    np.testing.assert_array_equal(vivid, old(grey, vividness=1.0))
    with pytest.raises(colorzoo.ConfigError, match="exported by an earlier version. Export it"):
        old.uncertainty(grey)


def test_metadata(tmp_path: Path) -> None:
    colorizer = colorzoo.load("unet-gan", device="cpu")
    proto = onnx.load(colorizer.export(tmp_path / "u.onnx").path)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    folder = ROOT / "hub_cards" / "unet-gan"
    notes = json.loads(metadata["colorzoo"])
    assert (notes["name"], notes["working_size"]) == ("unet-gan", colorizer.working_size)
    for key, file in (("config", "config.json"), ("facts", "facts.json")):
        given = json.loads(metadata[f"colorzoo.{key}"])
        wanted = json.loads((folder / file).read_text())
        assert {**given, "name": None} == {**wanted, "name": None}
    assert metadata["license"] == json.loads(metadata["colorzoo.facts"])["about"]["license"]
    assert proto.opset_import[0].version == 20


@pytest.mark.parametrize(("precision", "limit"), [("float16", 1.0), ("int8", 40.0)])
def test_smaller_files_say_what_they_lose(
    classes, exported: Path, tmp_path: Path, precision, limit: float
) -> None:
    report = classes.export(tmp_path / "small.onnx", precision=precision)
    assert 0.0 < report.mean_difference <= report.largest_difference < limit
    assert report.size == report.path.stat().st_size < exported.stat().st_size
    lightness = torch.full((2, 1, 37, 41), 50.0)
    chroma = colorzoo.load(report.path).predict(lightness)
    assert (chroma - classes.predict(lightness)).abs().max() < limit


def test_the_network_is_left_as_it_was(classes, exported: Path) -> None:
    assert exported.exists()
    generator = classes.predictor.generator
    assert next(generator.parameters()).dtype == torch.float32
    assert not generator.training


def test_what_cannot_be_exported(classes, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(colorzoo.ConfigError, match="'levin' has no network .* Give a model"):
        colorzoo.load("levin").export(tmp_path / "x.onnx")
    with pytest.raises(colorzoo.ConfigError, match="ends in .onnx, not 'x.pt'"):
        classes.export(tmp_path / "x.pt")
    with pytest.raises(colorzoo.ConfigError, match="float32, float16 or int8, not 'int4'"):
        classes.export(tmp_path / "x.onnx", precision="int4")
    with pytest.raises(colorzoo.WeightsError, match="is there already"):
        classes.export(exported)
    with pytest.raises(colorzoo.WeightsError, match="There is no folder"):
        classes.export(tmp_path / "none" / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_loaded(exported: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(colorzoo.WeightsError, match="There is no file"):
        colorzoo.load(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(exported.read_bytes()[:500])
    with pytest.raises(colorzoo.WeightsError, match="is no ONNX file that onnxruntime"):
        colorzoo.load(broken)
    proto = onnx.load(exported)
    del proto.metadata_props[:]
    onnx.save(proto, broken)
    with pytest.raises(colorzoo.WeightsError, match="was not exported by colorzoo"):
        colorzoo.load(broken)
    with pytest.raises(colorzoo.ConfigError, match="precision of its own"):
        colorzoo.load(exported, dtype="float16")
    with pytest.raises(colorzoo.ConfigError, match="run on 'cpu' here, not on 'meta'"):
        OnnxPredictor(exported, device="meta")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(colorzoo.MissingDependencyError, match=r"colorzoo\[onnx\]"):
        colorzoo.load(exported)


def test_command(cli: Run, model_folder: Path, photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "photo.png")
    done = cli("export", model_folder, "-o", "m.onnx")
    assert (done.returncode, done.stdout) == (0, "m.onnx\n"), done.stderr
    assert "in float32, opset 20; differs from torch by" in done.stderr
    done = cli("colorize", "photo.png", "--model", "./m.onnx", "-o", "out.png")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == photo.size
    assert "is there already" in one_line_error(cli("export", model_folder, "-o", "m.onnx"))
