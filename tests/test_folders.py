from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.errors import PictureError
from colorzoo.jobs.plan import pair_folder
from colorzoo.jobs.records import RECORDS_FILE
from colorzoo.predictors.network import NetworkPredictor


@pytest.fixture
def colorizer() -> Colorizer:
    generator = colorzoo.create_model("unet", widths=(4, 8, 8))
    return Colorizer(NetworkPredictor(generator, working_size=32, device="cpu"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "1931" / "summer").mkdir(parents=True)
    grey = np.linspace(0, 255, 20 * 24).reshape(20, 24).astype(np.uint8)
    for name in ("a.jpg", "a.png", "a.gif", "1931/b.TIF", "1931/summer/c.webp"):
        Image.fromarray(grey).save(folder / name)
    (folder / "a.gif.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "broken.jpg").write_text("Dear grandmother,")
    (folder / ".hidden.jpg").write_text("not a picture, and nobody asks")
    (folder / "notes.txt").write_text("no picture")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder and below; the hidden records are no concern of the user's."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORDS_FILE
    }


def test_a_folder_is_mirrored_past_bad_files(
    colorizer: Colorizer, photos: Path, tmp_path: Path
) -> None:
    before = contents(photos)
    seen: list[tuple[int, int | None, Mapping[str, float]]] = []
    report = colorizer.folder(
        photos, tmp_path / "out", batch_size=2, on_progress=lambda *state: seen.append(state)
    )
    expected = {"a.jpg", "a.png", "a.gif.png", "a.gif-2.png", "1931/b.TIF", "1931/summer/c.webp"}
    assert set(contents(tmp_path / "out")) == expected
    assert contents(photos) == before
    assert [result.source.name for result in report.failed] == ["broken.jpg"]
    assert "is not a picture" in str(report.failed[0].reason)
    assert [result.status for result in report].count("done") == len(report.done) == 6
    assert (len(report), repr(report)) == (7, "FolderReport(done=6, failed=1, skipped=0)")
    assert all(result.seconds > 0 and result.reason is None for result in report.done)
    assert seen[0] == (0, 7, {})
    assert [state[:2] for state in seen] == [(done, 7) for done in range(8)]
    assert seen[-1][2] == {"failed": 1}
    for result in report.done:
        with Image.open(result.target) as image:
            assert image.size == (24, 20)


def test_a_second_run_skips_what_is_there(
    colorizer: Colorizer, photos: Path, tmp_path: Path
) -> None:
    colorizer.folder(photos, tmp_path / "out")
    mark = tmp_path / "out" / "a.png"
    mark.write_bytes(b"kept")
    again = colorizer.folder(photos, tmp_path / "out")
    assert (len(again.done), len(again.skipped), len(again.failed)) == (0, 6, 1)
    assert mark.read_bytes() == b"kept"
    assert len(colorizer.folder(photos, tmp_path / "out", overwrite=True).done) == 6
    assert mark.read_bytes() != b"kept"


def test_results_inside_the_source_are_no_sources(colorizer: Colorizer, photos: Path) -> None:
    first = colorizer.folder(photos, photos / "colour", overwrite=True)
    second = colorizer.folder(photos, photos / "colour", overwrite=True)
    assert [r.source for r in first.results] == [r.source for r in second.results]
    assert len(colorizer.folder(photos, photos / "flat", recursive=False).done) == 4


def test_inputs_are_never_overwritten(colorizer: Colorizer, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos, target_is_directory=True)
    for same in (photos, tmp_path / "link", photos / "1931" / ".."):
        with pytest.raises(PictureError, match="never overwritten"):
            colorizer.folder(photos, same)
    before = contents(photos)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg").symlink_to(photos / "a.jpg")
    (tmp_path / "out" / "a.png").hardlink_to(photos / "a.png")
    report = colorizer.folder(photos, tmp_path / "out", overwrite=True)
    assert {r.source.name for r in report.failed} == {"a.jpg", "a.png", "broken.jpg"}
    assert contents(photos) == before


def test_names_do_not_clash_where_case_does_not_count(tmp_path: Path) -> None:
    for name in ("a.gif", "A.png", "a.bmp", "A.BMP", "a.tga"):
        (tmp_path / name).touch()
    targets = [target for _, target in pair_folder(tmp_path, tmp_path / "out", recursive=True)]
    assert len({str(target).casefold() for target in targets}) == 5


def test_folders_that_are_none_are_refused(
    colorizer: Colorizer, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(PictureError, match="does not exist"):
        colorizer.folder(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(PictureError, match="is a file"):
        colorizer.folder(photos / "a.jpg", tmp_path / "out")
    with pytest.raises(PictureError, match="is a file"):
        colorizer.folder(photos, photos / "a.jpg")


def test_a_place_that_cannot_be_written_fails_alone(
    colorizer: Colorizer, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1931").write_text("a file where a folder should be")
    report = colorizer.folder(photos, tmp_path / "out")
    assert {r.source.name for r in report.failed} == {"b.TIF", "c.webp", "broken.jpg"}
