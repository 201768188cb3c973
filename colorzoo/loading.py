"""From a name to a colorizer."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo.colorizer import Colorizer
from colorzoo.devices import pick_device, pick_dtype
from colorzoo.errors import ConfigError, needing
from colorzoo.hub.names import is_path, locate
from colorzoo.methods.base import create_method
from colorzoo.predictors.onnx import ONNX_SUFFIX, OnnxPredictor
from colorzoo.registry import METHODS

if TYPE_CHECKING:
    import torch


def load(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    token: str | None = None,
    verify: bool = True,
) -> Colorizer:
    """Load a model and return its colorizer.

    Methods and exported files need no torch.

    Args:
        name: A model of this zoo (``"squeeze-unet-gan"``), a method (``"levin"``), a repository on
            the Hub (``"owner/repo"`` or ``"owner/repo@revision"``), a folder (``"./folder"`` or a
            :class:`pathlib.Path`), or a file ``"./model.onnx"`` that colorzoo exported.
        revision: Branch, tag or commit of the Hub repository.
        device: ``"auto"`` (CUDA, else Apple's MPS, else the CPU) or a device of torch.
        dtype: Precision of the generator, as in
            :class:`~colorzoo.predictors.network.NetworkPredictor`: float32 if left out, so that a
            picture comes out alike on every processor; ``"auto"`` is the quickest there is.
        cache_dir: Where files from the Hub are kept; the Hub client's own cache if left out.
        local_files_only: Take a Hub repository only from the cache on this disk.
        token: Access token for the Hub, for private repositories.
        verify: Refuse files of the Hub of which no hash is known; every known hash is checked
            either way.

    Raises:
        UnknownNameError: No model has that name.
        HubError: The repository cannot be fetched.
        ConfigError: The model's config, or the device or dtype, is wrong.
        WeightsError: The weights are missing, damaged or of another config.
        MissingDependencyError: It is neither a method nor an exported file, and there is no torch.
    """
    if isinstance(name, str) and name in METHODS.names():
        return Colorizer(create_method(name, str(device), revision=revision, dtype=dtype))
    where = functools.partial(
        locate,
        name,
        revision=revision,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        token=token,
        verify=verify,
    )
    if _is_exported(name):
        return _load_exported(where(), device=str(device), dtype=dtype)
    with needing(f"Running {str(name)!r}, which is no exported file,"):
        return _load_network(name, where, device, dtype)


def _is_exported(name: str | os.PathLike[str]) -> bool:
    """Tell whether a name is that of a file of onnxruntime."""
    file = Path(str(name))  # a name of no possible kind is left to locate()
    return file.suffix == ONNX_SUFFIX and is_path(name) and not file.expanduser().is_dir()


def _load_network(
    name: str | os.PathLike[str],
    where: Callable[[], Path],
    device: str | torch.device,
    dtype: str | torch.dtype | None,
) -> Colorizer:
    """Load a generator from the folder that ``where`` returns."""
    from colorzoo.modelfolder.weights import load_model
    from colorzoo.predictors.network import NetworkPredictor

    chosen = pick_device(device)  # a typing error fails before any download
    precision = pick_dtype(dtype, chosen)
    folder = where()
    model = load_model(folder, name=None if is_path(name) else str(name))
    place = folder.resolve().name if isinstance(name, os.PathLike) else str(name)
    predictor = NetworkPredictor(
        model.generator,
        name=model.name or place,
        working_size=model.image.working_size,
        device=chosen,
        dtype=precision,
    )
    return Colorizer(predictor, model)


def _load_exported(file: Path, *, device: str, dtype: str | torch.dtype | None) -> Colorizer:
    if dtype not in (None, "auto"):
        raise ConfigError(
            f"{file} has a precision of its own; leave dtype out, or export it again with "
            "another precision."
        )
    return Colorizer(OnnxPredictor(file, device=device))
