"""Cards: a model's README on the Hub, and the zoo's table, both written from ``facts.json``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo.errors import ConfigError, HubError
from colorzoo.modelfolder.facts import FACTS_FILE, EvaluationFacts, Facts, read_facts
from colorzoo.modelfolder.format import CARD_FILE, PACKAGE_KEY
from colorzoo.zoo.catalog import ModelInfo, list_models
from colorzoo.zoo.folders import zoo_folder
from colorzoo.zoo.scores import PUBLISHED, PUBLISHED_ON, SCORES, Score

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
_TABLE_SCORES = {"mae", "accuracy_5", "psnr", "ssim", "colorfulness_abs"}
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


def render_zoo_card(folder: Path) -> str:
    """Return the card of a model of this zoo.

    Raises:
        HubError: The folder has no ``facts.json``.
        ConfigError: ``facts.json`` is damaged.
    """
    facts = read_facts(folder)
    if facts is None:
        raise HubError(
            f"{folder} has no {FACTS_FILE}, from which its card is written. Write it with: "
            f"colorzoo facts {folder}"
        )
    name = folder.resolve().name
    return render_card(facts, name=name, use=name)


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
    scores = [score for score in SCORES if score.key in _TABLE_SCORES]
    headings = [f"{score.heading} {score.better}".rstrip() for score in scores]
    lines = [
        f"| model | parameters | GMAC | {' | '.join(headings)} |",
        f"| --- |{' ---: |' * (2 + len(headings))}",
    ]

    def add(label: str, size: tuple[str, str], found: dict[str, dict[str, float]]) -> None:
        cells = (score.show(found.get(score.key), spread=score.spread) for score in scores)
        lines.append(f"| {' | '.join((label, *size, *cells))} |")

    measured: dict[tuple[str, str, int], EvaluationFacts] = {}
    for info in models:
        link = f"[{info.name}](hub_cards/{info.name}/{CARD_FILE})"
        facts = read_facts(info.folder)
        if facts is None:
            add(link, ("", ""), {})
            continue
        size = (f"{facts.parameters / 1e6:.1f} M", f"{facts.macs / 1e9:.2f}")
        found = facts.evaluation
        add(link, size, found.metrics if found else {})
        if found:
            measured[found.protocol, found.data, found.photos] = found
    for found in measured.values():
        add("*grey*", ("", ""), found.grey)
        add("*truth*", ("", ""), found.truth)
    for name, numbers in PUBLISHED.items():
        add(f"*{name}* ¹", ("", ""), numbers)
    lines.append("")
    lines += [
        f"`{found.protocol}`, {found.photos} photos of {found.data}; mean ± deviation over photos."
        for found in measured.values()
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

    headings = {score.key: score.heading for score in SCORES}
    return [
        EvalResult(
            task_type="image-to-image",
            task_name="Image colorization",
            dataset_type=re.sub(r"[^a-z0-9]+", "-", evaluation.data.lower()).strip("-"),
            dataset_name=evaluation.data,
            metric_type=key,
            metric_name=headings.get(key, key),
            metric_value=statistic["mean"],
            metric_args={"protocol": evaluation.protocol, "photos": evaluation.photos},
        )
        for key, statistic in evaluation.metrics.items()
    ]


def _rows(evaluation: EvaluationFacts, name: str) -> list[list[str]]:
    """Return the table of metrics, its headings first."""
    scores = [score for score in SCORES if score.key in evaluation.metrics]
    named = {score.key for score in scores}
    scores += [Score(key, key, key, ".4g") for key in evaluation.metrics if key not in named]
    groups = {name: evaluation.metrics, "grey": evaluation.grey, "truth": evaluation.truth}
    rows = [
        [label, *(score.show(group.get(score.key), spread=True) for score in scores)]
        for label, group in groups.items()
    ]
    return [["", *(f"{score.heading} {score.better}".rstrip() for score in scores)], *rows]
