"""What single architectures and discriminators do beyond the common contract."""

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import colorzoo
from colorzoo.errors import ConfigError, HubError, TensorError, WeightsError
from colorzoo.features import squeezenet_arrays
from colorzoo.features.squeezenet import SqueezeNet
from colorzoo.models.dense_unet import DenseUNet, DenseUNetConfig
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS

needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason="needs timm: pip install 'colorzoo[timm]'"
)
NAMES = [
    pytest.param(name, marks=needs_timm) if name == "timm-unet" else name
    for name in ARCHITECTURES.names()
]


def noise(*size: int) -> Tensor:
    return torch.rand(size) * 2 - 1


def tiny(name: str, **values: object) -> nn.Module:
    return colorzoo.create_model(name, ARCHITECTURES.get(name).config.tiny(), **values)


def train_once(module: nn.Module, picture: Tensor) -> Tensor:
    output: Tensor = module.train()(picture)
    output.square().sum().backward()
    assert torch.isfinite(output).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())
    return output


@pytest.mark.parametrize("name", NAMES)
def test_default_config_is_within_the_budget_of_a_fair_comparison(name: str) -> None:
    spec = ARCHITECTURES.get(name)
    model = spec.build(spec.config()).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(noise(1, 1, 256, 256))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert 5.0e6 <= parameters <= 6.0e6
    assert counter.get_total_flops() / 2 <= 7.0e9


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("name", NAMES)
def test_every_norm_trains_on_one_smallest_picture(name: str, norm: str) -> None:
    model = tiny(name, norm=norm)
    side = model.size_multiple
    train_once(model, noise(1, 1, side, side))
    own = [layer for key, layer in model.named_modules() if not key.startswith("encoder")]
    kinds = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
    present = {key for key, kind in kinds.items() if any(isinstance(x, kind) for x in own)}
    assert present == {norm} - {"none"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lite-unet"])
def test_resize_upsampling_has_no_transposed_convolution(name: str) -> None:
    model = tiny(name, upsampling="resize")
    side = model.size_multiple
    assert train_once(model, noise(1, 1, side, side)).shape == (1, 2, side, side)
    assert not any(isinstance(layer, nn.ConvTranspose2d) for layer in model.modules())


@pytest.mark.parametrize("name", ["unet", "attention-unet", "cnn", "res-unet", "dense-unet"])
@pytest.mark.parametrize("widths", [(4, 8), (4, 8, 12, 16, 8)])
def test_widths_set_depth_and_size_multiple(name: str, widths: tuple[int, ...]) -> None:
    model = tiny(name, widths=widths)
    side = 2 ** len(widths)
    assert model.size_multiple == side
    assert train_once(model, noise(1, 1, side, 2 * side)).shape == (1, 2, side, 2 * side)


@pytest.mark.parametrize("name", ["unet", "attention-unet", "cnn", "res-unet", "dense-unet"])
@pytest.mark.parametrize("widths", [(), (8,), (8, 0)])
def test_impossible_widths_are_a_config_error(name: str, widths: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="widths needs two or more positive numbers"):
        colorzoo.create_model(name, widths=widths)


def test_dense_widths_are_multiples_of_four() -> None:
    with pytest.raises(ConfigError, match="widths must be multiples of 4"):
        colorzoo.create_model("dense-unet", widths=(4, 6))


def test_squeeze_unet_starts_from_imagenet_where_the_config_says_so() -> None:
    plain, pretrained = tiny("squeeze-unet"), tiny("squeeze-unet", pretrained=True)
    fresh = pretrained.encoder.conv1.weight.clone()
    plain.load_pretrained()
    pretrained.load_pretrained()
    assert not torch.equal(pretrained.encoder.conv1.weight, fresh)
    features = SqueezeNet(in_channels=3)
    features.load_imagenet()
    grey = noise(1, 1, 64, 64)
    for mine, true in zip(pretrained.encoder(grey), features(grey.repeat(1, 3, 1, 1)), strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-4, atol=1e-4)
    assert not torch.equal(plain.encoder.conv1.weight, pretrained.encoder.conv1.weight)


def test_imagenet_features_are_those_of_the_original_preprocessing() -> None:
    """The first convolution against the definition: BGR in 0..255 less its mean, and 64 times."""
    features = SqueezeNet(in_channels=3)
    features.load_imagenet()
    weights = load_file(squeezenet_arrays.WEIGHTS)
    rgb = torch.rand(1, 3, 32, 32)
    bgr = 255.0 * rgb.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    kernel, bias = weights["conv1.weight"].float(), weights["conv1.bias"].float()
    expected = F.conv2d(bgr[..., 1:, 1:], kernel, bias, stride=2).relu()
    found = features(2.0 * rgb - 1.0)[0][..., 1:, 1:]
    torch.testing.assert_close(64.0 * found, expected, rtol=1e-3, atol=0.05)


def test_imagenet_features_that_are_damaged_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "squeezenet.safetensors"
    damaged.write_bytes(b"no weights")
    monkeypatch.setattr(squeezenet_arrays, "WEIGHTS", damaged)
    with pytest.raises(WeightsError, match="Install colorzoo again"):
        tiny("squeeze-unet", pretrained=True).load_pretrained()


@pytest.mark.parametrize("gate", ["grid", "pixel"])
def test_attention_maps_are_shares_at_the_skips_resolutions(gate: str) -> None:
    model = tiny("attention-unet", gate=gate).eval()
    picture = noise(2, 1, 32, 48)
    with torch.no_grad():
        chroma, maps = model.forward_with_maps(picture)
        torch.testing.assert_close(chroma, model(picture), rtol=0, atol=0)
    assert [tuple(attention.shape) for attention in maps] == [(2, 1, 8, 12), (2, 1, 16, 24)]
    assert all(((attention > 0) & (attention < 1)).all() for attention in maps)


@pytest.mark.parametrize("gate", ["grid", "pixel"])
def test_a_closed_gate_shuts_its_skip_off(gate: str) -> None:
    model = tiny("attention-unet", gate=gate, norm="none").eval()
    picture = noise(1, 1, 32, 32)
    with torch.no_grad():
        for closed in model.gates:
            psi = closed.psi if gate == "grid" else closed.psi[0]
            psi.weight.zero_()
            psi.bias.fill_(-100.0)
        _, maps = model.forward_with_maps(picture)
        before = model(picture)
        for closed in model.gates:  # what the skip holds must not matter any more
            if gate == "grid":
                closed.out[0].weight.mul_(50.0)
        after = model(picture)
    assert max(attention.max().item() for attention in maps) < 1e-30
    assert torch.equal(before, after)


def test_dense_checkpointing_changes_nothing_but_memory() -> None:
    config = DenseUNetConfig.tiny()
    plain = DenseUNet(config)
    thrifty = DenseUNet(dataclasses.replace(config, checkpoint=True))
    thrifty.load_state_dict(plain.state_dict())
    picture = noise(2, 1, 32, 32)
    outputs = [train_once(model, picture) for model in (plain, thrifty)]
    assert torch.equal(*outputs)
    for mine, other in zip(plain.parameters(), thrifty.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)
    for (key, mine), other in zip(
        plain.state_dict().items(), thrifty.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, other), f"{key} counts the batch another number of times"
    assert all(
        layer.track_running_stats
        for layer in thrifty.modules()
        if isinstance(layer, nn.BatchNorm2d)
    )


def test_dense_checkpointing_keeps_fewer_activations() -> None:
    def saved_bytes(checkpoint: bool) -> int:
        model = DenseUNet(dataclasses.replace(DenseUNetConfig.tiny(), checkpoint=checkpoint))
        sizes = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.nbytes)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(noise(2, 1, 64, 64))
        return sum(sizes)

    assert saved_bytes(True) < 0.5 * saved_bytes(False)


def test_plain_cnn_has_no_skips() -> None:
    """With the innermost features silenced, nothing of the picture is left in the output."""
    model = tiny("cnn", norm="none").eval()
    with torch.no_grad():
        model.down[-1].conv.weight.zero_()
        first, second = model(noise(1, 1, 32, 32)), model(noise(1, 1, 32, 32))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["unet", "attention-unet", "res-unet", "dense-unet"])
def test_u_nets_have_skips(name: str) -> None:
    model = tiny(name, norm="none").eval()
    picture = noise(1, 1, 8, 8).requires_grad_()
    features = []
    innermost = model.down[-1]
    innermost.register_forward_hook(lambda *call: features.append(call[2]) or call[2].detach())
    model(picture).square().sum().backward()
    assert features
    assert picture.grad.abs().sum() > 0


@needs_timm
@pytest.mark.parametrize(
    ("backbone", "skips"),
    [("resnet10t", 4), ("mobilenetv3_small_050", 4), ("convnext_atto", 3), ("test_resnet", 4)],
)
def test_timm_backbones_of_several_families_train(backbone: str, skips: int) -> None:
    model = tiny("timm-unet", backbone=backbone)
    assert len(model.encoder(noise(1, 3, 64, 64))) - 1 == skips
    assert train_once(model, noise(1, 1, 64, 64)).shape == (1, 2, 64, 64)


@needs_timm
def test_timm_input_is_what_the_backbone_was_trained_on() -> None:
    model = tiny("timm-unet", backbone="test_resnet")  # expects (value - 0.5) / 0.5
    resnet = tiny("timm-unet")  # expects ImageNet's mean and deviation
    seen = []
    resnet.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    resnet.eval()(torch.full((1, 1, 64, 64), 0.2))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen[0][0, :, 5, 7], (0.6 - mean) / std)
    assert torch.equal(model.shift, torch.zeros(1, 3, 1, 1))
    plain = tiny("timm-unet", input_scaling="none")
    assert torch.equal(plain.scale, torch.ones(1, 3, 1, 1))
    assert not {"shift", "scale"} & set(plain.state_dict())


@needs_timm
@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("resnet10", "timm has no model called 'resnet10'. Did you mean 'resnet10t'"),
        ("vit_tiny_patch16_224", "'vit_tiny_patch16_224' gives features at strides .16, 16, 16."),
        ("swin_tiny_patch4_window7_224", "channels last; a U-Net of 4 widths needs"),
        ("resnet10t.moon", "cannot build 'resnet10t.moon' as a backbone: Invalid pretrained tag"),
    ],
)
def test_timm_backbones_that_do_not_fit_are_a_config_error(backbone: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny("timm-unet", backbone=backbone)


@needs_timm
def test_timm_widths_must_fit_the_backbone() -> None:
    with pytest.raises(ConfigError, match="a U-Net of 2 widths needs strides that double up to 8"):
        tiny("timm-unet", widths=(4, 8))


OFFLINE = """
import sys, torch, colorzoo
from colorzoo.errors import HubError
model = colorzoo.create_model(
    "timm-unet", backbone=sys.argv[1], pretrained=True, widths=(4, 4, 8, 8)
)
before = model.encoder.state_dict()["conv1.0.weight"].clone()
try:
    model.load_pretrained()
except HubError as error:
    print("HubError:", error)
else:
    after = model.encoder.state_dict()["conv1.0.weight"]
    print("same" if torch.equal(before, after) else f"filled with {after.mean().item():.2f}")
"""


def run_offline(cache: Path, backbone: str, root: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", OFFLINE, backbone],
        env={"PYTHONPATH": str(root), "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@needs_timm
def test_pretrained_weights_come_from_the_cache_or_are_an_error(tmp_path: Path, root: Path) -> None:
    import timm
    from safetensors.torch import save_file

    assert "are not in the Hub's cache" in run_offline(tmp_path, "test_resnet.r160_in1k", root)
    repo = tmp_path / "models--timm--test_resnet.r160_in1k"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    weights = timm.create_model("test_resnet").state_dict()
    weights["conv1.0.weight"].fill_(0.25)
    save_file(weights, snapshot / "model.safetensors")
    assert "filled with 0.25" in run_offline(tmp_path, "test_resnet.r160_in1k", root)


@needs_timm
def test_pretrained_weights_that_do_not_exist_are_an_error() -> None:
    with pytest.raises(HubError, match="timm has no pretrained weights for 'lcnet_035'"):
        tiny("timm-unet", pretrained=True).load_pretrained()


def test_timm_is_asked_for_only_when_it_is_used() -> None:
    code = (
        "import sys; sys.modules['timm'] = None\n"
        "import colorzoo\n"
        "from colorzoo.registry import ARCHITECTURES\n"
        "assert ARCHITECTURES.get('timm-unet').config.tiny().backbone\n"
        "try: colorzoo.create_model('timm-unet')\n"
        "except colorzoo.MissingDependencyError as error: print(error)\n"
    )
    result = forked.run("-c", code)
    assert result.returncode == 0, result.stderr
    assert "pip install 'colorzoo[timm]'" in result.stdout


@pytest.mark.parametrize("norm", ["batch", "instance", "spectral", "none"])
@pytest.mark.parametrize("name", DISCRIMINATORS.names())
def test_every_discriminator_norm_trains(name: str, norm: str) -> None:
    spec = DISCRIMINATORS.get(name)
    model = spec.build(dataclasses.replace(spec.config.tiny(), norm=norm))
    train_once(model, noise(1, 3, 32, 32))
    spectral = [key for key, _ in model.named_parameters() if "parametrizations" in key]
    assert bool(spectral) == (norm == "spectral")
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules()) == (norm == "batch")


def test_patch_sees_seventy_pixels() -> None:
    spec = DISCRIMINATORS.get("patch")
    model = spec.build(dataclasses.replace(spec.config(), width=2, norm="none"))
    picture = noise(1, 3, 256, 256).requires_grad_()
    logits = model(picture)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    seen = picture.grad.abs().sum(dim=(0, 1)) > 0
    assert (seen.any(0).sum().item(), seen.any(1).sum().item()) == (70, 70)


def test_pixel_sees_one_pixel() -> None:
    model = DISCRIMINATORS.get("pixel").build(DISCRIMINATORS.get("pixel").config(norm="none"))
    picture = noise(1, 3, 16, 16).requires_grad_()
    model(picture)[0, 0, 5, 9].backward()
    assert (picture.grad.abs().sum(dim=(0, 1)) > 0).nonzero().tolist() == [[5, 9]]


def test_multiscale_gives_every_scale_the_same_say() -> None:
    spec = DISCRIMINATORS.get("multiscale")
    model = spec.build(spec.config(width=2, norm="none")).eval()
    with torch.no_grad():
        for scale, patches in enumerate(model.scales):
            patches.head.weight.zero_()
            patches.head.bias.fill_(float(scale))
        logits = model(noise(2, 3, 256, 256))
    assert logits.shape == (2, 3, 30, 30)
    assert logits.mean().item() == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "side"), [("patch", 24), ("multiscale", 96)])
def test_pictures_smaller_than_a_patch_are_an_error(name: str, side: int) -> None:
    spec = DISCRIMINATORS.get(name)
    model = spec.build(dataclasses.replace(spec.config(), width=2, norm="instance"))
    train_once(model, noise(1, 3, side, side))
    with pytest.raises(TensorError, match=f"it needs {side} or more on each side"):
        model(noise(1, 3, side, side - 1))
