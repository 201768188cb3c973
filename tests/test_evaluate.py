"""The protocol, from photos to a report, in one process and in two."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import forked
import numpy as np
import pytest
from conftest import Run
from numpy.typing import NDArray
from PIL import Image

import colorzoo
from colorzoo.errors import ConfigError, DataError, UnknownNameError
from colorzoo.evaluation.evaluate import SIZE, square
from colorzoo.evaluation.report import Report
from colorzoo.files import file_hash
from colorzoo.metrics.table import measure


@pytest.fixture
def photos(evaluation_photos: Path) -> Path:
    return evaluation_photos


@pytest.fixture
def colorizer(model_folder: Path) -> colorzoo.Colorizer:
    return colorzoo.load(model_folder, device="cpu")


def truth_of(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as photo:
        return square(photo)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_report_holds_what_calling_by_hand_gives(
    photos: Path, colorizer: colorzoo.Colorizer
) -> None:
    report = colorzoo.evaluate(colorizer, photos)
    assert report.photos == ("0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    assert report.source == "photos"
    assert len(report.broken) == 1
    assert report.broken[0].startswith("inside/broken.jpg (")
    (row,) = report.models
    assert (row.name, row.parameters) == (
        "tiny-model",
        colorizer.predictor.parameters,
    )
    for place, name in enumerate(report.photos):
        truth = truth_of(photos / name)
        by_hand = measure(np.asarray(colorizer(truth)), truth)
        for metric, value in by_hand.items():
            assert row.values[metric][place] == pytest.approx(value, abs=1e-3), metric
        by_hand = measure(np.asarray(colorizer(truth, saturation=0.0)), truth)
        assert {metric: values[place] for metric, values in report.grey.values.items()} == by_hand
        assert (
            report.truth.values["colorfulness"][place] > report.grey.values["colorfulness"][place]
        )


def test_truth_is_upright_exact_and_256(photos: Path) -> None:
    # The JPEG of 700 x 520 would be decoded at a smaller scale if speed counted more.
    with Image.open(photos / "4.jpg") as photo:
        whole = photo.convert("RGB")
    assert np.array_equal(truth_of(photos / "4.jpg"), square(whole))
    with Image.open(photos / "2.jpg") as photo:
        turned = photo.convert("RGB").transpose(Image.Transpose.ROTATE_270)
    del turned.info["exif"]  # it is upright now
    assert np.array_equal(truth_of(photos / "2.jpg"), square(turned))
    exact = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert np.array_equal(square(Image.fromarray(exact)), exact)


def test_truth_of_a_deep_grey_is_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((300, 300), 128 * 257, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert (truth_of(tmp_path / "deep.png") == 128).all()


def test_same_numbers_for_every_batch_size_and_run(
    photos: Path, colorizer: colorzoo.Colorizer
) -> None:
    first = colorzoo.evaluate(colorizer, photos, batch_size=1)
    assert colorzoo.evaluate(colorizer, photos, batch_size=1) == first
    for batch_size in (2, 8):
        other = colorzoo.evaluate(colorizer, photos, batch_size=batch_size)
        assert other.grey == first.grey
        assert_near(other, first)


def assert_near(one: Report, other: Report) -> None:
    """Equal but for the rounding of the network's float32."""
    assert (one.photos, one.broken) == (other.photos, other.broken)
    for row, same in zip(one.models, other.models, strict=True):
        assert row.name == same.name
        for metric, values in row.values.items():
            assert values == pytest.approx(same.values[metric], abs=1e-3), metric


def test_two_processes_give_the_report_of_one(
    photos: Path, model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    sheet = tmp_path / "sheet.png"
    result = forked.run_ranks(
        *("-m", "colorzoo", "evaluate", model_folder, "--data", photos, "--json"),
        *("--sheet", sheet, "--device", "auto"),
    )
    assert result.returncode == 0, result.stderr
    found = Report.from_dict(json.loads(result.stdout))
    alone = colorzoo.evaluate(str(model_folder), photos, device="cpu", batch_size=3)
    assert (found.grey, found.truth) == (alone.grey, alone.truth)
    assert_near(found, alone)
    assert size_of(sheet)[1] > 5 * SIZE


def test_limit_takes_the_first_photos(photos: Path) -> None:
    report = colorzoo.evaluate([], photos, limit=2)
    assert report.photos == ("0.jpg", "1.jpg")
    assert report.broken == ()
    whole = colorzoo.evaluate([], photos)
    assert whole.grey.values["psnr"][:2] == report.grey.values["psnr"]


def test_archive_gives_the_numbers_of_its_folder(photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for path in sorted(photos.rglob("*.jpg")):
            archive.add(path, path.relative_to(photos))
    report = colorzoo.evaluate([], tmp_path / "photos.tar")
    assert report.photos[0] == "photos.tar:0.jpg"
    assert report.grey == colorzoo.evaluate([], photos).grey


def test_mean_and_deviation_are_over_photos(photos: Path) -> None:
    row = colorzoo.evaluate([], photos).grey
    for metric, found in row.statistics().items():
        assert found.mean == pytest.approx(np.mean(row.values[metric]))
        assert found.std == pytest.approx(np.std(row.values[metric]))


def test_grey_photo_as_truth_keeps_means_finite(tmp_path: Path) -> None:
    Image.new("L", (300, 300), 90).save(tmp_path / "grey.png")
    report = colorzoo.evaluate([], tmp_path)
    assert report.grey.statistics()["psnr"].mean == 100.0
    assert "Infinity" not in report.to_json()


def test_report_survives_json(photos: Path, colorizer: colorzoo.Colorizer) -> None:
    report = colorzoo.evaluate({"first": colorizer, "second": colorizer}, photos, limit=2)
    assert report.models[0].values == report.models[1].values
    plain = json.loads(report.to_json())
    assert Report.from_dict(plain) == report
    assert plain["models"][0]["statistics"]["psnr"]["mean"] == pytest.approx(
        np.mean(report.models[0].values["psnr"])
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photoz": []}, "unknown key 'photoz'. Did you mean 'photos'"),
        ({"photos": ["one"]}, "has 2 values of 'mae' for 1 photos"),
        ({"grey": 3}, "a row of the report must be a table, not int"),
        ({"grey": {"name": "grey", "parameters": None}}, "lacks the key 'values'"),
        (
            {"grey": {"name": "grey", "parameters": None, "values": {"mae": ["x", "y"]}}},
            "mae must be a list of numbers",
        ),
    ],
)
def test_report_that_is_none(photos: Path, change: dict[str, object], message: str) -> None:
    plain = colorzoo.evaluate([], photos, limit=2).to_dict()
    with pytest.raises(ConfigError, match=message):
        Report.from_dict({**plain, **change})


def test_report_as_table_markdown_and_facts(photos: Path, colorizer: colorzoo.Colorizer) -> None:
    report = colorzoo.evaluate(colorizer, photos)
    lines = str(report).splitlines()
    assert lines[0].startswith("colorzoo-1: 5 photos of photos, 256 x 256")
    starts = [line.split(" ")[0] for line in lines[2:]]
    order = ("tiny-model", "grey", "truth", "MAE", "CFabs", "1", "Not", "Unet", "AttentionUnet")
    places = [starts.index(name) for name in order]
    assert places == sorted(places)
    assert "MAE     ↓  mean absolute difference of RGB, 0 to 255" in lines
    apart = "Not to be compared, published for the Flickr2K test split, other photos, 256 x 256:"
    assert apart in lines
    psnr = report.grey.statistics()["psnr"]
    assert any(f"{psnr.mean:.2f} ± {psnr.std:.2f}" in line for line in lines)
    assert all(line == line.rstrip() for line in lines)
    narrow = report.to_text(80).splitlines()
    assert max(map(len, narrow)) <= 80 < max(map(len, lines))
    assert [line.split(" ")[0] for line in narrow].count("tiny-model") == 2
    words = [{word for line in some for word in line.split()} for some in (narrow, lines)]
    assert {word.strip("-") for word in words[0]} == {word.strip("-") for word in words[1]}
    assert max(map(len, report.to_text(1).splitlines())) < 40
    table = [line for line in report.to_markdown().splitlines() if line.startswith("|")]
    assert len(table) == 2 + 3
    assert len({line.count("|") for line in table}) == 1
    facts = report.facts("tiny-model")
    assert (facts.protocol, facts.data, facts.photos) == ("colorzoo-1", "photos", 5)
    assert facts.grey["psnr"] == {"mean": round(psnr.mean, 4), "std": round(psnr.std or 0, 4)}
    assert set(facts.truth) == {"colorfulness", "colorfulness_abs"}
    with pytest.raises(UnknownNameError, match="no model 'tiny'. Did you mean 'tiny-model'"):
        report.facts("tiny")


def test_folders_of_one_name_have_rows_of_their_own(
    photos: Path, model_folder: Path, tmp_path: Path
) -> None:
    folders = [tmp_path / run / "deep" / "model" for run in ("first", "second")]
    for folder in folders:
        shutil.copytree(model_folder, folder)
    report = colorzoo.evaluate(folders, photos, metrics=["psnr"], limit=1)
    assert [row.name for row in report.models] == ["first/deep/model", "second/deep/model"]
    with pytest.raises(ConfigError, match="row 'model' twice"):
        colorzoo.evaluate([folders[0], folders[0]], photos)


def test_what_cannot_be_evaluated(
    photos: Path, colorizer: colorzoo.Colorizer, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="row 'tiny-model' twice"):
        colorzoo.evaluate([colorizer, colorizer], photos)
    with pytest.raises(ConfigError, match="row 'grey' twice"):
        colorzoo.evaluate({"grey": colorizer}, photos)
    with pytest.raises(ConfigError, match="limit must be a positive number, not 0"):
        colorzoo.evaluate(colorizer, photos, limit=0)
    with pytest.raises(ConfigError, match="'sheet' must end in one of .avif"):
        colorzoo.evaluate(colorizer, photos, sheet="sheet")
    with pytest.raises(DataError, match="Check the path"):
        colorzoo.evaluate(colorizer, tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"None of the 1 photos of inside can be read; one is brok"):
        colorzoo.evaluate(colorizer, photos / "inside")


def test_metrics_are_chosen(photos: Path, colorizer: colorzoo.Colorizer) -> None:
    report = colorzoo.evaluate(colorizer, photos, metrics=("colorfulness", "mae"), limit=1)
    assert list(report.models[0].values) == ["mae", "colorfulness"]
    assert list(report.truth.values) == ["colorfulness"]
    assert "PSNR" not in str(report)
    whole = colorzoo.evaluate(colorizer, photos, metrics=("colorzoo-1",), limit=1)
    assert whole == colorzoo.evaluate(colorizer, photos, limit=1)
    with pytest.raises(UnknownNameError, match="no metric called 'ssmi'.* Did you mean 'ssim'"):
        colorzoo.evaluate(colorizer, photos, metrics=("ssmi",))


def test_a_report_knows_the_weights_it_measured(
    photos: Path, model_folder: Path, colorizer: colorzoo.Colorizer
) -> None:
    models = {"by folder": str(model_folder), "by path": model_folder, "by hand": colorizer}
    report = colorzoo.evaluate(models, photos, limit=1, metrics=("psnr",), device="cpu")
    sha256 = file_hash(model_folder / "model.safetensors")
    assert [row.weights_sha256 for row in report.models] == [sha256, sha256, None]
    assert report.grey.weights_sha256 is None
    assert Report.from_dict(json.loads(report.to_json())) == report


def test_progress_is_told_to_whoever_asks(
    photos: Path, colorizer: colorzoo.Colorizer, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[int, int | None]] = []

    def on_progress(done: int, total: int | None, numbers: object) -> None:
        told.append((done, total))

    colorzoo.evaluate(colorizer, photos, batch_size=4, on_progress=on_progress)
    assert told == [(0, 6), (4, 6), (6, 6)]
    assert capfd.readouterr() == ("", "")


def test_command(
    photos: Path, model_folder: Path, tmp_path: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # what is piped has whole lines all the same
    sheet = tmp_path / "sheets" / "sheet.png"
    options = ("--data", photos, "--device", "cpu", "--limit", "3", "--sheet", sheet)
    result = cli("evaluate", model_folder, *options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    report = colorzoo.evaluate(str(model_folder), photos, limit=3, device="cpu")
    assert result.stdout.splitlines()[3:] == report.to_text().splitlines()[3:]
    assert min(size_of(sheet)) > 3 * SIZE


def test_command_reports_broken_photos_and_errors(
    photos: Path, model_folder: Path, cli: Run
) -> None:
    result = cli("evaluate", model_folder, "--data", photos, "--json")
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["photos"]) == 5
    assert "left out: inside/broken.jpg" in result.stderr
    result = cli("evaluate", "./nowhere", "--data", photos)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
