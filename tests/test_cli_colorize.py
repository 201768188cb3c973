"""``colorzoo colorize``: files, folders, pipes, signals and launchers."""

from __future__ import annotations

import csv
import io
import signal
from pathlib import Path

import forked
import numpy as np
import pytest
from conftest import Run, one_line_error
from PIL import Image


def test_a_picture_becomes_a_file(run_python: Run, photo_folder: Path, model_folder: Path) -> None:
    """In a fresh process, where an import that warns would be an error."""
    target = photo_folder.parent / "out" / "done.png"
    command = ("-W", "error", "-m", "colorzoo", "colorize", photo_folder / "first.png")
    result = run_python(*command, "-o", target, "--model", model_folder)
    assert (result.returncode, result.stdout) == (0, f"{target}\n")
    with Image.open(target) as image:
        assert (image.size, image.mode) == ((40, 30), "RGB")


def test_no_saturation_is_grey(cli: Run, photo_folder: Path, model_folder: Path) -> None:
    options = ("--model", model_folder, "--saturation", "0", "--working-size", "16")
    result = cli("colorize", photo_folder / "first.png", "-o", "grey.png", *options)
    assert result.returncode == 0, result.stderr
    with Image.open(photo_folder.parent / "grey.png") as image:
        pixels = np.asarray(image).astype(int)
    assert np.ptp(pixels, axis=2).max() <= 1


def test_depth_and_what_the_model_sees(cli: Run, photo_folder: Path, model_folder: Path) -> None:
    deep = np.linspace(20000, 30000, 40 * 30).reshape(30, 40).astype(np.uint16)
    Image.fromarray(deep).save(photo_folder / "deep.png")
    for depth, bits in (("auto", 16), ("8", 8)):
        out = photo_folder / f"out-{depth}.png"
        options = ("--model", model_folder, "--depth", depth, "--restore-tones", "--denoise")
        result = cli("colorize", photo_folder / "deep.png", "-o", out, *options)
        assert result.returncode == 0, result.stderr
        assert out.read_bytes()[24] == bits  # of a PNG's header


def test_a_folder_goes_on_past_bad_files(cli: Run, photo_folder: Path, model_folder: Path) -> None:
    (photo_folder / "text.jpg").write_text("not a picture")
    (photo_folder / "notes.txt").write_text("no picture, and not meant to be one")
    whole = (photo_folder / "inside" / "second.jpg").read_bytes()
    (photo_folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    out = photo_folder / "colored"
    result = cli("colorize", photo_folder, "-o", out, "--model", model_folder)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [f"{out}/first.png", f"{out}/inside/second.jpg"]
    assert "2 of 4 pictures coloured, 2 failed" in result.stderr
    assert "text.jpg" in result.stderr
    assert "cut.jpg" in result.stderr
    assert "Traceback" not in result.stderr
    again = cli("colorize", photo_folder, "-o", out, "--model", model_folder, "--no-recursive")
    assert again.stdout == ""
    assert "0 of 3 pictures coloured, 1 there already" in again.stderr


def test_several_paths_go_side_by_side(cli: Run, photo_folder: Path, model_folder: Path) -> None:
    first = photo_folder / "first.png"
    inside = photo_folder / "inside"
    result = cli("colorize", first, inside, "gone.jpg", "-o", "out", "--model", model_folder)
    assert result.returncode == 1
    assert result.stdout.splitlines() == ["out/first.png", "out/inside/second.jpg"]
    assert "gone.jpg: No such file" in result.stderr
    assert "2 of 3 pictures coloured, 1 failed" in result.stderr
    options = ("-o", "out", "--model", model_folder, "--overwrite", "--batch-size", "1")
    assert cli("colorize", first, inside, *options).stdout == result.stdout


def test_an_input_is_never_overwritten(cli: Run, photo_folder: Path, model_folder: Path) -> None:
    first = photo_folder / "first.png"
    before = first.read_bytes()
    options = ("--model", model_folder, "--overwrite")
    for source, out in ((first, first), (first, photo_folder), (photo_folder, photo_folder)):
        result = cli("colorize", source, "-o", out, *options)
        assert (result.returncode, result.stdout) == (1, "")
        assert "never overwritten" in result.stderr
    assert first.read_bytes() == before


def test_two_pictures_never_become_one_file(
    cli: Run, photo_folder: Path, model_folder: Path
) -> None:
    (photo_folder / "inside" / "first.png").write_bytes((photo_folder / "first.png").read_bytes())
    paths = (photo_folder / "first.png", photo_folder / "inside" / "first.png")
    result = cli("colorize", *paths, "-o", "out", "--model", model_folder)
    assert result.returncode == 2
    assert "would both become" in result.stderr
    result = cli("colorize", *paths, "-o", paths[0], "--model", model_folder)
    assert (result.returncode, "is a file" in result.stderr) == (2, True)


@pytest.mark.parametrize("name", ["x.heic", "x.gif", "x.PSD", "x.jp2"])
def test_a_format_that_cannot_be_written_makes_no_folder(
    cli: Run, photo_folder: Path, model_folder: Path, name: str
) -> None:
    result = cli("colorize", photo_folder / "first.png", "-o", name, "--model", model_folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"Cannot write {name}: colorzoo does not write" in result.stderr
    assert not (photo_folder.parent / name).exists()


def test_several_pictures_make_no_folder_called_like_a_picture(
    cli: Run, photo_folder: Path, model_folder: Path
) -> None:
    paths = (photo_folder / "first.png", photo_folder / "inside")
    result = cli("colorize", *paths, "-o", "x.jpg", "--model", model_folder)
    assert (result.returncode, "give a folder with -o" in result.stderr) == (2, True)
    assert not (photo_folder.parent / "x.jpg").exists()


def test_missing_paths_are_told_before_anything_is_loaded(run_python: Run, tmp_path: Path) -> None:
    code = (
        "import sys; from colorzoo.cli import commands; from colorzoo.errors import PictureError\n"
        "try: commands.main(['colorize', 'nothere', '-o', 'out'], standalone_mode=False)\n"
        "except PictureError as error: print(error, 'torch' in sys.modules)"
    )
    result = run_python("-c", code, cwd=tmp_path)
    assert result.stdout.startswith("There is no file or folder nothere.")
    assert result.stdout.endswith("False\n")


def test_colorize_failures_are_one_line(
    cli: Run, tmp_path: Path, photo_folder: Path, model_folder: Path
) -> None:
    first = photo_folder / "first.png"
    assert "There is no model called 'nope'" in one_line_error(
        cli("colorize", first, "-o", "out", "--model", "nope")
    )
    (tmp_path / "empty").mkdir()
    assert "There are no pictures in empty" in one_line_error(
        cli("colorize", "empty", "-o", "out", "--model", model_folder)
    )
    clear = tmp_path / "clear.png"
    Image.new("LA", (8, 8), (90, 90)).save(clear)
    result = cli("colorize", clear, "-o", "x.jpg", "--model", model_folder)
    assert (result.returncode, "a name that ends in .png" in result.stderr) == (1, True)


def test_a_name_that_is_no_picture_makes_no_folder(
    cli: Run, photo_folder: Path, model_folder: Path
) -> None:
    first = photo_folder / "first.png"
    result = cli("colorize", first, "-o", "foo.xyz", "--model", model_folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Cannot write foo.xyz: colorzoo does not write .xyz" in result.stderr
    assert not (photo_folder.parent / "foo.xyz").exists()
    result = cli("colorize", first, "-o", "foo.xyz/", "--model", model_folder)
    assert result.stdout == "foo.xyz/first.png\n"


def test_without_a_place_the_result_lies_beside_its_picture(
    cli: Run, photo_folder: Path, model_folder: Path
) -> None:
    place = photo_folder / "first-color.png"
    result = cli("colorize", photo_folder / "first.png", "--model", model_folder)
    assert (result.returncode, result.stdout) == (0, f"{place}\n")
    again = cli("colorize", *sorted(photo_folder.glob("*.png")), "--model", model_folder)
    assert "0 of 1 pictures coloured, 1 there already" in again.stderr


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("https://example.org/x.jpg", "curl -L 'https://example.org/x.jpg'"),
        ("hf://owner/name/x.jpg", "hf download"),
    ],
)
def test_an_address_is_told_from_a_path(cli: Run, address: str, advice: str) -> None:
    line = one_line_error(cli("colorize", address, "-o", "out"))
    assert address in line
    assert advice in line


def test_another_model_or_precision_into_the_same_place_is_told(
    cli: Run, photo_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    cli("colorize", photo_folder, "-o", "out", "--model", model_folder)
    rounded = cli(
        "colorize", photo_folder, "-o", "out", "--model", model_folder, "--dtype", "bfloat16"
    )
    assert "2 there already, coloured with dtype of its own" in rounded.stderr
    other = model_folder.rename(tmp_path / "other-model")
    result = cli("colorize", photo_folder, "-o", "out", "--model", other)
    assert result.returncode == 0
    assert "2 there already, coloured with model" in result.stderr
    assert "tiny-model (--overwrite colours them again)" in result.stderr


def test_what_became_of_each_picture_is_a_table(
    cli: Run, photo_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    (photo_folder / "text.jpg").write_text("not a picture")
    options = ("-o", "out", "--model", model_folder, "--csv", "table.csv")
    assert cli("colorize", photo_folder, *options).returncode == 1
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["source"]).name, row["status"]) for row in rows] == [
        ("first.png", "done"),
        ("second.jpg", "done"),
        ("text.jpg", "failed"),
    ]
    assert "is not a picture" in rows[2]["reason"]
    result = cli("colorize", photo_folder, "-o", "out", "--csv", "nowhere/table.csv")
    assert (result.returncode, "There is no folder" in result.stderr) == (2, True)


@pytest.mark.parametrize("name", ["first.png", "inside/second.jpg"])
def test_a_picture_goes_through_a_pipe(
    cli: Run, photo_folder: Path, model_folder: Path, name: str
) -> None:
    given = (photo_folder / name).read_bytes()
    command = ("-m", "colorzoo", "colorize", "-", "--model", model_folder)
    with forked.Forked(*command, given=given) as process:
        assert process.wait() == 0
        written, messages = process.read(1), process.read(2)
    with Image.open(io.BytesIO(written)) as image, Image.open(photo_folder / name) as source:
        assert (image.size, image.format) == (source.size, source.format)
    assert messages.decode() == "1 of 1 pictures coloured\n"
    broken = cli("colorize", "-", "--model", model_folder, given=b"text")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "is not a picture" in broken.stderr


def test_only_one_picture_goes_through_a_pipe(cli: Run, photo_folder: Path) -> None:
    for arguments in (("-", photo_folder / "first.png"), (photo_folder, photo_folder, "-o", "-")):
        result = cli("colorize", *arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert "One picture goes through a pipe at a time" in result.stderr


def many(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    slope = np.linspace(0, 255, 900 * 900).reshape(900, 900).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(slope).save(file, "PNG", compress_level=1)
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(file.getvalue())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_results_and_says_what_was_done(
    tmp_path: Path, model_folder: Path, number: signal.Signals
) -> None:
    many(tmp_path / "many", 200)
    out = tmp_path / "out"
    # A shell starts what it puts in the background with SIGINT ignored, and so this test too.
    code = (
        "import signal, sys; from colorzoo.cli import main;"
        "signal.signal(signal.SIGINT, signal.default_int_handler); main()"
    )
    arguments = ("colorize", tmp_path / "many", "-o", out, "--model", model_folder)
    with forked.Forked("-c", code, *arguments, "--csv", tmp_path / "table.csv") as process:
        process.wait_until((out / "000.png").exists)
        process.send_signal(number)
        written, messages = process.communicate()
    assert process.returncode == 128 + number
    done = len(written.splitlines())
    assert 0 < done < 200
    assert f"{done} of 200 pictures coloured, stopped by {number.name}" in messages
    assert sorted(path.name for path in out.iterdir()) == [
        ".colorzoo.jsonl",
        *(f"{index:03}.png" for index in range(done)),
    ]
    with (tmp_path / "table.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == done


@pytest.mark.slow
def test_two_processes_share_a_folder(
    run_python: Run, photo_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    many(photo_folder, 5)
    (photo_folder / "text.jpg").write_text("not a picture")
    out = tmp_path / "out"
    command = ("-m", "colorzoo", "colorize", photo_folder, "-o", out, "--model", model_folder)
    launch = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2")
    result = run_python(*launch, *command, "--csv", tmp_path / "table.csv")
    assert result.returncode == 1
    names = [*(f"{index:03}.png" for index in range(5)), "first.png", "inside/second.jpg"]
    assert result.stdout.split() == [str(out / name) for name in names]
    assert result.stderr.count("7 of 8 pictures coloured, 1 failed") == 1
    assert result.stderr.count("error: ") == 1
    with (tmp_path / "table.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done"] * 7 + ["failed"]
    again = forked.run_ranks(*command)
    assert "0 of 8 pictures coloured, 7 there already" in again.stderr


@pytest.mark.slow
def test_one_process_where_two_were_asked_for_is_told(
    run_python: Run, photo_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    launch = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2")
    options = ("-o", tmp_path / "out", "--model", model_folder)
    (tmp_path / "told.py").write_text(
        "import os; from colorzoo.cli import main\n"
        f"assert set(os.environ) >= {set(forked.LAUNCHED_ALONE)}\n"
        "main()"
    )
    result = run_python(*launch, tmp_path / "told.py", "colorize", photo_folder, *options)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("accelerate launch has started one process only") == 1
    assert "torchrun" in result.stderr
