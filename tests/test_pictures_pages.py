"""Files of several pictures, in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from colorzoo.errors import PictureError
from colorzoo.pictures.read import read, read_pages
from colorzoo.pictures.tiff import append_page
from colorzoo.pictures.write import write_pages


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


def test_only_tiffs_hold_pages_and_none_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"\.tif only"):
        write_pages(pages(), tmp_path / "scan.png")
    with pytest.raises(PictureError, match="no picture"):
        write_pages([], tmp_path / "scan.tif")
    assert list(tmp_path.iterdir()) == []
