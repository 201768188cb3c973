"""Files that mean harm, and days on which nothing goes well: one clear error each."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from conftest import OneColor, calls_of
from PIL import ExifTags, Image

from colorzoo import cli
from colorzoo.colorizer import Colorizer
from colorzoo.data.sources import open_source
from colorzoo.errors import PictureError
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"


@pytest.fixture
def ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Ghostscript into the path that leaves a mark when it is run."""
    mark = tmp_path / "it ran"
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return mark


def test_a_program_that_is_named_a_photo_is_never_run(tmp_path: Path, ghostscript: Path) -> None:
    from PIL import EpsImagePlugin

    EpsImagePlugin.gs_binary = None  # Pillow looks for it once
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "portrait.jpg").write_bytes(EPS + b"{} loop\n%%EOF\n")
    with pytest.raises(PictureError, match=r"portrait\.jpg is not a picture in a format"):
        read(folder / "portrait.jpg")
    source = open_source(str(folder))
    with pytest.raises(OSError, match="cannot identify"):
        source.open(0)
    assert not ghostscript.exists()


def test_a_film_of_pages_is_not_walked_through(tmp_path: Path) -> None:
    """A million pages of one pixel: to count them takes minutes, to read the first none."""
    pages, entry = 200_000, struct.Struct("<HHII")
    tags = ((256, 4, 1), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8))
    tags += ((277, 3, 1), (278, 4, 1), (279, 4, 1))
    size = 2 + len(tags) * entry.size + 4
    body = b"".join(entry.pack(tag, kind, 1, value) for tag, kind, value in tags)
    with (tmp_path / "pages.tif").open("wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, 16) + bytes([77]) * 8)
        for page in range(pages):
            file.write(
                struct.pack("<H", len(tags)) + body + struct.pack("<I", 16 + size * (page + 1))
            )
    picture = read(tmp_path / "pages.tif")  # which imports what reads it
    assert calls_of(lambda: read(tmp_path / "pages.tif")) < pages / 10
    assert picture.notes == (
        "it holds several pictures, of which one is coloured; the option 'all pages' takes all",
    )
    assert picture.codes.tolist() == [[77]]


def test_what_never_ends_is_no_picture(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    Image.new("L", (9, 8), 50).save(folder / "a.png")
    (folder / "link.png").symlink_to("pipe.png")
    report = Colorizer(OneColor()).folder(folder, tmp_path / "out")
    assert [result.status for result in report] == ["done", "failed", "failed"]
    assert all("no file but a pipe" in str(result.reason) for result in report.failed)
    with pytest.raises(PictureError, match="Copy the picture into one first"):
        read(folder / "pipe.png")


def exif_of_a_camera() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Box camera"
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.ExposureTime] = 0.5
    camera[ExifTags.Base.DateTimeOriginal] = "1931:12:24 18:00:00"
    camera[ExifTags.IFD.Interop] = {1: "R98"}
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = "N"
    place[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 30.5)
    return exif.tobytes()


@pytest.mark.parametrize("source", ["camera.jpg", "camera.tif"])
@pytest.mark.parametrize("target", ["out.tif", "out.jpg", "out.png", "out.webp"])
def test_what_a_camera_wrote_is_carried_along(source: str, target: str, tmp_path: Path) -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8))
    photo.info["exif"] = exif_of_a_camera()
    write(photo, tmp_path / source)
    picture = read(tmp_path / source)
    pixels = np.array(photo)
    written = write(picture.assemble([(0, pixels)]), tmp_path / target)
    with Image.open(written) as back:
        exif = back.getexif()
        assert exif[ExifTags.Base.Make] == "Box camera"
        camera = exif.get_ifd(ExifTags.IFD.Exif)
        assert camera[ExifTags.Base.ExposureTime] == 0.5
        assert camera[ExifTags.Base.DateTimeOriginal] == "1931:12:24 18:00:00"
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (48.0, 12.0, 30.5)
        assert exif.get_ifd(ExifTags.IFD.Interop) == {1: "R98"}
        if target in ("out.tif", "out.png"):
            assert np.array_equal(np.asarray(back), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_comes_back_from_a_tiff(mode: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 300).reshape(12, 25).astype(np.uint16)
    grey = Image.fromarray((ramp >> 8).astype(np.uint8))
    image = Image.fromarray(ramp) if mode == "I;16" else grey.convert(mode)
    with Image.open(write(image, tmp_path / "out.tif")) as back:
        if mode == "I;16":
            assert np.array_equal(np.asarray(back), ramp)
        else:
            shown = "RGBA" if mode in ("LA", "RGBA") else "RGB"
            assert np.array_equal(back.convert(shown), image.convert(shown))


def frames(name: str, **options: object) -> bytes:
    stream = io.BytesIO()
    images = [
        Image.fromarray(np.random.default_rng(n).integers(0, 256, (40, 50, 3), dtype=np.uint8))
        for n in range(3)
    ]
    images[0].save(stream, name, save_all=True, append_images=images[1:], **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["TIFF", "PNG", "MPO", "GIF", "WEBP"])
def test_no_warning_of_pillow_gets_out(name: str, tmp_path: Path) -> None:
    """Warnings are errors in these tests, and so is any that is not made a PictureError."""
    content = frames(name)
    for cut in range(9, len(content), max(1, len(content) // 60)):
        (tmp_path / "cut").write_bytes(content[:cut])
        with contextlib.suppress(PictureError):
            read(tmp_path / "cut")


LONG = "n" * 5000


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        (f"{LONG}.jpg", "(?i)name too long"),
        ("~nosuchuser/x.jpg", "no such user"),
        ("a\0.png", "null"),
    ],
)
def test_impossible_names_are_said_to_be(place: str, fault: str) -> None:
    with pytest.raises(PictureError, match=fault):
        read(place)
    with pytest.raises(PictureError, match=fault):
        write(Image.new("L", (2, 2)), place)


def test_pipes_are_no_pictures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="no regular file"):
        read(tmp_path / "pipe.png")


def test_only_pictures_are_written_and_only_to_paths(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="NoneType"):
        write(None, tmp_path / "a.png")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(PictureError, match="NoneType"):
        write(Image.new("L", (2, 2)), None)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(("name", "most"), [("a.jpg", 65500), ("a.webp", 16383)])
def test_pictures_too_wide_for_a_format_are_told_which_can(
    name: str, most: int, tmp_path: Path
) -> None:
    write(Image.new("L", (most, 1)), tmp_path / name)
    wider = Image.new("L", (most + 1, 1))
    with pytest.raises(PictureError, match=rf"{most} a side.*\.png"):
        write(wider, tmp_path / name)
    write(wider, tmp_path / "a.png")
    write(wider, tmp_path / "a.tif")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk")
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.bmp"])
def test_a_full_disk_is_said_to_be_full(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def on_a_full_disk(path: Path) -> Iterator[BinaryIO]:
        with Path("/dev/full").open("r+b", buffering=0) as file:
            yield file  # type: ignore[misc]  # a raw file can do what a buffered one can

    monkeypatch.setattr("colorzoo.pictures.write.replacing", on_a_full_disk)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    with pytest.raises(PictureError, match="disk is full"):
        write(Image.fromarray(noise), tmp_path / name)


WRITES_FOR_LONG = """
import numpy as np
from PIL import Image
from colorzoo.pictures.write import write
image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4000, 4000, 3), dtype=np.uint8))
print("now", flush=True)
write(image, {path!r})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot hide an unfinished file")
def test_who_is_killed_while_writing_leaves_nothing(tmp_path: Path) -> None:
    script = WRITES_FOR_LONG.format(path=str(tmp_path / "large.png"))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_large_picture_is_no_cause_for_warnings(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (50, 30), 90).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # up to twice as many are warned of
    arguments = ("colorize", tmp_path / "large.png", "-o", tmp_path / "out.png")
    given = ["colorzoo", *map(str, arguments), "--model", str(model_folder)]
    monkeypatch.setattr(sys, "argv", given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli._run() == 0
    with pytest.warns(Image.DecompressionBombWarning), Image.open(tmp_path / "out.png") as out:
        assert out.size == (50, 30)
