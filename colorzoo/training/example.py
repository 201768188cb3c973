"""A training config with every key, its default and what it does, to be printed and edited."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from typing import Any, Literal, get_args, get_origin, get_type_hints

from colorzoo.data.settings import DataSettings
from colorzoo.training.config import ModelSection, RunSection, TrainingConfig
from colorzoo.training.phases import Phase

_HEADING = """\
# A training run: colorzoo train THIS_FILE.toml
# Keys marked as required must be given; the rest stand at their defaults and may be left out.
# extends = "other.toml" as the first line takes what is not given here from that file.
"""


def example_text() -> str:
    """Return a commented TOML config, generated from the settings' own explanations.

    :meth:`colorzoo.training.config.TrainingConfig.from_file` reads it as it is.
    """
    example = TrainingConfig(
        model=_fill(ModelSection),
        data=_fill(DataSettings),
        run=_fill(RunSection),
        phase=(_fill(Phase),),
    )
    parts = [_HEADING]
    for entry in dataclasses.fields(example):
        section = getattr(example, entry.name)
        if isinstance(section, tuple):
            parts += [_section_text(f"[[{entry.name}]]", table) for table in section]
        else:
            parts.append(_section_text(f"[{entry.name}]", section))
    return "\n".join(parts)


def _fill(section: type[Any]) -> Any:
    """Return a section with its defaults and, where there are none, the example values."""
    fields = dataclasses.fields(section)
    return section(**{one.name: one.metadata["example"] for one in fields if _is_required(one)})


def _is_required(entry: dataclasses.Field[Any]) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def _section_text(heading: str, section: Any) -> str:
    hints = get_type_hints(type(section))
    lines = [f"# {(type(section).__doc__ or '').splitlines()[0]}", heading]
    for entry in dataclasses.fields(section):
        explanation, value = str(entry.metadata["help"]), getattr(section, entry.name)
        if get_origin(hints[entry.name]) is Literal:
            explanation += f" One of {', '.join(get_args(hints[entry.name]))}."
        if _is_required(entry):
            explanation += " Required."
        lines += textwrap.wrap(explanation, 98, initial_indent="# ", subsequent_indent="# ")
        absent = value is None  # TOML has no word for it: the key stands there as a comment
        shown = _toml(entry.metadata["example"] if absent else value)
        lines.append(f"{'# ' if absent else ''}{entry.name} = {shown}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """Return a value as TOML; numbers, words, truth values and lists read as in JSON."""
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps(value, ensure_ascii=False)
