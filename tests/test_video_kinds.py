"""Kinds of films, and what may befall them: long ones, full disks, several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
from films import decoded, frames_of, scene, sound_of, times_of, write_film

import colorzoo
from colorzoo.jobs.video import VideoOptions

av: Any = pytest.importorskip("av")
pytest.importorskip("cv2")


def write_interlaced(path: Path, count: int) -> Path:
    """Bars that move two pixels from half picture to half picture."""
    bars = ((np.arange(64 + 4 * count) // 8) % 2 * 180 + 30).astype(np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"x264-params": "interlaced=1:tff=1"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for number in range(count):
            grey = np.tile(bars[4 * number :][:64], (48, 1))
            grey[1::2] = bars[4 * number + 2 :][:64]
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def combs(path: Path) -> float:
    """How unlike neighbouring rows are."""
    pictures = [frame.to_ndarray(format="gray").astype(int) for frame in decoded(path)]
    return float(np.mean([np.abs(np.diff(picture, axis=0)).mean() for picture in pictures]))


def test_an_interlaced_film_is_told_and_mended(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_interlaced(tmp_path / "in.mp4", 6)
    report = vivid_colorizer.video(source, tmp_path / "combed.mp4")
    assert any("interlaced" in note for note in report.notes)
    mended = tmp_path / "mended.mp4"
    report = vivid_colorizer.video(source, mended, VideoOptions(deinterlace=True))
    assert report.notes == ()
    assert combs(mended) < combs(tmp_path / "combed.mp4") / 5
    assert times_of(mended) == times_of(source)


def test_transparency_is_left_out_and_said(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    with av.open(str(tmp_path / "in.mov"), "w") as out:
        stream = out.add_stream("qtrle", rate=24)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "argb"
        for grey in frames_of(3, 48, 64):
            rgba = np.dstack([grey, grey, grey, np.full_like(grey, 128)])
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="argb")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    report = vivid_colorizer.video(tmp_path / "in.mov", tmp_path / "out.mp4")
    assert report.notes == ("its transparency is left out",)
    assert len(decoded(tmp_path / "out.mp4")) == 3


def shown_width(path: Path) -> int:
    """Columns of a frame as it is shown, its pixels being made square."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = av.filter.Graph()
        square = graph.add("scale", "w=iw*sar:h=ih:eval=frame")
        graph.link_nodes(graph.add_buffer(template=stream), square, graph.add("buffersink"))
        graph.configure()
        graph.push(next(container.decode(stream)))
        return int(graph.pull().width)


def test_oblong_pixels_stay_so_without_loss(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(3, 48, 66))  # pixels of 4:3
    vivid_colorizer.video(source, tmp_path / "out.mkv", VideoOptions(codec="ffv1"))
    assert shown_width(tmp_path / "out.mkv") == 88


def test_a_limit_that_is_not_reached_takes_nothing_away(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(6, 48, 64), sound=True)
    vivid_colorizer.video(source, tmp_path / "out.mp4", VideoOptions(seconds=10))
    assert sound_of(tmp_path / "out.mp4") == sound_of(source)


ON_A_SMALL_DISK = """
import resource, sys
import colorzoo
colorizer = colorzoo.load(sys.argv[1], device="cpu")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    colorizer.video(sys.argv[2], sys.argv[3])
except colorzoo.VideoError as error:
    print(error)
"""


def test_a_full_disk_is_one_error_and_the_job_goes_on(model_folder: Path, tmp_path: Path) -> None:
    """No file may grow beyond a size, which stops a film as a full disk does."""
    noise = [*np.random.default_rng(0).integers(0, 256, (12, 96, 128), dtype=np.uint8)]
    source = write_film(tmp_path / "in.mp4", noise)
    target = tmp_path / "out.mp4"
    result = forked.run("-c", ON_A_SMALL_DISK, model_folder, source, target)
    assert result.returncode == 0, result.stderr
    assert f"Cannot write {target}: " in result.stdout
    assert "go on with resume" in result.stdout
    assert not target.exists()
    report = colorzoo.load(str(model_folder), device="cpu").video(source, target, resume=True)
    assert len(decoded(target)) == report.frames == 12
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.mp4"]


PEAK = """
import resource, sys
import colorzoo
colorizer = colorzoo.load(sys.argv[1], device="cpu")
peaks = []
for source, target in zip(sys.argv[2:4], sys.argv[4:6]):
    colorizer.video(source, target, working_size=16)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks)
"""


def test_memory_does_not_grow_with_the_film(model_folder: Path, tmp_path: Path) -> None:
    shift = [np.roll(scene(0, 96, 128), number, axis=1) for number in range(64)]
    films = []
    for name, frames in (("short.mp4", shift), ("long.mp4", 7 * shift)):
        films.append(write_film(tmp_path / name, frames))
    out = [tmp_path / "short-color.mp4", tmp_path / "long-color.mp4"]
    result = forked.run("-c", PEAK, model_folder, *films, *out)
    assert result.returncode == 0, result.stderr
    short, long = map(int, result.stdout.split())
    assert len(decoded(out[1])) == 448
    # All frames of the long one, as RGB, are 16 MB, and their lightness as float32 22.
    assert long - short < 10_000  # kB


def test_two_processes_make_the_film_that_one_makes(model_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    source = write_film(tmp_path / "in.mp4", frames_of(36, 48, 64, cuts=3), sound=True)
    command = ["-m", "colorzoo", "video", source, "--model", model_folder, "--codec", "ffv1", "-o"]
    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    assert forked.run(*command, one).returncode == 0
    result = forked.run_ranks(*command, two)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{two}\n"
    assert "36 frames in 3 shots" in result.stderr
    assert not (tmp_path / "two.mkv.parts").exists()
    assert times_of(two) == times_of(one)
    assert sound_of(two) == sound_of(one)
    for first, second in zip(decoded(one), decoded(two), strict=True):
        np.testing.assert_array_equal(
            first.to_ndarray(format="rgb24"), second.to_ndarray(format="rgb24")
        )
