"""Files of several pictures, in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.errors import PictureError
from colorzoo.jobs.files import colorize_files
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.read import read, read_pages
from colorzoo.pictures.tiff import append_page
from colorzoo.pictures.write import write_pages
from colorzoo.predictors.network import NetworkPredictor


def pages() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    sizes = ((30, 41), (17, 23), (20, 20))
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def test_all_pages_come_out_and_go_in_again(tmp_path: Path) -> None:
    assert write_pages(iter(pages()), tmp_path / "scan.tif") == tmp_path / "scan.tif"
    found = list(read_pages(tmp_path / "scan.tif", keep_color=True))
    assert [(picture.width, picture.height) for picture in found] == [p.size for p in pages()]
    for number, (picture, page) in enumerate(zip(found, pages(), strict=True), start=1):
        assert picture.rgb is not None
        assert np.array_equal(picture.rgb, np.asarray(page))
        assert picture.name == f"{tmp_path / 'scan.tif'}, picture {number}"
        assert picture.notes == ()
    assert len(list(read_pages((tmp_path / "scan.tif").read_bytes()))) == 3
    with Image.open(tmp_path / "scan.tif") as back:
        assert back.n_frames == 3


def test_pages_of_16_bits_are_read_in_full(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (2, 9, 7, 3), dtype=np.uint16)
    with (tmp_path / "deep.tif").open("w+b") as file:
        append_page(file, deep[1], {}, append_page(file, deep[0], {}))
    for picture, pixels in zip(read_pages(tmp_path / "deep.tif"), deep, strict=True):
        assert picture.bit_depth == 16
        assert np.array_equal(picture.codes, read(pixels).codes)


def test_each_page_has_its_own_metadata(tmp_path: Path) -> None:
    images = pages()
    for number, image in enumerate(images):
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = f"page {number}"
        image.info["exif"] = exif.tobytes()
    write_pages(images, tmp_path / "scan.tif")
    for number, picture in enumerate(read_pages(tmp_path / "scan.tif")):
        kept = Image.Exif()
        kept.load(picture.metadata.exif or b"")
        assert kept[ExifTags.Base.ImageDescription] == f"page {number}"


@pytest.mark.parametrize(("name", "count"), [("film.gif", 3), ("film.webp", 3), ("one.png", 1)])
def test_frames_are_pages_too(name: str, count: int, tmp_path: Path) -> None:
    first, *others = [page.resize((16, 16)) for page in pages()]
    first.save(tmp_path / name, save_all=count > 1, append_images=others if count > 1 else [])
    assert len(list(read_pages(tmp_path / name))) == count


def test_pictures_without_a_file_are_one_page() -> None:
    assert len(list(read_pages(pages()[0]))) == 1
    assert len(list(read_pages(np.zeros((4, 4))))) == 1


def test_pages_come_one_by_one_and_a_cut_one_is_named(tmp_path: Path) -> None:
    write_pages(pages(), tmp_path / "scan.tif")
    content = (tmp_path / "scan.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[:-300])
    reader = read_pages(tmp_path / "cut.tif")
    assert next(reader).width == 41
    assert next(reader).width == 23
    with pytest.raises(PictureError, match=r"cut\.tif"):
        next(reader)


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    config = {"widths": [4, 8]}
    return Colorizer(NetworkPredictor(colorzoo.create_model("unet", config), working_size=16))


def test_a_folders_scans_come_out_page_by_page(colorizer: Colorizer, tmp_path: Path) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    write_pages(pages(), album / "scan.tif")
    pages()[0].save(album / "single.png")
    (album / "broken.tif").write_bytes((album / "scan.tif").read_bytes()[:-300])
    report = colorizer.folder(album, out, all_pages=True, batch_size=2)
    assert [result.target.name for result in report.done] == ["scan.tif", "single.png"]
    (failed,) = report.failed
    assert "broken.tif" in str(failed.reason)
    assert not (out / "broken.tif").exists()
    colored = list(read_pages(out / "scan.tif"))
    for before, after in zip(read_pages(album / "scan.tif"), colored, strict=True):
        assert (after.height, after.width) == (before.height, before.width)
        assert np.abs(after.lightness(0, 9) - before.lightness(0, 9)).mean() < 0.2
    assert len(colorizer.folder(album, out, all_pages=True).skipped) == 2
    reasons = [result.reason for result in colorizer.folder(album, out).skipped]
    assert reasons == ["coloured with all_pages True", None]


def test_a_colorizers_pages_are_written_as_they_come(colorizer: Colorizer, tmp_path: Path) -> None:
    write_pages(pages(), tmp_path / "scan.tif")
    colored = colorizer.pages(tmp_path / "scan.tif", batch_size=2, saturation=0.5)
    colorzoo.write_pages(colored, tmp_path / "color.tif")
    expected = colorizer([np.asarray(page) for page in pages()], saturation=0.5)
    for page, one in zip(
        read_pages(tmp_path / "color.tif", keep_color=True), expected, strict=True
    ):
        assert page.rgb is not None
        assert np.array_equal(page.rgb, np.asarray(one))


def test_a_stopped_scan_leaves_nothing(colorizer: Colorizer, tmp_path: Path) -> None:
    write_pages(pages(), tmp_path / "scan.tif")
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(True)
        return len(asked) > 2

    pairs = [(tmp_path / "scan.tif", tmp_path / "out" / "scan.tif")]
    options = ColorizeOptions(all_pages=True, batch_size=1)
    assert list(colorize_files(colorizer, pairs, options, should_stop=should_stop)) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_pages_do_not_fit_into_other_files(colorizer: Colorizer, tmp_path: Path) -> None:
    write_pages(pages(), tmp_path / "scan.tif")
    pairs = [(tmp_path / "scan.tif", tmp_path / "scan.png")]
    (result,) = colorize_files(colorizer, pairs, ColorizeOptions(all_pages=True))
    assert ".tif" in str(result.reason)
    assert not (tmp_path / "scan.png").exists()


def test_only_tiffs_hold_pages_and_none_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"\.tif only"):
        write_pages(pages(), tmp_path / "scan.png")
    with pytest.raises(PictureError, match="no picture"):
        write_pages([], tmp_path / "scan.tif")
    assert list(tmp_path.iterdir()) == []
