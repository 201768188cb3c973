"""From a report to a model's ``facts.json`` and card: the step between evaluate and push."""

from __future__ import annotations

import os
from pathlib import Path

from colorzoo.errors import ConfigError, WeightsError
from colorzoo.evaluation.report import Report
from colorzoo.files import file_hash, replace_text
from colorzoo.modelfolder.facts import (
    FACTS_FILE,
    About,
    EvaluationFacts,
    refresh_facts,
    render_facts,
)
from colorzoo.modelfolder.format import CARD_FILE, WEIGHTS_FILE
from colorzoo.zoo.cards import is_edited, render_card
from colorzoo.zoo.folders import in_zoo


def write_card(
    folder: str | os.PathLike[str],
    report: Report | None = None,
    *,
    about: About | None = None,
    overwrite_card: bool = False,
) -> Path:
    """Write ``facts.json`` and the card ``README.md`` into a model folder.

    What only a person knows comes from ``about.toml``; parameters, multiply-accumulates and the
    weights' hash are measured, steps come from ``config.json``, metrics from the report.

    Args:
        folder: The model folder.
        report: A report that measured these weights, from :func:`colorzoo.evaluate`; what is in
            ``facts.json`` already of the same weights, if left out.
        about: What a person says, instead of the folder's ``about.toml``.
        overwrite_card: Replace a card that was edited by hand too.

    Returns:
        The card.

    Raises:
        WeightsError: The weights are missing or damaged, or the report measured others.
        ConfigError: A file is damaged or cannot be written, nobody says anything of the model, or
            its card was edited by hand.
    """
    path = Path(folder).expanduser()
    texts = card_texts(path, report, about=about)
    write_texts(texts, overwrite_card=overwrite_card)
    return path / CARD_FILE


def card_texts(
    folder: Path, report: Report | None = None, *, about: About | None = None
) -> dict[Path, str]:
    """Return what ``facts.json`` and ``README.md`` have to hold; arguments as above."""
    evaluation = None if report is None else _evaluation_of(folder, report)
    facts = refresh_facts(folder, about=about, evaluation=evaluation)
    name = folder.resolve().name
    use = name if in_zoo(folder, name) else f"./{name}"
    card = render_card(facts, name=name, use=use)
    return {folder / FACTS_FILE: render_facts(facts), folder / CARD_FILE: card}


def write_texts(texts: dict[Path, str], *, overwrite_card: bool) -> None:
    """Write files whole, but none of them if one is a card that was edited by hand."""
    for path in texts:
        there = path.read_text(encoding="utf-8") if path.is_file() else None
        if path.name == CARD_FILE and there and is_edited(there) and not overwrite_card:
            raise ConfigError(
                f"{path} was edited by hand and is left as it is. Replace it with "
                "--overwrite-card, or put what is new in it into about.toml."
            )
    for path, text in texts.items():
        try:
            replace_text(path, text)
        except OSError as error:
            raise ConfigError(f"Cannot write {path}: {error.strerror}.") from error


def _evaluation_of(folder: Path, report: Report) -> EvaluationFacts:
    """Return what a report measured of the weights in a folder, whatever its row is called."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise WeightsError(f"The weights {path} are missing. Copy them there.")
    sha256 = file_hash(path)
    for row in report.models:
        if row.weights_sha256 == sha256:
            return report.facts(row.name)
    rows = ", ".join(repr(row.name) for row in report.models) or "no model"
    raise WeightsError(
        f"The report measured {rows}, but not the weights in {path} (SHA-256 {sha256[:12]}...). "
        f"Measure them by the folder's name: colorzoo evaluate {folder} --data PHOTOS --json"
    )
