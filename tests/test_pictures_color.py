"""Colour where it is asked for, pictures from bytes, and pictures that save themselves."""

from __future__ import annotations

import io
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms

from colorzoo import color
from colorzoo.errors import PictureError
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.pictures.write import write


def photo(height: int = 40, width: int = 55) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    planes = (x * 255 / width, y * 255 / height, 128 + 100 * np.sin(x / 9))
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def exact_chroma(image: Image.Image) -> torch.Tensor:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).double() / 255
    return color.srgb_to_lab(rgb)[1:].float()


def test_colour_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    photo().save(tmp_path / "photo.png")
    deep = np.asarray(photo()).astype(np.uint16) * 257
    for source in (
        tmp_path / "photo.png",
        photo(),
        photo().convert("RGBA"),
        np.asarray(photo()),
        deep,
    ):
        assert read(source).rgb is None
        picture = read(source, keep_color=True)
        assert picture.rgb is not None
        assert not picture.rgb.flags.writeable
        assert np.abs(picture.chroma(0, 40) - exact_chroma(photo()).numpy()).max() < 1e-3
        assert np.abs(picture.chroma(7, 9) - picture.chroma(0, 40)[:, 7:9]).max() < 1e-4


def test_colour_of_lab_pictures_is_near(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.applyTransform(photo(), ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    assert image is not None
    kept = read(image, keep_color=True).chroma(0, 40)
    assert np.abs(kept - exact_chroma(photo()).numpy()).mean() < 2.0


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_pictures_have_no_colour(mode: str) -> None:
    picture = read(photo().convert(mode), keep_color=True)
    assert picture.rgb is None
    assert np.array_equal(picture.chroma(3, 5), np.zeros((2, 2, 55), dtype=np.float32))
    assert np.array_equal(picture.resized_chroma(6, 8), np.zeros((2, 6, 8), dtype=np.float32))


def test_colour_is_resized_as_lightness_is(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = read(photo(400, 550), keep_color=True)
    small = picture.resized_chroma(30, 41)
    assert small.shape == (2, 30, 41)
    for plane, whole in zip(small, picture.chroma(0, 400), strict=True):
        expected = Image.fromarray(whole).resize(
            (41, 30), Image.Resampling.BICUBIC, reducing_gap=3.0
        )
        assert np.abs(plane - np.asarray(expected)).max() < 0.5
    monkeypatch.setattr("colorzoo.pictures.strips.STRIP_PIXELS", 5000)
    assert np.abs(picture.resized_chroma(30, 41) - small).max() < 1e-3


def test_colour_that_is_not_asked_for_costs_no_memory() -> None:
    pixels = np.asarray(photo(1000, 1500))

    def held(keep_color: bool) -> int:
        tracemalloc.start()
        picture = read(pixels, keep_color=keep_color)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert picture.height == 1000
        return size

    held(False)  # tables that stay for the next picture
    assert held(False) < 2.1 * 1_500_000
    assert held(True) < 5.1 * 1_500_000


def test_bytes_and_file_objects_are_read(tmp_path: Path) -> None:
    photo().save(tmp_path / "photo.png")
    content = (tmp_path / "photo.png").read_bytes()
    expected = read(tmp_path / "photo.png")
    with (
        (tmp_path / "photo.png").open("rb") as file,
        tempfile.NamedTemporaryFile() as temporary,
    ):
        temporary.write(content)
        temporary.seek(0)
        for source in (content, bytearray(content), io.BytesIO(content), file, temporary):
            picture = read(source)  # type: ignore[arg-type]  # more kinds of bytes than it names
            assert np.array_equal(picture.codes, expected.codes)
        assert not file.closed
        assert read(file.name).name == str(tmp_path / "photo.png")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (b"", r"0 bytes"),
        (b"Dear grandmother", "the given bytes is not a picture"),
        (io.BytesIO(b"Dear"), "the given file object is not a picture"),
        (io.StringIO("Dear"), "binary mode"),
        ("https://example.org/a.jpg", r"https://example\.org/a\.jpg is an address.*give its bytes"),
        (Path("https://example.org/a.jpg"), r"https://example\.org/a\.jpg is an address"),
        ("hf://datasets/owner/name", r"hf://datasets/owner/name is an address"),
        (7, r"bytes, a file object.* of type int\.$"),
        ((name for name in ("a.jpg",)), r"of type generator.*as a list"),
    ],
)
def test_what_is_no_picture_is_told_what_is(source: object, fault: str) -> None:
    with pytest.raises(PictureError, match=fault):
        read(source)  # type: ignore[arg-type]  # on purpose


def finished(alpha: bool = False) -> tuple[Picture, Image.Image]:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Box camera"
    source = photo().convert("RGBA") if alpha else photo()
    source.info["exif"] = exif.tobytes()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    source.info["icc_profile"] = profile.tobytes()
    picture = read(source)
    return picture, picture.assemble([(0, np.array(photo()))])


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_finished_picture_saves_itself_as_write_does(suffix: str, tmp_path: Path) -> None:
    _, image = finished()
    image.save(tmp_path / f"saved.{suffix}")
    write(image, tmp_path / f"written.{suffix}")
    saved = (tmp_path / f"saved.{suffix}").read_bytes()
    assert saved == (tmp_path / f"written.{suffix}").read_bytes()
    with Image.open(io.BytesIO(saved)) as back:
        assert back.getexif()[ExifTags.Base.Make] == "Box camera"
        assert "icc_profile" in back.info


def test_what_is_said_when_saving_counts(tmp_path: Path) -> None:
    _, image = finished()
    image.save(tmp_path / "good.jpg")
    image.save(tmp_path / "small.jpg", quality=30, exif=b"")
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    assert stream.getvalue() == (tmp_path / "good.jpg").read_bytes()
    image.save(tmp_path / "by-format.bin", format="png")
    with Image.open(tmp_path / "small.jpg") as small, Image.open(tmp_path / "by-format.bin") as png:
        assert not small.getexif()
        assert "icc_profile" in small.info
        assert png.getexif()[ExifTags.Base.Make] == "Box camera"
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size
    image.save(tmp_path / "rare.pcx")
    with pytest.raises(ValueError, match="unknown file extension"):
        image.save(tmp_path / "a.nothing")


def test_a_finished_picture_is_a_picture_like_others() -> None:
    _, image = finished(alpha=True)
    assert isinstance(image, Image.Image)
    assert image.mode == "RGBA"
    assert type(image.resize((9, 9))) is Image.Image
    assert np.array_equal(np.asarray(image.copy()), np.asarray(image))
