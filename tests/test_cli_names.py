"""What the command line says of models, and of names that it does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import FACTS
from hub_server import Hub

import colorzoo
from colorzoo.cli import commands
from colorzoo.devices import pick_device
from colorzoo.errors import ColorzooError, ConfigError, UnknownNameError
from colorzoo.modelfolder.card import read_card
from colorzoo.zoo import folders
from colorzoo.zoo.licenses import allows_commercial_use


def invoke(*arguments: str | Path) -> Result:
    """Run a command in this process on a terminal of 80 columns."""
    runner = CliRunner(env={"COLUMNS": "80"})
    result = runner.invoke(commands, [str(argument) for argument in arguments], terminal_width=80)
    if isinstance(result.exception, ColorzooError):
        raise result.exception
    return result


def test_the_list_fits_a_screen_and_marks_the_default() -> None:
    lines = invoke("list").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    default = [line for line in lines if line.startswith("* ") and line != "* the default"]
    assert [line.split()[1] for line in default] == [colorzoo.DEFAULT_MODEL]
    psnr = {info.name: info.metrics["psnr"] for info in colorzoo.list_models()}
    for name, value in psnr.items():
        (line,) = [line for line in lines if line[2:].split(" ")[0] == name]
        assert f"  {value:.2f}  " in line
        assert line.endswith(("  yes", "  no"))
    assert "left grey they have 22.50" in " ".join(lines)


def test_a_pattern_that_nothing_fits_is_an_error() -> None:
    message = r"fits name 'squeez-unet'\. Did you mean 'squeeze-unet-gan'.* colorzoo list"
    with pytest.raises(UnknownNameError, match=message):
        invoke("list", "squeez-unet")
    with pytest.raises(UnknownNameError, match="fits name 'x', architecture 'cnn', licence 'MIT'"):
        invoke("list", "x", "--architecture", "cnn", "--license", "MIT")


def test_a_method_is_listed_and_described() -> None:
    lines = invoke("list", "levin").stdout.splitlines()
    assert lines[1].split() == (
        ["levin", "hints", "Apache-2.0", "Levin,", "Lischinski", "and", "Weiss", "2004"]
    )
    assert not any("the default" in line or "PSNR" in line for line in lines)
    told = json.loads(invoke("info", "levin", "--json").stdout)
    assert (told["method"], told["needs"], told["package"]) == ("levin", ["hints"], "colorzoo")
    with pytest.raises(UnknownNameError, match="model, method or architecture called 'levine'"):
        invoke("info", "levine")


def test_a_setting_that_is_wrong_is_named_with_the_file(config_file: Path) -> None:
    message = r"run\.toml with data\.batchsize=3: data has an unknown key 'batchsize'\. Did you"
    with pytest.raises(ConfigError, match=message):
        invoke("train", config_file, "--set", "data.batchsize=3")


def test_models_are_listed_by_what_may_be_done_with_them(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = model_folder.parent / "hub_cards"
    zoo.mkdir()
    model_folder.rename(zoo / "free-model")
    monkeypatch.setattr(folders, "__file__", str(zoo.parent / "colorzoo" / "zoo" / "folders.py"))
    assert colorzoo.list_models(license="commercial-ok") == []
    told = " ".join(invoke("list", "--license", "commercial-ok").stdout.split())
    assert "levin hints Apache-2.0" in told
    assert "no model here is under such a licence" in told
    (zoo / "free-model" / "facts.json").write_text(json.dumps(FACTS))
    for license in ("commercial-ok", "CC0-1.0", "cc0-1.0"):
        assert [info.name for info in colorzoo.list_models(license=license)] == ["free-model"]
    assert colorzoo.list_models(license="MIT") == []
    assert invoke("list", "--license", "commercial-ok").stdout.splitlines()[1].endswith("  yes")


@pytest.mark.parametrize(
    ("license", "allowed"),
    [
        ("Apache-2.0", True),
        ("cc-by-4.0", True),
        ("CC-BY-NC-4.0", False),
        ("cc-by-nc-sa-4.0", False),
        ("LicenseRef-Mine", None),
        (None, None),
    ],
)
def test_licences_say_what_they_allow(license: str | None, allowed: bool | None) -> None:
    assert allows_commercial_use(license) is allowed


def test_info_reads_the_card_of_a_model_on_the_hub(hub: Hub, model_folder: Path) -> None:
    card = "---\nlicense: cc-by-nc-4.0\ntags:\n- x\n---\n\n# Mine\n\nColours ships.\n\nMore.\n"
    (model_folder / "README.md").write_text(card)
    hub.add("tester/mine", {path.name: path.read_bytes() for path in model_folder.iterdir()})
    told = json.loads(invoke("info", "tester/mine", "--json").stdout)
    assert told["description"] == "Colours ships."
    assert (told["license"], told["commercial_use"]) == ("cc-by-nc-4.0", "no")
    assert told["size"] == (model_folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("text", "description", "license"),
    [
        ("", None, None),
        ("# Only a heading\n", None, None),
        ("---\nlicense: other\nlicense_name: mine\n---\n# X\n\nText\n", "Text", "mine"),
        ("license: MIT\n# No metadata\n\n## Section\n", None, None),
        ("---\nlicense: 'mit'\n---\n# X\n\n| a | b |\n", None, "mit"),
    ],
)
def test_cards_of_all_kinds_are_read(
    tmp_path: Path, text: str, description: str | None, license: str | None
) -> None:
    (tmp_path / "README.md").write_text(text)
    card = read_card(tmp_path)
    assert (card.description, card.license) == (description, license)


def test_unknown_commands_and_devices_get_short_advice() -> None:
    result = invoke("colorise")
    assert result.exit_code == 2
    assert "There is no command 'colorise'. Did you mean 'colorize'?" in result.stderr
    for device in ("gpu", "cuda:99", "nonsense"):
        with pytest.raises(ConfigError, match=f"no device '{device}' here.* 'cpu'") as raised:
            pick_device(device)
        assert len(str(raised.value)) < 200


def test_no_line_of_help_is_cut() -> None:
    assert "..." not in invoke("--help").stdout.replace("[ARGS]...", "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("colorzoo info dense", {"dense-unet-gan", "dense-unet"}),
        ("colorzoo evaluate dense", {"dense-unet-gan"}),
        ("colorzoo colorize x.jpg --model le", {"levin"}),
        ("colorzoo video x.mp4 --model dense", {"dense-unet-gan"}),
        ("colorzoo doc", {"doctor"}),
    ],
)
def test_a_shell_completes_commands_and_names(
    words: str, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "_COLORZOO_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = CliRunner(env=environment).invoke(commands, [], prog_name="colorzoo")
    assert result.exception is None, result
    assert {line.partition(",")[2] for line in result.output.splitlines()} == expected
