"""What the wheel holds, and that it works from there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import FACTS

import colorzoo

PARTS = ("colorzoo", "hub_cards", "demos", "setup.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture
def wheel(root: Path, model_folder: Path, tmp_path: Path) -> Path:
    """A wheel of this repository with one more model in it."""
    source = tmp_path / "source"
    source.mkdir()
    for name in PARTS:
        if (root / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(root / name, source / name, ignore=ignored)
        else:
            shutil.copy(root / name, source / name)
    model = source / "hub_cards" / "tiny-gan"
    shutil.copytree(model_folder, model)
    (model / "README.md").write_text("card")
    (model / "facts.json").write_text(json.dumps(FACTS))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--wheel-dir", str(tmp_path / "dist"), str(source)], check=True, capture_output=True
    )
    (built,) = (tmp_path / "dist").iterdir()
    return built


def test_the_wheel_holds_code_types_and_models(wheel: Path, root: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    code = {path.relative_to(root).as_posix() for path in (root / "colorzoo").rglob("*.py")}
    assert code | {"colorzoo/py.typed"} <= names
    models = {path.relative_to(root / "hub_cards") for path in root.glob("hub_cards/*/*.*")}
    assert {f"colorzoo/zoo/models/{path.as_posix()}" for path in models} <= names
    files = ("README.md", "config.json", "facts.json", "model.safetensors")
    assert {f"colorzoo/zoo/models/tiny-gan/{name}" for name in files} <= names
    page = ("serve.py", "page.py", "style.css", "page.js", "examples/migrant-mother.jpg")
    assert {f"colorzoo/demos/{name}" for name in page} <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"colorzoo", f"colorzoo-{colorzoo.__version__}.dist-info"}
    result = subprocess.run(
        [sys.executable, "-m", "colorzoo", "info", "tiny-gan", "--json"],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(json.loads(result.stdout)["folder"]).parent.name == "models"
