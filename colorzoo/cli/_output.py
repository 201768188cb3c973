"""How commands print data: JSON, tables, and lines of key and value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from colorzoo.hub.upload import PushInfo


def print_json(values: Any) -> None:
    """Print values as indented JSON on stdout."""
    click.echo(json.dumps(values, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print left-aligned columns on stdout, never cut to the width of a terminal."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_values(values: Mapping[str, Any], *, indent: int = 0) -> None:
    """Print ``key: value`` lines on stdout; inner mappings are indented, None is ``-``.

    Mappings in a list are numbered from 1.
    """
    for key, value in values.items():
        label = f"{' ' * indent}{key.replace('_', ' ')}:"
        if isinstance(value, (list, tuple)) and any(isinstance(inner, Mapping) for inner in value):
            value = {str(number): inner for number, inner in enumerate(value, 1)}
        if isinstance(value, Mapping) and value:
            click.echo(label)
            print_values(value, indent=indent + 2)
        else:
            click.echo(f"{label} {show(value)}")


def show(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None or value in ({}, []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(show(inner) for inner in value)
    return str(value)


def show_bytes(size: int | None) -> str:
    """Return a file size in MB, or ``-`` for none."""
    return "-" if size is None else f"{size / 1e6:.1f} MB"


def print_push(info: PushInfo) -> None:
    """Print what a push sent or would send: the page on stdout, the rest on stderr."""
    click.echo(info.pull_request or info.url)
    if info.kept_card:
        note = "README.md there was edited by hand and stays; replace it with --overwrite-card"
        click.echo(f"note: {info.repo}: {note}", err=True)
    if not info.files:
        click.echo(f"{info.repo} has all of it already", err=True)
        return
    verb = "sent" if info.commit else "would send"
    click.echo(f"{verb} {', '.join(info.files)}", err=True)
