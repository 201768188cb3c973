"""``recipes/zoo.py``: from photos to cards, in a copy of the project."""

from __future__ import annotations

import json
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

# In one process, most of whose time goes into importing torch.
TWICE = """
import json, runpy, sys
from pathlib import Path
sys.argv = sys.argv[1:]
states = []
for _ in range(2):
    runpy.run_path(sys.argv[0], run_name="__main__")
    written = Path("runs/small-gan/model/model.safetensors").stat().st_mtime_ns
    states.append((written, Path("hub_cards/small-gan/facts.json").read_text(encoding="utf-8")))
print(json.dumps(states))
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

    folder = project / "hub_cards" / "small-gan"
    made = run_python("-c", TWICE, *command, cwd=project, env={"PYTHONPATH": str(project)})
    assert made.returncode == 0, made.stderr
    first, second = json.loads(made.stdout.splitlines()[-1])
    assert first == second, "what is trained is not trained again, nor measured otherwise"
    facts = read_facts(folder)
    assert facts is not None
    check_facts(folder, facts)
    assert facts.training.steps == read_model_file(folder).training["steps"] == 3
    assert facts.evaluation is not None
    assert facts.evaluation.photos == 2
    assert (folder / "before-after.jpg").is_file()
    assert "](before-after.jpg)" in (folder / "README.md").read_text()
    assert "[small-gan](hub_cards/small-gan/README.md)" in (project / "README.md").read_text()
    for figure in ("comparison.jpg", "curves.png"):
        assert (project / "hub_cards" / figure).is_file()
