"""``recipes/zoo.py``: from photos to cards, in a copy of the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import ROOT, Run

from colorzoo.modelfolder.facts import check_facts, read_facts
from colorzoo.modelfolder.format import read_model_file

pytest.importorskip("accelerate")

RECIPE = """
[model]
name = "unet"
config = { widths = [4, 8] }
[discriminator]
config = { width = 4, layers = 2 }
[data]
train = "photos"
size = 32
batch_size = 2
workers = 0
[[phase]]
steps = 3
[run]
folder = "run"
device = "cpu"
"""
ABOUT = """
description = "Small."
license = "CC0-1.0"
recipe = "Three steps."
limits = ["It has learnt nothing."]
pictures = ["before-after.jpg"]
[data]
name = "Noise"
terms = "None."
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with one small model that is not trained yet."""
    copy = tmp_path / "project"
    without = shutil.ignore_patterns("__pycache__")
    for part in ("colorzoo", "benchmarks"):
        shutil.copytree(ROOT / part, copy / part, ignore=without)
    for file in ("README.md", "recipes/zoo.py", "hub_cards/template.md"):
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, copy / file)
    (copy / "demos" / "examples").mkdir(parents=True)
    photo = next((ROOT / "demos" / "examples").glob("*.jpg"))
    shutil.copy(photo, copy / "demos" / "examples")
    (copy / "recipes" / "small-gan.toml").write_text(RECIPE)
    (copy / "hub_cards" / "small-gan").mkdir()
    (copy / "hub_cards" / "small-gan" / "about.toml").write_text(ABOUT)
    return copy


@pytest.mark.slow
def test_one_command_makes_the_zoo_and_goes_on(
    project: Path, photo_folder: Path, run_python: Run
) -> None:
    command = ["recipes/zoo.py", "small-gan", "--runs", "runs"]
    command += ["--train", photo_folder, "--validation", photo_folder]

    def make() -> None:
        made = run_python(*command, cwd=project, env={"PYTHONPATH": str(project)})
        assert made.returncode == 0, made.stderr

    make()
    trained = project / "runs" / "small-gan" / "model" / "model.safetensors"
    written = trained.stat().st_mtime_ns
    folder = project / "hub_cards" / "small-gan"
    facts = read_facts(folder)
    assert facts is not None
    check_facts(folder, facts)
    assert facts.training.steps == read_model_file(folder).training["steps"] == 3
    assert facts.evaluation is not None
    assert facts.evaluation.photos == 2
    assert (folder / "before-after.jpg").is_file()
    assert "](before-after.jpg)" in (folder / "README.md").read_text()
    assert "[small-gan](hub_cards/small-gan/README.md)" in (project / "README.md").read_text()
    assert (project / "hub_cards" / "comparison.jpg").is_file()
    before = (folder / "facts.json").read_bytes()
    make()
    assert trained.stat().st_mtime_ns == written, "what is trained is not trained again"
    assert (folder / "facts.json").read_bytes() == before
