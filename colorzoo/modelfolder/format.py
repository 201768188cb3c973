"""The format of a model folder, as far as it can be read without torch.

A model folder holds ``config.json``, described by :class:`ModelFile`, and ``model.safetensors``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from colorzoo.errors import ConfigError
from colorzoo.options import MAX_WORKING_SIZE
from colorzoo.schema import Config, from_dict, read_json, to_dict

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
PACKAGE_KEY = "colorzoo_package"
"""Key in a card's metadata: the package that brings the model's architecture."""

_FORMAT = 1
_LONGEST_NAME = 100
# One line of the card's metadata; a name that pip takes, and nothing a shell would act on.
_PACKAGE = re.compile(rf"^{PACKAGE_KEY}: ([A-Za-z0-9][A-Za-z0-9._-]*)$", re.MULTILINE)
_METADATA = re.compile(r"\A---\n.*?\n---$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How pictures reach a generator and how its output is read.

    Attributes:
        working_size: Shorter side, in pixels, of the picture the generator was trained on; at
            most 4096.
        color: Colour space: CIELAB relative to D65.
        lightness: Scaling of L from 0..100 to -1..1.
        chroma: Scaling of a and b to -1..1.
    """

    working_size: int = 256
    color: Literal["lab-d65"] = "lab-d65"
    lightness: Literal["L/50-1"] = "L/50-1"
    chroma: Literal["ab/110"] = "ab/110"

    def __post_init__(self) -> None:
        if not 1 <= self.working_size <= MAX_WORKING_SIZE:
            raise ValueError(
                f"working_size must be 1 to {MAX_WORKING_SIZE}, not {self.working_size}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """What ``config.json`` holds.

    Attributes:
        format: Version of this format.
        library: Always ``"colorzoo"``.
        name: What the model calls itself; None where it goes by its folder or repository.
        architecture: Name of the architecture in the registry.
        config: The architecture's own config, as plain values.
        image: How pictures reach the generator.
        training: Whatever training noted of itself, as plain values.
    """

    format: Literal[1] = 1
    library: Literal["colorzoo"] = "colorzoo"
    name: str | None = None
    architecture: str
    config: dict[str, Any]
    image: ImageSettings
    training: dict[str, Any]

    def __post_init__(self) -> None:
        # It is shown in terminals and on pages, where control characters do harm.
        name = self.name
        if name is not None and not (1 <= len(name) <= _LONGEST_NAME and name.isprintable()):
            raise ValueError(
                f"name must have 1 to {_LONGEST_NAME} printable characters, not {name[:200]!r}."
            )


def read_model_file(folder: Path) -> ModelFile:
    """Read ``config.json`` of a model folder.

    Raises:
        ConfigError: The file is absent, is no JSON, is of another library or format, or has an
            unknown or missing key or a value of the wrong type.
    """
    path = folder / CONFIG_FILE
    if not path.exists():
        raise ConfigError(
            f"{folder} is no model folder: it holds no {CONFIG_FILE}. Give a folder that holds "
            f"{CONFIG_FILE} and {WEIGHTS_FILE}, as colorzoo saves a model."
        )
    values = read_json(path)
    if not isinstance(values, dict) or values.get("library") != "colorzoo":
        raise ConfigError(
            f'{path} does not say "library": "colorzoo", so it is not of a colorzoo model. '
            "Give the folder of a model that colorzoo saved."
        )
    if values.get("format") != _FORMAT:
        raise ConfigError(
            f"{path} is of format {values.get('format')!r}; this colorzoo reads format {_FORMAT}. "
            "Update colorzoo."
        )
    return from_complete_dict(ModelFile, values, where=str(path))


def from_complete_dict(cls: type[Config], values: Any, *, where: str) -> Config:
    """Build a config as :func:`colorzoo.schema.from_dict` does, but let no default stand in.

    A saved config must not change its meaning when a default changes, so every key must be there
    that saving writes.

    Raises:
        ConfigError: A key is unknown or missing, or a value is of the wrong type or range.
    """
    config = from_dict(cls, values, where=where)
    _require_keys(to_dict(config), values, where)
    return config


def _require_keys(expected: dict[str, Any], given: dict[str, Any], where: str) -> None:
    for key, value in expected.items():
        if key not in given:
            raise ConfigError(f"{where} lacks the key {key!r}; add it, or save the model again.")
        if isinstance(value, dict):
            _require_keys(value, given[key], f"{where}: {key}")


def render_model_file(file: ModelFile) -> str:
    """Return the text of ``config.json``.

    Raises:
        ConfigError: ``training`` or ``config`` holds something that JSON cannot.
    """
    try:
        return json.dumps(to_dict(file), indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{CONFIG_FILE} cannot hold these values: {error}. Give plain finite numbers, strings, "
            "lists and dicts."
        ) from error


def read_package(folder: Path) -> str | None:
    """Return the package that a model's card says brings its architecture, if it says so."""
    path = folder / CARD_FILE
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    metadata = _METADATA.search(text)
    package = metadata and _PACKAGE.search(metadata[0])
    return package[1] if package else None
