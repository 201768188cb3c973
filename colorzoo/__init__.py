"""A model zoo for colouring grey photographs.

    import colorzoo

    colorizer = colorzoo.load("lite-unet-gan")
    colorizer("old-photo.jpg").save("old-photo-color.jpg")

Public names are imported when they are first used, so ``import colorzoo`` is fast and needs no
torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorzoo.attention import attention_maps, has_attention_maps
    from colorzoo.colorizer import Colorizer
    from colorzoo.draft import Draft
    from colorzoo.errors import (
        ColorzooError,
        ConfigError,
        DataError,
        HubError,
        MissingDependencyError,
        PictureError,
        RegistrationError,
        TensorError,
        TrainingError,
        UnknownNameError,
        VideoError,
        WeightsError,
    )
    from colorzoo.evaluation.card import write_card
    from colorzoo.evaluation.evaluate import evaluate
    from colorzoo.evaluation.report import Report
    from colorzoo.hints import Hints
    from colorzoo.hub.names import model_info
    from colorzoo.hub.publish import push, push_space
    from colorzoo.jobs.video import VideoOptions
    from colorzoo.loading import load
    from colorzoo.metrics.table import register_metric
    from colorzoo.modelfolder.format import ImageSettings
    from colorzoo.modelfolder.weights import save
    from colorzoo.models.base import Generator
    from colorzoo.models.build import create_model
    from colorzoo.pictures.picture import Picture
    from colorzoo.pictures.read import read, read_pages
    from colorzoo.pictures.write import write, write_pages
    from colorzoo.predictor import Guidance, Prediction
    from colorzoo.predictors.network import NetworkPredictor
    from colorzoo.registry import list_architectures, list_methods, register, register_method
    from colorzoo.training.config import TrainingConfig
    from colorzoo.training.trainer import train
    from colorzoo.version import __version__
    from colorzoo.zoo.catalog import ModelInfo, list_models
    from colorzoo.zoo.folders import DEFAULT_MODEL

__all__ = [
    "Colorizer",
    "load",
    "DEFAULT_MODEL",
    "read",
    "read_pages",
    "write",
    "write_pages",
    "Picture",
    "Prediction",
    "Draft",
    "Hints",
    "Guidance",
    "attention_maps",
    "has_attention_maps",
    "list_models",
    "model_info",
    "ModelInfo",
    "create_model",
    "Generator",
    "NetworkPredictor",
    "register",
    "list_architectures",
    "register_method",
    "list_methods",
    "save",
    "ImageSettings",
    "VideoOptions",
    "push",
    "push_space",
    "train",
    "TrainingConfig",
    "evaluate",
    "Report",
    "register_metric",
    "write_card",
    "ColorzooError",
    "ConfigError",
    "DataError",
    "HubError",
    "MissingDependencyError",
    "PictureError",
    "RegistrationError",
    "TensorError",
    "TrainingError",
    "UnknownNameError",
    "VideoError",
    "WeightsError",
    "__version__",
]

_HOMES = {
    "colorzoo.zoo.folders": ("DEFAULT_MODEL",),
    "colorzoo.attention": ("attention_maps", "has_attention_maps"),
    "colorzoo.colorizer": ("Colorizer",),
    "colorzoo.loading": ("load",),
    "colorzoo.draft": ("Draft",),
    "colorzoo.evaluation.card": ("write_card",),
    "colorzoo.evaluation.evaluate": ("evaluate",),
    "colorzoo.evaluation.report": ("Report",),
    "colorzoo.zoo.catalog": ("ModelInfo", "list_models"),
    "colorzoo.hub.names": ("model_info",),
    "colorzoo.pictures.picture": ("Picture",),
    "colorzoo.pictures.read": ("read", "read_pages"),
    "colorzoo.pictures.write": ("write", "write_pages"),
    "colorzoo.hints": ("Hints",),
    "colorzoo.hub.publish": ("push", "push_space"),
    "colorzoo.metrics.table": ("register_metric",),
    "colorzoo.jobs.video": ("VideoOptions",),
    "colorzoo.modelfolder.format": ("ImageSettings",),
    "colorzoo.modelfolder.weights": ("save",),
    "colorzoo.models.base": ("Generator",),
    "colorzoo.models.build": ("create_model",),
    "colorzoo.predictor": ("Guidance", "Prediction"),
    "colorzoo.predictors.network": ("NetworkPredictor",),
    "colorzoo.registry": (
        "list_architectures",
        "list_methods",
        "register",
        "register_method",
    ),
    "colorzoo.training.config": ("TrainingConfig",),
    "colorzoo.training.trainer": ("train",),
    "colorzoo.version": ("__version__",),
    "colorzoo.errors": tuple(name for name in __all__ if name.endswith("Error")),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'colorzoo' has no attribute {name!r}")
    errors = importlib.import_module("colorzoo.errors")
    with errors.needing(f"colorzoo.{name}"):
        value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
