"""Jobs on bad days: pictures that spoil a batch, results of other pictures, thousands of names."""

from __future__ import annotations

import csv
import json
import os
import shutil
from itertools import product
from pathlib import Path

import pytest
import torch
from conftest import OneColor, calls_of
from PIL import Image

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError, PictureError, TensorError
from colorzoo.jobs.files import FileResult, colorize_files
from colorzoo.jobs.plan import pair_folder, pair_paths
from colorzoo.jobs.records import RECORDS_FILE
from colorzoo.options import ColorizeOptions
from colorzoo.predictors.network import NetworkPredictor


def grey(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 16), level).save(path)
    return path


@pytest.fixture
def eight(tmp_path: Path) -> Path:
    for number in range(8):
        grey(tmp_path / "photos" / f"{number}.png", 255 if number == 5 else 20 * number)
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (TensorError("numbers that are not finite"), "5.png: numbers that are not finite"),
        (
            RuntimeError("CUDA out of memory. Tried"),
            "5.png: the memory does not suffice for 16 x 2",
        ),
        (MemoryError(), "5.png: the memory does not suffice"),
        (KeyError("somebody's plug-in"), "5.png: the predictor failed: KeyError: \"somebody's"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_the_guilty_picture_of_a_batch_fails(
    eight: Path, tmp_path: Path, failure: Exception, reason: str
) -> None:
    predictor = OneColor(failure=failure)
    report = Colorizer(predictor).folder(eight, tmp_path / "out")
    assert len(report.done) == 7
    (failed,) = report.failed
    assert reason in str(failed.reason)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        f"{number}.png" for number in range(8) if number != 5
    ]
    assert predictor.batches == [8, 4, 4, 2, 1, 1, 2]  # halves, not eight times one


def test_what_was_asked_wrongly_ends_the_job_at_once(eight: Path, tmp_path: Path) -> None:
    class NeedsHints(OneColor):
        needs = accepts = frozenset({"hints"})  # type: ignore[assignment]  # literals, to mypy str

    with pytest.raises(ConfigError, match="needs hints"):
        Colorizer(NeedsHints()).folder(eight, tmp_path / "out")


def test_a_network_that_overflows_spoils_no_batch(eight: Path, tmp_path: Path) -> None:
    generator = colorzoo.create_model("unet", widths=(4, 8))
    with torch.no_grad():
        for weight in generator.parameters():
            weight.fill_(float("nan"))
    colorizer = Colorizer(NetworkPredictor(generator, working_size=16, device="cpu"))
    report = colorizer.folder(eight, tmp_path / "out", batch_size=4)
    assert len(report.failed) == 8
    assert all("not finite" in str(result.reason) for result in report)


def colored(source: Path, target: Path, colorizer: Colorizer, **options: float) -> FileResult:
    settings = ColorizeOptions(**options)  # type: ignore[arg-type]  # floats by the field's type
    (result,) = colorize_files(colorizer, [(source, target)], settings)
    return result


def test_a_result_of_another_picture_is_no_result(tmp_path: Path) -> None:
    colorizer = Colorizer(OneColor())
    photos, out = tmp_path / "photos", tmp_path / "out"
    grey(photos / "a.gif", 50)
    assert [pair[1].name for pair in pair_folder(photos, out, recursive=True)] == ["a.png"]
    colorizer.folder(photos, out)
    first = (out / "a.png").read_bytes()
    grey(photos / "a.png", 200)
    again = colorizer.folder(photos, out)
    assert {r.source.name: (r.target.name, r.status) for r in again} == {
        "a.gif": ("a.png", "skipped"),
        "a.png": ("a.png.png", "done"),
    }
    assert (out / "a.png").read_bytes() == first
    # Where the place is given, there is no name of its own.
    refused = colored(photos / "a.png", out / "a.png", colorizer)
    assert refused.status == "failed"
    assert "made from another picture" in str(refused.reason)
    assert (out / "a.png").read_bytes() == first


def test_a_picture_is_known_by_its_content(tmp_path: Path) -> None:
    colorizer = Colorizer(OneColor())
    source, target = grey(tmp_path / "a.png", 50), tmp_path / "out" / "a.png"
    assert colored(source, target, colorizer).status == "done"
    os.utime(source, (1, 1))
    assert colored(source, target, colorizer) == FileResult(source, target, "skipped")
    elsewhere = shutil.copy(source, tmp_path / "b.png")
    assert colored(Path(elsewhere), target, colorizer).status == "skipped"
    grey(source, 51)
    assert colored(source, target, colorizer).status == "failed"
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert colored(Path(elsewhere), moved / "a.png", colorizer).reason is None


def test_another_model_or_option_is_told(tmp_path: Path) -> None:
    source, target = grey(tmp_path / "a.png", 50), tmp_path / "out" / "a.png"
    colored(source, target, Colorizer(OneColor("first")))
    skipped = colored(source, target, Colorizer(OneColor("second")), saturation=1.5)
    assert (skipped.status, skipped.reason) == (
        "skipped",
        "coloured with model first, saturation 1.0",
    )
    same = colored(source, target, Colorizer(OneColor("first")), batch_size=3)
    assert (same.status, same.reason) == ("skipped", None)


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"\xff\xfe", b'{"target": "a.png"', b'{"target": "a.png"}\n{}\n[[']
)
def test_records_that_are_damaged_tell_nothing_and_harm_nobody(
    tmp_path: Path, damage: bytes
) -> None:
    colorizer = Colorizer(OneColor())
    source, target = grey(tmp_path / "a.png", 50), tmp_path / "out" / "a.png"
    colored(source, target, colorizer)
    (target.parent / RECORDS_FILE).write_bytes(damage)
    before = target.read_bytes()
    unknown = colored(source, target, colorizer)
    assert (unknown.status, unknown.reason) == ("skipped", "it is not known from which picture")
    assert target.read_bytes() == before
    # What is written next is readable, also after a line that was cut off.
    colored(source, target.with_name("b.png"), colorizer)
    assert colored(source, target.with_name("b.png"), colorizer).reason is None
    last = (target.parent / RECORDS_FILE).read_bytes().splitlines()[-1]
    assert json.loads(last)["target"] == "b.png"


def test_two_sources_for_one_target_are_refused(tmp_path: Path) -> None:
    pairs = [(grey(tmp_path / name, 9), tmp_path / "out.png") for name in ("a.png", "b.png")]
    with pytest.raises(PictureError, match=r"a\.png and .*b\.png would both become"):
        next(colorize_files(Colorizer(OneColor()), pairs))


def test_processes_share_pairs_and_each_input_is_safe(eight: Path, tmp_path: Path) -> None:
    colorizer = Colorizer(OneColor())
    pairs = pair_folder(eight, tmp_path / "out", recursive=True)
    shares = [list(colorize_files(colorizer, pairs, rank=rank, processes=3)) for rank in range(3)]
    assert [len(share) for share in shares] == [3, 3, 2]
    assert {result.source for share in shares for result in share} == {pair[0] for pair in pairs}
    # The second process's picture is the target of the first process.
    crossed = [(eight / "0.png", eight / "1.png"), (eight / "1.png", tmp_path / "x.png")]
    (first,) = colorize_files(colorizer, crossed, overwrite=True, rank=0, processes=2)
    assert "never overwritten" in str(first.reason)


def test_a_report_is_written_as_a_table(eight: Path, tmp_path: Path) -> None:
    (eight / 'bad, or "worse".png').write_text("no picture")
    report = Colorizer(OneColor()).folder(eight, tmp_path / "out")
    report.write_csv(tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["done"] * 8 + ["failed"]
    assert rows[8]["source"] == str(eight / 'bad, or "worse".png')
    assert "is not a picture" in rows[8]["reason"]
    assert all(float(row["seconds"]) >= 0 for row in rows)
    with pytest.raises(PictureError, match="Cannot write the table"):
        report.write_csv(tmp_path / "nowhere" / "report.csv")


def test_a_job_that_is_left_reads_no_further(eight: Path, tmp_path: Path) -> None:
    pairs = pair_folder(eight, tmp_path / "out", recursive=True)
    work = colorize_files(Colorizer(OneColor()), pairs, ColorizeOptions(batch_size=1))
    next(work)
    work.close()
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["0.png"]
    again = Colorizer(OneColor()).folder(eight, tmp_path / "out")
    assert (len(again.done), len(again.skipped)) == (7, 1)


def calls_to_plan(photos: Path, out: Path) -> int:
    def plan() -> None:
        pairs = pair_folder(photos, out, recursive=True)
        assert len({str(target).casefold() for _, target in pairs}) == len(pairs)
        next(colorize_files(Colorizer(OneColor()), pairs)).source.stat()

    return calls_of(plan)


def test_four_times_as_many_files_are_four_times_the_work_to_plan(tmp_path: Path) -> None:
    def calls_for(count: int) -> int:
        photos, out = tmp_path / f"photos-{count}", tmp_path / f"out-{count}"
        for number in range(count):
            folder = photos / f"{number % 10}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.{('jpg', 'gif')[number % 2]}").touch()
        out.mkdir()
        return calls_to_plan(photos, out)

    _, few, many = calls_for(2), calls_for(500), calls_for(2000)  # the first imports what is used
    assert many < 4.5 * few


def test_case_variants_of_one_name_are_planned_in_linear_time(tmp_path: Path) -> None:
    def calls_for(letters: int) -> int:
        photos = tmp_path / f"photos-{letters}"
        photos.mkdir()
        for name in product(*((letter, letter.upper()) for letter in "abcdefghijkl"[:letters])):
            (photos / f"{''.join(name)}.gif").touch()
        if len(list(photos.iterdir())) < 2**letters:
            pytest.skip("upper and lower case are the same on this file system")
        return calls_to_plan(photos, tmp_path / f"out-{letters}")

    assert calls_for(10) < 4.5 * calls_for(8)


def test_names_on_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x.jpg", "y.gif", "album/a.jpg", "album/inner/b.bmp"):
        grey(tmp_path / name, 9)

    def targets(*paths: str, out: str | None = None) -> list[str]:
        pairs = pair_paths(paths, out, recursive=True)
        return [os.path.relpath(target, tmp_path) for _, target in pairs]

    assert targets("x.jpg", "y.gif") == ["x-color.jpg", "y-color.png"]
    assert targets("album") == ["album-color/a.jpg", "album-color/inner/b.bmp"]
    assert targets("x.jpg", out="done.PNG") == ["done.PNG"]
    Path("link.jpg").symlink_to("x.jpg")
    assert targets("link.jpg", "y.gif", out="o/") == ["o/link.jpg", "o/y.png"]
    Path("link.jpg").unlink()
    assert targets("x.jpg", out="foo.xyz/") == ["foo.xyz/x.jpg"]
    assert targets("x.jpg", "album", out="foo.xyz") == [
        "foo.xyz/x.jpg",
        "foo.xyz/album/a.jpg",
        "foo.xyz/album/inner/b.bmp",
    ]
    for out, *paths in (("foo.xyz", "x.jpg"), ("z.jpg", "x.jpg", "y.gif"), ("z.png", "album")):
        with pytest.raises(ConfigError, match=out):
            pair_paths(paths, out, recursive=True)
    assert not (tmp_path / "foo.xyz").exists()
    for address in ("https://example.org/x.jpg", "hf://datasets/owner/name"):
        with pytest.raises(PictureError, match="Fetch it") as error:
            pair_paths(["x.jpg", address], None, recursive=True)
        assert address in str(error.value)
    with pytest.raises(PictureError, match=r"Did you mean hf://datasets/owner/name\?"):
        pair_paths(["hf:/datasets/owner/name"], None, recursive=True)
    assert pair_paths(["album"], None, recursive=True)[0][1] == Path("album-color/a.jpg")
    monkeypatch.chdir("album")
    assert pair_paths(["."], None, recursive=True)[0][1] == tmp_path / "album-color" / "a.jpg"


def test_results_beside_their_pictures_are_no_sources(tmp_path: Path) -> None:
    grey(tmp_path / "x.jpg", 9)
    pairs = pair_paths([str(tmp_path / "x.jpg")], None, recursive=True)
    first = list(colorize_files(Colorizer(OneColor()), pairs))
    assert [result.target.name for result in first] == ["x-color.jpg"]
    everything = sorted(str(path) for path in tmp_path.glob("*.jpg"))
    assert len(everything) == 2
    assert [source.name for source, _ in pair_paths(everything, None, recursive=True)] == ["x.jpg"]

    def listed(folder: Path) -> list[str]:
        return [source.name for source, _ in pair_folder(folder, tmp_path / "out", recursive=False)]

    assert listed(tmp_path) == ["x.jpg"]
    grey(tmp_path / "x.jpg", 10)  # another picture now
    assert listed(tmp_path) == ["x-color.jpg", "x.jpg"]
