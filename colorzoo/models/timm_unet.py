"""U-Net whose encoder is any feature backbone of timm, random or pretrained."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from colorzoo.errors import ConfigError, HubError, MissingDependencyError, did_you_mean
from colorzoo.features.widening import widen_all
from colorzoo.models._blocks import (
    UpBlock,
    init_normal,
)
from colorzoo.models._config import UNetShape
from colorzoo.models._heads import make_head
from colorzoo.models.base import ClassGenerator
from colorzoo.registry import ARCHITECTURES

RGB = 3


@dataclass(frozen=True, slots=True)
class TimmUNetConfig(UNetShape):
    """Shape of a U-Net on a backbone of timm.

    Attributes:
        backbone: Name of a timm model that offers ``features_only``, as ``"resnet10t"``; a tag
            such as ``"resnet10t.c3_in1k"`` chooses among its pretrained weights.
        pretrained: Whether training starts from timm's weights. They are fetched by
            :meth:`TimmUNet.load_pretrained` alone, so a saved model never asks for them again.
        input_scaling: What the backbone is given as R = G = B: ``"backbone"`` is a grey of 0..1,
            standardized by the mean and deviation its pretrained weights expect; ``"none"`` is
            lightness in -1..1 as it is.
        widths: Decoder channels at strides 2, 4, 8, ..., up to half the backbone's deepest: four
            widths for the usual 32.
        norm: Normalization of the decoder; the backbone keeps its own.
    """

    backbone: str = "resnet10t"
    pretrained: bool = False
    input_scaling: Literal["backbone", "none"] = "backbone"
    widths: tuple[int, ...] = (32, 48, 64, 64)

    @classmethod
    def tiny(cls) -> TimmUNetConfig:
        """Return a config on one of timm's smallest backbones, 0.14 M parameters, for tests."""
        return cls(backbone="lcnet_035", widths=(4, 4, 8, 8))


@ARCHITECTURES.register(
    "timm-unet",
    config=TimmUNetConfig,
    paper="Ronneberger 2015, arXiv:1505.04597; Wightman 2019, doi:10.5281/zenodo.4414861",
)
class TimmUNet(ClassGenerator[TimmUNetConfig]):
    """U-Net generator (Ronneberger 2015) with a backbone of timm (Wightman 2019) as encoder.

    A stride that the backbone has no features for, as 2 in a ConvNeXt, has no skip.

    Lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1; H and W are multiples of
    two to the number of widths plus two.

    Raises:
        MissingDependencyError: timm is not installed.
        ConfigError: timm has no such backbone, or it does not fit a U-Net of this depth.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, config: TimmUNetConfig) -> None:
        super().__init__(config)
        beside = self.in_channels - 1
        self.encoder = make_backbone(
            config.backbone, levels=len(config.widths) + 1, channels=RGB + beside
        )
        info = self.encoder.feature_info
        channels = dict(zip(info.reduction(), info.channels(), strict=True))
        shift, scale = torch.zeros(1, RGB, 1, 1), torch.ones(1, RGB, 1, 1)
        if config.input_scaling == "backbone":
            expected = self.encoder.pretrained_cfg  # of pictures in 0..1, where ours are in -1..1
            shift += 2 * torch.tensor(expected["mean"]).view(1, RGB, 1, 1) - 1
            scale *= 2 * torch.tensor(expected["std"]).view(1, RGB, 1, 1)
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.up = nn.ModuleList()
        inner = channels[2 ** (len(config.widths) + 1)]
        for level in range(len(config.widths), 0, -1):
            width = config.widths[level - 1]
            self.up.append(UpBlock(inner, width, config.norm, config.upsampling))
            inner = width + channels.get(2**level, 0)
        self.head = make_head(config.head, config.upsampling, inner, config.vividness)
        init_normal(self.up)
        init_normal(self.head)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        # Backbones have batch norm at their deepest stride, which needs more than a pixel.
        return 1 << (len(self.config.widths) + 2)

    def load_pretrained(self) -> None:
        """Give the backbone timm's weights if the config says so; training calls it once.

        Only safetensors files are fetched, from the Hub or its cache on disk.

        Raises:
            HubError: The backbone has no such weights, or they cannot be fetched.
        """
        if not self.config.pretrained:
            return
        name = self.config.backbone
        path = fetch_pretrained(name, self.encoder.pretrained_cfg)
        source = import_timm().create_model(
            name,
            pretrained=True,
            pretrained_cfg_overlay={"file": path},
            features_only=True,
        )
        self.encoder.load_state_dict(widen_all(source.state_dict(), self.encoder.state_dict()))

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, H/2, W/2)."""
        features: Tensor
        rgb = (lightness[:, :1] - self.shift) / self.scale
        *skips, features = self.encoder(torch.cat((rgb, lightness[:, 1:]), dim=1))
        for up in self.up:
            features = up(features)
            if skips and skips[-1].shape[-1] == features.shape[-1]:
                features = torch.cat((features, skips.pop()), dim=1)
        return features


def import_timm() -> ModuleType:
    """Import timm, which only this architecture needs."""
    try:
        import timm
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "timm", extra="timm", purpose="The architecture 'timm-unet'"
        ) from error
    module: ModuleType = timm
    return module


def make_backbone(name: str, levels: int, channels: int) -> Any:
    """Build a backbone with random weights that halves its input ``levels`` times.

    Raises:
        ConfigError: timm has no such backbone, or its features do not fit a U-Net.
    """
    timm = import_timm()
    if not timm.is_model(name):
        raise ConfigError(
            f"timm has no model called {name!r}.{did_you_mean(name, timm.list_models())} "
            "timm.list_models() has them all."
        )
    try:
        backbone = timm.create_model(name, features_only=True, in_chans=channels)
    except RuntimeError as error:
        raise ConfigError(
            f"timm cannot build {name!r} as a backbone: {error}. Choose another tag, or a "
            "convolutional model."
        ) from error
    strides = backbone.feature_info.reduction()
    channels_last = str(getattr(backbone, "output_fmt", "NCHW")).endswith("NHWC")
    halving = [2**level for level in range(1, levels + 1)][-len(strides) :]
    if strides != halving or channels_last:
        raise ConfigError(
            f"The backbone {name!r} gives features at strides {strides}"
            f"{', channels last' if channels_last else ''}; a U-Net of {levels - 1} widths needs "
            f"strides that double up to {2**levels}, channels first. Choose a convolutional "
            "backbone or another number of widths."
        )
    return backbone


def fetch_pretrained(name: str, settings: dict[str, Any]) -> str:
    """Return the path of a backbone's pretrained weights in the Hub's cache, fetching if need be.

    Raises:
        HubError: There are none in safetensors form, or they cannot be fetched.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repo = settings.get("hf_hub_id")
    if not repo:
        raise HubError(
            f"timm has no pretrained weights for {name!r}. Set pretrained = false, or choose a "
            "backbone that timm.list_pretrained() names."
        )
    try:
        path: str = hf_hub_download(repo, "model.safetensors")
    except LocalEntryNotFoundError as error:
        raise HubError(
            f"The pretrained weights of {name!r} are not in the Hub's cache, and {repo} cannot be "
            "reached. Connect once to fetch them, or set pretrained = false."
        ) from error
    except EntryNotFoundError as error:
        raise HubError(
            f"{repo} has no model.safetensors, and no other kind of file is loaded. "
            "Choose another backbone or tag, or set pretrained = false."
        ) from error
    except OSError as error:
        raise HubError(f"The pretrained weights {repo} cannot be fetched: {error}.") from error
    return path
