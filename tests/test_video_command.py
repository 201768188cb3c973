"""``colorzoo video`` and what it shows before a film is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from films import chroma_of, decoded, frames_of, write_film
from PIL import Image

import colorzoo
from colorzoo.cli import commands
from colorzoo.errors import ColorzooError, ConfigError

pytest.importorskip("av")
pytest.importorskip("cv2")


def invoke(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(commands, ["video", *map(str, arguments)])
    if isinstance(result.exception, ColorzooError):
        raise result.exception
    return result


def test_a_film_by_command(model_folder: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "reel.mp4", frames_of(12, 48, 64))
    result = invoke(source, "--model", model_folder, "--preview", "0.25s", "--every", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'reel-color.mp4'}\n"
    assert "6 frames in 1 shot," in result.stderr
    assert len(decoded(tmp_path / "reel-color.mp4")) == 6
    assert invoke(source, "--preview", "soon").exit_code == 2


def test_a_contact_sheet_shows_every_shot(model_folder: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "reel.mp4", frames_of(36, 64, 96, cuts=3))
    sheet = tmp_path / "sheet.png"
    result = invoke(source, "--model", model_folder, "--contact-sheet", sheet)
    assert result.exit_code == 0, result.output
    assert "3 shots, 36 frames" in result.stderr
    with Image.open(sheet) as image:
        assert image.width > 3 * 320
    assert sorted(path.name for path in tmp_path.glob("reel*")) == ["reel.mp4"]


def test_shots_have_looks_of_their_own(vivid_colorizer: colorzoo.Colorizer, tmp_path: Path) -> None:
    model_folder = colorzoo.save(vivid_colorizer.predictor.generator, tmp_path / "model")
    source = write_film(tmp_path / "reel.mp4", frames_of(24, 64, 96, cuts=2))
    shots = tmp_path / "shots.json"
    shots.write_text(json.dumps({"shots": [{"at": 0.75, "saturation": 0.0}]}))
    out = tmp_path / "out.mkv"
    result = invoke(
        *(source, "-o", out, "--model", model_folder, "--codec", "ffv1"),
        *("--shots", shots),
    )
    assert result.exit_code == 0, result.output
    strengths = [
        np.abs(chroma_of(frame.to_ndarray(format="rgb24"))).mean() for frame in decoded(out)
    ]
    assert min(strengths[:12]) > 0.3
    assert max(strengths[12:]) < 0.05


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"shots": [{"saturation": 1.0}]}, "lacks the key 'at'"),
        ({"shots": [{"at": 1.0, "colour": 1.0}]}, "unknown key 'colour'"),
        (None, "no file of shots"),
    ],
)
def test_a_wrong_file_of_shots_says_so(
    content: Any, message: str, model_folder: Path, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "reel.mp4", frames_of(4, 48, 64))
    shots = tmp_path / "shots.json"
    if content is not None:
        shots.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        invoke(source, "--model", model_folder, "--shots", shots)
    assert not (tmp_path / "reel-color.mp4").exists()
