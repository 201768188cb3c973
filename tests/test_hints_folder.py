"""Hints and references for a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hint_pictures import waves
from PIL import Image

import colorzoo
from colorzoo import Hints
from colorzoo.cli import commands
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError, PictureError


@pytest.fixture
def hinted_folder(tmp_path: Path) -> Path:
    """``photos`` with a.png, b.jpg and in/b.jpg, and ``hints`` for the first and the last."""
    for name in ("a.png", "b.jpg", "in/b.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(waves(40, 60)).save(path)
    (tmp_path / "hints" / "in").mkdir(parents=True)
    Hints.from_points([(20, 30, (150, 120, 110))]).to_file(tmp_path / "hints" / "a.json")
    layer = np.zeros((40, 60, 4), dtype=np.uint8)
    layer[10:20, 10:20] = (110, 120, 150, 255)
    Hints.from_layer(layer).to_file(tmp_path / "hints" / "in" / "b.png")
    return tmp_path


def test_a_folder_takes_a_folder_of_hints(
    hinted_folder: Path, model_folder: Path, vivid_colorizer: Colorizer
) -> None:
    photos, hints, out = (hinted_folder / name for name in ("photos", "hints", "out"))
    command = ["colorize", str(photos), "-o", str(out), "--device", "cpu"]
    command += ["--model", str(model_folder), "--hints", str(hints)]
    result = CliRunner().invoke(commands, command)
    assert result.exit_code == 0, result.output
    loaded = colorzoo.load(model_folder, device="cpu")
    for name, file in (("a.png", "a.json"), ("b.jpg", None), ("in/b.jpg", "in/b.png")):
        own = Hints.from_file(hints / file) if file else None
        with Image.open(out / name) as image:
            expected = loaded(photos / name, hints=own)
            away = np.abs(np.asarray(image).astype(int) - np.asarray(expected))
        assert away.mean() < (1.0 if name.endswith("png") else 6.0)  # JPEG takes its share
    Hints.from_points([(20, 30, "teal")]).to_file(hints / "a.json")
    again = CliRunner().invoke(commands, command)
    assert "1 there already, coloured with hints" in again.output
    assert "2 there already" in again.output
    # What is wrong with one picture's hints is told of that picture alone.
    Hints.from_points([(99, 30, "teal")]).to_file(hints / "a.json")
    bad = list(vivid_colorizer.folder(photos, hinted_folder / "bad", hints=hints))
    assert [one.status for one in bad] == ["failed", "done", "done"]
    assert "a.json: A hint lies at row 99" in (bad[0].reason or "")


def test_hints_that_belong_to_no_picture_are_one_error(
    hinted_folder: Path, vivid_colorizer: Colorizer
) -> None:
    photos, hints, out = (hinted_folder / name for name in ("photos", "hints", "out"))
    Image.fromarray(waves(40, 60)).save(photos / "a.tif")

    def refuse(message: str, given: Any = hints) -> None:
        with pytest.raises(ConfigError, match=message):
            vivid_colorizer.folder(photos, out, hints=given)

    refuse("a.json may belong to .*a.png or to .*a.tif. Call them a.png.json or a.tif.json")
    (hints / "a.json").rename(hints / "a.tif.json")
    (hints / "a.tif.png").write_bytes((hints / "in" / "b.png").read_bytes())
    refuse("both hold hints for .*a.tif")
    (hints / "a.tif.png").rename(hints / "c.png")
    (hints / "notes.txt").write_text("20 30 red")
    refuse("no hints for a picture of .*: c.png, notes.txt. Hints for a/b.jpg are")
    for name in ("c.png", "notes.txt"):
        (hints / name).unlink()
    refuse("Hints belong to one picture", Hints.from_points([(1, 1, "red")]))
    refuse("must be the path of a folder, not 5", 5)
    refuse("missing does not exist", hinted_folder / "missing")
    refuse("a.tif.json is a file", hints / "a.tif.json")
    refuse("is in that of the pictures", photos)
    refuse("is in that of the pictures", photos / "in")
    with pytest.raises(ConfigError, match=r"'levin' needs hints, and there are none for .*a.png"):
        colorzoo.load("levin", device="cpu").folder(photos, out, hints=hints)
    assert not out.exists()
    command = ["colorize", str(photos / "a.png"), "-o", str(out), "--hints", str(hints)]
    result = CliRunner().invoke(commands, command)
    assert result.exit_code == 2
    assert "A folder of --hints is for one folder of pictures" in result.output
    done = vivid_colorizer.folder(photos, out, hints=hints, recursive=False)
    assert len(done.done) == 3  # and what the inner folder of hints holds is passed over


def test_a_folder_takes_one_reference_and_notices_another(
    vivid_colorizer: Colorizer, tmp_path: Path
) -> None:
    (tmp_path / "grey").mkdir()
    Image.fromarray(waves(40, 60)).save(tmp_path / "grey" / "a.png")
    reference = tmp_path / "reference.png"
    Image.new("RGB", (40, 40), "orange").save(reference)
    done = vivid_colorizer.folder(tmp_path / "grey", tmp_path / "out", reference=reference)
    assert len(done.done) == 1
    with Image.open(tmp_path / "out" / "a.png") as image:
        expected = vivid_colorizer(tmp_path / "grey" / "a.png", reference=reference)
        assert np.array_equal(np.asarray(image), np.asarray(expected))
    reference.rename(tmp_path / "moved.png")
    moved = vivid_colorizer.folder(
        tmp_path / "grey", tmp_path / "out", reference=tmp_path / "moved.png"
    )
    assert [(result.status, result.reason) for result in moved] == [("skipped", None)]
    Image.new("RGB", (40, 40), "teal").save(reference)  # another picture under the old name
    (other,) = vivid_colorizer.folder(tmp_path / "grey", tmp_path / "out", reference=reference)
    assert other.status == "skipped"
    assert "coloured with reference" in (other.reason or "")
    for bad, message in (("missing.png", "missing"), ("grey/a.png", "is grey")):
        with pytest.raises(PictureError, match=message):
            vivid_colorizer.folder(tmp_path / "grey", tmp_path / "none", reference=tmp_path / bad)
    assert not (tmp_path / "none").exists()
