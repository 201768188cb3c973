"""Photos to batches: sources, draws, augmentation, and what is passed over."""

from __future__ import annotations

import io
import itertools
import logging
import os
import tarfile
import zipfile
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from colorzoo.data.loader import LoaderSettings, make_loader, make_stream_loader
from colorzoo.data.photos import Augmentation, Draws, PhotoDataset, Sizes, colorfulness, decode
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.data.streaming import HubSource, HubStream
from colorzoo.errors import DataError
from colorzoo.evaluation import metrics
from colorzoo.training.validation import Validation


def paint(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR)


def pixels_of(source: PhotoSource, index: int) -> np.ndarray:
    with source.open(index) as photo:
        return np.asarray(photo.convert("RGB"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(6):
        path = folder / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        paint(number).save(path)
    return folder


def settings(**values: object) -> LoaderSettings:
    chosen: dict[str, object] = {
        "sizes": Sizes(16),
        "batch_size": 2,
        "workers": 0,
        "augmentation": Augmentation(flip=True, crop_scale=(0.4, 1.0), rotation=8.0),
        "min_colorfulness": 0.0,
        "seed": 3,
        "pin_memory": False,
    }
    return LoaderSettings(**{**chosen, **values})  # type: ignore[arg-type]  # checked by the callee


def test_a_folder_is_read_with_its_subfolders(photos: Path) -> None:
    source = open_source(str(photos))
    assert len(source) == 6
    assert pixels_of(source, 0).shape == (40, 48, 3)
    assert source.name(0).endswith(".png")


def test_a_folder_gives_only_files(photos: Path) -> None:
    (photos / "folder.jpg").mkdir()
    os.mkfifo(photos / "pipe.jpg")
    assert len(open_source(str(photos))) == 6


def test_tar_archives_hold_the_same_photos_as_the_folder(photos: Path, tmp_path: Path) -> None:
    for shard in (0, 1):
        with tarfile.open(tmp_path / f"shard-{shard}.tar", "w") as tar:
            tar.add(photos / str(shard), arcname=str(shard))
    source = open_source(str(tmp_path / "shard-*.tar"))
    folder = open_source(str(photos))
    assert len(source) == 6
    for index in range(6):
        assert np.array_equal(pixels_of(source, index), pixels_of(folder, index))


@pytest.mark.parametrize("text", ["nothing-here", "nothing-*.tar", "hf://datasets/no-owner"])
def test_no_photos_is_one_clear_error(text: str) -> None:
    with pytest.raises(DataError, match=text.replace("*", r"\*")):
        open_source(text)


def test_an_empty_folder_and_a_compressed_archive_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no photos"):
        open_source(str(tmp_path))
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as tar:
        tar.add(__file__, arcname="photo.png")
    with pytest.raises(DataError, match="uncompressed"):
        open_source(str(tmp_path / "packed.tar"))


def test_draws_show_every_photo_once_an_epoch_and_resume_where_they_stopped() -> None:
    whole = list(Draws(5, seed=1, start=0, stop=15))
    for epoch in range(3):
        assert sorted(index for _, index in whole[5 * epoch : 5 * epoch + 5]) == list(range(5))
    assert whole[:5] != [(draw, index) for draw, index in enumerate(range(5))]
    assert list(Draws(5, seed=1, start=7, stop=15)) == whole[7:]
    assert list(Draws(5, seed=2, start=0, stop=15)) != whole


def test_a_draw_alone_fixes_its_sample(photos: Path) -> None:
    source = open_source(str(photos))
    variation = Augmentation(flip=True, crop_scale=(0.3, 1.0), rotation=15.0)
    first = PhotoDataset(source, size=16, augmentation=variation, seed=5)
    second = PhotoDataset(source, size=16, augmentation=variation, seed=5)
    assert torch.equal(first[9, 2].rgb, second[9, 2].rgb)
    assert not torch.equal(first[9, 2].rgb, first[10, 2].rgb)
    assert first[9, 2].rgb.shape == (3, 16, 16)
    assert first[9, 2].rgb.dtype == torch.uint8


def test_rotation_leaves_no_empty_corner(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (250, 240, 230)).save(tmp_path / "bright.png")
    variation = Augmentation(rotation=45.0, crop_scale=(0.5, 1.0))
    dataset = PhotoDataset(open_source(str(tmp_path)), size=24, augmentation=variation)
    assert min(int(dataset[draw, 0].rgb.min()) for draw in range(20)) >= 225


def test_without_augmentation_the_centre_square_is_taken(tmp_path: Path) -> None:
    pixels = np.zeros((20, 60, 3), dtype=np.uint8)
    pixels[:, 20:40] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "middle.png")
    sample = PhotoDataset(open_source(str(tmp_path)), size=20)[0, 0]
    assert (sample.rgb == torch.tensor([200, 100, 50]).view(3, 1, 1)).all()


def test_broken_and_grey_photos_are_passed_over_and_named(photos: Path) -> None:
    (photos / "a-broken.jpg").write_bytes(b"no picture")
    whole = photos / "b-cut.jpg"
    paint(1, (200, 200)).save(whole)
    whole.write_bytes(whole.read_bytes()[:600])
    Image.new("RGB", (30, 30), (90, 90, 90)).save(photos / "c-grey.png")
    source = open_source(str(photos))
    names = {Path(source.name(index)).name: index for index in range(len(source))}
    dataset = PhotoDataset(source, size=16, min_colorfulness=5.0)
    for name in ("a-broken.jpg", "b-cut.jpg"):
        sample = dataset[0, names[name]]
        assert sample.broken[0] == names[name]
        assert sample.rgb.float().std() > 0
    assert dataset[0, names["c-grey.png"]].grey[0] == names["c-grey.png"]


def test_deep_greys_are_scaled_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 30), 128 * 257, dtype=np.uint16)).save(tmp_path / "deep.tif")
    photo = decode(Image.open, tmp_path / "deep.tif", 16)
    assert photo is not None
    assert (np.asarray(photo) == 128).all()


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some of the damage
def test_no_damage_to_a_file_ends_the_reading() -> None:
    stream = io.BytesIO()
    paint(0, (8, 8)).save(stream, "TIFF", dpi=(72, 72))
    whole = stream.getvalue()
    outcomes = []
    for place in range(len(whole)):
        for value in (2, 5, 11, 255):  # as types of a tag: text, fraction, float, none
            damaged = whole[:place] + bytes([value]) + whole[place + 1 :]
            outcomes.append(decode(Image.open, io.BytesIO(damaged), 16))
    assert any(photo is None for photo in outcomes)
    assert any(photo is not None for photo in outcomes)


def test_validation_leaves_broken_photos_out_and_names_each_once(
    photos: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def validation() -> Validation:
        source = open_source(str(photos))
        return Validation(source, size=16, batch_size=4, device=torch.device("cpu"))

    generator = torch.nn.Conv2d(1, 2, 1)
    expected = validation().measure(generator)
    for name in ("a", "b", "z"):
        (photos / f"{name}.jpg").write_bytes(b"no picture")
    damaged = validation()
    with caplog.at_level(logging.WARNING):
        assert damaged.measure(generator) == damaged.measure(generator) == expected
        damaged.draw(generator, tmp_path / "sheet.png")
    named = [Path(record.getMessage().split()[-1]).name for record in caplog.records]
    assert named == ["a.jpg", "b.jpg", "z.jpg"]


def test_validation_of_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "only.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path))
    validation = Validation(source, size=16, batch_size=4, device=torch.device("cpu"))
    with pytest.raises(DataError, match=r"only\.png"):
        validation.measure(torch.nn.Conv2d(1, 2, 1))


def test_a_source_of_nothing_usable_ends_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "only.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"only\.png"):
        PhotoDataset(open_source(str(tmp_path)), size=16)[0, 0]


def test_quick_colorfulness_agrees_with_the_metric() -> None:
    photo = paint(4, (64, 64))
    assert colorfulness(photo) == pytest.approx(metrics.colorfulness(np.asarray(photo)), rel=1e-3)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_number_of_workers_changes_nothing(photos: Path, workers: int) -> None:
    source = open_source(str(photos))
    expected = make_loader(source, settings(), start=0, stop=12)
    given = make_loader(source, settings(workers=workers), start=0, stop=12)
    pairs = list(zip(expected, given, strict=True))
    assert len(pairs) == 6
    assert all(torch.equal(one.rgb, other.rgb) for one, other in pairs)


def make_table(count: int = 5) -> datasets.Dataset:
    features = datasets.Features({"photo": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"photo": [paint(number) for number in range(count)], "label": list(range(count))}
    return datasets.Dataset.from_dict(rows, features=features)


def test_a_data_set_table_finds_its_image_column() -> None:
    source = HubSource(make_table(), column="", title="a/b")
    assert len(source) == 5
    assert np.array_equal(pixels_of(source, 2), np.asarray(paint(2)))
    assert source.name(2) == "a/b[2]"
    with pytest.raises(DataError, match="no image column 'label'"):
        HubSource(make_table(), column="label", title="a/b")
    with pytest.raises(DataError, match="0 image columns"):
        HubSource(make_table().select_columns(["label"]), column="", title="a/b")


def test_a_streamed_archive_of_pictures_is_read_through_its_address(tmp_path: Path) -> None:
    """What a stream of an image folder gives: no bytes, and an address that is no path."""
    paint(3).save(tmp_path / "3.png")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.write(tmp_path / "3.png", "3.png")
    table = make_table().to_iterable_dataset()
    stream = HubStream(table, column="", title="a/b", seed=0)
    address = f"zip://3.png::{tmp_path / 'pictures.zip'}"
    with stream.open({"bytes": None, "path": address}) as photo:
        assert np.array_equal(np.asarray(photo), np.asarray(paint(3)))


def test_a_stream_goes_on_without_end_and_resumes_where_it_stopped() -> None:
    def batches(start: int, **values: object) -> list[torch.Tensor]:
        stream = HubStream(make_table().to_iterable_dataset(), column="", title="a/b", seed=0)
        loader = make_stream_loader(stream, settings(**values), start=start, rank=0)
        return [batch.rgb for batch in itertools.islice(loader, 6)]

    warmed_up = batches(2, sizes=Sizes(16, early=8, draws=6))
    assert [batch.shape[-1] for batch in warmed_up] == [8, 8, 16, 16, 16, 16]

    straight = batches(0)
    assert straight[0].shape == (2, 3, 16, 16)
    resumed = batches(4)
    assert all(torch.equal(one, other) for one, other in zip(straight[2:], resumed, strict=False))
