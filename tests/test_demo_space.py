"""The page as a Space: what the Hub gets, and what it starts."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import tomllib
import venv
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
    make_space(tmp_path / "space", "someone")
    assert (tmp_path / "space" / values["app_file"]).is_file()
    assert values["license"] == "apache-2.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    needed += project["optional-dependencies"]["video"]  # for its tab of films
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
    make_space(space, "someone")
    with (space / "colorzoo" / "demos" / "style.css").open("a") as file:
        file.write("/* of this copy */")
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_SERVER_NAME": "0.0.0.0"}
    environment.pop("PYTHONPATH", None)
    assert "of this copy" in page_of(sys.executable, space, environment)


@pytest.mark.slow
def test_a_space_of_an_installed_colorzoo_takes_it_from_the_index(tmp_path: Path) -> None:
    """As on the Hub: the files of the Space, and an environment with its requirements."""
    pip = [sys.executable, "-m", "pip"]
    wheels = tmp_path / "wheels"
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels]
    subprocess.run([*build, ROOT], check=True, capture_output=True)
    venv.create(tmp_path / "venv")
    site = next((tmp_path / "venv").rglob("site-packages"))
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", "--find-links", wheels]
    subprocess.run([*install, "--target", site, "colorzoo"], check=True, capture_output=True)
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(others))  # what requirements.txt pins beside it
    python = next((tmp_path / "venv").glob("*/python"))
    space = tmp_path / "space"
    call = f"make_space(pathlib.Path({str(space)!r}), 'me')"
    code = f"import pathlib; from colorzoo.cli.demo import make_space; {call}"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_SERVER_NAME": "0.0.0.0"}
    environment.pop("PYTHONPATH", None)
    subprocess.run([python, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert {path.name for path in space.iterdir()} == {"README.md", "app.py", "requirements.txt"}
    needed = (space / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert needed[0] == f"colorzoo=={colorzoo.__version__}"
    assert "models: [me/" in (space / "README.md").read_text(encoding="utf-8")
    assert "colorzoo" in page_of(python, space, environment)


def page_of(python: str | Path, space: Path, environment: dict[str, str]) -> str:
    """Start a Space as the Hub does, fetch its page and stop it."""
    with subprocess.Popen(
        [python, "app.py"], cwd=space, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = re.fullmatch(r"http://localhost:(\d+)/\n", process.stdout.readline())
            assert port is not None
            page = httpx.get(f"http://127.0.0.1:{port[1]}/").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()
    return page
