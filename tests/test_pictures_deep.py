"""16 bits in, 16 bits out; and what goes along with the pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from colorzoo import chroma, color
from colorzoo.errors import PictureError
from colorzoo.pictures.opening import open_image
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.png import save_deep_png
from colorzoo.pictures.read import read
from colorzoo.pictures.tiff import append_page
from colorzoo.pictures.write import FinishedPicture, write

HEIGHT, WIDTH = 50, 70
Deep = NDArray[np.uint16]


def colors(channels: int = 3) -> Deep:
    return np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, channels), dtype=np.uint16)


def lightness(picture: Picture) -> NDArray[np.float32]:
    return picture.lightness(0, picture.height)


def exact_lightness(pixels: Deep) -> NDArray[np.float64]:
    rgb = pixels[..., :3].transpose(2, 0, 1) / 65535
    exact: NDArray[np.float64] = color.srgb_to_lightness(rgb)[0]
    return exact


def saved(pixels: Deep, suffix: str, info: dict[str, Any] | None = None) -> bytes:
    stream = io.BytesIO()
    if suffix == "png":
        save_deep_png(stream, pixels, info or {})
    else:
        append_page(stream, pixels, info or {})
    return stream.getvalue()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colours_of_16_bits_are_read_in_full(suffix: str, channels: int) -> None:
    picture = read(saved(colors(channels), suffix))
    assert picture.bit_depth == 16
    assert np.abs(lightness(picture) - exact_lightness(colors(channels))).max() < 1e-3
    assert (picture.alpha is not None) == (channels == 4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiffs_of_other_programs_are_read_in_full(order: str, compression: str | None) -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    options = {"photometric": "rgb", "rowsperstrip": 16, "compression": compression}
    tifffile.imwrite(stream, colors(), byteorder=order, **options)
    picture = read(stream.getvalue())
    assert np.abs(lightness(picture) - exact_lightness(colors())).max() < 1e-3


def test_what_is_written_is_read_by_other_programs() -> None:
    tifffile = pytest.importorskip("tifffile")
    for pixels in (colors(), colors(4), colors()[..., 0]):
        assert np.array_equal(tifffile.imread(io.BytesIO(saved(pixels, "tif"))), pixels)
        if pixels.ndim == 3:
            with Image.open(io.BytesIO(saved(pixels, "png"))) as high:  # Pillow reads 8 bits
                assert np.array_equal(np.asarray(high), pixels >> 8)


def test_the_turn_of_a_deep_picture_is_applied_once() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    info = {"exif": exif.tobytes()}
    upright = exact_lightness(np.rot90(colors(), 3))
    picture = read(saved(colors(), "png", info))
    assert np.abs(lightness(picture) - upright).max() < 1e-3


def test_deep_colours_with_a_profile_are_read_as_8_bits_and_noted() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read(saved(colors(), "png", {"icc_profile": srgb})).bit_depth == 16
    other = srgb.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))
    picture = read(saved(colors(), "png", {"icc_profile": other}))
    assert picture.bit_depth == 8
    assert "8 of its 16 bits" in picture.notes[0]


def finish(picture: Picture, ab: float = 0.0) -> FinishedPicture:
    guide = picture.resized_lightness(8, 8)
    strips = chroma.srgb_strips(
        np.full((2, 8, 8), ab, dtype=np.float32),
        guide,
        (picture.height, picture.width),
        picture.lightness,
        depth=picture.depth(),
    )
    return picture.assemble(strips)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_grey_of_16_bits_comes_back_exactly(suffix: str, tmp_path: Path) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    image = finish(read(tmp_path / "grey.png"))
    image.save(tmp_path / f"out.{suffix}")
    assert np.abs(lightness(read(tmp_path / f"out.{suffix}")) - lightness(read(ramp))).max() < 2e-3
    assert image.deep is not None
    assert np.array_equal(image.deep, np.stack([ramp] * 3, axis=-1))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_lightness_of_16_bits_survives_colour(suffix: str, tmp_path: Path) -> None:
    smooth = np.linspace(20000, 22000, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    picture = read(smooth)
    finish(picture, ab=20.0).save(tmp_path / f"out.{suffix}")
    back = read(tmp_path / f"out.{suffix}", keep_color=True)
    assert back.bit_depth == 16
    assert np.abs(lightness(back) - lightness(picture)).max() < 0.003
    assert np.abs(back.chroma(0, HEIGHT) - 20.0).max() < 1.0
    finish(picture, ab=20.0).save(tmp_path / "out.jpg")  # which holds 8
    assert np.abs(lightness(read(tmp_path / "out.jpg")) - lightness(picture)).mean() < 1.0


def test_opacity_goes_along_with_16_bits(tmp_path: Path) -> None:
    picture = read(saved(colors(4), "png"))
    for name in ("out.png", "out.tif"):
        back = read(write(finish(picture), tmp_path / name))
        assert back.bit_depth == 16
        assert np.array_equal(back.alpha, picture.alpha)


def test_8_bits_stay_8_unless_16_are_asked_for() -> None:
    grey = np.linspace(0, 255, 100).astype(np.uint8).reshape(10, 10)
    assert finish(read(grey)).deep is None
    assert read(grey).depth() == 8
    assert read(grey).depth(16) == 16
    assert read(grey.astype(np.uint16)).depth() == 16
    assert read(grey.astype(np.uint16)).depth(8) == 8


def test_a_picture_that_was_changed_is_saved_as_it_looks(tmp_path: Path) -> None:
    image = finish(read(colors()))
    image.paste((255, 0, 0), (0, 0, 9, 9))
    image.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as back:
        assert back.getpixel((3, 3)) == (255, 0, 0)
        assert np.array_equal(np.asarray(back), np.asarray(image))


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="1" dc:title="Portrait"/></x:xmpmeta>'


@pytest.mark.parametrize("source", ["in.jpg", "in.png", "in.tif"])
@pytest.mark.parametrize(
    "target", ["out.jpg", "out.png", "out.tif", "out.webp", "out.avif", "out.bmp"]
)
def test_xmp_and_resolution_are_carried(source: str, target: str, tmp_path: Path) -> None:
    photo = Image.fromarray((colors() >> 8).astype(np.uint8))
    photo.info.update(xmp=XMP, dpi=(300.0, 600.0))
    write(photo, tmp_path / source)
    picture = read(tmp_path / source)
    assert picture.metadata.xmp is not None
    assert b"Orientation" not in picture.metadata.xmp
    with Image.open(write(finish(picture), tmp_path / target)) as back:
        if target not in ("out.webp", "out.avif"):  # they hold none
            assert back.info["dpi"] == pytest.approx((300, 600), rel=1e-3)
        if target != "out.bmp":
            xmp = back.info["xmp"]
            assert b"Portrait" in (xmp.encode() if isinstance(xmp, str) else xmp)


def test_resolution_turns_with_the_picture() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = saved(colors(), "png", {"dpi": (300, 600), "exif": exif.tobytes()})
    assert read(data).metadata.dpi == pytest.approx((600, 300), rel=1e-3)


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 1.0), (-3, 5), (1e9, 1), "72", None])
def test_impossible_resolutions_are_left_out(dpi: object) -> None:
    image = Image.new("L", (4, 4))
    image.info["dpi"] = dpi
    assert read(image).metadata.dpi is None


def test_metadata_too_long_for_a_jpeg_does_not_stop_it(tmp_path: Path) -> None:
    photo = Image.new("RGB", (8, 8))
    photo.info["xmp"] = XMP + b" " * 70_000
    write(photo, tmp_path / "out.jpg")
    with Image.open(write(photo, tmp_path / "out.png")) as back:
        assert len(back.info["xmp"]) > 70_000


def test_phones_pictures_are_read_with_their_plug_in(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    photo = Image.fromarray(np.full((HEIGHT, WIDTH, 3), (200, 120, 60), dtype=np.uint8))
    heif.from_pillow(photo).save(tmp_path / "photo.heic", quality=95)
    picture = read(tmp_path / "photo.heic")
    assert picture.format == "HEIF"
    assert np.abs(lightness(picture) - lightness(read(photo))).max() < 3.0
    with (tmp_path / "photo.heic").open("rb") as file, open_image(file) as image:
        assert image.size == (WIDTH, HEIGHT)


def test_without_the_plug_in_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)  # as if not installed
    head = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic"
    (tmp_path / "photo.jpg").write_bytes(head + bytes(100))
    for source in (tmp_path / "photo.jpg", head + bytes(100)):
        with pytest.raises(PictureError, match=r"pip install 'colorzoo\[heif\]'"):
            read(source)
