from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from colorzoo.errors import ConfigError
from colorzoo.schema import from_dict, read_json, read_toml, replace, to_dict


@dataclass(frozen=True, slots=True)
class Inner:
    kind: Literal["soft", "hard"] = "soft"
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Outer:
    steps: int
    widths: tuple[int, ...] = (4, 8)
    betas: tuple[float, float] = (0.5, 0.999)
    name: str | None = None
    fast: bool = False
    inner: Inner = field(default_factory=Inner)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be positive.")


FULL = Outer(
    steps=3,
    widths=(1, 2, 3),
    betas=(0.0, 0.9),
    name="x",
    fast=True,
    inner=Inner("hard", 0.25),
    extra={"a": [1, 2]},
)


@pytest.mark.parametrize("config", [Outer(steps=1), FULL])
def test_there_and_back(config: Outer) -> None:
    values = json.loads(json.dumps(to_dict(config)))
    assert from_dict(Outer, values, where="test") == config


def test_whole_numbers_are_floats_where_floats_are_meant() -> None:
    config = from_dict(Outer, {"steps": 1, "inner": {"share": 1}}, where="test")
    assert isinstance(config.inner.share, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"steps": 1, "stepps": 2},
            r"run\.toml has an unknown key 'stepps'\. Did you mean 'steps'",
        ),
        ({}, r"run\.toml lacks the key 'steps'"),
        ({"steps": "1"}, r"run\.toml: steps must be of type int, not '1' \(str\)"),
        ({"steps": True}, "steps must be of type int, not True"),
        ({"steps": 1.0}, "steps must be of type int"),
        ({"steps": 0}, r"run\.toml: steps must be positive"),
        ({"steps": 1, "fast": 1}, "fast must be of type bool"),
        ({"steps": 1, "widths": 4}, "widths must be a list"),
        ({"steps": 1, "widths": [4, "8"]}, r"widths\[1\] must be of type int"),
        ({"steps": 1, "betas": [0.5]}, "betas must have 2 values, not 1"),
        ({"steps": 1, "name": 3}, "name must be of type str"),
        (
            {"steps": 1, "inner": {"kind": "hrd"}},
            "inner: kind must be one of .* Did you mean 'hard'",
        ),
        ({"steps": 1, "inner": {"size": 2}}, "inner has an unknown key 'size'"),
        ([1], "must be a table of settings"),
    ],
)
def test_wrong_values_are_named(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(Outer, values, where="run.toml")


def test_replace_checks_as_reading_does() -> None:
    assert replace(FULL, {"steps": 9}, where="test").steps == 9
    assert replace(FULL, {"steps": 9}, where="test").inner == FULL.inner
    with pytest.raises(ConfigError, match="unknown key 'stps'"):
        replace(FULL, {"stps": 9}, where="test")


@pytest.mark.parametrize("read", [read_json, read_toml])
def test_unreadable_files_are_named(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "settings"
    with pytest.raises(ConfigError, match=r"Cannot read .*settings: No such file"):
        read(path)
    path.write_text("{ half")
    with pytest.raises(ConfigError, match="settings is not valid"):
        read(path)
    path.write_text(("" if read is read_json else "key = ") + "[" * 200_000)
    with pytest.raises(ConfigError, match="settings is nested too deeply"):
        read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="settings is not valid"):
        read(path)
