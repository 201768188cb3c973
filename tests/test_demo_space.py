"""The page as a Space: what the Hub gets, and what it starts."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from conftest import ROOT

import colorzoo
from colorzoo.cli.demo import make_space

pytest.importorskip("gradio", reason="the page needs the extra 'demo'")

DEMOS = ROOT / "demos"


def test_the_space_runs_what_the_tests_ran(tmp_path: Path) -> None:
    front = (DEMOS / "README.md").read_text(encoding="utf-8").split("---")[1]
    values = dict(line.split(": ", 1) for line in front.strip().splitlines())
    lines = (DEMOS / "requirements.txt").read_text(encoding="utf-8").split()
    pins = dict(line.split("==") for line in lines)
    assert (values["sdk"], values["sdk_version"]) == ("gradio", pins["gradio"])
    make_space(tmp_path / "space")
    assert (tmp_path / "space" / values["app_file"]).is_file()
    assert values["license"] == "apache-2.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    assert set(pins) == {re.split(r"[<>=]", requirement)[0] for requirement in needed}
    assert version("gradio").split(".")[0] == pins["gradio"].split(".")[0]


def test_the_page_uses_only_what_the_library_makes_public() -> None:
    public = set(colorzoo.__all__)
    for path in DEMOS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("colorzoo.") for name in node.names), path
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorzoo"):
                assert node.module == "colorzoo", path
                assert {name.name for name in node.names} <= public, path
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "colorzoo":
                assert node.attr in public, path


def test_a_space_starts_as_the_hub_starts_it(tmp_path: Path) -> None:
    """From its own files, without the colorzoo that is installed here."""
    space = tmp_path / "space"
    make_space(space)
    with (space / "colorzoo" / "demos" / "style.css").open("a") as file:
        file.write("/* of this copy */")
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_SERVER_NAME": "0.0.0.0"}
    environment.pop("PYTHONPATH", None)
    with subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=space,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = re.fullmatch(r"http://localhost:(\d+)/\n", process.stdout.readline())
            assert port is not None
            page = httpx.get(f"http://127.0.0.1:{port[1]}/").text
            assert "of this copy" in page
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
