"""``colorzoo facts``: what is known of a model, measured and joined into ``facts.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.errors import WeightsError
from colorzoo.files import replace_text
from colorzoo.schema import from_dict, read_json

if TYPE_CHECKING:
    from colorzoo.modelfolder.facts import EvaluationFacts

_FILE = click.Path(path_type=Path)


@click.command("facts")
@click.argument("folder", type=_FILE)
@click.option("--about", type=_FILE, help="What you say of the model. [default: FOLDER/about.toml]")
@click.option(
    "--evaluation", type=_FILE, help="Report of this model from 'colorzoo evaluate --json'."
)
@click.option("--row", help="The model's name in the report, if it has several. [default: FOLDER]")
def command(folder: Path, about: Path | None, evaluation: Path | None, row: str | None) -> None:
    """Write facts.json into the model FOLDER, from which its card is made.

    What only a person knows is read from about.toml; parameters, multiply-accumulates and the
    weights' hash are measured, steps come from config.json, metrics from the report. Without a
    report the facts hold no metrics, because old ones may be of other weights.
    """
    from colorzoo.modelfolder.facts import (
        ABOUT_FILE,
        FACTS_FILE,
        collect_facts,
        read_about,
        render_facts,
    )

    found = _read_evaluation(evaluation, row, folder.resolve().name) if evaluation else None
    facts = collect_facts(folder, read_about(about or folder / ABOUT_FILE), evaluation=found)
    path = folder / FACTS_FILE
    try:
        replace_text(path, render_facts(facts))
    except OSError as error:
        raise WeightsError(f"Cannot write {path}: {error.strerror}.") from error
    click.echo(f"wrote {path}", err=True)


def _read_evaluation(path: Path, row: str | None, name: str) -> EvaluationFacts:
    from colorzoo.evaluation.report import Report
    from colorzoo.modelfolder.facts import EvaluationFacts

    report = Report.from_dict(read_json(path))
    only = report.models[0].name if len(report.models) == 1 else name
    return from_dict(EvaluationFacts, report.facts(row or only), where=f"{path}: {row or only}")
