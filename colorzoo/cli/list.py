"""``colorzoo list``: the models of the zoo, methods without weights, and architectures."""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from typing import Any

import click

from colorzoo.cli._output import print_json, print_table, show, show_bytes
from colorzoo.errors import UnknownNameError, did_you_mean
from colorzoo.metrics.table import METRICS
from colorzoo.modelfolder.facts import read_facts
from colorzoo.registry import ARCHITECTURES, METHODS
from colorzoo.zoo.catalog import (
    MethodInfo,
    ModelInfo,
    list_models,
    method_infos,
    missing_names,
    model_names,
)
from colorzoo.zoo.folders import DEFAULT_MODEL
from colorzoo.zoo.licenses import describe_commercial_use


@click.command("list")
@click.argument("pattern", required=False)
@click.option("--architecture", help="Only models of this architecture.")
@click.option(
    "--license",
    help="Only models under this licence, as in CC0-1.0; commercial-ok stands for all such.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    pattern: str | None, architecture: str | None, license: str | None, as_json: bool
) -> None:
    """List models, methods and architectures.

    PATTERN is a shell pattern that a name must match, such as 'attention-*'. A method has no
    weights: it colours by hints or by a reference. Exits with 1 when there is no such model or
    method.
    """
    models = list_models(pattern, architecture=architecture, license=license)
    methods = [] if architecture else method_infos(pattern, license=license)
    if as_json:
        print_json(
            {
                "models": [_plain(info) for info in models],
                "methods": [dataclasses.asdict(info) for info in methods],
                "architectures": ARCHITECTURES.names(),
            }
        )
    if not models and not methods:
        known = [*model_names(), *METHODS.names()]
        wanted = {"name": pattern, "architecture": architecture, "licence": license}
        asked = ", ".join(f"{key} {value!r}" for key, value in wanted.items() if value)
        raise UnknownNameError(
            f"No model of this zoo fits {asked or 'any name: it is empty'}."
            f"{did_you_mean(pattern, known) if pattern else ''}{_known_licenses(license)} See all "
            "with: colorzoo list"
        )
    if not as_json:
        _print(models, methods, license)


def _known_licenses(license: str | None) -> str:
    """Return what licences there are, if one was asked for."""
    if license is None:
        return ""
    there = {info.license for info in list_models()} | {info.license for info in method_infos()}
    return f" Licences here: {', '.join(sorted(filter(None, there)))}."


def _print(models: list[ModelInfo], methods: list[MethodInfo], license: str | None) -> None:
    if models:
        _print_models(models)
    if methods:
        _print_methods(methods, after_models=bool(models))
    notes = [f"architectures: {', '.join(ARCHITECTURES.names())}"]
    if not models and license:
        notes.append("no model here is under such a licence; methods have no weights")
    elif missing := missing_names():
        notes.append(f"not installed: {', '.join(missing)} (pip install 'colorzoo[models]')")
    notes = [*_explain_numbers(models), *notes]
    if any(info.name == DEFAULT_MODEL for info in models):
        notes = ["* the default", *notes]
    width = shutil.get_terminal_size().columns
    for note in notes:
        click.echo("\n" + textwrap.fill(note, width, break_on_hyphens=False))


def _print_models(models: list[ModelInfo]) -> None:
    psnr = METRICS.get("psnr")
    print_table(
        ("  model", "architecture", "size", "PSNR", "licence", "commercial"),
        [
            (
                f"{'*' if info.name == DEFAULT_MODEL else ' '} {info.name}",
                info.architecture,
                show_bytes(info.size),
                format(info.metrics["psnr"], psnr.digits) if "psnr" in info.metrics else "-",
                show(info.license),
                describe_commercial_use(info.license),
            )
            for info in models
        ],
    )


def _print_methods(methods: list[MethodInfo], *, after_models: bool) -> None:
    if after_models:
        click.echo()
    print_table(
        ("  method", "colours by", "licence", "paper"),
        [
            (f"  {info.name}", show(info.needs), info.license, info.paper.rpartition(", ")[0])
            for info in methods
        ],
    )


def _explain_numbers(models: list[ModelInfo]) -> list[str]:
    """Say what the numbers were measured on, and what a picture left grey gets there."""
    psnr = METRICS.get("psnr")
    measured: dict[tuple[str, str, int], str] = {}
    for info in models:
        facts = read_facts(info.folder)
        if facts and facts.evaluation and "psnr" in facts.evaluation.metrics:
            evaluation = facts.evaluation
            place = (evaluation.protocol, evaluation.data, evaluation.photos)
            measured[place] = psnr.show(evaluation.grey.get("psnr"), spread=False)
    return [
        f"PSNR in dB, higher is nearer to the true colours: {protocol}, {photos} photos of {data}; "
        f"left grey they have {grey}"
        for (protocol, data, photos), grey in measured.items()
    ]


def _plain(info: ModelInfo) -> dict[str, Any]:
    return {
        **dataclasses.asdict(info),
        "folder": str(info.folder),
        "commercial_use": info.commercial_use,
        "default": info.name == DEFAULT_MODEL,
    }
