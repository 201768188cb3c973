"""The command line as a subprocess."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image

import colorzoo


@pytest.fixture
def cli(run_python: Run, tmp_path: Path) -> Run:
    """Return a function that runs ``colorzoo`` in a folder of its own."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run_python("-W", "error", "-m", "colorzoo", *arguments, cwd=tmp_path)

    return run


def one_line_error(result: subprocess.CompletedProcess[str]) -> str:
    """Check that a command failed with one line on stderr, and return that line."""
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    "command", [(), ("colorize",), ("list",), ("info",), ("train",), ("tune",), ("doctor",)]
)
def test_help(cli: Run, command: tuple[str, ...]) -> None:
    result = cli(*command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: colorzoo")


def test_version(cli: Run) -> None:
    assert cli("--version").stdout == f"colorzoo, version {colorzoo.__version__}\n"


def test_help_and_list_import_nothing_heavy(run_python: Run) -> None:
    for arguments in (["--help"], ["list"]):
        code = (
            "import sys; from colorzoo.cli import commands; "
            f"commands.main({arguments}, standalone_mode=False); "
            "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
        )
        assert run_python("-c", code).returncode == 0


@pytest.mark.parametrize(
    "arguments", [("nope",), ("colorize",), ("colorize", "x.jpg"), ("list", "--jsn"), ("info",)]
)
def test_wrong_usage_exits_with_two(cli: Run, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


def test_list(cli: Run) -> None:
    listed = json.loads(cli("list", "--json").stdout)
    assert listed["architectures"] == colorzoo.list_architectures()
    assert [model["name"] for model in listed["models"]] == [
        info.name for info in colorzoo.list_models()
    ]
    assert "attention-unet" in cli("list").stdout
    assert json.loads(cli("list", "no-such-*", "--json").stdout)["models"] == []


def test_info_of_an_architecture(cli: Run) -> None:
    told = json.loads(cli("info", "unet", "--json").stdout)
    assert (told["architecture"], told["size_multiple"]) == ("unet", 64)
    assert told["parameters"] == sum(
        parameter.numel() for parameter in colorzoo.create_model("unet").parameters()
    )
    assert "paper: Ronneberger 2015" in cli("info", "unet").stdout


def test_info_of_a_model(cli: Run, model_folder: Path) -> None:
    told = json.loads(cli("info", model_folder, "--json").stdout)
    assert told["architecture"] == "attention-unet"
    assert told["image"]["working_size"] == 32
    assert told["training"] == {"steps": 3}
    assert told["size"] == (model_folder / "model.safetensors").stat().st_size
    assert "size: 0.0 MB" in cli("info", model_folder).stdout


def test_info_of_nothing(cli: Run) -> None:
    assert "Did you mean 'unet'" in one_line_error(cli("info", "unett"))
    assert "There is no model folder nowhere" in one_line_error(cli("info", "./nowhere"))
    assert ". is no model folder: it holds no config.json" in one_line_error(cli("info", "."))


def test_doctor(cli: Run) -> None:
    result = cli("doctor", "--json")
    told = json.loads(result.stdout)
    assert (result.returncode, told["problems"]) == (0, [])
    assert told["colorzoo"] == colorzoo.__version__
    assert told["devices"][0].startswith("cpu")
    assert "torch: " in cli("doctor").stdout


def test_doctor_reports_a_broken_plugin(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site"
    info = package / "broken_zoo-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[colorzoo.architectures]\nbroken-net = broken_zoo\n")
    (package / "broken_zoo.py").write_text("raise RuntimeError('half installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(package))
    result = cli("doctor", "--json")
    assert result.returncode == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert "broken-zoo 1.0 promises the architecture 'broken-net' but fails" in problem
    assert "half installed" in problem
    assert f"problem: {problem}" in result.stderr
    assert "broken-net" in cli("list").stdout
    assert "half installed" in one_line_error(cli("info", "broken-net"))


def test_a_picture_becomes_a_file(cli: Run, photo_folder: Path, model_folder: Path) -> None:
    target = photo_folder.parent / "out" / "done.png"
    result = cli("colorize", photo_folder / "first.png", "-o", target, "--model", model_folder)
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


@pytest.mark.parametrize("name", ["x.heic", "x.gif", "x.AVIF", "x.jp2"])
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


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, (), "Cannot read run.toml"),
        (
            "[model]\nname='unet'\n[data]\ntrain='nowhere'\n[run]\nfolder='r'\nsteps=1",
            ("--set", "run.device=cpu"),
            "'nowhere' is neither a folder",
        ),
        ("model = [", (), "run.toml is not valid TOML"),
        ("[modle]\nname='unet'", (), "Did you mean 'model'"),
        ("", ("--set", "steps"), "must read section.key=value"),
        (
            "[model]\nname='unet'\n[data]\ntrain='.'\n[run]\nfolder='r'\nsteps=1",
            ("--set", "run.steps=many"),
            "steps must be of type int",
        ),
        (
            "[model]\nname='unett'\n[data]\ntrain='photos'\n[run]\nfolder='r'\nsteps=1\ndevice='cpu'",
            (),
            "no architecture called 'unett'",
        ),
    ],
)
def test_train_explains_what_is_wrong(
    cli: Run,
    tmp_path: Path,
    photo_folder: Path,
    text: str | None,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert photo_folder == tmp_path / "photos"
    if text is not None:
        (tmp_path / "run.toml").write_text(text)
    assert message in one_line_error(cli("train", "run.toml", *arguments))


def test_an_interrupt_exits_with_130(root: Path, tmp_path: Path) -> None:
    # A config that is a named pipe holds the command inside its work until somebody writes.
    (tmp_path / "model").mkdir()
    pipe = tmp_path / "model" / "config.json"
    os.mkfifo(pipe)
    # A shell starts what it puts in the background with SIGINT ignored, and so this test too.
    code = (
        "import signal, sys; from colorzoo.cli import main;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "sys.argv = ['colorzoo', 'info', sys.argv[1]]; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "model")],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("w"):  # returns when the command has opened the other end
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")


def test_a_closed_pipe_is_quiet(root: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "colorzoo", "list", "--json"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == ""
    process.stderr.close()
