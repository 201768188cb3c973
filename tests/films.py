"""Makes small grey films and looks into films, for the tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from colorzoo import color
from colorzoo.pictures.read import read

av: Any = pytest.importorskip("av")


def scene(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """A grey picture of blobs, others for each number."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width]
    picture = np.full((height, width), 60.0 + 40 * number)
    for _ in range(12):
        row, column, reach = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(4, 12)
        picture += rng.uniform(-80, 80) * np.exp(-((y - row) ** 2 + (x - column) ** 2) / reach**2)
    return picture.clip(0, 255).astype(np.uint8)


def frames_of(count: int, height: int, width: int, *, cuts: int = 1) -> list[NDArray[np.uint8]]:
    """Grey frames: each scene is panned over, one pixel a frame."""
    each = count // cuts
    frames = []
    for number in range(cuts):
        wide = scene(number, height, width + each)
        frames += [wide[:, shift : shift + width] for shift in range(each)]
    return frames


def write_film(
    path: Path,
    frames: list[NDArray[np.uint8]],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: list[int] | None = None,
    sound: bool = False,
    rotation: int = 0,
    **container: Any,
) -> Path:
    with av.open(str(path), "w", **container) as out:
        stream = out.add_stream(codec, rate=24, options={"crf": "6"})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 24000)
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        if rotation:
            stream.set_display_rotation(rotation)
        audio = out.add_stream("aac", rate=48000, layout="mono") if sound else None
        out.metadata["title"] = "Two Reels"
        for number, grey in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pixels)
            frame.pts = times[number] if times else number * 1000
            frame.time_base = Fraction(1, 24000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if audio:
            for start in range(0, 2000 * len(frames), 1024):
                tone = np.sin(np.arange(start, start + 1024) / 20)[None].astype(np.float32)
                samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                samples.sample_rate, samples.pts = 48000, start
                out.mux(audio.encode(samples))
            out.mux(audio.encode())
    return path


def decoded(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def times_of(path: Path) -> list[Fraction]:
    frames = decoded(path)
    return [
        Fraction(frame.pts * frame.time_base - frames[0].pts * frames[0].time_base)
        for frame in frames
    ]


def sound_of(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [
            (Fraction(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.dts is not None
        ]


def lightness_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    picture = read(rgb)
    return picture.lightness(0, picture.height)


def chroma_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    pixels = torch.from_numpy(rgb.astype(np.float32) / 255).permute(2, 0, 1)
    return color.srgb_to_lab(pixels)[1:].numpy()
