"""``colorzoo list``: the models of the zoo and the architectures it can build."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from colorzoo.cli._output import print_json, print_table, show, show_bytes
from colorzoo.registry import ARCHITECTURES
from colorzoo.zoo.catalog import ModelInfo, list_models


@click.command("list")
@click.argument("pattern", required=False)
@click.option("--architecture", help="Only models of this architecture.")
@click.option("--license", help="Only models whose weights are under this licence, as in CC0-1.0.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    pattern: str | None, architecture: str | None, license: str | None, as_json: bool
) -> None:
    """List models and architectures.

    PATTERN is a shell pattern that a model's name must match, such as 'attention-*'.
    """
    models = list_models(pattern, architecture=architecture, license=license)
    architectures = ARCHITECTURES.names()
    if as_json:
        print_json({"models": [_plain(info) for info in models], "architectures": architectures})
        return
    print_table(
        ("model", "architecture", "working size", "weights", "licence", "description"),
        [
            (
                info.name,
                info.architecture,
                f"{info.working_size} px",
                show_bytes(info.size),
                show(info.license),
                show(info.description),
            )
            for info in models
        ],
    )
    click.echo(f"\narchitectures: {', '.join(architectures)}")


def _plain(info: ModelInfo) -> dict[str, Any]:
    return {**dataclasses.asdict(info), "folder": str(info.folder)}
