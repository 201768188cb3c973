"""Films coloured as a person says: colours for places, references, shots of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from films import chroma_of, decoded, frames_of, scene, write_film
from numpy.typing import NDArray
from PIL import Image

import colorzoo
from colorzoo.cli import commands
from colorzoo.errors import ColorzooError, ConfigError, PictureError
from colorzoo.hints import Hints
from colorzoo.jobs.directions import ShotLook
from colorzoo.jobs.motion import Flow
from colorzoo.jobs.shot_colors import CarriedHints
from colorzoo.jobs.video import VideoOptions

pytest.importorskip("av")
pytest.importorskip("cv2")

SHOT = 24
LOSSLESS = VideoOptions(codec="ffv1")
RED, BLUE = "#9c7468", "#68789c"  # mild, so that sRGB can show them at most lightnesses


@pytest.fixture
def panned(tmp_path: Path) -> Path:
    """Two shots of 24 frames, 96 x 144; what they show moves left by one pixel a frame."""
    return write_film(
        tmp_path / "in.mkv", frames_of(2 * SHOT, 96, 144, cuts=2), codec="ffv1", pixels="gray"
    )


def ab_of_films(*paths: Path) -> list[list[NDArray[np.float32]]]:
    return [
        [chroma_of(frame.to_ndarray(format="rgb24")) for frame in decoded(path)] for path in paths
    ]


def place(ab: NDArray[np.float32], row: int, column: int) -> NDArray[np.float32]:
    """Mean a and b around a place."""
    mean: NDArray[np.float32] = ab[:, row - 2 : row + 3, column - 2 : column + 3].mean(axis=(1, 2))
    return mean


def ab_of_color(color: str) -> NDArray[np.float32]:
    return chroma_of(np.asarray(Image.new("RGB", (1, 1), color)))[:, 0, 0]


@pytest.mark.parametrize("every", [1, 3])
def test_a_hint_follows_what_moves_and_ends_at_the_cut(
    every: int, vivid_colorizer: colorzoo.Colorizer, panned: Path, tmp_path: Path
) -> None:
    plain, hinted = tmp_path / "plain.mkv", tmp_path / "hinted.mkv"
    video = VideoOptions(codec="ffv1", every=every)
    vivid_colorizer.video(panned, plain, video)
    hints = Hints.from_points([(40, 100, RED), (60, 90, BLUE)], radius=6)
    vivid_colorizer.video(panned, hinted, video, hints={2: hints})
    without, with_hints = ab_of_films(plain, hinted)
    for frame in (2, 3, SHOT - 1):
        moved = frame - 2
        for row, column, color in ((40, 100, RED), (60, 90, BLUE)):
            given = ab_of_color(color)
            kept = place(with_hints[frame], row, column - moved)
            own = place(without[frame], row, column - moved)
            assert np.linalg.norm(kept - given) < 5 < np.linalg.norm(own - given), (frame, color)
    for frame in (0, 1, SHOT, 2 * SHOT - 1):  # before it is given, and behind the cut
        np.testing.assert_allclose(with_hints[frame], without[frame], atol=1e-6)


def test_points_leave_with_what_they_lie_on() -> None:
    wide = scene(0, 64, 120).astype(np.float32) / 2.55
    hints = CarriedHints()
    given = Hints.from_points([(32, 4, RED), (32, 60, BLUE)], radius=0).place(64, 96)
    hints.add(given, (64, 96))
    for shift in range(0, 10, 2):
        here, there = wide[:, shift : shift + 96], wide[:, shift + 2 : shift + 98]
        hints.follow(Flow(here, there), Flow(there, here))
    np.testing.assert_allclose(hints.points, [[32, 50]], atol=0.7)


def test_a_reference_for_the_film_and_for_a_shot(
    vivid_colorizer: colorzoo.Colorizer, panned: Path, tmp_path: Path
) -> None:
    files = {}
    for shot, (name, color) in enumerate((("red", (200, 40, 40)), ("blue", (150, 170, 255)))):
        shades = scene(shot, 96, 144 + SHOT)[..., None] / 255 * np.array(color)
        files[name] = tmp_path / f"{name}.png"
        Image.fromarray(shades.astype(np.uint8)).save(files[name])
    out, video = tmp_path / "out.mkv", VideoOptions(codec="ffv1", every=8)
    look = ShotLook(1.5, reference=files["blue"])
    vivid_colorizer.video(panned, out, video, reference=files["red"], looks=[look])
    plain, red = tmp_path / "plain.mkv", tmp_path / "red.mkv"
    vivid_colorizer.video(panned, plain, video)
    vivid_colorizer.video(panned, red, video, reference=files["red"])
    given, without, alone = (np.array(frames) for frames in ab_of_films(out, plain, red))
    assert np.abs(given[:SHOT] - without[:SHOT]).mean() > 2
    np.testing.assert_array_equal(given[:SHOT], alone[:SHOT])
    # Of its own reference the second shot is bluer than of the film's: a and b are smaller.
    assert (alone[SHOT:] - given[SHOT:]).mean() > 0.5


def test_hints_and_references_by_command(
    vivid_colorizer: colorzoo.Colorizer, panned: Path, tmp_path: Path
) -> None:
    model = colorzoo.save(vivid_colorizer.predictor.generator, tmp_path / "model")
    hints = Hints.from_points([(40, 100, RED)], radius=6)
    hints.to_file(tmp_path / "hints.json")
    shots = tmp_path / "shots.json"  # what it names lies beside it, wherever the command runs
    shots.write_text(json.dumps({"shots": [{"at": 1.25, "hints": "hints.json"}]}))
    command = ["video", str(panned), "--model", str(model), "--codec", "ffv1"]
    command += ["--shots", str(shots), "--hints", f"2:{tmp_path / 'hints.json'}"]
    command += ["-o", str(tmp_path / "out.mkv")]
    result = CliRunner().invoke(commands, command)
    assert result.exit_code == 0, result.output
    colorizer = colorzoo.load(model, device="cpu")
    # 1.25 s is shown by frame 30, 24 frames a second.
    colorizer.video(panned, tmp_path / "same.mkv", LOSSLESS, hints={2: hints, 30: hints})
    given, same = ab_of_films(tmp_path / "out.mkv", tmp_path / "same.mkv")
    np.testing.assert_array_equal(given, same)
    wrong = CliRunner().invoke(commands, [*command, "--hints", "hints.json"])
    assert wrong.exit_code == 2
    assert "does not name a frame" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hints": {2 * SHOT: Hints.from_points([(1, 1, RED)])}}, "frame 48, but .* 0 to 47"),
        ({"hints": {3: Hints.from_points([(96, 1, RED)])}}, "hints of frame 3: .* row 96"),
        ({"hints": {-1: Hints.from_points([(1, 1, RED)])}}, "0 or more, not -1"),
        ({"hints": {0: [(1, 1, RED)]}}, "must be made by colorzoo.Hints, not of type list"),
        ({"looks": [ShotLook(60.0, saturation=0.5)]}, "the moment 60 s, but the film is over"),
        ({"reference": Image.new("L", (32, 32), 90)}, "is grey"),
    ],
    ids=["late", "outside", "number", "kind", "moment", "grey"],
)
def test_what_does_not_fit_the_film_says_so(
    arguments: Any,
    message: str,
    vivid_colorizer: colorzoo.Colorizer,
    panned: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises((ConfigError, PictureError), match=message):
        vivid_colorizer.video(panned, tmp_path / "out.mkv", **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_a_model_that_takes_no_hints_or_lacks_them_says_so(panned: Path, tmp_path: Path) -> None:
    hints = Hints.from_points([(40, 100, RED), (20, 20, BLUE)], radius=3)
    with pytest.raises(ConfigError, match="'welsh' does not take hints"):
        colorzoo.load("welsh").video(panned, tmp_path / "out.mkv", hints={0: hints})
    with pytest.raises(ConfigError, match="'levin' needs hints for the shot that .* frame 24"):
        colorzoo.load("levin").video(panned, tmp_path / "out.mkv", hints={0: hints})
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    both, video = {0: hints, SHOT: hints}, VideoOptions(codec="ffv1", every=12)
    colorzoo.load("levin").video(panned, tmp_path / "out.mkv", video, hints=both, working_size=48)
    (frames,) = ab_of_films(tmp_path / "out.mkv")
    assert np.abs(frames[-1]).mean() > 2


def test_a_job_with_hints_is_resumed_with_the_same_alone(
    vivid_colorizer: colorzoo.Colorizer, panned: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"

    def begin(resume: bool, color: str) -> None:
        def stop(done: int, total: int | None, numbers: object) -> None:
            if not resume and done >= SHOT:
                raise KeyboardInterrupt

        hints = Hints.from_points([(40, 100, color)])
        vivid_colorizer.video(
            panned, target, LOSSLESS, hints={2: hints}, resume=resume, on_progress=stop
        )

    with pytest.raises(KeyboardInterrupt):
        begin(False, RED)
    with pytest.raises(ColorzooError, match="begun with another hints"):
        begin(True, BLUE)
    begin(True, RED)
    assert len(decoded(target)) == 2 * SHOT
