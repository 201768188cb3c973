"""The command line: its answers and errors, and how its process ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import forked
import pytest
from conftest import Run, one_line_error

import colorzoo


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


@pytest.mark.parametrize("arguments", [("nope",), ("colorize",), ("list", "--jsn"), ("info",)])
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
    assert "Licences here: Apache-2.0, CC" in one_line_error(cli("list", "--license", "CC-BY"))


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
    told = cli("info", "cnn").stdout
    assert re.search(r"PSNR, dB ↑: 2\d\.\d.*\(left grey 22\.", told)
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    config["training"] = {"phases": [{"steps": 2}, {"steps": 3}]}
    (model_folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "  phases:\n    1:\n      steps: 2\n    2:\n" in cli("info", model_folder).stdout


def test_info_of_nothing(cli: Run) -> None:
    assert "Did you mean 'unet'" in one_line_error(cli("info", "unett"))
    assert "There is no model folder nowhere" in one_line_error(cli("info", "./nowhere"))
    assert ". is no model folder: it holds no config.json" in one_line_error(cli("info", "."))


def test_doctor(cli: Run) -> None:
    result = cli("doctor", "--json")
    told = json.loads(result.stdout)
    assert (result.returncode, told["problems"]) == (0, [])
    assert told["colorzoo"] == colorzoo.__version__
    taken = colorzoo.load("unet-gan", device="cpu", dtype="auto").dtype
    assert told["devices"][0].startswith("cpu")
    assert told["devices"][0].endswith(f": --dtype auto is {taken})")
    assert "torch: " in cli("doctor").stdout


def test_doctor_measures_what_is_chosen(cli: Run, model_folder: Path) -> None:
    done = cli("doctor", "--measure", "--model", model_folder, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["measured"]
    times = told["ms_a_picture"]
    assert list(times) == ["as stored", "channels last", "norms folded", "as loaded", "bfloat16"]
    assert all(each > 0.0 for each in times.values())
    share = times["as loaded"] / times["as stored"]
    said = told["as loaded"].removeprefix("chosen: takes ").split()[0]
    assert float(said) == pytest.approx(share, rel=0.1, abs=0.02)
    assert told["channels last"].startswith("chosen: takes ")
    quick = colorzoo.load(model_folder, device="cpu", dtype="auto").dtype == "bfloat16"
    assert told["bfloat16, by --dtype auto"].startswith("chosen" if quick else "not chosen")
    assert told["torch.compile"].startswith("not used")
    assert "config.json" in one_line_error(cli("doctor", "--measure", "--model", "./none"))


def test_doctor_reports_a_broken_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    info = package / "broken_zoo-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[colorzoo.architectures]\nbroken-net = broken_zoo\n")
    (package / "broken_zoo.py").write_text("raise RuntimeError('half installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(package))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return forked.run("-W", "error", "-m", "colorzoo", *arguments)

    result = run("doctor", "--json")
    assert result.returncode == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert "broken-zoo 1.0 promises the architecture 'broken-net' but fails" in problem
    assert "half installed" in problem
    assert f"problem: {problem}" in result.stderr
    assert "broken-net" in run("list").stdout
    assert "half installed" in one_line_error(run("info", "broken-net"))


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, (), "Cannot read run.toml"),
        (
            "[model]\nname='unet'\n[data]\ntrain='nowhere'\n[run]\nfolder='r'\n[[phase]]\nsteps=1\nlosses={pixel=1.0}",
            ("--set", "run.device=cpu"),
            "'nowhere' is neither a folder",
        ),
        ("model = [", (), "run.toml is not valid TOML"),
        ("[modle]\nname='unet'", (), "Did you mean 'model'"),
        ("", ("--set", "steps"), "must read section.key=value"),
        (
            "[model]\nname='unet'\n[data]\ntrain='.'\n[run]\nfolder='r'\n[[phase]]\nsteps=1\nlosses={pixel=1.0}",
            ("--set", "phase.0.steps=many"),
            "steps must be of type int",
        ),
        (
            "[model]\nname='unett'\n[data]\ntrain='photos'\n[run]\nfolder='r'\ndevice='cpu'\n[[phase]]\nsteps=1\nlosses={pixel=1.0}",
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


def test_an_interrupt_exits_with_130(tmp_path: Path) -> None:
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
    # To open the pipe waits until the command has opened the other end.
    with forked.Forked("-c", code, tmp_path / "model") as process, pipe.open("w"):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
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
