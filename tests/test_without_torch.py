"""Exported files and methods colour where torch is not installed, just as where it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from numpy.typing import NDArray
from PIL import Image

import colorzoo

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("cv2")
films = pytest.importorskip("films")

HINTS = colorzoo.Hints.from_points([(10, 10, "#c03020")])


@pytest.fixture(scope="module")
def folder(classes: colorzoo.Colorizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process without torch made of an exported file and pictures, and what it says."""
    folder: Path = tmp_path_factory.mktemp("without")
    classes.export(folder / "model.onnx")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        small = Image.fromarray(rng.integers(0, 256, (5, 6), dtype=np.uint8))
        small.resize((61, 43), Image.Resampling.BICUBIC).save(folder / "photos" / f"{name}.png")
    red = np.linspace((40, 10, 10), (250, 200, 190), 30 * 40).reshape(30, 40, 3)
    Image.fromarray(red.astype(np.uint8)).save(folder / "red.png")
    films.write_film(folder / "film.mkv", films.frames_of(6, 40, 48))
    HINTS.to_file(folder / "hints.json")
    command = [sys.executable, "-W", "error", str(ROOT / "tests" / "without_torch.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "stderr.txt").write_text(done.stderr, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return found


def pixels(image: Path | Image.Image) -> NDArray[np.int64]:
    if isinstance(image, Image.Image):
        return np.asarray(image).astype(np.int64)
    with Image.open(image) as opened:
        return np.asarray(opened).astype(np.int64)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain", {}),
        ("vivid", {"vividness": 0.9, "saturation": 1.2}),
        ("hints", {"hints": HINTS}),
        ("reference", {"reference": "red.png"}),
    ],
)
def test_an_exported_file_colours_as_its_network_does(
    name: str, options: dict[str, Any], folder: Path, classes: colorzoo.Colorizer
) -> None:
    given = {key: folder / value if key == "reference" else value for key, value in options.items()}
    expected = pixels(classes(folder / "photos" / "a.png", **given))
    assert np.abs(pixels(folder / f"{name}.png") - expected).max() <= 1
    assert np.ptp(expected, axis=-1).max() > 10


def test_an_exported_file_has_the_distribution_of_its_network(
    folder: Path, told: dict[str, Any], classes: colorzoo.Colorizer
) -> None:
    photo = folder / "photos" / "a.png"
    others = classes.alternatives(photo, 2, seed=1)
    for number, other in enumerate(others):
        assert np.abs(pixels(folder / f"other-{number}.png") - pixels(other)).max() <= 1
    assert np.abs(pixels(others[0]) - pixels(others[1])).max() > 10
    vivid = pixels(folder / "vivid-draft.png") - pixels(folder / "vivid.png")
    assert np.abs(vivid).max() <= 1
    draft = classes.draft(photo)
    doubt = np.load(folder / "doubt.npy")
    np.testing.assert_allclose(doubt, draft.uncertainty(), atol=1e-4)
    assert np.ptp(doubt) > 1e-3
    assert [tuple(color) for color in told["python"]["likely"]] == draft.likely_colors(20, 30)


def test_colouring_alone_needs_no_scipy_either(folder: Path, told: dict[str, Any]) -> None:
    assert np.array_equal(pixels(folder / "least.png"), pixels(folder / "plain.png"))
    assert set(told["least"]) == {"hints", "reference", "levin"}
    assert told["least"]["hints"] == (
        "Colouring with hints needs the library 'scipy', which is not installed. "
        "Install it with: pip install scipy"
    )
    assert all("is not installed" in said for said in told["least"].values())


@pytest.mark.parametrize("method", ["levin", "yatziv", "welsh"])
def test_methods_colour_as_they_do_beside_torch(method: str, folder: Path) -> None:
    given: dict[str, Any] = {"hints": HINTS}
    if method == "welsh":
        given = {"reference": folder / "red.png"}
    expected = colorzoo.load(method)(folder / "photos" / "a.png", **given)
    assert np.array_equal(pixels(folder / f"{method}.png"), pixels(expected))


def test_folders_films_and_the_command_line(folder: Path, told: dict[str, Any]) -> None:
    assert told["imported"] == []
    assert told["python"]["folder"] == 3
    assert told["python"]["repr"] == (
        "Colorizer('unet', working_size=32, parameters=12333, device='cpu')"
    )
    codes = told["commands"]
    assert {name for name, code in codes.items() if code} == {"info", "train", "default"}
    assert np.array_equal(pixels(folder / "colored" / "a.png"), pixels(folder / "plain.png"))
    assert np.array_equal(pixels(folder / "cli.png"), pixels(folder / "hints.png"))
    assert np.array_equal(pixels(folder / "cli" / "a.png"), pixels(folder / "reference.png"))
    frames = films.decoded(folder / "out.mkv")
    assert len(frames) == 6
    assert np.ptp(frames[-1].to_ndarray(format="rgb24").astype(int), axis=-1).max() > 20


def test_what_needs_torch_says_so(folder: Path, told: dict[str, Any]) -> None:
    failures = told["python"]["failures"]
    assert failures["load"] == (
        "MissingDependencyError: Running 'lite-unet-gan', which is no exported file, needs the "
        "library 'torch', which is not installed. Install it with: pip install torch"
    )
    assert "colorzoo.train needs the library 'torch'" in failures["name"]
    assert "ConfigError: 'levin' predicts ab at once" in failures["uncertainty"]
    assert "ConfigError: 'unet' has no network that torch runs and exports" in failures["export"]
    assert "ConfigError: An ONNX file is run on 'cpu' here, not on 'cuda'" in failures["device"]
    errors = (folder / "stderr.txt").read_text(encoding="utf-8")
    assert "Traceback" not in errors
    assert errors.count("needs the library 'torch', which is not installed") >= 2
