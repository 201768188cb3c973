"""What was loaded, saved or pushed is loaded again as it was."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import forked
import numpy as np
import pytest
import torch
from conftest import FACTS
from hub_server import WRITER, Hub
from torch import Tensor

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError, HubError
from colorzoo.files import file_hash
from colorzoo.hub.publish import push
from colorzoo.modelfolder.facts import About, collect_facts, read_facts, render_facts
from colorzoo.predictor import Floats, Guidance
from colorzoo.schema import from_dict
from colorzoo.version import __version__

NAME = "someone/tiny-model"
WEIGHTS = "model.safetensors"

# The client uploads in a way that the network library under it has given up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def folder(model_folder: Path) -> Path:
    """A model in half precision, with facts, an evaluation and a picture."""
    loaded = colorzoo.load(model_folder, device="cpu")
    colorzoo.save(loaded, model_folder, dtype="float16")
    about = from_dict(About, {**FACTS["about"], "pictures": ["a.jpg"]}, where="about")
    facts = dataclasses.replace(collect_facts(model_folder, about), macs=12345)
    (model_folder / "facts.json").write_text(render_facts(facts))
    (model_folder / "a.jpg").write_bytes(b"jpeg")
    return model_folder


def weights_of(colorizer: Colorizer) -> dict[str, Tensor]:
    assert colorizer.model is not None
    return colorizer.model.generator.state_dict()


def assert_same(first: Colorizer, second: Colorizer) -> None:
    weights, again = weights_of(first), weights_of(second)
    assert weights.keys() == again.keys()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert (first.name, first.working_size) == (second.name, second.working_size)
    assert first.model is not None
    assert second.model is not None
    assert first.model.training == second.model.training


def test_a_model_of_the_zoo_is_saved_as_it_was(tmp_path: Path) -> None:
    colorizer = colorzoo.load(colorzoo.DEFAULT_MODEL, device="cpu")
    folder = colorzoo.save(colorizer, tmp_path / "mine")
    assert_same(colorizer, colorzoo.load(folder, device="cpu"))
    assert colorizer.model is not None
    assert colorizer.model.folder is not None
    facts = read_facts(folder)
    assert facts is not None
    assert facts == read_facts(colorizer.model.folder)
    assert facts.sha256 == file_hash(folder / WEIGHTS)
    assert all((folder / name).is_file() for name in facts.about.pictures)


def test_what_is_pushed_is_loaded_again(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    first = colorzoo.load(colorzoo.save(colorzoo.load(folder), folder, name="My model"))
    push(first, NAME, commit_message="The first one")
    repo = hub.repos[f"models/{NAME}"]
    assert repo.messages[-1] == "The first one"
    assert repo.files[WEIGHTS] == (folder / WEIGHTS).read_bytes()
    assert repo.files["facts.json"] == (folder / "facts.json").read_bytes()
    assert repo.files["a.jpg"] == b"jpeg"
    second = colorzoo.load(NAME, device="cpu", cache_dir=tmp_path / "cache")
    assert (second.name, second.working_size) == ("My model", 32)
    assert_same(first, second)
    assert second.model is not None
    assert (tmp_path / "cache") in (second.model.folder or Path()).parents
    push(second, "someone/else")
    assert hub.repos["models/someone/else"].files[WEIGHTS] == repo.files[WEIGHTS]
    facts = json.loads(hub.repos["models/someone/else"].files["facts.json"])
    assert facts["macs"] == 12345
    assert any(f"colorzoo/{__version__}" in agent for agent in hub.agents)


def test_other_weights_have_no_measured_facts(folder: Path, tmp_path: Path) -> None:
    colorizer = colorzoo.load(folder, device="cpu")
    with torch.no_grad():
        next(iter(weights_of(colorizer).values())).add_(1.0)
    facts = read_facts(colorzoo.save(colorizer, tmp_path / "other"))
    assert facts is not None
    assert facts.sha256 == file_hash(tmp_path / "other" / WEIGHTS)
    assert facts.about.description == FACTS["about"]["description"]
    assert (facts.about.pictures, facts.evaluation) == ((), None)
    assert facts.macs != 12345
    image = colorzoo.ImageSettings(working_size=64)
    facts = read_facts(colorzoo.save(colorzoo.load(folder), tmp_path / "wider", image=image))
    assert facts is not None
    assert (facts.working_size, facts.evaluation) == (64, None)


def test_what_is_saved_over_itself_stays(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    colorzoo.save(colorzoo.load(folder, device="cpu"), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_own_colorizer_is_saved(tmp_path: Path) -> None:
    generator = colorzoo.create_model("unet", widths=(4, 8))
    predictor = colorzoo.NetworkPredictor(generator, name="mine", working_size=96, device="cpu")
    first = Colorizer(predictor)
    assert_same(first, colorzoo.load(colorzoo.save(first, tmp_path / "a"), device="cpu"))


def test_a_name_stays_within_a_line(model_folder: Path) -> None:
    for name in ("", "a\nb", "a\x1b[31m", "x" * 101):
        with pytest.raises(ConfigError, match="name must have 1 to 100 printable characters"):
            colorzoo.save(colorzoo.create_model("unet"), model_folder, name=name)
    config = json.loads((model_folder / "config.json").read_text())
    (model_folder / "config.json").write_text(json.dumps({**config, "name": "\x1b[2J"}))
    with pytest.raises(ConfigError, match="name must have 1 to 100 printable characters"):
        colorzoo.load(model_folder)


class Sepia:
    """A predictor without weights."""

    name = "sepia"
    working_size = 8
    accepts = needs = frozenset[str]()
    device = "cpu"
    parameters = 0

    def to(self, device: str) -> None:
        """Stay."""

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        """Give the same colour everywhere."""
        return np.full((len(lightness), 2, *lightness.shape[-2:]), 10, dtype=np.float32)


def test_what_has_no_weights_is_not_saved(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'sepia' works without a model of its own"):
        colorzoo.save(Colorizer(Sepia()), tmp_path / "a")
    with pytest.raises(ConfigError, match="'sepia' works without a model of its own"):
        push(Colorizer(Sepia()), NAME)
    assert list(tmp_path.iterdir()) == []
    assert hub.requests == []


def test_a_bare_generator_is_not_pushed_at_a_size_that_nobody_gave(hub: Hub, folder: Path) -> None:
    generator = colorzoo.create_model("unet", widths=(4, 8))
    with pytest.raises(ConfigError, match="does not say at which size it was trained. Give it"):
        push(generator, NAME)
    with pytest.raises(ConfigError, match="image= goes only with a generator"):
        push(folder, NAME, image=colorzoo.ImageSettings())
    with pytest.raises(HubError, match=r"The model states no licence.* Say with about="):
        push(colorzoo.load(colorzoo.save(generator, folder.parent / "bare")), NAME)
    assert hub.requests == []


MEASURE = """
import sys, colorzoo
from colorzoo.modelfolder.weights import load_model

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1024

load_model(sys.argv[1])
before = peak()
model = load_model(sys.argv[2])
size = sum(value.nbytes for value in model.generator.state_dict().values())
print(size, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_loading_takes_little_more_than_the_weights(
    model_folder: Path, tmp_path: Path, dtype: str
) -> None:
    big = colorzoo.create_model("unet", widths=(64, 128, 256, 512, 512, 1024, 1024))
    folder = colorzoo.save(big, tmp_path / "big", dtype=dtype)  # type: ignore[arg-type]  # it is one of the two
    del big
    measured = forked.run("-c", MEASURE, model_folder, folder)
    assert measured.returncode == 0, measured.stderr
    size, taken = map(int, measured.stdout.split())
    assert size > 180e6
    assert taken < 1.3 * size
