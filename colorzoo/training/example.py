"""A training config with every key, its default and what it does, to be printed and edited."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from typing import Any, Literal, get_args, get_origin, get_type_hints

from colorzoo import schema
from colorzoo.training.config import DataSection, ModelSection, RunSection, TrainingConfig

_HEADING = """\
# A training run: colorzoo train THIS_FILE.toml
# Keys marked as required must be given; the rest stand at their defaults and may be left out.
# extends = "other.toml" as the first line takes what is not given here from that file.
"""


def example_text() -> str:
    """Return a commented TOML config, generated from the settings' own explanations.

    :func:`colorzoo.training.config.load_config` reads it as it is.
    """
    example = TrainingConfig(
        model=_fill(ModelSection), data=_fill(DataSection), run=_fill(RunSection)
    )
    parts = [_HEADING]
    for entry in dataclasses.fields(example):
        parts.append(_section_text(entry.name, getattr(example, entry.name)))
    return "\n".join(parts)


def _fill(section: type[Any]) -> Any:
    """Return a section with its defaults and, where there are none, the example values."""
    fields = dataclasses.fields(section)
    return section(
        **{one.name: one.metadata["example"] for one in fields if "example" in one.metadata}
    )


def _section_text(name: str, section: Any) -> str:
    hints = get_type_hints(type(section))
    values = schema.to_dict(section)
    lines = [f"# {(type(section).__doc__ or '').splitlines()[0]}", f"[{name}]"]
    for entry in dataclasses.fields(section):
        explanation = str(entry.metadata["help"])
        if get_origin(hints[entry.name]) is Literal:
            explanation += f" One of {', '.join(get_args(hints[entry.name]))}."
        if "example" in entry.metadata:
            explanation += " Required."
        lines += textwrap.wrap(explanation, 98, initial_indent="# ", subsequent_indent="# ")
        # JSON's numbers, words, truth values, lists and the empty table read alike in TOML.
        lines.append(f"{entry.name} = {json.dumps(values[entry.name], ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
