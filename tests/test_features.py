"""EfficientNet-Lite2's features: the original network's numbers, padding, grey input, folding."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from safetensors.torch import load_file, save_file
from torch import Tensor

from colorzoo.errors import WeightsError
from colorzoo.features import efficientnet_lite
from colorzoo.features.efficientnet_lite import (
    CHANNELS,
    WEIGHTS,
    ConvNorm,
    EfficientNetLite2,
    InvertedResidual,
    fold_batch_norms,
)


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite2:
    network = EfficientNetLite2().eval().requires_grad_(False)
    network.load_imagenet()
    return network


def picture(height: int = 64, width: int = 96) -> Tensor:
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(0, 9, width)[None]
    return (rows * torch.cos(columns * (1 + rows)))[None, None]


def test_features_halve_five_times(encoder: EfficientNetLite2) -> None:
    shapes = [tuple(level.shape) for level in encoder(picture())]
    assert shapes == [
        (1, channels, 64 // 2**level, 96 // 2**level)
        for level, channels in enumerate(CHANNELS, start=1)
    ]


def test_features_are_those_of_the_original_network(encoder: EfficientNetLite2) -> None:
    timm = pytest.importorskip("timm")
    original = timm.create_model("tf_efficientnet_lite2", features_only=True).eval()
    # Both list their layers from the first to the last, and of each first the parameters.
    layers = [layer for layer in encoder.modules() if isinstance(layer, ConvNorm)]
    numbers = iter(
        tensor
        for layer in layers
        for tensor in (layer.weight, layer.scale, layer.shift, layer.mean, layer.variance)
    )
    state = original.state_dict()
    for name in state:
        if not name.endswith("num_batches_tracked"):
            tensor = next(numbers)
            three = tensor.repeat(1, 3, 1, 1) / 3.0  # the stem, which sees colour there
            state[name] = three if name == "conv_stem.weight" else tensor
    original.load_state_dict(state)
    grey = ((picture() + 1.0) * 127.5 - 127.0) / 128.0
    for mine, true in zip(encoder(picture()), original(grey.repeat(1, 3, 1, 1)), strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("kernel", "before", "after"), [(3, 0, 1), (5, 1, 2)])
def test_stride_two_pads_after_the_picture_as_tensorflow_does(
    kernel: int, before: int, after: int
) -> None:
    layer = ConvNorm(2, 3, kernel, stride=2, active=False)
    features = torch.randn(1, 2, 8, 12)
    expected = F.conv2d(F.pad(features, (before, after) * 2), layer.folded()[0], stride=2)
    torch.testing.assert_close(layer(features), expected)


@pytest.mark.parametrize("kernel", [3, 5])
def test_stride_two_has_the_gradient_of_its_definition(kernel: int) -> None:
    layer = ConvNorm(4, 4, kernel, stride=2, groups=4, active=False)
    features = torch.randn(1, 4, 8, 12, requires_grad=True)
    padded = F.pad(features, layer.padding)
    expected = F.conv2d(padded, layer.folded()[0], stride=2, groups=4)
    found = layer(features)
    torch.testing.assert_close(found, expected)
    mine, true = (torch.autograd.grad(out.square().sum(), features)[0] for out in (found, expected))
    torch.testing.assert_close(mine, true)


def test_a_convolution_and_its_norm_are_what_torch_makes_of_the_two() -> None:
    layer = ConvNorm(4, 6, 3)
    for tensor in (layer.scale.data, layer.shift.data, layer.mean, layer.variance):
        tensor.uniform_(0.5, 2.0)
    features = torch.randn(2, 4, 8, 8)
    normed = F.batch_norm(
        F.conv2d(features, layer.weight, padding=1),
        layer.mean,
        layer.variance,
        layer.scale,
        layer.shift,
        eps=1e-3,
    )
    torch.testing.assert_close(layer(features), F.relu6(normed), rtol=1e-4, atol=1e-4)
    layer.train()
    torch.testing.assert_close(layer(features), F.relu6(normed), rtol=1e-4, atol=1e-4)


def test_folded_norms_change_nothing(encoder: EfficientNetLite2) -> None:
    folded = EfficientNetLite2().eval()
    folded.load_imagenet()
    fold_batch_norms(folded)
    layers = [layer for layer in folded.modules() if isinstance(layer, ConvNorm)]
    assert not any(layer.once_weight is None for layer in layers)
    for mine, true in zip(folded(picture()), encoder(picture()), strict=True):
        torch.testing.assert_close(mine, true)
    kept, original = folded.state_dict(), encoder.state_dict()
    assert kept.keys() == original.keys()
    assert all(torch.equal(tensor, original[name]) for name, tensor in kept.items())


@pytest.mark.parametrize("change", ["train", "load"])
def test_other_weights_end_the_folding(encoder: EfficientNetLite2, change: str) -> None:
    folded = EfficientNetLite2().eval()
    fold_batch_norms(folded)
    if change == "train":
        folded.train()
        folded.stem.weight.data.zero_()
        assert not folded.eval()(picture())[0].any()
    else:
        folded.load_imagenet()
        torch.testing.assert_close(folded(picture())[4], encoder(picture())[4])


def test_dropped_paths_leave_the_input_to_some_pictures_in_training_alone() -> None:
    torch.manual_seed(0)
    block = InvertedResidual(8, 8, 3, stride=1, expansion=6, drop_path=0.25)
    pictures = torch.randn(400, 8, 4, 4)
    with torch.no_grad():
        whole, some = block.eval()(pictures), block.train()(pictures)
    change = whole - pictures
    dropped = (some == pictures).flatten(1).all(dim=1)
    assert 0.15 < dropped.float().mean() < 0.35
    torch.testing.assert_close(some[~dropped], (pictures + change / 0.75)[~dropped])


def test_paths_are_dropped_more_with_depth() -> None:
    blocks = [
        block
        for block in EfficientNetLite2(drop_path=0.2).modules()
        if isinstance(block, InvertedResidual)
    ]
    rates = [block.drop_path for block in blocks]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.0, 0.2)


def test_damaged_weights_are_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = load_file(WEIGHTS)
    del weights["stages.3.1.expand.shift"]
    save_file(weights, tmp_path / "damaged.safetensors")
    monkeypatch.setattr(efficientnet_lite, "WEIGHTS", tmp_path / "damaged.safetensors")
    with pytest.raises(WeightsError, match="damaged.safetensors cannot be read"):
        EfficientNetLite2().load_imagenet()


def test_the_weights_are_made_from_the_package(encoder: EfficientNetLite2) -> None:
    """The names of the package's file, block after block, become this project's."""
    spec = importlib.util.spec_from_file_location("made", ROOT / "recipes/efficientnet_lite.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    kept = load_file(WEIGHTS)
    package = {"_fc.bias": torch.zeros(1000)}
    blocks = ["stem", *dict.fromkeys(".".join(n.split(".")[:3]) for n in kept if n[:5] == "stage")]
    blocks.sort(key=lambda name: [int(part) for part in name.split(".")[1:]])
    norms = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
    for number, block in enumerate(blocks, start=-1):
        parts = [""] if number < 0 else [".expand", ".depthwise", ".project"]
        for count, part in enumerate(parts):
            if f"{block}{part}.weight" not in kept:
                continue
            old = "_" if number < 0 else f"_blocks.{number}._"
            conv = "conv_stem" if number < 0 else f"{part[1:]}_conv"
            package[f"{old}{conv}.weight"] = kept[f"{block}{part}.weight"]
            for mine, theirs in norms.items():
                package[f"{old}bn{count}.{theirs}"] = kept[f"{block}{part}.{mine}"]
    made = recipe.convert(package)
    assert made.keys() == kept.keys()
    assert all(torch.equal(made[name], kept[name]) for name in kept)
