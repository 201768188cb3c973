"""``colorzoo info``: one model, method or architecture in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from colorzoo.cli._names import MODEL_OR_ARCHITECTURE
from colorzoo.cli._output import print_json, print_values, show_bytes
from colorzoo.errors import UnknownNameError, did_you_mean
from colorzoo.hub.names import locate
from colorzoo.metrics.table import METRICS
from colorzoo.modelfolder.facts import read_facts
from colorzoo.registry import ARCHITECTURES, METHODS, Spec
from colorzoo.schema import to_dict
from colorzoo.zoo.catalog import (
    is_slug,
    list_models,
    method_infos,
    missing_names,
    model_names,
    read_info,
)
from colorzoo.zoo.licenses import describe_commercial_use

if TYPE_CHECKING:
    from torch import nn


@click.command("info")
@click.argument("name", type=MODEL_OR_ARCHITECTURE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str, as_json: bool) -> None:
    """Describe the model, method or architecture NAME.

    A model is a name from 'colorzoo list', a folder as in ./folder, or owner/repo on the Hub.
    """
    values = _describe(name)
    if as_json:
        print_json(values)
        return
    if "size" in values:
        values["size"] = show_bytes(values["size"])
    if "metrics" in values:
        values["metrics"] = _show_metrics(values["metrics"], values["grey"])
        del values["grey"]
    print_values(values)


def _show_metrics(means: Mapping[str, float], grey: Mapping[str, float]) -> dict[str, str]:
    """Return each metric under its heading, beside what a picture left grey has."""
    shown = {}
    for row in METRICS.shown(means):
        beside = f" (left grey {grey[row.name]:{row.digits}})" if row.name in grey else ""
        shown[row.full_heading] = f"{means[row.name]:{row.digits}}{beside}"
    return shown


def _describe(name: str) -> dict[str, Any]:
    models, architectures = model_names(), ARCHITECTURES.names()
    if not is_slug(name) or name in models:
        return _describe_model(name)
    if name in METHODS.names():
        return _describe_method(METHODS.get(name))
    if name in architectures:
        return _describe_architecture(ARCHITECTURES.get(name))
    if name in missing_names():
        return _describe_model(name)  # which says how to get it
    known = [*models, *METHODS.names(), *architectures]
    raise UnknownNameError(
        f"There is no model, method or architecture called {name!r}.{did_you_mean(name, known)} "
        "See them all with: colorzoo list"
    )


def _describe_model(name: str) -> dict[str, Any]:
    from colorzoo.modelfolder.weights import load_model

    folder = locate(name)
    loaded = load_model(folder)
    info = read_info(folder)
    facts = read_facts(folder)
    measured = facts and facts.evaluation
    return {
        "model": name,
        "description": info.description,
        "license": info.license,
        "commercial_use": describe_commercial_use(info.license),
        "architecture": loaded.spec.name,
        "paper": loaded.spec.paper,
        "parameters": _count_parameters(loaded.generator),
        "size": info.size,
        "folder": str(folder),
        "image": to_dict(loaded.image),
        "config": to_dict(loaded.generator.config),
        "training": loaded.training,
        "measured_on": measured
        and f"{measured.protocol}, {measured.photos} photos of {measured.data}",
        "metrics": dict(info.metrics),
        "grey": {name: value["mean"] for name, value in measured.grey.items()} if measured else {},
    }


def _describe_method(spec: Spec) -> dict[str, Any]:
    (info,) = method_infos(spec.name)
    return {
        "method": info.name,
        "description": info.description,
        "license": info.license,
        "paper": info.paper,
        "package": spec.distribution() or spec.origin,
        "needs": list(info.needs),
        "config": to_dict(spec.config()),
    }


def _describe_architecture(spec: Spec) -> dict[str, Any]:
    from colorzoo.models.build import build_generator

    generator = build_generator(spec)
    return {
        "architecture": spec.name,
        "license": spec.license,
        "paper": spec.paper,
        "package": spec.distribution() or spec.origin,
        "parameters": _count_parameters(generator),
        "size_multiple": generator.size_multiple,
        "config": to_dict(generator.config),
        "models": [info.name for info in list_models(architecture=spec.name)],
    }


def _count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
