"""Models to model folders and back, strictly and without pickle."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from colorzoo.errors import ConfigError, UnknownNameError, WeightsError
from colorzoo.files import replacing_folder
from colorzoo.modelfolder.facts import (
    FACTS_FILE,
    are_of,
    collect_facts,
    read_facts,
    render_facts,
)
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
from colorzoo.modelfolder.model import HoldsModel, Model, StorageType, model_of
from colorzoo.modelfolder.tensors import WeightsFile, storable
from colorzoo.models.base import Generator
from colorzoo.models.build import build_generator
from colorzoo.registry import ARCHITECTURES, Spec
from colorzoo.schema import to_dict

_FILLING: Final = (
    *(Tensor.normal_, Tensor.uniform_, Tensor.erfinv_, Tensor.copy_),
    *(Tensor.add_, Tensor.sub_, Tensor.mul_, Tensor.div_, Tensor.clamp_),
)
"""What initializers are made of: it changes the numbers of a tensor and nothing else."""


def save(
    model: Generator[Any] | Model | HoldsModel,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    image: ImageSettings | None = None,
    training: Mapping[str, Any] | None = None,
    dtype: StorageType | None = None,
) -> Path:
    """Write a model as a model folder: ``config.json`` and ``model.safetensors``.

    What :func:`colorzoo.load` has read comes out again: weights bit for bit, settings and name, and
    facts with their pictures where it had some. If the weights are not those that the facts tell
    of any more, what a person said goes along, and nothing that was measured.

    A new folder appears whole or not at all. In an existing one only these files are replaced, and
    only after all are written; everything else in it stays.

    Args:
        model: A Colorizer, or an instance of a registered architecture. Its numbers are stored as
            they are in memory, so one that was loaded in half precision has lost some.
        folder: Where to write.
        name: What to call it; the model's own name if left out.
        image: How pictures reach the generator; the model's own settings if left out, which for a
            bare generator are the defaults.
        training: What training notes of itself: plain JSON values; the model's own if left out.
        dtype: Type in which floats are stored; ``"float16"`` halves the file and rounds, and a
            tensor that exceeds its range stays float32. The type that the model was stored in if
            left out, else ``"float32"``.

    Returns:
        The folder.

    Raises:
        RegistrationError: The model's class is not registered.
        ConfigError: The model has no weights, ``training`` holds something that JSON cannot, or
            ``dtype`` or ``name`` is wrong.
        WeightsError: A weight is not finite, or the folder cannot be written.
    """
    whole = model_of(model)
    whole = dataclasses.replace(
        whole,
        name=name if name is not None else whole.name,
        image=image or whole.image,
        training=whole.training if training is None else dict(training),
        storage=dtype or whole.storage,
    )
    if whole.storage not in get_args(StorageType):
        raise ConfigError(f"dtype must be 'float32' or 'float16', not {dtype!r}.")
    return _write_model(whole, Path(folder).expanduser())


def load_model(folder: str | os.PathLike[str], *, name: str | None = None) -> Model:
    """Read a model folder: a generator in eval mode, in float32, on the CPU.

    Names and shapes are compared before memory is taken for any weight, and no random weights are
    drawn.

    Args:
        folder: Where it lies.
        name: What to call it where the folder gives it no name.

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
            f"{config_path} asks for the architecture {file.architecture!r}, which is not "
            f"installed. {_package_advice(path)} Here are: {', '.join(ARCHITECTURES.names())}."
        ) from error
    config = from_complete_dict(spec.config, file.config, where=f"{config_path}: config")
    weights = WeightsFile(path / WEIGHTS_FILE)
    return Model(
        generator=_load_generator(spec, config, weights, config_path),
        image=file.image,
        name=file.name or name,
        training=file.training,
        storage=weights.storage,
        folder=path,
    )


class _NoNumbers(TorchFunctionMode):
    """Leaves out what would fill tensors without memory.

    torch takes a way through its compiler to do nothing to them; importing that takes as long as
    importing torch.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _FILLING and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def _load_generator(
    spec: Spec, config: object, weights: WeightsFile, config_path: Path
) -> Generator[Any]:
    """Build a generator without memory, compare it with its weights, and only then read them."""
    with torch.device("meta"), _NoNumbers():
        generator = _build(spec, config, config_path)
    weights.check(generator.state_dict())
    if any(tensor.is_meta for tensor in _unsaved_tensors(generator)):
        # What is in no file has to be computed: build it for real, and let its weights go again.
        shapes = generator.state_dict()
        with torch.random.fork_rng(devices=[]):
            generator = _build(spec, config, config_path)
        generator.load_state_dict(shapes, assign=True)
    generator.load_state_dict(weights.read(), assign=True)
    return generator.eval()


def _build(spec: Spec, config: object, path: Path) -> Generator[Any]:
    """Build a generator as its file asks, which may ask for the impossible."""
    try:
        return build_generator(spec, config)
    except (RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"{path}: no {spec.name!r} can be built from this config: {reason}. Its numbers must "
            "be those that the model was saved with."
        ) from error


def _unsaved_tensors(generator: nn.Module) -> Iterator[Tensor]:
    """Return the tensors that are not in the state dict: buffers left out of it, attributes."""
    saved = set(generator.state_dict())
    yield from (buffer for name, buffer in generator.named_buffers() if name not in saved)
    for module in generator.modules():
        yield from (value for value in vars(module).values() if isinstance(value, Tensor))


def _package_advice(folder: Path) -> str:
    """Say which package to install, if the model's card tells."""
    package = read_package(folder)
    if package is None:
        return "If another package brings it, install that package."
    return f"Its card says that the package {package!r} brings it: pip install {package}"


def render_config(model: Model) -> str:
    """Return the text of the ``config.json`` of a model.

    Raises:
        ConfigError: It holds something that JSON cannot, or its name is none.
    """
    try:
        file = ModelFile(
            architecture=model.spec.name,
            config=to_dict(model.generator.config),
            image=model.image,
            training=model.training,
            name=model.name,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return render_model_file(file)


def _write_model(model: Model, target: Path) -> Path:
    text = render_config(model)
    tensors = storable(model.generator.state_dict(), getattr(torch, model.storage))
    try:
        with replacing_folder(target.resolve()) as beside:
            (beside / CONFIG_FILE).write_text(text, encoding="utf-8", newline="\n")
            save_file(tensors, beside / WEIGHTS_FILE, metadata={"format": "pt"})
            # The library lets nobody but its owner read it.
            shutil.copymode(beside / CONFIG_FILE, beside / WEIGHTS_FILE)
            _write_facts(model, beside)
    except (OSError, ValueError, SafetensorError) as error:  # ValueError: a null byte in the name
        raise WeightsError(
            f"Cannot write the model folder {target}: {error}. "
            "Give a folder that can be made or written to, on a disk with room."
        ) from error
    return target


def _write_facts(model: Model, beside: Path) -> None:
    """Write the facts that are still true of a model beside its new config and weights."""
    facts = read_facts(model.folder) if model.folder else None
    if model.folder is None or facts is None:
        return
    if not are_of(beside, facts):
        # Pictures show what the weights did, so they are measured too.
        facts = collect_facts(beside, dataclasses.replace(facts.about, pictures=()))
    there = tuple(name for name in facts.about.pictures if (model.folder / name).is_file())
    for name in there:
        shutil.copyfile(model.folder / name, beside / name)
    facts = dataclasses.replace(facts, about=dataclasses.replace(facts.about, pictures=there))
    (beside / FACTS_FILE).write_text(render_facts(facts), encoding="utf-8", newline="\n")
