"""Facts, cards and the README's table: written from files, never typed, never stale."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import FACTS, ROOT
from hub_server import WRITER, Hub
from huggingface_hub import ModelCard

import colorzoo
from colorzoo.cli import commands
from colorzoo.errors import ColorzooError, ConfigError, UnknownNameError, WeightsError
from colorzoo.evaluation.report import Report, Row
from colorzoo.files import file_hash
from colorzoo.modelfolder.facts import About, EvaluationFacts, Facts, read_facts
from colorzoo.schema import from_dict
from colorzoo.zoo import catalog, folders
from colorzoo.zoo.cards import is_edited, render_card, render_table
from colorzoo.zoo.catalog import list_models, model_names
from colorzoo.zoo.folders import zoo_folder

ABOUT = """
description = "A very small net."
license = "CC0-1.0"
recipe = "It was not trained."
limits = ["Everything comes out wrong, faces most of all.", "It is small."]
hardware = "one core"
minutes = 1.5
citation = "@misc{tiny}"
pictures = ["before-after.jpg"]

[data]
name = "Photos"
terms = "CC0, says their owner."
photos = 1234
url = "https://example.org/photos"
"""


def row(name: str, psnr: tuple[float, float], *, weights_sha256: str | None = None) -> Row:
    return Row(
        name=name,
        parameters=5 if weights_sha256 else None,
        weights_sha256=weights_sha256,
        values={"psnr": psnr, "delta_colorfulness": (-1.0, 3.0), "novel": (1.0, 1.0)},
        overall={"fid": 12.0},
    )


@pytest.fixture
def zoo(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one model with ``about.toml`` and a picture."""
    zoo = model_folder.parent / "hub_cards"
    zoo.mkdir()
    (zoo / "template.md").write_text((zoo_folder() / "template.md").read_text())
    model_folder.rename(zoo / "tiny-model")
    (zoo / "tiny-model" / "about.toml").write_text(ABOUT)
    (zoo / "tiny-model" / "before-after.jpg").write_bytes(b"jpeg")
    here = zoo.parent / "colorzoo" / "zoo" / "folders.py"
    monkeypatch.setattr(folders, "__file__", str(here))
    return zoo


@pytest.fixture
def report(zoo: Path, tmp_path: Path) -> Path:
    """A report of the zoo's model under another name, and of another model."""
    sha256 = file_hash(zoo / "tiny-model" / "model.safetensors")
    report = Report(
        protocol="colorzoo-1",
        source="Held-out photos",
        photos=("a", "b"),
        broken=(),
        models=(
            row("tiny-model", (9.0, 9.0), weights_sha256="0" * 64),
            row("./run/model", (20.0, 24.0), weights_sha256=sha256),
        ),
        grey=row("grey", (18.0, 19.0)),
        truth=Row(name="truth", values={"colorfulness": (30.0, 32.0)}),
    )
    path = tmp_path / "report.json"
    path.write_text(report.to_json())
    return path


def invoke(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    if isinstance(result.exception, ColorzooError):
        raise result.exception
    return result.exit_code, result.output


def test_every_card_of_the_zoo_and_the_readme_are_as_written() -> None:
    code, output = invoke("card", "--check", "--readme", ROOT / "README.md")
    assert code == 0, f"{output}\nRun: colorzoo card --write --readme README.md"


@pytest.mark.parametrize("name", model_names())
def test_facts_of_the_zoo_are_of_its_weights(name: str) -> None:
    folder = zoo_folder() / name
    facts = read_facts(folder)
    assert facts is not None
    assert facts.evaluation is not None
    assert facts.evaluation.grey
    assert facts.about.limits
    assert facts.architecture == catalog.read_info(folder).architecture
    if (folder / "model.safetensors").is_file():
        from colorzoo.modelfolder.facts import check_facts

        check_facts(folder, facts)


def test_facts_are_measured_and_joined(zoo: Path, report: Path) -> None:
    folder = zoo / "tiny-model"
    assert invoke("card", folder, "--evaluation", report, "--write")[0] == 0
    facts = read_facts(folder)
    assert facts is not None
    model = colorzoo.create_model("attention-unet", widths=(4, 8, 8))
    assert facts.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert facts.macs > 32 * 32 * 9 * 4  # the first convolution alone
    assert (facts.working_size, facts.package, facts.training.steps) == (32, None, 3)
    assert facts.about.data.photos == 1234
    assert facts.evaluation is not None
    assert facts.evaluation.metrics["psnr"] == {"mean": 22.0, "std": 2.0}
    assert facts.evaluation.grey["psnr"] == {"mean": 18.5, "std": 0.5}
    assert facts.evaluation.metrics["fid"] == {"mean": 12.0}


def test_what_was_measured_stays_while_the_weights_are_the_same(zoo: Path, report: Path) -> None:
    folder = zoo / "tiny-model"
    invoke("card", folder, "--evaluation", report, "--write")
    before = read_facts(folder)
    (folder / "about.toml").write_text(ABOUT.replace("very small", "quite small"))
    assert invoke("card", folder, "--check") == (
        1,
        f"out of date: {folder / 'facts.json'}\nout of date: {folder / 'README.md'}\n",
    )
    invoke("card", folder, "--write")
    after = read_facts(folder)
    assert before is not None
    assert after is not None
    assert after.about.description == "A quite small net."
    assert (after.evaluation, after.sha256) == (before.evaluation, before.sha256)

    colorzoo.save(colorzoo.create_model("attention-unet", widths=(4, 8, 16)), folder)
    invoke("card", folder, "--write")
    other = read_facts(folder)
    assert other is not None
    assert other.evaluation is None
    assert other.parameters > after.parameters


def test_a_report_of_other_weights_is_refused(zoo: Path, report: Path) -> None:
    folder = zoo / "tiny-model"
    colorzoo.save(colorzoo.create_model("attention-unet", widths=(4, 8, 8)), folder)
    message = r"measured 'tiny-model', './run/model', but not the weights in .*colorzoo evaluate"
    with pytest.raises(WeightsError, match=message):
        invoke("card", folder, "--evaluation", report, "--write")
    assert not (folder / "facts.json").exists()


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the local Hub's client
def test_evaluating_writing_a_card_and_pushing_is_the_whole_way(
    model_folder: Path, photo_folder: Path, hub: Hub
) -> None:
    report = colorzoo.evaluate(str(model_folder), photo_folder, device="cpu", metrics=("psnr",))
    about = from_dict(About, tomllib.loads(ABOUT) | {"pictures": ()}, where="about")
    card = colorzoo.write_card(model_folder, report, about=about)
    assert "| ./tiny-model |" not in card.read_text()
    assert 'colorzoo.load("./tiny-model")' in card.read_text()
    colorzoo.push(model_folder, "someone/tiny", token=WRITER)
    sent = hub.repos["models/someone/tiny"].files["README.md"].decode()
    assert 'colorzoo.load("someone/tiny")' in sent
    mean = report.models[0].statistics()["psnr"].mean
    assert f"| tiny | {mean:.2f} ± " in sent


def test_a_card_says_it_all(zoo: Path, report: Path) -> None:
    assert invoke("card", "tiny-model", "--evaluation", report, "--write")[0] == 0
    text = (zoo / "tiny-model" / "README.md").read_text()
    card = ModelCard(text)
    assert card.data.license == "cc0-1.0"
    assert (card.data.library_name, card.data.pipeline_tag) == ("colorzoo", "image-to-image")
    assert card.data.model_name == "tiny-model"
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results["psnr"].metric_value == 22.0
    assert results["psnr"].metric_args == {"protocol": "colorzoo-1", "photos": 2}
    for part in (
        "](before-after.jpg)",
        'colorzoo.load("tiny-model")',
        "[Photos](https://example.org/photos), 1,234 of them.",
        "CC0, says their owner.",
        "It was not trained.",
        "one core, 2 minutes.",
        "`colorzoo-1` on 2 photos of Held-out photos",
        "|  | PSNR, dB ↑ | colourfulness minus truth's | FID ↓ | novel |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| tiny-model | 22.00 ± 2.00 | +1.0 ± 2.0 | 12.00 | 1 ± 0 |",
        "| grey | 18.50 ± 0.50 | +1.0 ± 2.0 | 12.00 | 1 ± 0 |",
        "- Everything comes out wrong, faces most of all.\n- It is small.\n",
        "@misc{tiny}",
        f"{(read_facts(zoo / 'tiny-model') or 0).parameters:,}",
    ):
        assert part in text
    assert "\n\n\n" not in text


def test_a_card_of_little_and_of_a_plug_in() -> None:
    facts = from_dict(Facts, {**FACTS, "package": "moon-nets"}, where="facts")
    text = render_card(facts, name="x", use="someone/x")
    assert ModelCard(text).data.to_dict()["colorzoo_package"] == "moon-nets"
    assert "pip install colorzoo moon-nets`" in text
    assert "Nothing is measured yet." in text
    assert "Citation" not in text
    assert "None" not in text.replace("None.", "")
    about = {**FACTS["about"], "license": "LicenseRef-Mine"}
    other = ModelCard(
        render_card(from_dict(Facts, FACTS | {"about": about}, where=""), name="x", use="x")
    )
    assert (other.data.license, other.data.license_name) == ("other", "licenseref-mine")


def test_cards_are_checked_and_hand_work_is_kept(zoo: Path) -> None:
    path = zoo / "tiny-model" / "README.md"
    facts = path.with_name("facts.json")
    stale = f"out of date: {facts}\nout of date: {path}\n"
    assert invoke("card", "tiny-model", "--check") == (1, stale)
    assert invoke("card", "--write") == (0, stale.replace("out of date:", "wrote"))
    assert invoke("card", "--check") == (0, "")
    assert not is_edited(path.read_text())
    assert invoke("card", "tiny-model") == (0, path.read_text())
    assert invoke("card", f"{zoo / 'tiny-model'}", "--check")[0] == 0

    path.write_text(path.read_text().replace("small net", "good net"))
    assert is_edited(path.read_text())
    assert invoke("card", "--check")[0] == 1
    with pytest.raises(ConfigError, match="was edited by hand and is left as it is"):
        invoke("card", "--write")
    assert "good net" in path.read_text()
    invoke("card", "--write", "--overwrite-card")
    assert invoke("card", "--check") == (0, "")

    facts.unlink()
    path.with_name("about.toml").unlink()
    with pytest.raises(ConfigError, match=r"has no about\.toml, which says what only a person"):
        invoke("card", "--check")
    with pytest.raises(UnknownNameError, match=r"'nope' in this zoo.* written '\./nope'\.$"):
        invoke("card", "nope")


def test_the_readmes_table_is_of_the_zoo(zoo: Path, report: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("above\n<!-- models -->\nold\n<!-- end of models -->\nbelow\n")
    invoke("card", "--evaluation", report, "--write", "--readme", readme)
    text = readme.read_text()
    rows = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "|" in line}
    headings = "model | parameters | GMAC | MAE ↓ | accuracy@5% ↑ | PSNR, dB ↑ | SSIM ↑"
    assert rows["model"] == f"| {headings} | colourfulness, absolute | FID ↓ |"
    facts = read_facts(zoo / "tiny-model")
    assert facts is not None
    size = f"{facts.parameters / 1e6:.1f} M | {facts.macs / 1e9:.2f}"
    link = "[tiny-model](hub_cards/tiny-model/README.md)"
    assert rows[link] == f"| {link} | {size} |  |  | 22.00 ± 2.00 |  |  | 12.00 |"
    assert rows["*grey*"].endswith("|  |  |  |  | 18.50 ± 0.50 |  |  | 12.00 |")
    assert rows["*AttentionUnet* ¹"].count("23.27 ± 3.28") == 1
    assert "`colorzoo-1`, 2 photos of Held-out photos" in text
    assert text.startswith("above\n<!-- models -->\n| model |")
    assert text.endswith("256 x 256.\n<!-- end of models -->\nbelow\n")
    assert invoke("card", "--check", "--readme", readme) == (0, "")
    readme.write_text("nothing")
    with pytest.raises(ConfigError, match="lacks the lines <!-- models -->"):
        invoke("card", "--check", "--readme", readme)


def test_a_model_without_facts_is_listed_all_the_same(zoo: Path) -> None:
    table = render_table(list_models())
    assert "| [tiny-model](hub_cards/tiny-model/README.md) |  |  |" in table
    assert "*grey*" not in table
    assert render_table([]) == "No model is published yet.\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('license = "CC0-1.0"\n', "", r"about\.toml lacks the key 'license'"),
        ('license = "CC0-1.0"', 'licence = "CC0-1.0"', "unknown key 'licence'.* mean 'license'"),
        ('terms = "CC0, says their owner."\n', "", "data lacks the key 'terms'"),
        ('"before-after.jpg"', '"../x.jpg"', r"names of files in the folder, not '\.\./x\.jpg'"),
    ],
)
def test_what_is_said_is_read_strictly(zoo: Path, old: str, new: str, message: str) -> None:
    (zoo / "tiny-model" / "about.toml").write_text(ABOUT.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        invoke("card", "tiny-model", "--write")


@pytest.mark.parametrize(
    "metrics", [{"psnr": 20.0}, {"psnr": {"std": 1.0}}, {"psnr": {"mean": math.nan}}]
)
def test_metrics_are_read_strictly(metrics: dict[str, Any]) -> None:
    values = {"protocol": "p", "data": "d", "photos": 1, "broken": 0, "grey": {}, "truth": {}}
    with pytest.raises(ConfigError, match=r"facts: metrics\.psnr"):
        from_dict(EvaluationFacts, {**values, "metrics": metrics}, where="facts")


def test_facts_of_a_broken_model_are_not_written(zoo: Path) -> None:
    (zoo / "tiny-model" / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError):
        invoke("card", "tiny-model", "--write")
    assert not (zoo / "tiny-model" / "facts.json").exists()


def test_a_report_that_is_none_is_refused(zoo: Path, report: Path) -> None:
    report.write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="the report lacks the key"):
        invoke("card", "tiny-model", "--evaluation", report)
