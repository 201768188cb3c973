"""The documentation: it builds, and every block of code and every command in it runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import textwrap
import types
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from conftest import ROOT
from hub_server import WRITER, Hub
from PIL import Image

import colorzoo
from colorzoo.cli import commands
from colorzoo.metrics.table import METRICS
from colorzoo.modelfolder.facts import read_facts
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS, METHODS
from colorzoo.training.objective import LOSSES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SLOW = {"README.md", "train.md", "film.md", "parts.md"}

# What these begin with is not run here, and why.
ELSEWHERE = {
    "python3 -m venv": "test_package and .ci/run make environments",
    ". .venv/bin/activate": "the same",
    "pip install": "the same",
    "light/bin/": "the same, without torch: test_without_torch",
    "accelerate launch": "test_distributed starts several processes",
    "torchrun": "the same",
    "colorzoo demo": "it serves until it is stopped; test_demo starts it",
    "_COLORZOO_COMPLETE": "test_cli_names completes; this would change the user's shell",
    "echo": "the same",
    "hf auth login": "it asks for a token",
    "colorzoo page": "it fetches a runtime; test_webpage writes pages",
    "colorzoo push-space": "the same",
    "python3 -m http.server": "it serves until it is stopped",
}

JSON_FILES = {"film.md": "shots.json", "hints.md": "hints.json"}
"""What a page's block of JSON is called by the command after it."""

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_STEPS = re.compile(r"^steps = [\d_]+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    language: str
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    for match in _FENCE.finditer(page.read_text(encoding="utf-8")):
        yield Block(page.name, match[2], textwrap.dedent(match[3]))


@pytest.fixture
def workplace(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages speak of: grey pictures, colour photos, a model, a film."""
    rng = np.random.default_rng(1)
    for place, count in (("photos", 8), ("photos-held-out", 3)):
        (tmp_path / place).mkdir()
        for number in range(count):
            blobs = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
            blobs.resize((120, 96), Image.Resampling.BICUBIC).save(
                tmp_path / place / f"{number}.jpg"
            )
    (tmp_path / "old-album" / "inside").mkdir(parents=True)
    grey = Image.linear_gradient("L").resize((90, 64))
    for name in ("old-album/harbour.jpg", "old-album/inside/mill.png"):
        grey.save(tmp_path / name)
    grey.save(tmp_path / "scan.tif", save_all=True, append_images=[grey])
    (tmp_path / "archives").mkdir()
    with tarfile.open(tmp_path / "archives" / "part-0.tar", "w") as archive:
        archive.add(tmp_path / "old-album" / "harbour.jpg", "harbour.jpg")
    model_folder.rename(tmp_path / "model")
    examples = Path("demos") / "examples"
    (tmp_path / examples).mkdir(parents=True)
    shutil.copy(ROOT / examples / "migrant-mother.jpg", tmp_path / examples)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module in which a page's Python runs; what it registers goes with it."""
    module = types.ModuleType("documentation")
    monkeypatch.setitem(sys.modules, "documentation", module)
    yield module
    for registry in (ARCHITECTURES, DISCRIMINATORS, METHODS, METRICS):
        entries: dict[str, Any] = registry._entries
        for name in [name for name, entry in entries.items() if entry.origin == "documentation"]:
            del entries[name]
    LOSSES.pop("grey", None)


def make_film(path: Path) -> None:
    """Write a minute of four frames and two shots: a grey gradient that moves, then another."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=Fraction(1, 15))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        slope = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
        for number in range(4):
            grey = np.roll(slope, number, axis=1) if number < 2 else 255 - slope // 4
            film.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        film.mux(stream.encode())


def run_line(line: str) -> None:
    """Run one command of colorzoo in this process, as the shell would."""
    command, _, target = line.partition(" > ")
    words = shlex.split(command, comments=True)
    assert words[0] == "colorzoo", f"{line!r} is neither run here nor told to be run elsewhere"
    if target:
        with Path(target.strip()).open("w", encoding="utf-8") as file, redirect_stdout(file):
            code = commands.main(words[1:], standalone_mode=False)
    else:
        code = commands.main(words[1:], standalone_mode=False)
    assert not code, line


def run_block(block: Block, names: dict[str, Any]) -> None:
    if block.language == "python":
        code = compile(block.text, "<documentation>", "exec", dont_inherit=True)
        exec(code, names)
    elif block.language == "bash":
        for line in block.text.splitlines():
            if line and not line.startswith(tuple(ELSEWHERE)):
                run_line(line)
    elif block.language == "toml":
        name = block.text.partition("\n")[0].removeprefix("# ")
        assert name.endswith(".toml"), "a block of TOML begins with the name of its file"
        # As documented, but for how long it trains.
        Path(name).write_text(_STEPS.sub("steps = 2", block.text), encoding="utf-8")
    elif block.language == "json":  # what the next command reads
        Path(JSON_FILES[block.page]).write_text(block.text, encoding="utf-8")
    else:
        assert block.language == "fish", f"{block.language!r} is not run"


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the local Hub's client
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.name in SLOW else [], id=page.name)
        for page in PAGES
    ],
)
def test_every_block_runs(
    page: Path,
    workplace: Path,
    hub: Hub,
    module: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    if "film.mp4" in page.read_text(encoding="utf-8"):
        make_film(workplace / "film.mp4")
    if page.name == "README.md":  # which points to the pages that show these files
        for other in ("train.md", "publish.md"):
            for block in blocks_of(ROOT / "docs" / other):
                if block.language == "toml":
                    run_block(block, {})
    for block in blocks_of(page):
        run_block(block, vars(module))


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)],
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    models = (tmp_path / "models" / "index.html").read_text(encoding="utf-8")
    assert all(info.name in models for info in colorzoo.list_models())
    assert 'href="hub_cards' not in models
    assert (tmp_path / "before-after.jpg").is_file()
    reference = (tmp_path / "reference" / "index.html").read_text(encoding="utf-8")
    assert 'id="colorzoo.colorizer.Colorizer.folder"' in reference
    assert not re.search(r":(class|func|meth|mod|attr|data):", reference)


def test_every_command_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for name in commands.list_commands(click.Context(commands)):
        assert f"`colorzoo {name}" in text or f"`{name}`" in text, name


def test_what_is_said_of_the_models_is_measured() -> None:
    infos = [info for info in colorzoo.list_models() if (ROOT / "hub_cards" / info.name).is_dir()]
    known = [facts for info in infos if (facts := read_facts(info.folder))]
    gains = [
        facts.evaluation.metrics["psnr"]["mean"] - facts.evaluation.grey["psnr"]["mean"]
        for facts in known
        if facts.evaluation
    ]
    sizes = [facts.parameters / 1e6 for facts in known]
    told = {
        "README.md": (
            f"{min(gains):.1f} to {max(gains):.1f} dB above",
            f"{min(sizes):.1f} to {max(sizes):.1f} million",
        ),
        "docs/limits.md": (f"{min(gains):.1f} to {max(gains):.1f} dB above",),
        "docs/comparison.md": (f"{min(sizes):.1f} to {max(sizes):.1f} million",),
    }
    for page, words in told.items():
        text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
        assert all(word in text for word in words), (page, words)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150
