"""Folders of frames: coloured as films are, into folders or films."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from films import decoded, frames_of, lightness_of, times_of, write_film
from PIL import Image

import colorzoo
from colorzoo.cli import commands
from colorzoo.errors import ConfigError, PictureError, VideoError
from colorzoo.jobs.video import VideoOptions

pytest.importorskip("av")
pytest.importorskip("cv2")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Twelve frames, 48 x 64, of two shots, whose numbers have no zeros in front."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames_of(12, 48, 64, cuts=2)):
        Image.fromarray(frame).save(folder / f"reel-{number + 1}.png")
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_bytes(b"no more is this")
    return folder


def test_a_folder_becomes_a_folder(
    vivid_colorizer: colorzoo.Colorizer, frames: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x013B] = "A. Cameraman"
    with Image.open(frames / "reel-12.png") as last:
        last.save(frames / "reel-12.png", exif=exif)
    report = vivid_colorizer.video(frames, tmp_path / "out")
    assert (report.frames, report.shots) == (12, (0, 6))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(f"reel-{number}.png" for number in range(1, 13))
    for number in range(1, 13):
        before, after = (
            Image.open(folder / f"reel-{number}.png") for folder in (frames, tmp_path / "out")
        )
        with before, after:
            grey, colored = (np.asarray(image.convert("RGB")) for image in (before, after))
        assert np.abs(lightness_of(grey) - lightness_of(colored)).max() < 1
        assert np.ptp(colored.astype(int), axis=2).mean() > 2, number
    with Image.open(tmp_path / "out" / "reel-12.png") as last:
        assert last.getexif()[0x013B] == "A. Cameraman"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "out"]


def test_a_folder_and_a_film_of_it_are_coloured_alike(
    vivid_colorizer: colorzoo.Colorizer, frames: Path, tmp_path: Path
) -> None:
    film = write_film(
        tmp_path / "in.mkv", frames_of(12, 48, 64, cuts=2), codec="ffv1", pixels="gray"
    )
    vivid_colorizer.video(film, tmp_path / "from-film.mkv", VideoOptions(codec="ffv1"))
    for source, target in ((frames, "out"), (film, "out-of-film"), (frames, "out.mkv")):
        codec = "ffv1" if target == "out.mkv" else None
        rate = 18 if target == "out.mkv" else None
        vivid_colorizer.video(source, tmp_path / target, VideoOptions(codec=codec, rate=rate))
    assert times_of(tmp_path / "out.mkv")[-1] == pytest.approx(Fraction(11, 18), abs=1e-3)
    expected = [frame.to_ndarray(format="rgb24") for frame in decoded(tmp_path / "from-film.mkv")]
    from_frames = [frame.to_ndarray(format="rgb24") for frame in decoded(tmp_path / "out.mkv")]
    for number in range(12):
        pictures = [from_frames[number]]
        for path in (f"out/reel-{number + 1}.png", f"out-of-film/{number:06}.png"):
            with Image.open(tmp_path / path) as image:
                pictures.append(np.asarray(image.convert("RGB")))
        for picture in pictures:  # the film's grey is of limited range, so not the same to the bit
            assert np.abs(picture.astype(int) - expected[number]).max() <= 6


def test_deep_frames_stay_deep(vivid_colorizer: colorzoo.Colorizer, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(frames_of(2, 32, 48)):
        Image.fromarray(frame.astype(np.uint16) * 257).save(tmp_path / "frames" / f"{number}.tif")
    vivid_colorizer.video(tmp_path / "frames", tmp_path / "out")
    assert colorzoo.pictures.read.read(tmp_path / "out" / "1.tif").bit_depth == 16
    vivid_colorizer.video(tmp_path / "frames", tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")) == 2


def test_frames_by_command(model_folder: Path, frames: Path, tmp_path: Path) -> None:
    command = ["video", str(frames), "--model", str(model_folder)]
    result = CliRunner().invoke(commands, command)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'frames-color'}\n"
    assert len(list((tmp_path / "frames-color").iterdir())) == 12
    film = tmp_path / "out.mp4"
    result = CliRunner().invoke(commands, [*command, "-o", str(film), "--rate", "12"])
    assert result.exit_code == 0, result.output
    assert times_of(film)[-1] == Fraction(11, 12)


def test_what_lies_in_the_folder_of_results_stays(
    vivid_colorizer: colorzoo.Colorizer, frames: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    (target / "reel-3.png").write_text("an older one")
    with pytest.raises(VideoError, match="is there already"):
        vivid_colorizer.video(frames, target)
    vivid_colorizer.video(frames, target, overwrite=True)
    assert (target / "mine.txt").read_text() == "mine"
    assert len(list(target.iterdir())) == 13
    with Image.open(target / "reel-3.png") as image:
        assert image.size == (64, 48)


def test_a_folder_that_is_no_film_says_so(
    vivid_colorizer: colorzoo.Colorizer, frames: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoError, match="no pictures in .*empty"):
        vivid_colorizer.video(tmp_path / "empty", target)
    with pytest.raises(VideoError, match="is the film itself"):
        vivid_colorizer.video(frames, frames, overwrite=True)
    with pytest.raises(VideoError, match="need no h264"):
        vivid_colorizer.video(frames, target, VideoOptions(codec="h264"))
    with pytest.raises(ConfigError, match="rate must be above 0"):
        VideoOptions(rate=0.0)
    film = write_film(tmp_path / "in.mp4", frames_of(2, 48, 64))
    with pytest.raises(VideoError, match="has a rate of its own"):
        vivid_colorizer.video(film, tmp_path / "out.mp4", VideoOptions(rate=12))
    Image.new("L", (62, 48)).save(frames / "reel-7.png")
    with pytest.raises(VideoError, match=r"reel-7.png is 62 x 48 pixels, but the first .* 64 x 48"):
        vivid_colorizer.video(frames, target)
    (frames / "reel-7.png").write_bytes((frames / "reel-6.png").read_bytes()[:90])
    with pytest.raises(PictureError, match="reel-7.png"):
        vivid_colorizer.video(frames, target)
    assert not target.exists()
    assert not target.with_name("out.parts").exists()
