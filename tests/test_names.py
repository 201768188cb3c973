from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import FACTS

from colorzoo.errors import ConfigError, HubError, UnknownNameError
from colorzoo.hub.names import locate
from colorzoo.zoo import folders
from colorzoo.zoo.catalog import list_models, read_info
from colorzoo.zoo.folders import zoo_folder


@pytest.fixture
def zoo(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed zoo of two models: a package folder that holds ``zoo/models``."""
    package = tmp_path / "site" / "colorzoo"
    for name in ("tiny-gan", "tiny-plain"):
        folder = package / "zoo" / "models" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        for path in model_folder.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    (package / "zoo" / "models" / "tiny-gan" / "facts.json").write_text(json.dumps(FACTS))
    monkeypatch.setattr(folders, "__file__", str(package / "zoo" / "folders.py"))
    return package / "zoo" / "models"


def test_a_clone_keeps_its_models_in_hub_cards(root: Path) -> None:
    assert zoo_folder() in (root / "hub_cards", root / "colorzoo" / "zoo" / "models")


def test_models_of_the_zoo_are_listed(zoo: Path) -> None:
    gan, plain = list_models()
    assert (gan.name, gan.architecture, gan.working_size) == ("tiny-gan", "attention-unet", 32)
    assert (gan.description, gan.license, gan.parameters) == ("Very small.", "CC0-1.0", 5)
    assert (plain.description, plain.license, plain.parameters) == (None, None, None)
    assert gan.size == (zoo / "tiny-gan" / "model.safetensors").stat().st_size
    assert [info.name for info in list_models("*-gan")] == ["tiny-gan"]
    assert [info.name for info in list_models(license="CC0-1.0")] == ["tiny-gan"]
    assert list_models(architecture="unet") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": "many"}, r"facts\.json: parameters must be of type int"),
        ({"psnr": 20.0}, r"facts\.json has an unknown key 'psnr'"),
        ({"about": {**FACTS["about"], "license": " "}}, "about: license must not be empty"),
        ({"about": {**FACTS["about"], "pictures": ["../x.jpg"]}}, "files in the folder, not '../x"),
    ],
)
def test_damaged_facts_are_named(zoo: Path, change: dict[str, object], message: str) -> None:
    (zoo / "tiny-gan" / "facts.json").write_text(json.dumps(FACTS | change))
    with pytest.raises(ConfigError, match=message):
        list_models()


def test_a_folder_without_weights_has_no_size(model_folder: Path) -> None:
    (model_folder / "model.safetensors").unlink()
    assert read_info(model_folder).size is None


def test_a_slug_is_a_model_of_the_zoo(zoo: Path) -> None:
    assert locate("tiny-gan") == zoo / "tiny-gan"
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny-gan'.* Known: tiny-gan, tiny-"):
        locate("tiny-gann")


def test_a_folder_of_a_slugs_name_is_no_fall_back(
    zoo: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model_folder.parent)
    with pytest.raises(UnknownNameError, match=r"A folder is written '\./tiny-model'"):
        locate("tiny-model")
    assert locate("./tiny-model") == Path("tiny-model")
    assert locate(Path("tiny-model")) == Path("tiny-model")


@pytest.mark.parametrize("name", ["./x", "../x", "/x/y", ".", "..", "../../a b/c"])
def test_paths_are_paths(name: str) -> None:
    assert locate(name) == Path(name)


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/models/x") == tmp_path / "models" / "x"


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a/b/c",
        "a b",
        "Tiny-Gan",
        "tiny--gan",
        "tiny-gan@main",
        "a/b@",
        "a/b@x@y",
        "a/",
        "a/..",
    ],
)
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="is not the name of a model"):
        locate(name)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Tiny_GAN", "Did you mean 'tiny-gan'"),
        ("runs/first/model", r"written '\./runs/first/model'"),
        ("model.onnx", r"written '\./model\.onnx'"),
        ("hf://owner/repo", "that address is written 'owner/repo'"),
        ("https://huggingface.co/owner/repo/tree/main", "that address is written 'owner/repo'"),
    ],
)
def test_what_a_malformed_name_may_mean_is_told(zoo: Path, name: str, advice: str) -> None:
    with pytest.raises(UnknownNameError, match=advice):
        locate(name)


def test_a_revision_goes_with_the_hub_only(zoo: Path) -> None:
    for name in ("tiny-gan", "./tiny-gan", zoo / "tiny-gan"):
        with pytest.raises(HubError, match="goes only with a Hub repository"):
            locate(name, revision="main")
    with pytest.raises(HubError, match="give only one"):
        locate("owner/repo@v1", revision="v2")
