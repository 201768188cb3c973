"""Photos to batches: sources, draws, augmentation, and what is passed over."""

from __future__ import annotations

import io
import itertools
import json
import logging
import multiprocessing
import os
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import colorzoo
from colorzoo.data.loader import StreamDataset, batches_of, make_loader, make_stream_loader
from colorzoo.data.photos import Batch, Draws, PhotoDataset, Sample, colorfulness, decode
from colorzoo.data.settings import DataSettings
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.data.streaming import HubSource, HubStream
from colorzoo.errors import DataError
from colorzoo.metrics import pixelwise
from colorzoo.metrics.table import Pixels
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


PLAIN = DataSettings(train="photos", batch_size=2, workers=0, flip=False, crop_scale=(1.0, 1.0))
VARIED = replace(PLAIN, flip=True, crop_scale=(0.4, 1.0), rotation=8.0)


def draw(dataset: PhotoDataset, number: int, index: int) -> Sample:
    sample = dataset[number, index]
    assert isinstance(sample, Sample)
    return sample


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


def test_processes_deal_the_draws_out_by_batches() -> None:
    def draws(**part: int) -> list[tuple[int, int]]:
        return list(Draws(5, seed=1, start=8, stop=24, batch_size=2, **part))

    both = [draws(rank=rank, processes=2) for rank in (0, 1)]
    assert [number for number, _ in both[0]] == [8, 9, 12, 13, 16, 17, 20, 21]
    assert sorted(both[0] + both[1]) == draws()
    assert len(Draws(5, seed=1, start=8, stop=24, batch_size=2, processes=2)) == 8


def test_a_draw_alone_fixes_its_sample(photos: Path) -> None:
    source = open_source(str(photos))
    data = replace(VARIED, crop_scale=(0.3, 1.0), rotation=15.0)
    first, second = (PhotoDataset(source, data, size=16, seed=5) for _ in range(2))
    assert torch.equal(draw(first, 9, 2).rgb, draw(second, 9, 2).rgb)
    assert not torch.equal(draw(first, 9, 2).rgb, draw(first, 10, 2).rgb)
    assert draw(first, 9, 2).rgb.shape == (3, 16, 16)
    assert draw(first, 9, 2).rgb.dtype == torch.uint8


def test_rotation_leaves_no_empty_corner(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (250, 240, 230)).save(tmp_path / "bright.png")
    data = replace(PLAIN, rotation=45.0, crop_scale=(0.5, 1.0))
    dataset = PhotoDataset(open_source(str(tmp_path)), data, size=24, seed=0)
    assert min(int(draw(dataset, number, 0).rgb.min()) for number in range(20)) >= 225


def test_without_augmentation_the_centre_square_is_taken(tmp_path: Path) -> None:
    pixels = np.zeros((20, 60, 3), dtype=np.uint8)
    pixels[:, 20:40] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "middle.png")
    sample = draw(PhotoDataset(open_source(str(tmp_path)), PLAIN, size=20, seed=0), 0, 0)
    assert (sample.rgb == torch.tensor([200, 100, 50]).view(3, 1, 1)).all()


@pytest.mark.parametrize("suffix", ["jfif", "avif", "webp", "tif"])
def test_what_can_be_coloured_can_be_trained_on(suffix: str, tmp_path: Path) -> None:
    kind = {"jfif": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    paint(0).save(tmp_path / f"photo.{suffix}", kind)
    dataset = PhotoDataset(open_source(str(tmp_path)), PLAIN, size=16, seed=0)
    assert draw(dataset, 0, 0).broken == ()


def test_broken_and_grey_photos_are_passed_over_and_named(photos: Path) -> None:
    (photos / "a-broken.jpg").write_bytes(b"no picture")
    whole = photos / "b-cut.jpg"
    paint(1, (200, 200)).save(whole)
    whole.write_bytes(whole.read_bytes()[:600])
    Image.new("RGB", (30, 30), (90, 90, 90)).save(photos / "c-grey.png")
    source = open_source(str(photos))
    names = {Path(source.name(index)).name: index for index in range(len(source))}
    dataset = PhotoDataset(source, replace(PLAIN, min_colorfulness=5.0), size=16, seed=0)
    for name in ("a-broken.jpg", "b-cut.jpg"):
        sample = draw(dataset, 0, names[name])
        assert sample.broken[0] == names[name]
        assert sample.rgb.float().std() > 0
    assert draw(dataset, 0, names["c-grey.png"]).grey[0] == names["c-grey.png"]


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

    generator = colorzoo.create_model("cnn", widths=(4, 8))
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
        validation.measure(colorzoo.create_model("cnn", widths=(4, 8)))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_source_of_nothing_usable_ends_with_one_clear_error(workers: int, tmp_path: Path) -> None:
    (tmp_path / "only.png").write_bytes(b"no picture")
    data = replace(PLAIN, workers=workers)
    loader = make_loader(open_source(str(tmp_path)), data, size=16, seed=0, start=0, stop=4)
    with pytest.raises(DataError, match=r"^20 photos in a row .*only\.png") as error:
        next(batches_of(loader))
    assert "Traceback" not in str(error.value)


def begin_with_one_worker(
    loader: DataLoader[Any],
) -> tuple[Iterator[Batch], multiprocessing.process.BaseProcess]:
    """Take a loader's first batch; return the others, and the process that was started for them."""
    before = multiprocessing.active_children()  # those of other loaders, which may not be gone yet
    batches = batches_of(loader)
    next(batches)
    (worker,) = set(multiprocessing.active_children()) - set(before)
    return batches, worker


# Torch looks for dead workers at any moment, also while Python clears up, and raises.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("wait", [0.0, 0.05])  # with batches under way, and with some that wait
def test_a_worker_that_dies_ends_the_run_with_one_clear_error(photos: Path, wait: float) -> None:
    data = replace(VARIED, workers=1)
    loader = make_loader(open_source(str(photos)), data, size=16, seed=0, start=0, stop=10_000)
    batches, worker = begin_with_one_worker(loader)
    time.sleep(wait)
    worker.kill()
    with pytest.raises(DataError, match=r"loader process has ended .* lower data\.workers"):
        list(batches)


def test_a_worker_outlives_a_stop_of_the_group_but_not_of_its_parent(photos: Path) -> None:
    data = replace(VARIED, workers=1)
    loader = make_loader(open_source(str(photos)), data, size=16, seed=0, start=0, stop=40)
    batches, worker = begin_with_one_worker(loader)
    subprocess.run(["kill", "-TERM", str(worker.pid)], check=True)  # as a scheduler does
    assert len(list(itertools.islice(batches, 10))) == 10
    worker.terminate()
    worker.join(5)
    assert not worker.is_alive()


def test_quick_colorfulness_agrees_with_the_metric() -> None:
    photo = paint(4, (64, 64))
    pixels = Pixels(np.array(photo))
    assert colorfulness(photo) == pytest.approx(pixelwise.colorfulness(pixels, pixels), rel=1e-3)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_number_of_workers_changes_nothing(photos: Path, workers: int) -> None:
    source = open_source(str(photos))
    expected, given = (
        make_loader(source, replace(VARIED, workers=count), size=16, seed=3, start=0, stop=12)
        for count in (0, workers)
    )
    pairs = list(zip(batches_of(expected), batches_of(given), strict=True))
    assert len(pairs) == 6
    assert all(torch.equal(one.rgb, other.rgb) for one, other in pairs)


def make_table(count: int = 5) -> datasets.Dataset:
    features = datasets.Features({"photo": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"photo": [paint(number) for number in range(count)], "label": list(range(count))}
    return datasets.Dataset.from_dict(rows, features=features)


def test_a_data_set_table_finds_its_image_column() -> None:
    source = HubSource(make_table(), column=None, title="a/b")
    assert len(source) == 5
    assert np.array_equal(pixels_of(source, 2), np.asarray(paint(2)))
    assert source.name(2) == "a/b[2]"
    with pytest.raises(DataError, match="no image column 'label'"):
        HubSource(make_table(), column="label", title="a/b")
    with pytest.raises(DataError, match="0 image columns"):
        HubSource(make_table().select_columns(["label"]), column=None, title="a/b")


def test_a_streamed_archive_of_pictures_is_read_through_its_address(tmp_path: Path) -> None:
    """What a stream of an image folder gives: no bytes, and an address that is no path."""
    paint(3).save(tmp_path / "3.png")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.write(tmp_path / "3.png", "3.png")
    table = make_table().to_iterable_dataset()
    stream = HubStream(table, column=None, title="a/b", seed=0)
    address = f"zip://3.png::{tmp_path / 'pictures.zip'}"
    with stream.open({"bytes": None, "path": address}) as photo:
        assert np.array_equal(np.asarray(photo), np.asarray(paint(3)))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_stream_goes_on_without_end_and_resumes_where_it_stopped(
    at: int, shards: int, workers: int
) -> None:
    data = replace(VARIED, workers=workers)

    def batches(draw: int, position: dict[str, Any] | None) -> Iterator[Batch]:
        table = make_table(7).to_iterable_dataset(num_shards=shards)
        stream = HubStream(table, column=None, title="a/b", seed=0, block=3)
        dataset = StreamDataset(stream, data, size=16, seed=3, rank=0, draw=draw, position=position)
        return batches_of(make_stream_loader(dataset))

    straight = list(itertools.islice(batches(0, None), 14))
    assert straight[0].rgb.shape == (2, 3, 16, 16)
    position = json.loads(json.dumps(straight[at - 1].position))
    resumed = list(itertools.islice(batches(2 * at, position), 14 - at))
    for one, other in zip(straight[at:], resumed, strict=True):
        assert torch.equal(one.rgb, other.rgb)
        assert one.position == other.position


def test_every_row_of_a_stream_comes_once_an_epoch_in_another_order() -> None:
    table = make_table(7).to_iterable_dataset(num_shards=2)
    stream = HubStream(table, column=None, title="a/b", seed=0, block=3)
    rows = [picture["bytes"] for _, picture in itertools.islice(stream.rows(), 21)]
    assert len(set(rows)) == 7
    assert all(set(rows[7 * epoch : 7 * epoch + 7]) == set(rows) for epoch in range(3))
    assert rows[:7] != rows[7:14]


def test_a_stream_without_rows_and_one_of_broken_pictures_are_errors() -> None:
    def first(table: datasets.IterableDataset) -> Batch:
        stream = HubStream(table, column=None, title="a/b", seed=0)
        dataset = StreamDataset(stream, PLAIN, size=16, seed=0, rank=0, draw=0, position=None)
        return next(batches_of(make_stream_loader(dataset)))

    with pytest.raises(DataError, match="a/b holds no photos"):
        first(make_table(1).to_iterable_dataset().take(0))
    broken = datasets.Dataset.from_dict(
        {"photo": [{"bytes": b"no picture", "path": None}]},
        features=datasets.Features({"photo": datasets.Image()}),
    )
    with pytest.raises(DataError, match="1000 photos in a row .*1000 broken.*row 999 of a/b"):
        first(broken.to_iterable_dataset())
