"""Architectures of other packages: the example is installed and used, bad ones are reported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import forked
import pytest
from conftest import ROOT
from hub_server import WRITER, Hub
from PIL import Image

import colorzoo
from colorzoo.errors import ConfigError

NAME = "someone/dilated-net-gan"
PLUGIN = ROOT / "examples" / "colorzoo-plugin"

TRAINING = """
[model]
name = "dilated-net"
config = { width = 4, dilations = [1, 2] }

[discriminator]
name = "pixel"

[data]
train = "photos"
size = 16
batch_size = 2
workers = 0

[[phase]]
steps = 2
losses = { pixel = 100.0, adversarial = 1.0 }

[run]
folder = "run"
device = "cpu"
"""

# What a user types, in one process because each start costs seconds.
COMMANDS = """
import sys, warnings
from colorzoo.cli import commands
for line in sys.stdin.read().splitlines():
    commands.main(line.split(), prog_name="colorzoo", standalone_mode=False)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example package, as pip installs it."""
    source = tmp_path_factory.mktemp("source") / "colorzoo-plugin"
    shutil.copytree(PLUGIN, source)  # building writes into the source
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        check=True,
        capture_output=True,
    )
    return target


def test_the_example_passes_its_own_tests(site: Path) -> None:
    path = f"{ROOT}:{site}"
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    result = forked.run(*arguments, cwd=PLUGIN, env={"PYTHONPATH": path})
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_example_goes_all_the_way(
    site: Path,
    photo_folder: Path,
    hub: Hub,
    hub_env: dict[str, str],
) -> None:
    """Trained, described, published, loaded from the Hub and coloured with."""
    folder = photo_folder.parent
    readme = (PLUGIN / "README.md").read_text(encoding="utf-8")
    (folder / "about.toml").write_text(readme.rpartition("```toml\n")[2].partition("```")[0])
    (folder / "photos.toml").write_text(TRAINING)
    lines = (
        "train photos.toml",
        "card ./run/model --about about.toml --write",
        f"push ./run/model {NAME}",
        f"colorize photos/first.png -o coloured.png --model {NAME} --device cpu",
        "info dilated-net",
    )
    (folder / "run.py").write_text(COMMANDS)
    result = subprocess.run(
        [sys.executable, "run.py"],
        input="\n".join(lines),
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": f"{ROOT}:{site}", "HF_TOKEN": WRITER, **hub_env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    with Image.open(folder / "coloured.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (40, 30))
    assert "package: colorzoo-plugin" in result.stdout
    card = hub.repos[f"models/{NAME}"].files["README.md"].decode()
    assert "colorzoo_package: colorzoo-plugin\n" in card

    # Here the package is not installed, and the card tells which one is lacking.
    with pytest.raises(ConfigError, match="'dilated-net'.* pip install colorzoo-plugin"):
        colorzoo.load(NAME, device="cpu")


def test_bad_plug_ins_are_reported_and_hurt_nobody_else(tmp_path: Path) -> None:
    def install(package: str, architecture: str, source: str) -> None:
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        points = f"[colorzoo.architectures]\n{architecture} = {package}\n"
        (info / "entry_points.txt").write_text(points)

    install("broken_plugin", "broken-net", "1 / 0")
    install("sun_plugin", "moon-net", "")
    install("moon_plugin", "moon-net", "")
    install("greedy_plugin", "cnn", "")
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    result = forked.run("-m", "colorzoo", "doctor", "--json", env=path)
    assert result.returncode == 1
    greedy, twins, broken = sorted(json.loads(result.stdout)["problems"])
    assert "'cnn' is claimed by greedy_plugin 1.2 and by colorzoo itself. Uninstall" in greedy
    assert "'moon-net' is claimed by " in twins
    assert "sun_plugin 1.2" in twins
    assert "moon_plugin 1.2" in twins
    assert broken.startswith(
        "broken_plugin 1.2 promises the architecture 'broken-net' but fails on"
    )
    assert forked.run("-m", "colorzoo", "info", "unet", env=path).returncode == 0
