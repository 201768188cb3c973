"""Frozen dataclasses to and from plain dicts, JSON and TOML, strictly.

Every unknown or missing key and every value of the wrong type is a :class:`ConfigError` that
names the place (a file, or a section such as ``data``) and the key.
"""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import tomllib
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from colorzoo.errors import ConfigError, did_you_mean

Config = TypeVar("Config")
Parsed = TypeVar("Parsed")


def setting(default: Any, help: str, *, example: Any = None) -> Any:
    """Return a dataclass field with a default and the sentence that explains it.

    Args:
        default: The default.
        help: What the key does.
        example: What a value looks like, where the default is None.
    """
    return dataclasses.field(default=default, metadata={"help": help, "example": example})


def required(help: str, *, example: Any) -> Any:
    """Return a dataclass field without a default, what explains it, and a value for examples."""
    return dataclasses.field(metadata={"help": help, "example": example})


def added(default: Any) -> Any:
    """Return a dataclass field that came after files were written: at its default it is in none."""
    return dataclasses.field(default=default, metadata={"added": True})


def from_dict(cls: type[Config], values: Any, *, where: str) -> Config:
    """Build the dataclass ``cls`` from a dict.

    Args:
        cls: A dataclass; its field types may be ``bool``, ``int``, ``float``, ``str``,
            ``Literal``, homogeneous or fixed tuples, ``dict``, other dataclasses, and unions of
            those with None.
        values: What was read, keys as field names.
        where: Where it was read, for messages: a file name or a section.

    Raises:
        ConfigError: A key is unknown or missing, or a value is of the wrong type or range.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must be a table of settings, not {_show(values)}.")
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # cls is a dataclass by contract
    for key in values:
        if key not in fields:
            raise ConfigError(
                f"{where} has an unknown key {key!r}.{did_you_mean(str(key), fields)} "
                f"Known keys: {', '.join(fields)}."
            )
    for name, field in fields.items():
        if name not in values and _is_required(field):
            raise ConfigError(f"{where} lacks the key {name!r}; add it.")
    arguments = {
        name: _convert(hints[name], value, f"{where}: {name}") for name, value in values.items()
    }
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def check_whole(what: str, value: int, most: float = math.inf) -> int:
    """Return a whole number of 1 to ``most``, of Python or NumPy, as Python's own.

    Raises:
        ConfigError: It is none, or out of range; ``what`` names it.
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number <= most:
        bounds = "1 or more" if most == math.inf else f"1 to {most}"
        raise ConfigError(f"{what} must be a whole number, {bounds}, not {value!r}.")
    return number


def to_dict(config: Any) -> dict[str, Any]:
    """Return the dataclass as JSON-ready values.

    Tuples become lists. What is None is left out, and so is an :func:`added` field at its default.
    """
    values = dataclasses.asdict(config)
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(config)
        if field.metadata.get("added")
    }
    return {
        key: _plain(value)
        for key, value in values.items()
        if value is not None and not (key in defaults and value == defaults[key])
    }


def replace(config: Config, values: dict[str, Any], *, where: str) -> Config:
    """Return ``config`` with some keys set to new values, checked as in :func:`from_dict`."""
    current = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)  # type: ignore[arg-type]  # a dataclass by contract
    }
    return from_dict(type(config), {**current, **values}, where=where)


def read_json(path: Path) -> Any:
    """Read a JSON file; a ConfigError names the file when it is absent or malformed."""
    return _read(path, "JSON", json.loads)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; a ConfigError names the file when it is absent or malformed."""
    return _read(path, "TOML", tomllib.loads)


def _read(path: Path, kind: str, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid {kind}: {error}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply to be read. Write it anew.") from error


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value


def _convert(kind: Any, value: Any, where: str) -> Any:
    """Return ``value`` as ``kind``, or raise a ConfigError that names ``where``."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _convert_union(get_args(kind), value, where)
    if origin is Literal:
        options = get_args(kind)
        if value not in options or type(value) not in {type(option) for option in options}:
            hint = did_you_mean(value, map(str, options)) if isinstance(value, str) else ""
            raise ConfigError(
                f"{where} must be one of {', '.join(map(repr, options))}, not {_show(value)}.{hint}"
            )
        return value
    if origin is tuple:
        return _convert_tuple(get_args(kind), value, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return value if isinstance(value, kind) else from_dict(kind, value, where=where)
    if kind is float and type(value) is int:
        return float(value)
    target = origin or kind
    if target is Any or type(value) is target:
        return value
    raise ConfigError(f"{where} must be of type {target.__name__}, not {_show(value)}.")


def _convert_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and types.NoneType in options:
        return None
    failures = []
    for option in options:
        if option is not types.NoneType:
            try:
                return _convert(option, value, where)
            except ConfigError as error:
                failures.append(error)
    raise failures[0]


def _convert_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{where} must be a list, not {_show(value)}.")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ConfigError(f"{where} must have {len(kinds)} values, not {len(value)}.")
    return tuple(
        _convert(kind, inner, f"{where}[{position}]")
        for position, (kind, inner) in enumerate(zip(kinds, value, strict=True))
    )


def _show(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
