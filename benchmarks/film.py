"""What steadying does to a film: flicker, colours and time, frame by frame and steadied.

Films whose colours are known are made from photos by panning, zooming and cutting. They are
coloured from their lightness alone, and the results compared with the truth:

    python benchmarks/film.py --photos photos/validation --figure flicker.png

Any film in colour can be measured the same way with --film.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from _report import describe_machine
from numpy.typing import NDArray
from PIL import Image

import colorzoo
from colorzoo import color
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.jobs.film import import_av, probe, read_frames
from colorzoo.jobs.film_output import SegmentWriter
from colorzoo.jobs.motion import flicker
from colorzoo.jobs.shots import make_plan
from colorzoo.metrics.pixelwise import colorfulness_abs, psnr
from colorzoo.metrics.table import Pixels

Frame8 = NDArray[np.uint8]

HEIGHT, WIDTH = 480, 640
RATE = 24
FLICKER_SIDE = 120  # shorter side at which motion is looked for


def moving_photo(photo: Image.Image, frames: int, number: int) -> Iterator[Frame8]:
    """Yield frames (480, 640, 3) of a window that pans over a photo and zooms."""
    rng = np.random.default_rng(number)
    scale = 1.35 * max(WIDTH / photo.width, HEIGHT / photo.height)
    wide = photo.resize((round(photo.width * scale), round(photo.height * scale)))
    zooms = np.linspace(*rng.permutation([1.0, rng.uniform(1.1, 1.3)]), frames)
    ways = rng.uniform(0, 1, (2, 2))
    for share, zoom in zip(np.linspace(0, 1, frames), zooms, strict=True):
        width, height = WIDTH * zoom, HEIGHT * zoom
        x, y = ways[0] * (1 - share) + ways[1] * share
        left, top = x * (wide.width - width), y * (wide.height - height)
        box = (left, top, left + width, top + height)
        yield np.asarray(wide.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=box))


def photos_of(source: PhotoSource, count: int) -> Iterator[Image.Image]:
    """Yield photos spread evenly over a source."""
    for index in np.linspace(0, len(source) - 1, count).astype(int):
        with source.open(int(index)) as image:
            yield image.convert("RGB")


def write_truth(path: Path, frames: Iterator[Frame8]) -> None:
    """Write frames without loss."""
    av = import_av()
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "bgr0"
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def frames_of(path: Path) -> Iterator[Frame8]:
    """Yield the frames of a film, (H, W, 3) uint8."""
    for frame in read_frames(probe(path), [range(1 << 40)]):
        yield np.asarray(frame.image, dtype=np.uint8)


def small_lab(pixels: Frame8) -> NDArray[np.float32]:
    """Return L, a and b (3, h, w) of a frame at the size at which motion is looked for."""
    scale = FLICKER_SIDE / min(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    rgb = torch.from_numpy(small.astype(np.float32) / 255.0).permute(2, 0, 1)
    lab: NDArray[np.float32] = color.srgb_to_lab(rgb).numpy()
    return lab


def measure(
    result: Path, truth: Path, cuts: tuple[int, ...]
) -> tuple[dict[str, float], list[float]]:
    """Return mean numbers of a coloured film, and its flicker from frame to frame."""
    numbers: dict[str, list[float]] = {"PSNR, dB": [], "colourfulness": []}
    changes: list[float] = []
    last: NDArray[np.float32] | None = None
    pairs = zip(frames_of(result), frames_of(truth), strict=True)
    for index, (pixels, true) in enumerate(pairs):
        pair = Pixels(pixels), Pixels(true)
        numbers["PSNR, dB"].append(psnr(*pair))
        numbers["colourfulness"].append(colorfulness_abs(*pair))
        lab = small_lab(pixels)
        if last is not None and index not in cuts:
            changes.append(flicker(lab[0], lab[1:], last[0], last[1:]))
        last = lab
    return {name: float(np.mean(values)) for name, values in numbers.items()}, changes


def codec_seconds(truth: Path, folder: Path) -> float:
    """Return the seconds that decoding and encoding a film take, without colouring it."""
    film = probe(truth)
    start = time.perf_counter()
    with SegmentWriter(folder / "plain.nut", film, "h264") as writer:
        for frame in read_frames(film, [range(1 << 40)]):
            writer.write(Image.fromarray(np.asarray(frame.image, dtype=np.uint8)), frame)
    return time.perf_counter() - start


def draw(path: Path, series: dict[str, list[float]]) -> None:
    """Plot flicker over time."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    for name, values in series.items():
        axes.plot(np.arange(1, len(values) + 1) / RATE, values, label=name, linewidth=1.2)
    axes.set(xlabel="seconds", ylabel="flicker, Lab units", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Colour the film in each way, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--photos", help="folder or .tar of colour photos to make a film of")
    what.add_argument("--film", type=Path, help="a film in colour")
    parser.add_argument("--model", default=colorzoo.DEFAULT_MODEL)
    parser.add_argument("--working-size", type=int)
    parser.add_argument("--shots", type=int, default=6)
    parser.add_argument("--frames", type=int, default=48, help="frames a shot")
    parser.add_argument("--figure", type=Path, help="plot of the flicker over time")
    given = parser.parse_args()
    print(describe_machine(torch.device("cpu")), end="\n\n")
    colorizer = colorzoo.load(given.model, device="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = given.film or folder / "truth.mkv"
        if given.photos:
            photos = photos_of(open_source(given.photos), given.shots)
            moving = (moving_photo(photo, given.frames, n) for n, photo in enumerate(photos))
            write_truth(truth, (frame for shot in moving for frame in shot))
        cuts = make_plan(probe(truth), {}).shots
        plain = codec_seconds(truth, folder)
        series: dict[str, list[float]] = {}
        frames = sum(1 for _ in frames_of(truth))
        print(f"{given.model}, {len(cuts)} shots found; {frames} frames, of which decoding and ")
        print(f"encoding alone does {frames / plain:.0f} a second\n")
        print("| | flicker | PSNR, dB | colourfulness | frames/s | time / (decode + encode) |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for title, steadiness, every in (
            ("frame by frame", 0.0, 1),
            ("steady", 0.95, 1),
            ("steady, every 2nd", 0.95, 2),
        ):
            target = folder / f"{steadiness}-{every}.mkv"
            report = colorizer.video(
                truth,
                target,
                colorzoo.VideoOptions(steadiness, every, codec="h264"),
                working_size=given.working_size,
            )
            numbers, series[title] = measure(target, truth, cuts)
            print(
                f"| {title} | {np.mean(series[title]):.2f} | {numbers['PSNR, dB']:.2f} "
                f"| {numbers['colourfulness']:.1f} | {report.frames / report.seconds:.1f} "
                f"| {report.seconds / plain:.1f} |"
            )
        numbers, changes = measure(truth, truth, cuts)
        print(f"| *truth* | {np.mean(changes):.2f} | | {numbers['colourfulness']:.1f} | | |")
        if given.figure:
            draw(given.figure, series)


if __name__ == "__main__":
    main()
