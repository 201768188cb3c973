"""Films: what goes in comes out in colour, steady, whole, with its sound and times."""

from __future__ import annotations

import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
from films import (
    chroma_of,
    decoded,
    frames_of,
    lightness_of,
    scene,
    sound_of,
    times_of,
    write_film,
)
from PIL import Image

import colorzoo
from colorzoo.errors import ConfigError, VideoError
from colorzoo.jobs.film import probe
from colorzoo.jobs.motion import Motion, Steadier, flicker, is_cut
from colorzoo.jobs.shots import Plan, make_plan
from colorzoo.jobs.video import VideoOptions

av: Any = pytest.importorskip("av")
pytest.importorskip("cv2")


def test_a_film_keeps_all_but_its_grey(vivid_colorizer: colorzoo.Colorizer, tmp_path: Path) -> None:
    uneven = [0, 1000, 2500, 3000, 4500, 5000, 7000, 8000, 9000, 9500, 11000, 12000]
    frames = frames_of(12, 48, 66)
    source = write_film(tmp_path / "in.mp4", frames, times=uneven, sound=True)
    told: list[tuple[int, int | None]] = []
    target = tmp_path / "out.mkv"
    report = vivid_colorizer.video(
        source,
        target,
        VideoOptions(codec="ffv1"),
        on_progress=lambda done, total, _: told.append((done, total)),
    )
    assert (report.target, report.frames, report.shots) == (target, 12, (0,))
    assert told[0] == (0, 12)
    assert told[-1] == (12, 12)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mkv"]
    for after, before in zip(times_of(target), times_of(source), strict=True):
        assert abs(after - before) <= Fraction(1, 1000)  # Matroska keeps milliseconds
    assert [data for _, data in sound_of(target)] == [data for _, data in sound_of(source)]
    with av.open(str(target)) as container:
        assert container.metadata["TITLE" if "TITLE" in container.metadata else "title"]
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (48, 66)
    for before, after in zip(decoded(source), decoded(target), strict=True):
        grey, colored = (frame.to_ndarray(format="rgb24") for frame in (before, after))
        # FFV1 is without loss: what differs is the rounding to 8 bits.
        assert np.abs(lightness_of(grey) - lightness_of(colored)).max() < 1.0
        assert np.abs(chroma_of(colored)).mean() > 1.0


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("out.mp4", None, "h264"),
        ("out.mp4", "h265", "hevc"),
        ("out.mp4", "av1", "av1"),
        ("out.mov", "prores", "prores"),
        ("out.mkv", "ffv1", "ffv1"),
    ],
)
def test_codecs(
    name: str, codec: Any, expected: str, vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    times = [0, 1000, 2500, 3000, 4500, 5000]
    source = write_film(tmp_path / "in.mp4", frames_of(6, 64, 96), times=times)
    vivid_colorizer.video(source, tmp_path / name, VideoOptions(codec=codec))
    if not name.endswith(".mkv"):  # which keeps milliseconds
        assert times_of(tmp_path / name) == times_of(source)
    with av.open(str(tmp_path / name)) as container:
        canonical = container.streams.video[0].codec_context.codec.canonical_name
    assert canonical.replace("libdav1d", "av1") == expected
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(4, 3) or codec == "ffv1"
    frames = decoded(tmp_path / name)
    assert len(frames) == 6
    grey, colored = (frame.to_ndarray(format="rgb24") for frame in (decoded(source)[3], frames[3]))
    assert np.abs(lightness_of(grey) - lightness_of(colored)).mean() < 3.0


@pytest.mark.parametrize(
    ("make", "size"),
    [
        ({"pixels": "yuvj420p"}, (48, 64)),
        ({"pixels": "yuv444p"}, (47, 63)),
        ({"pixels": "yuv420p10le", "codec": "libx265"}, (48, 64)),
        ({"rotation": 90}, (48, 64)),
    ],
    ids=["full range", "odd", "deep", "turned"],
)
def test_kinds_of_films(
    make: dict[str, Any], size: tuple[int, int], vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(5, *size), **make)
    target = tmp_path / "out.mp4"
    vivid_colorizer.video(source, target)
    before, after = decoded(source), decoded(target)
    assert len(after) == 5
    assert (after[0].height, after[0].width, after[0].rotation % 360) == (
        *size,
        before[0].rotation % 360,
    )
    assert (after[0].color_range == 2) == (make.get("pixels") == "yuvj420p")
    for grey, colored in zip(before, after, strict=True):
        pair = (lightness_of(frame.to_ndarray(format="rgb24")) for frame in (grey, colored))
        assert np.abs(np.subtract(*pair)).mean() < 3.0


def test_a_gif_and_its_name(vivid_colorizer: colorzoo.Colorizer, tmp_path: Path) -> None:
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames_of(4, 32, 48)]
    images[0].save(tmp_path / "in.gif", save_all=True, append_images=images[1:], duration=100)
    vivid_colorizer.video(tmp_path / "in.gif", tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")) == 4


def test_cuts_are_found_and_pans_are_not(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(36, 64, 96, cuts=3))
    report = vivid_colorizer.video(source, tmp_path / "out.mp4")
    assert report.shots == (0, 12, 24)
    assert is_cut(scene(0, 48, 64), scene(1, 48, 64))
    assert not is_cut(scene(0, 48, 64), np.roll(scene(0, 48, 64), 2, axis=1))


def test_motion_carries_colours_along() -> None:
    wide = scene(0, 64, 100).astype(np.float32) / 2.55
    previous, lightness = wide[:, 4:84], wide[:, 6:86]
    chroma = np.stack([previous - 50, 50 - previous])
    motion = Motion(lightness, previous)
    carried = motion.carry(chroma)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    expected = np.stack([lightness - 50, 50 - lightness])
    still = np.abs(chroma - expected)[inner].mean()
    assert np.abs(carried - expected)[inner].mean() < still / 4
    assert flicker(lightness, expected, previous, chroma) < still / 4
    assert motion.agreement.min() >= 0


def test_the_first_look_tells_how_far_it_is(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(100, 16, 32))
    told: list[tuple[Any, ...]] = []
    make_plan(probe(source), {}, on_progress=lambda *step: told.append(step))
    assert told == [(0, None, {"looked_at": 48}), (0, None, {"looked_at": 96})]


def test_steadiness_takes_flicker_away() -> None:
    wide = scene(0, 64, 100).astype(np.float32) / 2.55
    rng = np.random.default_rng(0)

    def total(steadiness: float) -> float:
        steadier, changes = Steadier(steadiness), []
        last: tuple[Any, Any] | None = None
        for shift in range(12):
            lightness = wide[:, shift : shift + 80]
            predicted = np.stack([lightness - 50] * 2) + rng.normal(0, 6, (2, 1, 1))
            motion = Motion(lightness, last[0]) if last else None
            chroma = steadier.step(predicted.astype(np.float32), motion)
            if last is not None:
                changes.append(flicker(lightness, chroma, *last))
            last = (lightness, chroma)
        return float(np.mean(changes))

    assert total(0.9) < total(0.0) / 2


def test_frames_between_predictions_get_carried_colours(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(10, 48, 64))
    vivid_colorizer.video(source, tmp_path / "all.mkv", VideoOptions(codec="ffv1"))
    vivid_colorizer.video(source, tmp_path / "third.mkv", VideoOptions(codec="ffv1", every=3))
    for whole, third in zip(
        *map(decoded, (tmp_path / "all.mkv", tmp_path / "third.mkv")), strict=True
    ):
        first, second = (chroma_of(frame.to_ndarray(format="rgb24")) for frame in (whole, third))
        assert np.abs(second).mean() > np.abs(first).mean() / 2


def test_preview_and_comparison(vivid_colorizer: colorzoo.Colorizer, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(24, 48, 64), sound=True)
    target = tmp_path / "out.mp4"
    report = vivid_colorizer.video(source, target, VideoOptions(seconds=0.5, compare=True))
    frames = decoded(target)
    assert report.frames == len(frames) == 12
    assert frames[0].width == 128
    left, right = np.split(frames[6].to_ndarray(format="rgb24"), 2, axis=1)
    assert np.abs(chroma_of(left)).mean() < 1.5 < np.abs(chroma_of(right)).mean()
    assert max(at for at, _ in sound_of(target)) <= Fraction(1, 2)


SCRIPT = """
import os, signal, sys
import colorzoo, torch
from colorzoo.jobs import shots
shots._SEGMENT_FRAMES = 8
torch.set_num_threads(1)
colorizer = colorzoo.load(sys.argv[1], device="cpu")
def tell(done, total, numbers):
    print(done, flush=True)
    if done >= 20 and "--die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
hints = colorzoo.Hints.from_points([(20, 40, "red"), (30, 20, "blue")])
colorizer.video(sys.argv[2], sys.argv[3], colorzoo.VideoOptions(codec="ffv1"), batch_size=2,
                hints={3: hints},
                resume="--resume" in sys.argv, on_progress=tell)
"""


def test_a_killed_job_goes_on_to_the_same_film(model_folder: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(48, 48, 64, cuts=2), sound=True)
    command = ("-c", SCRIPT, model_folder, source)
    straight, killed = tmp_path / "straight.mkv", tmp_path / "killed.mkv"
    assert forked.run(*command, straight).returncode == 0
    assert forked.run(*command, killed, "--die").returncode == -signal.SIGKILL
    assert not killed.exists()
    whole = sorted(path.name for path in (tmp_path / "killed.mkv.parts").glob("*.segment"))
    assert 1 <= len(whole) < 6
    with pytest.raises(VideoError, match="An earlier job was stopped .* resume"):
        colorzoo.load(model_folder, device="cpu").video(source, killed)
    resumed = forked.run(*command, killed, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert int(resumed.stdout.split()[0]) == 8 * len(whole)
    assert not (tmp_path / "killed.mkv.parts").exists()
    for first, second in zip(decoded(straight), decoded(killed), strict=True):
        pair = [frame.to_ndarray(format="rgb24") for frame in (first, second)]
        assert np.array_equal(*pair)
    assert times_of(straight) == times_of(killed)


def test_shots_are_dealt_out_whole() -> None:
    plan = Plan((1, 1), {}, (0, 1000, 1010, 1500), (0.0, 40.0, 40.4, 60.0), 2000)
    segments = plan.segments()
    assert [number for share in plan.shares(1) for number in share] == list(range(len(segments)))
    first, second = plan.shares(2)
    assert sorted(first + second) == list(range(len(segments)))
    shots = [
        {plan.shot_of(segments[number].start) for number in share} for share in (first, second)
    ]
    assert not shots[0] & shots[1]
    assert all(len(span) <= 240 for span in segments)
    assert [plan.shot_of(frame) for frame in (0, 999, 1000, 1999)] == [0, 0, 1, 3]


def test_a_film_that_was_cut_off_is_kept_as_far_as_it_goes(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    faststart = {"movflags": "faststart"}
    source = write_film(tmp_path / "in.mp4", frames_of(60, 64, 96), options=faststart)
    whole = source.read_bytes()
    source.write_bytes(whole[: 2 * len(whole) // 3])
    report = vivid_colorizer.video(source, tmp_path / "out.mp4")
    assert 2 < report.frames < 40
    assert len(decoded(tmp_path / "out.mp4")) == report.frames
    assert any("cut off or damaged: of its 2.5 seconds" in note for note in report.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "not a film that can be read"),
        (b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n", "not a film that can be read"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "not a film that can be read"),
        ("sound", "has no pictures in it, only audio"),
        ("picture", r"is a picture, not a film\. Colour it with: colorzoo colorize"),
    ],
    ids=["missing", "empty", "playlist", "concat", "sound alone", "picture"],
)
def test_what_is_no_film_says_so(
    content: bytes | str | None, message: str, vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = tmp_path / "in.mp4"
    if content == "picture":
        source = tmp_path / "in.png"
        Image.new("L", (8, 8)).save(source)
    if content == "sound":
        with av.open(str(source), "w") as out:
            stream = out.add_stream("aac", rate=48000, layout="mono")
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 48000
            out.mux(stream.encode(silence))
            out.mux(stream.encode())
    elif isinstance(content, bytes):
        source.write_bytes(content)
    with pytest.raises(VideoError, match=message):
        vivid_colorizer.video(source, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "out.mp4.parts").exists()


def test_what_cannot_be_written_says_so(
    vivid_colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mp4", frames_of(4, 48, 64))
    with pytest.raises(VideoError, match="'.avi' is no film format"):
        vivid_colorizer.video(source, tmp_path / "out.avi")
    with pytest.raises(VideoError, match="cannot hold prores"):
        vivid_colorizer.video(source, tmp_path / "out.mp4", VideoOptions(codec="prores"))
    with pytest.raises(VideoError, match="is the film itself"):
        vivid_colorizer.video(source, source, overwrite=True)
    (tmp_path / "out.mp4").write_bytes(b"mine")
    with pytest.raises(VideoError, match="is there already"):
        vivid_colorizer.video(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
    with pytest.raises(VideoError, match="no stopped job"):
        vivid_colorizer.video(source, tmp_path / "new.mp4", resume=True)
    for values in ({"steadiness": 2.0}, {"every": 0}, {"seconds": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(values))):
            VideoOptions(**values)  # type: ignore[arg-type]  # on purpose
