"""Generators to model folders and back, strictly and without pickle."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from colorzoo.errors import ConfigError, UnknownNameError, WeightsError
from colorzoo.modelfolder.format import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    ImageSettings,
    ModelFile,
    from_complete_dict,
    read_model_file,
    read_package,
    render_model_file,
)
from colorzoo.models.base import Generator
from colorzoo.models.build import build_generator
from colorzoo.registry import ARCHITECTURES, Spec
from colorzoo.schema import to_dict

StorageType = Literal["float32", "float16"]

_STORED_FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model folder in memory.

    Attributes:
        model: The generator, in eval mode, in float32, on the CPU.
        spec: What the registry knows of its architecture.
        image: How pictures reach it.
        training: What training noted of itself.
        name: Name of the folder.
    """

    model: Generator[Any]
    spec: Spec
    image: ImageSettings
    training: dict[str, Any]
    name: str


def save(
    model: Generator[Any],
    folder: str | os.PathLike[str],
    *,
    image: ImageSettings | None = None,
    training: Mapping[str, Any] | None = None,
    dtype: StorageType = "float32",
) -> Path:
    """Write a generator as a model folder: ``config.json`` and ``model.safetensors``.

    A new folder appears whole or not at all. In an existing one only these two files are replaced,
    and only after both are written; everything else in it stays.

    Args:
        model: An instance of a registered architecture.
        folder: Where to write.
        image: How pictures reach the generator; the defaults if left out.
        training: What training notes of itself: plain JSON values.
        dtype: Type in which floats are stored; ``"float16"`` halves the file and rounds.

    Returns:
        The folder.

    Raises:
        RegistrationError: The model's class is not registered.
        ConfigError: ``training`` holds something that JSON cannot, or ``dtype`` is unknown.
        WeightsError: A weight is not finite, or the folder cannot be written.
    """
    if dtype not in get_args(StorageType):
        raise ConfigError(f"dtype must be 'float32' or 'float16', not {dtype!r}.")
    text = render_model_file(
        ModelFile(
            architecture=ARCHITECTURES.spec_of(model).name,
            config=to_dict(model.config),
            image=image or ImageSettings(),
            training=dict(training or {}),
        )
    )
    tensors = _storable(model.state_dict(), getattr(torch, dtype))
    contents = {
        WEIGHTS_FILE: serialize(tensors, metadata={"format": "pt"}),
        CONFIG_FILE: text.encode(),
    }
    target = Path(folder).expanduser()
    try:
        _write_folder(target.resolve(), contents)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise WeightsError(
            f"Cannot write the model folder {target}: {error}. "
            "Give a folder that can be made or written to, on a disk with room."
        ) from error
    return target


def load_model(folder: str | os.PathLike[str]) -> LoadedModel:
    """Read a model folder.

    Raises:
        WeightsError: There is no such folder, or ``model.safetensors`` is absent, damaged, holds
            values that are not finite, or does not fit the config tensor by tensor.
        ConfigError: ``config.json`` is absent or wrong, or names an unknown architecture.
        MissingDependencyError: The architecture needs an optional library that is not installed.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise WeightsError(
            f"There is no model folder {path}. Give a folder that holds {CONFIG_FILE} and "
            f"{WEIGHTS_FILE}."
        )
    file = read_model_file(path)
    config_path = path / CONFIG_FILE
    try:
        spec = ARCHITECTURES.get(file.architecture)
    except UnknownNameError as error:
        raise ConfigError(
            f"{config_path} asks for an architecture that is not installed. {error} "
            f"{_package_advice(path)}"
        ) from error
    config = from_complete_dict(spec.config, file.config, where=f"{config_path}: config")
    model = _build(spec, config, config_path)
    model.load_state_dict(_read_tensors(path / WEIGHTS_FILE, model.state_dict()))
    return LoadedModel(
        model=model.float().eval(),
        spec=spec,
        image=file.image,
        training=file.training,
        name=path.resolve().name,
    )


def _build(spec: Spec, config: object, path: Path) -> Generator[Any]:
    """Build a generator as its file asks, which may ask for the impossible."""
    try:
        with torch.random.fork_rng(devices=[]):  # first weights are drawn, and then overwritten
            model = build_generator(spec, config)
    except (RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"{path}: no {spec.name!r} can be built from this config: {reason}. Its numbers must "
            "be those that the model was saved with."
        ) from error
    return model


def _package_advice(folder: Path) -> str:
    """Say which package to install, if the model's card tells."""
    package = read_package(folder)
    if package is None:
        return "If another package brings it, install that package."
    return f"Its card says that the package {package!r} brings it: pip install {package}"


def _storable(state: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Copy the tensors to the CPU for storage, floats as ``dtype``; all must be finite there."""
    tensors = {}
    for name, tensor in state.items():
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        # A copy, because safetensors refuses tensors that share memory.
        stored = tensor.detach().to("cpu", kind, copy=True).contiguous()
        if not _is_finite(stored):
            raise WeightsError(
                f"The weight {name!r} is not finite as {kind}, so the model is not saved. "
                "Training diverged, or float16 is too narrow for it: store float32."
            )
        tensors[name] = stored
    return tensors


def _read_tensors(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file that must match ``expected`` name by name."""
    if not path.is_file():
        raise WeightsError(
            f"The weights {path} are missing. Copy them there, or fetch the model again."
        )
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            _check_names(path, names, set(expected))
            for name, tensor in expected.items():
                _check_shape(path, name, file.get_slice(name), tensor)
            tensors = {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is cut off or damaged: {error}. Fetch or save the model again."
        ) from error
    for name, tensor in tensors.items():
        if not _is_finite(tensor):
            raise WeightsError(
                f"{path}: {name!r} holds values that are not finite numbers. Fetch the model "
                "again, or train it anew with a smaller learning rate."
            )
    return tensors


def _is_finite(tensor: Tensor) -> bool:
    """Tell whether all values are finite numbers, several times as fast as looking at each."""
    return math.isfinite(tensor.sum(dtype=torch.float64).item())  # it cannot overflow


def _check_names(path: Path, given: set[str], expected: set[str]) -> None:
    faults = [
        f"it {what} {_enumerate(names)}"
        for what, names in (("lacks", expected - given), ("has, unexpected,", given - expected))
        if names
    ]
    if faults:
        raise WeightsError(
            f"{path} does not fit the model's {CONFIG_FILE}: {' and '.join(faults)}. "
            "Both files must come from the same save."
        )


def _enumerate(names: set[str]) -> str:
    shown = ", ".join(map(repr, sorted(names)[:3]))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _check_shape(path: Path, name: str, given: Any, expected: Tensor) -> None:
    shape = tuple(given.get_shape())
    if shape != tuple(expected.shape):
        raise WeightsError(
            f"{path}: {name!r} has shape {shape}, but the model's {CONFIG_FILE} makes it "
            f"{tuple(expected.shape)}. Both files must come from the same save."
        )
    if expected.is_floating_point() and given.get_dtype() not in _STORED_FLOATS:
        raise WeightsError(
            f"{path}: {name!r} is stored as {given.get_dtype()}, but must be one of "
            f"{', '.join(_STORED_FLOATS)}."
        )


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files so that none is ever seen half-written: beside their place, then renamed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        beside = Path(name) / folder.name
        beside.mkdir()
        for file_name, content in contents.items():
            with (beside / file_name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if not folder.exists():
            beside.rename(folder)
            return
        for file_name in contents:
            (beside / file_name).replace(folder / file_name)
