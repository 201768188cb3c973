"""The page's folder as it is written and published; test_webpage_browser.py runs it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import npm
import pytest
import torch
from conftest import FACTS, ROOT, Run, one_line_error
from hub_server import WRITER, Hub, sha256

import colorzoo
from colorzoo.webpage.build import write_page
from colorzoo.webpage.runtime import KINDS, PACKAGE, VERSION

pytest.importorskip("onnxruntime", reason="the page needs the extra 'onnx'")

# The Hub client's own, of the library under it.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content")

DEMOS = ROOT / "demos"


@pytest.fixture(scope="module")
def runtime(npm_folder: Path) -> Path:
    return npm.get_runtime(npm_folder)


@pytest.fixture
def licensed(model_folder: Path) -> Path:
    """A small model whose facts state a licence."""
    (model_folder / "facts.json").write_text(json.dumps(FACTS))
    return model_folder


def test_a_static_space_is_published(
    hub: Hub,
    cli: Run,
    licensed: Path,
    runtime: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    push = ("push-space", "someone/page", "--static", "--model", licensed, "--runtime", runtime)
    done = cli(*push)
    assert (done.returncode, done.stdout.strip()) == (
        0,
        f"{hub.url}/spaces/someone/page",
    ), done.stderr
    repo = hub.repos["spaces/someone/page"]
    assert repo.sdk == "static"
    files = repo.files
    card = files["README.md"].decode()
    assert "\nsdk: static\napp_file: index.html\n" in card
    assert "\nlicense: cc0-1.0\nmodels: [someone/tiny-model]\n" in card
    assert str(tmp_path).encode() not in b"".join(files.values())
    assert "cross-origin-embedder-policy: require-corp" in card
    build = json.loads(files["page.json"])
    assert (build["name"], build["workingSize"], build["vividness"]) == ("tiny-model", 32, None)
    listed = [
        build["model"],
        *(part for kind in KINDS for part in build["runtimes"][kind].values()),
    ]
    for entry in listed:
        content = files[entry["name"]]
        assert (len(content), sha256(content)) == (entry["size"], entry["sha256"])
    kept = json.loads(files["build.js"].decode().removeprefix("self.KEPT = ").rstrip(";\n"))[
        "files"
    ]
    apart = {"README.md", "sw.js", "build.js", "model.onnx", ".gitattributes"}
    small = {name for name in files if not name.startswith("runtime/")} - apart
    assert set(kept) - {"build.js"} == small
    assert len([name for name in kept if name.startswith("examples/small/")]) == 6
    assert files["index.html"].count(b"data-example=") == 6
    assert not any(name.endswith((".mjs", ".json.js", ".d.ts", ".md")) for name in kept)
    for name in re.findall(rb'(?:src|href)="([^"#:]+)"', files["index.html"]):
        assert name.decode() in files


def test_only_what_may_be_published_is(
    hub: Hub, cli: Run, model_folder: Path, runtime: Path
) -> None:
    push = ("push-space", "someone/page", "--static", "--model", model_folder)
    assert "states no licence" in one_line_error(cli(*push, "--runtime", runtime))
    assert hub.requests == []
    for wrong in (("--static", "--folder", "x"), ("--model", "cnn"), ("--runtime", "x")):
        assert cli("push-space", "someone/page", *wrong).returncode == 2


def test_a_page_is_written_whole_or_not_at_all(
    cli: Run, licensed: Path, runtime: Path, tmp_path: Path
) -> None:
    page = ("page", licensed, "-o", "page", "--runtime", runtime)
    done = cli(*page)
    assert (done.returncode, done.stdout) == (0, "page\n"), done.stderr
    assert "MB at the first visit without a GPU" in done.stderr
    before = (tmp_path / "page" / "build.js").read_bytes()
    assert "is there already" in one_line_error(cli(*page))
    assert cli(*page, "--overwrite").returncode == 0
    assert (tmp_path / "page" / "build.js").read_bytes() == before
    (tmp_path / "other").mkdir()
    error = one_line_error(cli("page", licensed, "-o", "other", "--overwrite"))
    assert "is no such page" in error
    assert {path.name for path in tmp_path.iterdir()} == {licensed.name, "page", "other"}


def test_only_the_runtime_that_is_meant_is_taken(
    cli: Run, licensed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"not the one")
    error = one_line_error(cli("page", licensed, "-o", "page", "--runtime", other))
    assert "is not the onnxruntime-web-" in error
    assert "sha512-" in error
    assert "Cannot read" in one_line_error(cli("page", licensed, "-o", "page", "--runtime", "none"))
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    assert "There is no npm" in one_line_error(cli("page", licensed, "-o", "page"))
    (tools / "npm").write_text("#!/bin/sh\necho 'ENOTFOUND the registry' >&2\nexit 1\n")
    (tools / "npm").chmod(0o755)
    assert "npm cannot fetch onnxruntime-web@" in one_line_error(
        cli("page", licensed, "-o", "page")
    )
    shutil.rmtree(tools)
    assert {path.name for path in tmp_path.iterdir()} == {licensed.name, "other.tgz"}


def test_what_has_no_network_makes_no_page(tmp_path: Path) -> None:
    with pytest.raises(colorzoo.ConfigError, match="'levin' has no network"):
        write_page(colorzoo.load("levin"), tmp_path / "page", demos=DEMOS)
    assert list(tmp_path.iterdir()) == []
    assert torch.is_grad_enabled()


def test_make_fetches_the_version_that_is_pinned() -> None:
    assert f"RUNTIME = {PACKAGE}@{VERSION}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
