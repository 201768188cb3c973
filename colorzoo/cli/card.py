"""``colorzoo card``: facts, cards and the README's table, written or checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.cli._names import MODEL_NAME

if TYPE_CHECKING:
    from colorzoo.evaluation.report import Report

_FILE = click.Path(path_type=Path)
_EXAMPLE = """From a trained model to the Hub:

\b
  colorzoo evaluate ./model --data photos --json > report.json
  colorzoo card ./model --about about.toml --evaluation report.json --write
  colorzoo push ./model you/my-colorizer
"""


@click.command("card", epilog=_EXAMPLE)
@click.argument("names", nargs=-1, metavar="[NAME]...", type=MODEL_NAME)
@click.option("--about", type=_FILE, help="What you say of NAME, instead of NAME/about.toml.")
@click.option("--evaluation", type=_FILE, help="A report of 'colorzoo evaluate --json'.")
@click.option("--check", "mode", flag_value="check", help="Only tell what is out of date.")
@click.option("--write", "mode", flag_value="write", help="Write facts.json and README.md.")
@click.option("--readme", type=_FILE, help="A README whose table of models is meant too.")
@click.option("--overwrite-card", is_flag=True, help="Replace cards that were edited by hand too.")
def command(
    names: tuple[str, ...],
    about: Path | None,
    evaluation: Path | None,
    mode: str | None,
    readme: Path | None,
    overwrite_card: bool,
) -> None:
    """Print, check or write cards of models and their facts.

    The card is README.md in a model's folder, and facts.json is what it is written from.

    NAME is a model of the zoo or a folder as in ./folder; with none, all models of the zoo are
    meant. What only a person knows is read from about.toml, metrics from a report of the same
    weights, and the rest is measured. Exits with 1 when --check finds something out of date.
    """
    from colorzoo.evaluation.card import card_texts, write_texts
    from colorzoo.modelfolder.facts import read_about
    from colorzoo.modelfolder.format import CARD_FILE
    from colorzoo.zoo.cards import render_readme
    from colorzoo.zoo.catalog import model_folder, model_names

    if about is not None and len(names) != 1:
        raise click.UsageError("--about tells of one model; give one NAME with it.")
    folders = [model_folder(name) for name in names or model_names()]
    report = _read_report(evaluation) if evaluation else None
    said = read_about(about) if about else None
    texts: dict[Path, str] = {}
    for folder in folders:
        texts |= card_texts(folder, report, about=said)
    if mode is None:
        cards = [text for path, text in texts.items() if path.name == CARD_FILE]
        click.echo("".join(cards), nl=False)
        return
    stale = {path: text for path, text in texts.items() if _read(path) != text}
    if mode == "write":
        write_texts(stale, overwrite_card=overwrite_card)
    if readme is not None:  # after the facts, of which its table tells
        table = {readme: render_readme(readme)}
        if _read(readme) != table[readme]:
            stale |= table
            if mode == "write":
                write_texts(table, overwrite_card=True)
    for path in stale:
        click.echo(f"{'wrote' if mode == 'write' else 'out of date:'} {path}", err=True)
    if stale and mode == "check":
        click.get_current_context().exit(1)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _read_report(path: Path) -> Report:
    from colorzoo.evaluation.report import Report
    from colorzoo.schema import read_json

    return Report.from_dict(read_json(path))
