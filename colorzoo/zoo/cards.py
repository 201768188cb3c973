"""Cards: a model's README on the Hub, and the zoo's table, both written from ``facts.json``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo.errors import ConfigError, HubError
from colorzoo.metrics.table import METRICS
from colorzoo.modelfolder.facts import EvaluationFacts, Facts, read_facts
from colorzoo.modelfolder.format import CARD_FILE, PACKAGE_KEY
from colorzoo.zoo.catalog import ModelInfo, list_models
from colorzoo.zoo.folders import zoo_folder
from colorzoo.zoo.published import PUBLISHED, PUBLISHED_ON

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

TEMPLATE_FILE = "template.md"

# SPDX identifiers that the Hub takes in lower case; it wants the others as a name beside "other".
_HUB_LICENSES = {
    "apache-2.0",
    "mit",
    "bsd-2-clause",
    "bsd-3-clause",
    "cc0-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0",
    "isc",
    "mpl-2.0",
    "unlicense",
}
_MARK = re.compile(r"<!-- Written by colorzoo from facts\.json \(([0-9a-f]{16})\).*?-->\s*\Z")
_TABLE = re.compile(r"(<!-- models -->\n).*?(<!-- end of models -->\n)", re.DOTALL)


def render_card(facts: Facts, *, name: str, use: str) -> str:
    """Return the text of a model's card.

    Args:
        facts: What is known of the model.
        name: Its name, for the heading.
        use: What ``colorzoo.load`` takes to load it.
    """
    from huggingface_hub import ModelCard

    evaluation = facts.evaluation
    card = ModelCard.from_template(
        _metadata(facts, name),
        template_path=str(zoo_folder() / TEMPLATE_FILE),
        name=name,
        use=use,
        facts=facts,
        about=facts.about,
        evaluation=evaluation,
        rows=_rows(evaluation, name) if evaluation else [],
    )
    text = str(card).rstrip() + "\n\n"
    return (
        f"{text}<!-- Written by colorzoo from facts.json ({_digest(text)}); edit that instead -->\n"
    )


def is_edited(text: str) -> bool:
    """Tell whether a card is not as :func:`render_card` wrote it."""
    mark = _MARK.search(text)
    return mark is None or mark[1] != _digest(text[: mark.start()])


def license_of(card: str) -> str | None:
    """Return the licence that a card's metadata state.

    Raises:
        HubError: The metadata cannot be read.
    """
    from huggingface_hub import ModelCard

    try:
        license = ModelCard(card).data.get("license")
    except Exception as error:  # of YAML and of the client; whatever it is, the card is at fault
        raise HubError(
            f"The metadata of {CARD_FILE} cannot be read: {error}. Mend them."
        ) from error
    return license if isinstance(license, str) else None


def render_table(models: list[ModelInfo]) -> str:
    """Return the table of models as Markdown, with grey, truth and published rows below them."""
    if not models:
        return "No model is published yet.\n"
    facts = {info.name: read_facts(info.folder) for info in models}
    evaluations = [known.evaluation for known in facts.values() if known and known.evaluation]
    known = {metric for evaluation in evaluations for metric in evaluation.metrics}
    protocol = {metric.name for metric in METRICS.of_protocol()}
    metrics = [metric for metric in METRICS.shown(known | protocol) if metric.main]
    headings = [metric.full_heading for metric in metrics]
    lines = [
        f"| model | parameters | GMAC | {' | '.join(headings)} |",
        f"| --- |{' ---: |' * (2 + len(headings))}",
    ]

    def add(label: str, size: tuple[str, str], numbers: dict[str, dict[str, float]]) -> None:
        cells = (metric.show(numbers.get(metric.name), spread=metric.spread) for metric in metrics)
        lines.append(f"| {' | '.join((label, *size, *cells))} |")

    for name, known_facts in facts.items():
        link = f"[{name}](hub_cards/{name}/{CARD_FILE})"
        if known_facts is None:
            add(link, ("", ""), {})
            continue
        size = (f"{known_facts.parameters / 1e6:.1f} M", f"{known_facts.macs / 1e9:.2f}")
        add(link, size, known_facts.evaluation.metrics if known_facts.evaluation else {})
    measured = {(one.protocol, one.data, one.photos): one for one in evaluations}
    for evaluation in measured.values():
        add("*grey*", ("", ""), evaluation.grey)
        add("*truth*", ("", ""), evaluation.truth)
    for name, numbers in PUBLISHED.items():
        add(f"*{name}* ¹", ("", ""), numbers)
    lines.append("")
    lines += [
        f"`{one.protocol}`, {one.photos} photos of {one.data}; mean ± deviation over photos."
        for one in measured.values()
    ]
    lines += ["Multiply-accumulates (GMAC) are of one picture at the model's working size.", ""]
    lines.append(f"¹ The report that this zoo follows: {PUBLISHED_ON}.")
    return "\n".join(lines) + "\n"


def render_readme(readme: Path) -> str:
    """Return a README with the zoo's table written anew between its two comments.

    Raises:
        ConfigError: The README cannot be read or lacks the comments.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot read {readme}: {error.strerror}.") from error
    if not _TABLE.search(text):
        raise ConfigError(
            f"{readme} lacks the lines <!-- models --> and <!-- end of models -->; put them where "
            "the table is to stand."
        )
    table = render_table(list_models())
    return _TABLE.sub(lambda match: f"{match[1]}{table}{match[2]}", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _metadata(facts: Facts, name: str) -> ModelCardData:
    from huggingface_hub import ModelCardData

    license = facts.about.license.lower()
    known = license in _HUB_LICENSES
    metadata = ModelCardData(
        license=license if known else "other",
        license_name=None if known else license,
        library_name="colorzoo",
        pipeline_tag="image-to-image",
        tags=["image-colorization", "colorzoo", facts.architecture],
        model_name=name,
        eval_results=_results(facts.evaluation) if facts.evaluation else None,
    )
    if facts.package:
        metadata[PACKAGE_KEY] = facts.package
    return metadata


def _results(evaluation: EvaluationFacts) -> list[EvalResult]:
    """Return the metrics as the Hub's ``model-index`` holds them."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="image-to-image",
            task_name="Image colorization",
            dataset_type=re.sub(r"[^a-z0-9]+", "-", evaluation.data.lower()).strip("-"),
            dataset_name=evaluation.data,
            metric_type=metric.name,
            metric_name=metric.heading,
            metric_value=evaluation.metrics[metric.name]["mean"],
            metric_args={"protocol": evaluation.protocol, "photos": evaluation.photos},
        )
        for metric in METRICS.shown(evaluation.metrics)
    ]


def _rows(evaluation: EvaluationFacts, name: str) -> list[list[str]]:
    """Return the table of metrics, its headings first."""
    metrics = METRICS.shown(evaluation.metrics)
    groups = {name: evaluation.metrics, "grey": evaluation.grey, "truth": evaluation.truth}
    rows = [
        [label, *(metric.show(group.get(metric.name), spread=True) for metric in metrics)]
        for label, group in groups.items()
    ]
    return [["", *(metric.full_heading for metric in metrics)], *rows]
