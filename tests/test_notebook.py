"""The notebook runs from top to bottom, and what a notebook shows is there to be seen."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import forked
import nbformat
import numpy as np
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from PIL import Image

import colorzoo
from colorzoo.pictures.write import FinishedPicture

NOTEBOOK = ROOT / "examples" / "colorzoo.ipynb"


def images_in(shown: str) -> list[Image.Image]:
    urls = re.findall(r'src="data:image/(?:jpeg|png);base64,([^"]+)"', shown)
    return [Image.open(io.BytesIO(base64.b64decode(url))) for url in urls]


@pytest.mark.slow
def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute()
    outputs: list[Any] = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    shown = "\n".join(
        output.data.get("text/html", "") for out in outputs for output in out if "data" in output
    )
    assert "Colorizer &#x27;lite-unet-gan&#x27;" in shown
    assert len(images_in(shown)) == 2 + 2 + 3 + 2 + 2  # before and after four times, a row of three
    assert "<table>" in outputs[-2][-1].data["text/html"]
    assert "Eight made-up pictures" in outputs[-1][0].data["text/markdown"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_finished_picture_is_shown_before_and_after(
    vivid_colorizer: colorzoo.Colorizer, mode: str
) -> None:
    slope = np.linspace(0, 255, 700 * 500 * len(mode)).reshape(500, 700, len(mode))
    finished = vivid_colorizer(slope.astype(np.uint8))
    assert isinstance(finished, FinishedPicture)
    before, after = images_in(finished._repr_html_())
    assert before.size == after.size == (480, 343)
    grey = np.asarray(before.convert("RGB"), dtype=int)
    colored = np.asarray(after.convert("RGB"), dtype=int)
    assert np.ptp(grey, axis=2).max() <= 2  # JPEG rounds
    assert np.ptp(colored, axis=2).max() > 20
    if mode == "RGBA":
        assert (before.mode, after.mode) == ("RGBA", "RGBA")
    assert Image.open(io.BytesIO(finished._repr_png_())).size == (480, 343)
    assert finished._repr_jpeg_() is None  # Pillow's would hold the whole picture


def test_everything_says_in_one_line_what_it_is(
    vivid_colorizer: colorzoo.Colorizer, photo_folder: Path
) -> None:
    picture = colorzoo.read(photo_folder / "first.png")
    (prediction,) = vivid_colorizer.predict_pictures([picture])
    report = colorzoo.evaluate(vivid_colorizer, photo_folder, metrics=("mae",))
    model = vivid_colorizer.model
    assert repr(picture).startswith("<Picture '")
    assert repr(picture).endswith("first.png': 30 x 40 (height x width), 8 bits, PNG>")
    assert repr(prediction) == "<Prediction: 32 x 43 (height x width)>"
    assert repr(colorzoo.Guidance(vividness=0.5)) == "<Guidance: vividness>"
    assert repr(report) == "<Report: unet on 2 photos of photos, colorzoo-1>"
    assert repr(model).startswith("<Model 'unet': UNet, ")
    assert repr(vivid_colorizer(photo_folder / "first.png")) == "<FinishedPicture: 30 x 40, RGB>"
    (info,) = colorzoo.list_models("cnn")
    assert re.fullmatch(r"ModelInfo\('cnn', architecture='cnn', .*psnr=\d+\.\d+, .*\)", repr(info))
    for thing in (picture, prediction, report, model, vivid_colorizer, info):
        assert len(repr(thing).splitlines()) == 1


def test_reports_pictures_and_rows_of_pictures_are_shown(
    vivid_colorizer: colorzoo.Colorizer, photo_folder: Path
) -> None:
    paths = [photo_folder / "first.png", photo_folder / "inside" / "second.jpg"]
    several: Any = vivid_colorizer(paths)
    assert [image.size for image in images_in(several._repr_html_())] == [(40, 30), (33, 50)]
    (grey,) = images_in(colorzoo.read(paths[0])._repr_html_())
    assert grey.size == (40, 30)
    report = colorzoo.evaluate(vivid_colorizer, photo_folder, metrics=("mae",))
    assert report._repr_html_().count("<tr>") == 1 + 1 + 2
    (photo_folder / "text.jpg").write_text("not a picture")
    folder = vivid_colorizer.folder(photo_folder, photo_folder.parent / "out")
    assert "text.jpg" in folder._repr_html_()
    assert folder[0] == next(iter(folder))
    drafted = images_in(vivid_colorizer.draft(paths[0])._repr_html_() or "")
    assert [image.size for image in drafted] == [(40, 30), (40, 30)]
    assert colorzoo.load("welsh").draft(paths[0])._repr_html_() is None


def test_names_from_outside_are_escaped(photo_folder: Path) -> None:
    name = "<script>x.png"
    (photo_folder / "first.png").rename(photo_folder / name)
    shown = colorzoo.read(photo_folder / name)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;x.png" in shown


def test_dir_lists_what_is_public() -> None:
    assert {name for name in dir(colorzoo) if not name.startswith("_")} == {
        name for name in colorzoo.__all__ if not name.startswith("_")
    }


def test_a_script_of_a_user_runs(photo_folder: Path, tmp_path: Path) -> None:
    """Its types are checked with those of the library, under mypy's strict rules."""
    (photo_folder / "broken.jpg").write_bytes(b"no picture")
    script = ROOT / "examples" / "album.py"
    done = forked.run(script, photo_folder, tmp_path / "out")
    assert (done.returncode, done.stderr.strip()) == (1, "broken.jpg")
    names = {path.name for path in (tmp_path / "out").rglob("*.*") if path.suffix != ".jsonl"}
    assert names == {"first.png", "second.jpg", "other-0.jpg", "other-1.jpg", "other-2.jpg"}
    assert "examples/album.py" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
