"""Damaged pictures of every format and mode: each ends in a picture or in one clear error.

Run it on Linux: ``python benchmarks/fuzz.py --cases 10000``. Seeds are made here, so that no file
is needed. Each case damages one of them in a way that its number alone decides, reads it, colours
it and writes it, in processes whose time and memory are limited. Every second case runs with
warnings as errors. ``--case 1234`` runs one again and shows its traceback.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from _report import describe_machine, held_memory, peak_memory
from PIL import ExifTags, Image, ImageCms

from colorzoo import chroma
from colorzoo.errors import PictureError
from colorzoo.pictures.png import save_deep_png
from colorzoo.pictures.read import read
from colorzoo.pictures.tiff import append_page
from colorzoo.pictures.write import write

SECONDS = 30  # of work, after which a case counts as hanging
PATIENCE = 600  # seconds by the clock, for one that waits and does not work
MEMORY = 3 << 30  # bytes a process may take beyond what it holds at the start
PEAK_MB = 2000  # what a case may take
FINISHED_PIXELS = 4_000_000  # larger ones are read only: finishing them takes long by right
TARGETS = ("png", "jpg", "tif", "webp", "bmp", "avif")
WIDTH, HEIGHT = 37, 29
EXTREMES = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 1 << 24, (1 << 31) - 1, (1 << 32) - 1)


class Outcome(NamedTuple):
    """What came of one case: ``picture``, ``error``, or what must not come."""

    case: int
    seed: str
    damage: str
    kind: str
    text: str
    peak: float  # MB over what was held before
    seconds: float  # of work


def all_seeds() -> dict[str, bytes]:
    """Return a file of each format and mode that is read, by what it is."""
    rgb = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    )
    deep = Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 61)
    modes = {mode: rgb.convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")}
    modes |= {"I;16": deep, "F": Image.fromarray(np.asarray(deep) / np.float32(65535))}
    metadata = {"exif": exif_block(), "icc_profile": profile()}
    seeds: dict[str, bytes] = {}

    def add(name: str, mode: str, note: str = "", **options: Any) -> None:
        stream = io.BytesIO()
        modes[mode].save(stream, name, **options)
        seeds[" ".join(filter(None, (name, mode, note)))] = stream.getvalue()

    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        add("PNG", mode, **metadata)
    add("PNG", "L", "transparency", transparency=7)
    add("PNG", "P", "transparency", transparency=7)
    for mode in ("L", "RGB", "CMYK"):
        add("JPEG", mode, **metadata)
    add("JPEG", "RGB", "progressive", progressive=True)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"):
        add("TIFF", mode, "raw", **metadata)
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        add("TIFF", "RGB", packing)
    add("TIFF", "1", "group4", compression="group4")
    for mode in ("RGB", "RGBA"):
        add("WEBP", mode, **metadata)
        add("AVIF", mode, **metadata)
        add("JPEG2000", mode)
    add("JPEG2000", "L")
    add("GIF", "P", transparency=3)
    for mode in ("1", "L", "P", "RGB"):
        add("BMP", mode)
    for mode in ("1", "L", "RGB", "I;16"):
        add("PPM", mode)
    for mode in ("L", "LA", "P", "RGB", "RGBA"):
        add("TGA", mode)
    add("TGA", "RGB", "packed", compression="tga_rle")
    more = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    for name in ("TIFF", "PNG", "GIF", "WEBP", "AVIF", "MPO"):
        add(name, "RGB", "several", **more)
    return seeds | deep_seeds()


def deep_seeds() -> dict[str, bytes]:
    """Return files of 16 bits a sample in colour, which Pillow cannot write."""
    seeds = {}
    for mode, channels in (("RGB", 3), ("RGBA", 4)):
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 65536, (HEIGHT, WIDTH, channels), dtype=np.uint16)
        for name, save in (("PNG", save_deep_png), ("TIFF", append_page)):
            stream = io.BytesIO()
            save(stream, pixels, {"exif": exif_block(), "dpi": (300.0, 300.0)})
            seeds[f"{name} {mode} 16 bits"] = stream.getvalue()
    return seeds


def exif_block() -> bytes:
    """Return EXIF with all of its directories."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Box camera", 6
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.ExposureTime], camera[ExifTags.IFD.Interop] = 0.5, {1: "R98"}
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 30.5)
    return exif.tobytes()


def profile() -> bytes:
    """Return a profile that does not call itself sRGB, so that it is applied."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))


def flip(data: bytearray, rng: np.random.Generator) -> None:
    """Change some bytes anywhere."""
    for place in rng.integers(len(data), size=rng.integers(1, 20)):
        data[place] = rng.integers(256)


def cut(data: bytearray, rng: np.random.Generator) -> None:
    """Cut the end off, or a piece out."""
    start = int(rng.integers(len(data)))
    del data[start : None if rng.random() < 0.5 else start + int(rng.integers(1, 100))]


def repeat(data: bytearray, rng: np.random.Generator) -> None:
    """Put a piece in a second time."""
    start = int(rng.integers(len(data)))
    data[start:start] = data[start : start + int(rng.integers(1, 300))]


def lengths(data: bytearray, rng: np.random.Generator) -> None:
    """Write an extreme number over 2 or 4 bytes, most often near the start."""
    for _ in range(rng.integers(1, 4)):
        reach = len(data) if rng.random() < 0.5 else min(len(data), 128)
        put(data, int(rng.integers(reach)), int(rng.choice(EXTREMES)), rng)


def dimensions(data: bytearray, rng: np.random.Generator) -> None:
    """Write an extreme number where the width or height seems to stand."""
    side = int(rng.choice((WIDTH, HEIGHT)))
    places = [data.find(struct.pack(kind, side)) for kind in (">I", "<I", ">H", "<H")]
    places = [place for place in places if place >= 0] or [0]
    put(data, int(rng.choice(places)), int(rng.choice(EXTREMES)), rng)


def metadata(data: bytearray, rng: np.random.Generator) -> None:
    """Change bytes of the EXIF block or the profile."""
    places = [data.find(mark) for mark in (b"Exif", b"eXIf", b"EXIF", b"acsp", b"Box camera")]
    places = [place for place in places if place >= 0] or [0]
    start = int(rng.choice(places)) - 40
    for place in start + rng.integers(300, size=rng.integers(1, 12)):
        if 0 <= place < len(data):
            data[place] = rng.integers(256)


DAMAGES: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (
    *(flip, cut, repeat, lengths, dimensions, metadata),
)


def put(data: bytearray, place: int, number: int, rng: np.random.Generator) -> None:
    """Write a number over 2 or 4 bytes, the first or the last byte first."""
    size = int(rng.choice((2, 4)))
    order = "<" if rng.random() < 0.5 else ">"
    packed = struct.pack(order + {2: "H", 4: "I"}[size], number % (1 << 8 * size))
    data[place : place + size] = packed


def mend_png(data: bytes) -> bytes:
    """Make the checksums of a PNG's chunks right, so that damage is not found by them alone."""
    mended, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        body = data[place + 4 : place + 8 + size]
        mended += data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + size
    return bytes(mended)


def damaged(case: int, seeds: dict[str, bytes]) -> tuple[str, str, bytes]:
    """Return seed, damage and bytes of a case."""
    rng = np.random.default_rng(case)
    name = str(rng.choice(list(seeds)))
    data, done = bytearray(seeds[name]), []
    for _ in range(rng.integers(1, 3)):
        damage = DAMAGES[rng.integers(len(DAMAGES))]
        if data:
            damage(data, rng)
            done.append(damage.__name__)
    mends = name.startswith("PNG") and rng.random() < 0.7
    return name, "+".join(done), mend_png(bytes(data)) if mends else bytes(data)


def color(path: Path, target: Path) -> None:
    """Read a picture, give it chroma of noise, and write it."""
    picture = read(path)
    if picture.width * picture.height > FINISHED_PIXELS:
        return
    noise = np.random.default_rng(0).normal(0.0, 30.0, (2, 16, 16))
    strips = chroma.srgb_strips(
        noise.astype(np.float32),
        picture.resized_lightness(16, 16),
        (picture.height, picture.width),
        picture.lightness,
        depth=picture.depth(),
    )
    write(picture.assemble(strips), target)


def run_case(case: int, seeds: dict[str, bytes], folder: Path) -> Outcome:
    """Run one case, whatever comes of it."""
    seed, damage, data = damaged(case, seeds)
    path = folder / "damaged.jpg"
    path.write_bytes(data)
    kind, text = "picture", ""
    idle, started = held_memory(), time.process_time()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    with warnings.catch_warnings():
        warnings.simplefilter("error" if case % 2 else "ignore")
        try:
            color(path, folder / f"out.{TARGETS[case % len(TARGETS)]}")
        except PictureError as error:
            kind, text = "error", str(error)
        except BaseException as error:  # noqa: BLE001  # this is what is looked for
            kind, text = f"FOREIGN {type(error).__name__}", traceback.format_exc()
    seconds = time.process_time() - started
    return Outcome(case, seed, damage, kind, text, peak_memory() - idle, seconds)


def work(cases: range) -> None:
    """Run cases in this process and print what came of each, one JSON a line."""
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (reserved + MEMORY, reserved + MEMORY))
    seeds = all_seeds()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            print(json.dumps({"started": case}), flush=True)
            # By default both signals end the process, also inside a C library.
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
            outcome = run_case(case, seeds, Path(folder))
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(json.dumps(outcome), flush=True)


def guarded(cases: range) -> Iterator[Outcome]:
    """Run cases in another process, and go on in a new one behind each that ends it."""
    while cases:
        command = [sys.executable, __file__, "--worker", str(cases.start), str(cases.stop)]
        running = cases.start
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            for line in process.stdout or ():
                answer = json.loads(line)
                if isinstance(answer, dict):
                    running = answer["started"]
                else:
                    yield Outcome(*answer)
        if process.returncode == 0:
            return
        hangs = process.returncode in (-signal.SIGALRM, -signal.SIGPROF)
        seed, damage, _ = damaged(running, all_seeds())
        kind = "HANGS" if hangs else f"DIES with {process.returncode}"
        yield Outcome(running, seed, damage, kind, "", 0.0, float(SECONDS))
        cases = range(running + 1, cases.stop)


def report(outcomes: list[Outcome]) -> bool:
    """Print the table of outcomes; return whether all is well."""
    print("| outcome | cases |\n| --- | ---: |")
    for kind, count in Counter(outcome.kind for outcome in outcomes).most_common():
        print(f"| {kind} | {count} |")
    print(f"\n{len(outcomes)} cases")
    largest = max(outcomes, key=lambda outcome: outcome.peak)
    longest = max(outcomes, key=lambda outcome: outcome.seconds)
    for most, outcome in (
        (f"most memory over idle: {largest.peak:.0f} MB", largest),
        (f"longest work: {longest.seconds:.1f} s", longest),
    ):
        print(f"{most}, case {outcome.case} ({outcome.seed}, {outcome.damage})")
    wrong = [outcome for outcome in outcomes if outcome.kind not in ("picture", "error")]
    for outcome in wrong[:20]:
        print(f"\ncase {outcome.case}: {outcome.seed}, {outcome.damage}: {outcome.kind}")
        print(outcome.text)
    return not wrong and largest.peak < PEAK_MB


def main() -> None:
    """Run the cases and print what came of them; exit with 1 if something did that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--case", type=int, help="run this one alone, and keep its file")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(range(*options.worker))
        return
    if options.case is not None:
        folder = Path(tempfile.mkdtemp())
        print(*run_case(options.case, all_seeds(), folder), folder, sep="\n")
        return
    print(describe_machine(torch.device("cpu")), end="\n\n")
    cases = range(options.first, options.first + options.cases)
    bounds = [len(cases) * n // options.workers for n in range(options.workers + 1)]
    parts = [cases[start:stop] for start, stop in itertools.pairwise(bounds)]
    with ThreadPoolExecutor(options.workers) as pool:
        outcomes = [o for part in pool.map(lambda p: list(guarded(p)), parts) for o in part]
    if not report(outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
