from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import colorzoo
from colorzoo.errors import ColorzooError, ConfigError, RegistrationError, WeightsError
from colorzoo.modelfolder.weights import load_model
from colorzoo.models.attention_unet import AttentionUNetConfig


def edit_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text())
    for key, value in values.items():
        if value is None:
            del content[key]
        else:
            content[key] = value
    path.write_text(json.dumps(content))


def edit_weights(folder: Path, **values: torch.Tensor | None) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for key, value in values.items():
        if value is None:
            del tensors[key]
        else:
            tensors[key] = value
    save_file(tensors, path)


def test_weights_come_back_bit_for_bit(tmp_path: Path) -> None:
    model = colorzoo.create_model("attention-unet", AttentionUNetConfig.tiny())
    model(torch.rand(2, 1, 32, 32))  # so that the batch norms have seen something
    folder = colorzoo.save(
        model,
        tmp_path / "a" / "b",
        image=colorzoo.ImageSettings(working_size=64),
        training={"steps": 7, "data": {"photos": 3}},
    )
    loaded = load_model(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert loaded.generator.config == model.config
    assert (loaded.name, loaded.spec.name) == (None, "attention-unet")
    assert loaded.image.working_size == 64
    assert loaded.training == {"steps": 7, "data": {"photos": 3}}
    assert not any(module.training for module in loaded.generator.modules())
    state, again = model.state_dict(), loaded.generator.state_dict()
    assert list(state) == list(again)
    assert all(torch.equal(state[name], again[name]) for name in state)


def test_half_precision_is_stored_rounded_and_loaded_as_float32(tmp_path: Path) -> None:
    model = colorzoo.create_model("unet", widths=(4, 8))
    half = load_model(
        colorzoo.save(model, tmp_path / "half", dtype="float16")
    ).generator.state_dict()
    full = colorzoo.save(model, tmp_path / "full")
    for name, tensor in model.state_dict().items():
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(half[name], expected)
        assert half[name].dtype == tensor.dtype
    sizes = [(tmp_path / n / "model.safetensors").stat().st_size for n in ("half", "full")]
    assert sizes[0] < 0.75 * sizes[1]
    assert full.is_dir()


def test_the_config_file_has_the_fixed_form(model_folder: Path) -> None:
    content = json.loads((model_folder / "config.json").read_text())
    assert list(content) == ["format", "library", "architecture", "config", "image", "training"]
    assert content["image"] == {
        "working_size": 32,
        "color": "lab-d65",
        "lightness": "L/50-1",
        "chroma": "ab/110",
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 2}, r"config\.json is of format 2; this colorzoo reads format 1"),
        ({"format": None}, "is of format None"),
        ({"library": "timm"}, 'does not say "library": "colorzoo"'),
        ({"library": None}, "is not of a colorzoo model"),
        ({"architecture": None}, "lacks the key 'architecture'"),
        ({"image": None}, "lacks the key 'image'"),
        ({"training": None}, "lacks the key 'training'"),
        ({"wieghts": 1}, "unknown key 'wieghts'"),
        ({"architecture": "attention-unnet"}, r"not installed.*Here are: attention-unet"),
        ({"architecture": 3}, "architecture must be of type str"),
        ({"image": {"working_size": 32}}, "image lacks the key 'color'"),
        (
            {
                "image": {
                    "working_size": 32,
                    "color": "ycc",
                    "lightness": "L/50-1",
                    "chroma": "ab/110",
                }
            },
            "color must be one of 'lab-d65', not 'ycc'",
        ),
        (
            {
                "image": {
                    "working_size": 4097,
                    "color": "lab-d65",
                    "lightness": "L/50-1",
                    "chroma": "ab/110",
                }
            },
            "working_size must be 1 to 4096, not 4097",
        ),
        ({"config": {"widths": [4, 8, 8]}}, r"config\.json: config lacks the key 'norm'"),
        ({"config": {"width": 4}}, r"config\.json: config has an unknown key 'width'"),
        ({"config": {"widths": "wide"}}, "widths must be a list"),
        ({"config": {"widths": [0, 1]}}, "widths needs two or more positive numbers"),
    ],
)
def test_wrong_configs_are_refused(model_folder: Path, values: Any, message: str) -> None:
    edit_config(model_folder, **values)
    with pytest.raises(ConfigError, match=message):
        load_model(model_folder)


def test_a_config_that_no_memory_holds_is_refused(model_folder: Path) -> None:
    config = json.loads((model_folder / "config.json").read_text())["config"]
    edit_config(model_folder, config={**config, "widths": [10**12, 10**12]})
    with pytest.raises(ConfigError, match=r"config\.json: no 'attention-unet' can be built"):
        load_model(model_folder)


ASK = """
import sys, colorzoo

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1024

colorzoo.load(sys.argv[1], device="cpu")
before = peak()
try:
    colorzoo.load(sys.argv[2], device="cpu")
except colorzoo.WeightsError as error:
    print(peak() - before, error)
"""


def test_a_config_that_asks_for_much_takes_no_memory(model_folder: Path, tmp_path: Path) -> None:
    greedy = Path(shutil.copytree(model_folder, tmp_path / "greedy"))
    config = json.loads((greedy / "config.json").read_text())["config"]
    edit_config(greedy, config={**config, "widths": [8000, 16000, 16000]})
    taken, _, message = forked.run("-c", ASK, model_folder, greedy).stdout.partition(" ")
    assert "has shape" in message
    assert int(taken) < 30e6


SQUEEZE = """
import resource, sys, numpy, colorzoo
colorizer = colorzoo.load(sys.argv[1], device="cpu")
grey = numpy.zeros((64, 64), numpy.uint8)
colorizer(grey)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, -1))
colorizer(grey, working_size=4096)
"""


def test_a_working_size_that_no_memory_holds_is_one_error(model_folder: Path) -> None:
    outcome = forked.run("-c", SQUEEZE, model_folder)
    assert (
        "colorzoo.errors.TensorError: The memory of 'cpu' does not suffice for 1 x 4096 x 4096"
        in (outcome.stderr)
    )
    assert "Give a smaller working_size or batch_size" in outcome.stderr


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "[" * 200_000])
def test_a_config_that_is_no_table_is_refused(model_folder: Path, text: str) -> None:
    (model_folder / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_model(model_folder)


def cut(content: bytes) -> bytes:
    return content[:-10]


def lengthen(content: bytes) -> bytes:
    return content + b"\0" * 8


def claim_a_huge_header(content: bytes) -> bytes:
    return struct.pack("<Q", 2**40) + content[8:]


def replace_by_pickle(_content: bytes) -> bytes:
    return pickle.dumps({"head.weight": [0.0]})


@pytest.mark.parametrize(
    "damage", [cut, lengthen, claim_a_huge_header, replace_by_pickle, lambda _content: b""]
)
def test_damaged_weights_are_refused(model_folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = model_folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"model\.safetensors is cut off or damaged"):
        load_model(model_folder)


def test_a_header_that_lies_about_a_shape_is_refused(model_folder: Path) -> None:
    path = model_folder / "model.safetensors"
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["head.weight"]["shape"][0] *= 1000
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(WeightsError, match="cut off or damaged"):
        load_model(model_folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"head.weight": None}, "it lacks 'head.weight'"),
        ({"tail.weight": torch.zeros(2)}, "it has, unexpected, 'tail.weight'"),
        ({"head.bias": torch.zeros(3)}, r"'head.bias' has shape \(3,\).* makes it \(2,\)"),
        ({"head.bias": torch.tensor([0.0, float("nan")])}, "not finite"),
        ({"head.bias": torch.tensor([0.0, float("inf")])}, "not finite"),
        ({"head.bias": torch.zeros(2, dtype=torch.int64)}, "'head.bias' is stored as I64"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    model_folder: Path, values: dict[str, torch.Tensor | None], message: str
) -> None:
    edit_weights(model_folder, **values)
    with pytest.raises(WeightsError, match=message):
        load_model(model_folder)


def test_absent_files_are_named(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no model folder .*nowhere"):
        load_model(tmp_path / "nowhere")
    (model_folder / "model.safetensors").rename(model_folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"model\.safetensors are missing"):
        load_model(model_folder)
    (model_folder / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"tiny-model is no model folder.* no config\.json"):
        load_model(model_folder)


def test_saving_again_keeps_strangers_files(model_folder: Path) -> None:
    (model_folder / "README.md").write_text("mine")
    model = colorzoo.create_model("unet", widths=(4, 8))
    colorzoo.save(model, model_folder)
    assert (model_folder / "README.md").read_text() == "mine"
    assert load_model(model_folder).spec.name == "unet"
    assert len(list(model_folder.iterdir())) == 3


def test_what_float16_is_too_narrow_for_stays_float32(tmp_path: Path) -> None:
    model = colorzoo.create_model("unet", widths=(4, 8, 8))
    state = model.state_dict()
    wide = next(name for name in state if name.endswith("running_var"))
    state[wide].fill_(70_000.0)
    folder = colorzoo.save(model, tmp_path / "half", dtype="float16")
    kinds = {name: tensor.dtype for name, tensor in load_file(folder / "model.safetensors").items()}
    floats = {name for name in state if state[name].is_floating_point()}
    assert {name for name in floats if kinds[name] != torch.float16} == {wide}
    loaded = load_model(folder)
    assert torch.equal(loaded.generator.state_dict()[wide], state[wide])
    # It is a float16 model still: what is saved from it is the same file.
    again = colorzoo.save(colorzoo.load(folder), tmp_path / "again")
    files = [(place / "model.safetensors").read_bytes() for place in (folder, again)]
    assert files[0] == files[1]


def test_a_save_that_fails_leaves_the_old_model(model_folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    model = colorzoo.create_model("unet", widths=(4, 8))
    with pytest.raises(ConfigError, match="cannot hold these values"):
        colorzoo.save(model, model_folder, training={"model": model})
    with pytest.raises(ConfigError, match="cannot hold these values"):
        colorzoo.save(model, model_folder, training={"loss": float("nan")})
    with pytest.raises(ConfigError, match="dtype must be 'float32' or 'float16', not 'int8'"):
        colorzoo.save(model, model_folder, dtype="int8")  # type: ignore[arg-type]
    with torch.no_grad():
        next(model.parameters()).fill_(float("inf"))
    with pytest.raises(WeightsError, match="is not finite, so the model is not saved"):
        colorzoo.save(model, model_folder, dtype="float16")
    assert {path.name: path.read_bytes() for path in model_folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == [model_folder.name]


def test_a_write_that_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    model = colorzoo.create_model("unet", widths=(4, 8))
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(WeightsError, match="Cannot write the model folder"):
            colorzoo.save(model, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Cannot write the model folder"):
        colorzoo.save(colorzoo.create_model("unet", widths=(4, 8)), tmp_path / "a\0b")


def test_saved_files_are_readable_like_any_other(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    modes = {path.stat().st_mode for path in (*model_folder.iterdir(), tmp_path / "plain")}
    assert len(modes) == 1


def test_loading_leaves_the_random_numbers_alone(model_folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_model(model_folder)
    assert torch.equal(torch.rand(3), expected)


def test_only_registered_models_are_saved(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="Linear is not a registered architecture"):
        colorzoo.save(nn.Linear(1, 1), tmp_path / "model")


@pytest.mark.parametrize(
    "config", [None, {"widths": [4, 8]}, AttentionUNetConfig(widths=(4, 8), norm="none")]
)
def test_create_model_takes_configs_in_each_form(config: Any) -> None:
    model = colorzoo.create_model("attention-unet", config, widths=(2, 3), gate="pixel")
    assert (model.config.widths, model.config.gate) == ((2, 3), "pixel")
    assert model.config.norm == ("none" if isinstance(config, AttentionUNetConfig) else "batch")


@pytest.mark.parametrize(
    ("arguments", "values", "message"),
    [
        (("unett",), {}, "no architecture called 'unett'.* Did you mean 'unet'"),
        (("unet",), {"width": 3}, "config of 'unet' has an unknown key 'width'"),
        (("unet", {"norm": "layer"}), {}, "norm must be one of"),
        (("unet", AttentionUNetConfig()), {}, "must be a UNetConfig or a dict"),
        (("unet",), {"widths": (4,)}, "widths needs two or more"),
        (("cnn",), {"refinements": 10**9}, "refinements must be 0 to 16"),
    ],
)
def test_create_model_refuses(arguments: Any, values: Any, message: str) -> None:
    with pytest.raises(ColorzooError, match=message):
        colorzoo.create_model(*arguments, **values)
