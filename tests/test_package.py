"""What the two wheels hold, and that they work from there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import FACTS, ROOT, one_line_error

import colorzoo

PARTS = ("colorzoo", "hub_cards", "demos", "models", "setup.py", "pyproject.toml", "README.md")
PARTS += ("LICENSE", "LICENSES.md", "MANIFEST.in")
CARRIED = {"lite-unet-gan", "squeeze-unet-gan"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheels of colorzoo and colorzoo-models, built from a copy of this repository."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--wheel-dir", str(folder / "dist"), str(source), str(source / "models")],
        check=True,
        capture_output=True,
    )
    code, models = sorted((folder / "dist").iterdir())
    return code, models


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def unpack(site: Path, *wheels: Path) -> Path:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "colorzoo", *arguments],
        cwd=site,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_code_types_and_two_models(wheels: tuple[Path, Path]) -> None:
    names = names_in(wheels[0])
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "colorzoo").rglob("*.py")}
    assert code | {"colorzoo/py.typed", "colorzoo/features/squeezenet.safetensors"} <= names
    files = ("README.md", "config.json", "facts.json", "model.safetensors", "before-after.jpg")
    for model in CARRIED:
        assert {f"colorzoo/zoo/models/{model}/{name}" for name in files} <= names
    weights = {Path(name).parent.name for name in names if name.endswith("model.safetensors")}
    assert weights == CARRIED
    page = (
        "serve.py",
        "page.py",
        "style.css",
        "page.js",
        "examples/migrant-mother.jpg",
        "browser/worker.js",
    )
    assert {f"colorzoo/demos/{name}" for name in page} <= names
    notes = f"colorzoo-{colorzoo.__version__}.dist-info"
    assert {f"{notes}/licenses/{name}" for name in ("LICENSE", "LICENSES.md")} <= names
    assert {name.partition("/")[0] for name in names} == {"colorzoo", notes}
    assert wheels[0].stat().st_size <= 20e6


def test_the_other_wheel_holds_the_other_models(wheels: tuple[Path, Path]) -> None:
    names = names_in(wheels[1])
    here = {path.parent.name for path in ROOT.glob("hub_cards/*/config.json")}
    weights = {Path(name).parent.name for name in names if name.endswith("model.safetensors")}
    assert weights == here - CARRIED
    assert "colorzoo_models/efficientnet_lite2.safetensors" in names
    assert "colorzoo_models/efficientnet_lite2.md" in names
    notes = f"colorzoo_models-{colorzoo.__version__}.dist-info"
    assert {f"{notes}/licenses/{name}" for name in ("LICENSE", "LICENSES.md")} <= names


def test_the_light_wheel_says_how_to_get_the_other_models(
    wheels: tuple[Path, Path], tmp_path: Path
) -> None:
    site = unpack(tmp_path, wheels[0])
    told = json.loads(run(site, "list", "--json").stdout)
    assert {model["name"] for model in told["models"]} == CARRIED
    line = one_line_error(run(site, "info", "unet-gan"))
    assert "'unet-gan' of this zoo is not installed" in line
    assert "pip install 'colorzoo[models]'" in line
    assert "not installed: attention-unet-gan" in run(site, "list").stdout
    assert "'owner/unet-gan'" in line
    train = "import colorzoo; colorzoo.create_model('lite-unet', pretrained=True).load_pretrained()"
    failed = subprocess.run(
        [sys.executable, "-c", train], cwd=site, capture_output=True, text=True, check=False
    )
    assert "MissingDependencyError" in failed.stderr
    assert "colorzoo[models]" in failed.stderr


def test_both_wheels_together_hold_the_zoo(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    site = unpack(tmp_path, *wheels)
    load = (
        "import colorzoo; colorzoo.create_model('lite-unet', pretrained=True).load_pretrained(); "
        "print(colorzoo.load('cnn', device='cpu'), *[i.name for i in colorzoo.list_models()])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", load], cwd=site, capture_output=True, text=True, check=False
    )
    assert "Colorizer('cnn'" in loaded.stdout, loaded.stderr
    assert set(loaded.stdout.split()) >= {info.name for info in colorzoo.list_models()}


def test_a_model_of_another_package_is_found(
    wheels: tuple[Path, Path], model_folder: Path, tmp_path: Path
) -> None:
    site = unpack(tmp_path / "site", wheels[0])
    for name in ("tiny-gan", "lite-unet-gan"):  # the second is colorzoo's own, and stays so
        shutil.copytree(model_folder, site / "my_models" / name)
        (site / "my_models" / name / "facts.json").write_text(json.dumps(FACTS))
    (site / "my_models" / "__init__.py").write_text("raise RuntimeError('imported')")
    notes = site / "my_models-1.0.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: my-models\nVersion: 1.0\n")
    (notes / "entry_points.txt").write_text(
        "[colorzoo.zoo]\nmine = my_models\ngone = nothing_of_that_name\n"
    )
    assert (
        json.loads(run(site, "info", "tiny-gan", "--json").stdout)["description"] == "Very small."
    )
    own = json.loads(run(site, "info", "lite-unet-gan", "--json").stdout)
    assert Path(own["folder"]).parent.name == "models"
    table = json.loads(run(site, "doctor", "--json").stdout)
    assert [Path(folder).name for folder in table["zoo"]] == ["models", "my_models"]


def test_a_release_is_of_the_version_that_its_tag_says() -> None:
    release = [sys.executable, str(ROOT / ".ci" / "release.py"), "--tag", "v99.0.0"]
    refused = subprocess.run(release, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"v99.0.0 is not that of version {colorzoo.__version__}" in refused.stderr
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == colorzoo.__version__


def test_the_workflows_do_what_is_done_here() -> None:
    checks, release = (
        yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
        for name in ("checks.yml", "release.yml")
    )
    steps = [step.get("run") for step in checks["jobs"]["checks"]["steps"]]
    assert ".ci/run" in steps
    pythons = checks["jobs"]["checks"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if ":: 3." in text]
    assert pythons == named
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert any("make release" in step.get("run", "") for step in build["steps"])
    assert publish["permissions"] == {"id-token": "write"}
    assert "pypi-publish" in publish["steps"][-1]["uses"]


def test_what_is_installed_without_torch_is_what_an_exported_file_needs() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        core = tomllib.load(file)["project"]["dependencies"]
    of_networks = {"huggingface-hub", "safetensors", "scipy", "torch"}
    wanted = {re.split("[>=<]", text)[0] for text in core} - of_networks | {"onnxruntime"}
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"light/bin/pip install (click.*)", page)
    assert set(line.split()) == wanted
