"""Training configs as TOML: files that extend one another, single settings, and what is written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorzoo import schema
from colorzoo.errors import ConfigError, TrainingError
from colorzoo.files import replace_text

if TYPE_CHECKING:
    from colorzoo.training.config import TrainingConfig


def read_settings(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file over those of the file that it extends.

    ``extends = "common.toml"`` at the top of a file names another, relative to it, which may extend
    a third. Each key of a section replaces the same key of the file below as a whole, so
    ``model.config`` of one network is never mixed with that of another.

    Raises:
        ConfigError: A file is absent or malformed, or extends itself in the end.
    """
    files = [path]
    layers = [schema.read_toml(path)]
    while "extends" in layers[-1]:
        base = layers[-1].pop("extends")
        if not isinstance(base, str):
            raise ConfigError(f"{files[-1]}: extends must name a file, not {base!r}.")
        files.append(files[-1].parent / base)
        if files[-1].resolve() in [file.resolve() for file in files[:-1]]:
            raise ConfigError(
                f"{path} extends itself: {' -> '.join(map(str, files))}. Take one extends out."
            )
        layers.append(schema.read_toml(files[-1]))
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        for name, section in layer.items():
            below = values.get(name)
            if isinstance(section, dict) and isinstance(below, dict):
                section = {**below, **section}
            values[name] = section
    return values


def write_config(config: TrainingConfig, path: Path) -> None:
    """Write all settings, defaults too, as TOML.

    Raises:
        TrainingError: The file or its folder cannot be written.
    """
    import tomli_w

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, tomli_w.dumps(schema.to_dict(config)))
    except OSError as error:
        raise TrainingError(
            f"The run folder {path.parent} cannot be written: {error.strerror}. "
            "Choose another run.folder."
        ) from error


def check_goes_on(before: TrainingConfig, now: TrainingConfig, folder: Path, *, step: int) -> None:
    """Check that a resumed run draws the photos its first part would have drawn, and has an end.

    Args:
        before: What the first part of the run was given.
        now: What the run goes on with.
        folder: The run folder, for the message.
        step: Where it goes on.

    Raises:
        TrainingError: It does not.
    """
    if step > now.steps:
        raise TrainingError(
            f"The run in {folder} is at step {step} already, past the {now.steps} of its phases. "
            "Give the last phase more steps, or take the run's older checkpoint."
        )
    given = {
        f"{section}.{key}": (getattr(old, key), getattr(new, key))
        for section, old, new, keys in (
            ("data", before.data, now.data, ("train", "split", "column", "streaming")),
            ("data", before.data, now.data, ("batch_size",)),
            ("run", before.run, now.run, ("accumulation", "seed")),
        )
        for key in keys
    }
    changed = [f"{key} was {old!r}, is {new!r}" for key, (old, new) in given.items() if old != new]
    if changed:
        raise TrainingError(
            f"The run in {folder} cannot go on with other photos: {'; '.join(changed)}. "
            "Resume with the old values, or start a new run with model.weights."
        )


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return single settings, ``{"section.key": value}``, as TOML."""
    import tomli_w

    values: dict[str, Any] = {}
    for dotted, value in settings.items():
        set_value(values, dotted, value)
    return tomli_w.dumps(values)


def set_value(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Set ``section.key`` in nested tables, making those that lack; None takes the key out.

    Raises:
        ConfigError: ``dotted`` names no key of a section, or goes through a plain value.
    """
    keys = dotted.split(".")
    if len(keys) < 2 or not all(keys):
        raise ConfigError(f"{dotted!r} must read section.key, as in data.batch_size.")
    table: Any = values
    for key in keys[:-1]:
        if isinstance(table, list):
            if not key.isdecimal() or int(key) >= len(table):
                raise ConfigError(
                    f"{dotted!r} must give a number below {len(table)} instead of {key!r}, as in "
                    f"{keys[0]}.0.{keys[-1]}: so many tables [[{keys[0]}]] there are."
                )
            table = table[int(key)]
        else:
            table = table.setdefault(key, {})
        if not isinstance(table, (dict, list)):
            raise ConfigError(f"The setting {dotted!r} goes through {key!r}, which is no section.")
    if isinstance(table, list):
        raise ConfigError(f"{dotted!r} must say which of the tables, as in {keys[0]}.0.{keys[-1]}.")
    if value is None:
        table.pop(keys[-1], None)
    else:
        table[keys[-1]] = value


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set what ``section.key=value`` says.

    Raises:
        ConfigError: It does not read so, or names no key of a section.
    """
    dotted, equals, text = override.partition("=")
    if not equals or "." not in dotted:
        raise ConfigError(
            f"The setting {override!r} must read section.key=value, as in data.batch_size=8."
        )
    set_value(values, dotted.strip(), _parse_value(text.strip()))


def _parse_value(text: str) -> Any:
    if not text:
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
