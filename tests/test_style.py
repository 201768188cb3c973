"""The rules of style that a machine can hold, and the checks of the other tools."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from colorzoo.cli.doctor import CORE, EXTRAS

SOURCES = sorted(
    path
    for folder in ("colorzoo", "tests", "demos", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
MACHINE_PATHS = re.compile(r"/(?:work|tmp|root|home/\w+)/[\w.]")


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for function in functions_of(path):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= 60, f"{function.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [found for found in MACHINE_PATHS.findall(text) if path.name != "test_style.py"] == []


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        pytest.param(("mypy",), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_tools_find_nothing(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    command = script[-1]
    assert "pytest" in command
    for name in ("README.md", "CONTRIBUTING.md"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        assert command in [line.strip() for line in lines]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "demos/examples/README.md",
        "examples/colorzoo-plugin/README.md",
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [
        target for target in targets if not (ROOT / name).parent.joinpath(target).exists()
    ] == []


def test_example_pictures_are_small_and_named() -> None:
    note = (ROOT / "demos" / "examples" / "README.md").read_text(encoding="utf-8")
    pictures = sorted((ROOT / "demos" / "examples").glob("*.jpg"))
    assert len(pictures) >= 4
    for picture in pictures:
        assert f"`{picture.name}`" in note
        assert picture.stat().st_size < 150_000


def test_doctor_knows_the_dependencies_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements: list[str]) -> tuple[str, ...]:
        return tuple(re.split(r"[\[<>=~]", requirement)[0] for requirement in requirements)

    assert names(project["dependencies"]) == CORE
    extras = project["optional-dependencies"]
    assert {
        name: names(extras[name]) for name in extras if name not in ("all", "dev", "docs")
    } == EXTRAS
    # colorzoo-models is not on the index yet, so "all" could not be installed with it.
    wanted = [name for name in EXTRAS if name != "models"]
    assert extras["all"] == [f"colorzoo[{','.join(wanted)}]"]
