"""What an evaluation gave: a table to read, JSON to keep, facts for a card."""

from __future__ import annotations

import dataclasses
import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from colorzoo import notebook
from colorzoo.errors import ConfigError, UnknownNameError, did_you_mean
from colorzoo.metrics.table import METRICS, Metric
from colorzoo.modelfolder.facts import EvaluationFacts
from colorzoo.schema import from_dict
from colorzoo.zoo.published import PUBLISHED, PUBLISHED_ON

GREY = "grey"
TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Statistic:
    """Mean and standard deviation over photos; no deviation where there is one value for all."""

    mean: float
    std: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured of one model, or of grey, or of the truth itself.

    Attributes:
        name: The model's name, or ``grey`` or ``truth``.
        parameters: Number of trained parameters; None where there is no model.
        weights_sha256: Of the file of weights that was measured; None where there is none, or
            where the model was given as a colorizer whose file is not known.
        values: Of each metric, its value for each photo, in the report's order.
        overall: Metrics that have one value for all photos together, such as ``fid``.
    """

    name: str
    parameters: int | None = None
    weights_sha256: str | None = None
    values: dict[str, tuple[float, ...]]
    overall: dict[str, float] = dataclasses.field(default_factory=dict)

    def statistics(self) -> dict[str, Statistic]:
        """Return mean and standard deviation (of the photos, not corrected) of each metric."""
        over_photos = {metric: _statistic(values) for metric, values in self.values.items()}
        return over_photos | {metric: Statistic(value) for metric, value in self.overall.items()}


@dataclass(frozen=True, slots=True)
class Report:
    """What one evaluation gave. Prints as its table.

    Attributes:
        protocol: Name of the rules it was measured by.
        source: Name of the photos' source.
        photos: Name of each photo that was measured.
        broken: Name of each photo that could not be read, and why.
        models: One row per model.
        grey: The row of the photos without colour.
        truth: The row of the photos themselves: colourfulness alone.
    """

    protocol: str
    source: str
    photos: tuple[str, ...]
    broken: tuple[str, ...]
    models: tuple[Row, ...]
    grey: Row
    truth: Row

    def __post_init__(self) -> None:
        for row in (*self.models, self.grey, self.truth):
            for metric, values in row.values.items():
                if len(values) != len(self.photos):
                    raise ValueError(
                        f"{row.name!r} has {len(values)} values of {metric!r} for "
                        f"{len(self.photos)} photos."
                    )

    def __repr__(self) -> str:
        """Say what was measured; the numbers are printed by ``print``."""
        names = ", ".join(row.name for row in self.models) or "no model"
        return f"<Report: {names} on {len(self.photos)} photos of {self.source}, {self.protocol}>"

    def _repr_html_(self) -> str:
        metrics, cells = self._cells()
        headings = ["model", "params", *(metric.full_heading for metric in metrics)]
        return notebook.table(self._title(), headings, cells)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, width: int | None = None) -> str:
        """Return the table as plain text, with a legend and published rows for orientation.

        Args:
            width: The most characters of a line, as far as a name and a number allow. Columns
                that have no room stand below, with the models' names again. Any if left out.
        """
        metrics, cells = self._cells()
        headings = ["model", "params", *(metric.short for metric in metrics)]
        lines = [*_fill(self._title(), width), "", *_align([headings, *cells], width), ""]
        lines += _legend(metrics, width)
        if self.broken:
            told = f"{len(self.broken)} broken photos left out: {'; '.join(self.broken)}"
            lines += ["", *_fill(told, width)]
        shown, published = _published(metrics)
        if shown:
            headings = ["model", *(metric.short for metric in shown)]
            lines += ["", *_fill(f"Not to be compared, {PUBLISHED_ON}:", width), ""]
            lines += _align([headings, *published], width)
        return "\n".join(lines)

    def to_markdown(self) -> str:
        """Return the measured rows as a Markdown table."""
        metrics, cells = self._cells()
        headings = ["model", "params", *(metric.full_heading for metric in metrics)]
        rule = ["---", *("---:" for _ in headings[1:])]
        lines = [f"| {' | '.join(row)} |" for row in (headings, rule, *cells)]
        if self.broken:
            lines += ["", f"{len(self.broken)} broken photos left out"]
        return "\n".join([self._title(), "", *lines])

    def row(self, name: str) -> Row:
        """Return a model's row.

        Raises:
            UnknownNameError: No model of that name was evaluated.
        """
        rows = {row.name: row for row in self.models}
        if name not in rows:
            raise UnknownNameError(
                f"The report has no model {name!r}.{did_you_mean(name, rows)} "
                f"It has: {', '.join(rows) or 'none'}."
            )
        return rows[name]

    def facts(self, name: str) -> EvaluationFacts:
        """Return what a model's ``facts.json`` says of this evaluation.

        Args:
            name: Name of the model's row.

        Raises:
            UnknownNameError: No model of that name was evaluated.
        """
        return EvaluationFacts(
            protocol=self.protocol,
            data=self.source,
            photos=len(self.photos),
            broken=len(self.broken),
            metrics=_rounded(self.row(name)),
            grey=_rounded(self.grey),
            truth=_rounded(self.truth),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, with means and deviations beside the values."""
        values = dataclasses.asdict(self)
        plain_rows = [*values["models"], values[GREY], values[TRUTH]]
        for row, plain in zip(self._rows(), plain_rows, strict=True):
            plain["statistics"] = {
                metric: dataclasses.asdict(statistic)
                for metric, statistic in row.statistics().items()
            }
        listed: dict[str, Any] = json.loads(json.dumps(values))  # tuples to lists
        return listed

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Report:
        """Return the report that :meth:`to_dict` was called on.

        Raises:
            ConfigError: A key is unknown or missing, or a value is of the wrong type.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"A report must be a table of values, not {type(values).__name__}.")
        parts = dict(values)
        for key in (GREY, TRUTH):
            if key in parts:
                parts[key] = _read_row(parts[key])
        if isinstance(parts.get("models"), list):
            parts["models"] = [_read_row(row) for row in parts["models"]]
        return from_dict(cls, parts, where="the report")

    def _rows(self) -> list[Row]:
        return [*self.models, self.grey, self.truth]

    def _title(self) -> str:
        return (
            f"{self.protocol}: {len(self.photos)} photos of {self.source}, 256 x 256, "
            "mean ± standard deviation over photos"
        )

    def _cells(self) -> tuple[list[Metric], list[list[str]]]:
        """Return the metrics that some row has, and the cells of the rows below them."""
        statistics = [_plain(row) for row in self._rows()]
        metrics = METRICS.shown({metric for known in statistics for metric in known})
        return metrics, [
            [row.name, _show_count(row.parameters), *_show(numbers, metrics)]
            for row, numbers in zip(self._rows(), statistics, strict=True)
        ]


def _statistic(values: Sequence[float]) -> Statistic:
    """Return mean and deviation in float64, summed without rounding: no order changes them."""
    mean = math.fsum(values) / len(values)
    return Statistic(mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values)))


def _plain(row: Row) -> dict[str, dict[str, float]]:
    """Return the statistics as plain values, without what there is none of."""
    return {
        metric: {
            key: value for key, value in dataclasses.asdict(statistic).items() if value is not None
        }
        for metric, statistic in row.statistics().items()
    }


def _rounded(row: Row) -> dict[str, dict[str, float]]:
    """Return the statistics with the digits that mean something."""
    return {
        metric: {key: round(value, 4) for key, value in statistic.items()}
        for metric, statistic in _plain(row).items()
    }


def _published(metrics: list[Metric]) -> tuple[list[Metric], list[list[str]]]:
    """Return those metrics that were published too, and the cells of the published rows."""
    known = {metric for numbers in PUBLISHED.values() for metric in numbers}
    shown = [metric for metric in metrics if metric.name in known]
    return shown, [[name, *_show(numbers, shown)] for name, numbers in PUBLISHED.items()]


def _show(statistics: dict[str, dict[str, float]], metrics: Iterable[Metric]) -> list[str]:
    return [metric.show(statistics.get(metric.name), spread=metric.spread) for metric in metrics]


def _show_count(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count / 1e6:.1f} M" if count >= 50_000 else f"{count / 1e3:.1f} k"


def _fill(text: str, width: int | None, hang: int = 0) -> list[str]:
    """Return a text as lines of a width, those after the first moved in."""
    if width is None:
        return [text]
    return textwrap.wrap(
        text, max(width, 2 * hang + 1), subsequent_indent=" " * hang, break_on_hyphens=False
    )


def _legend(metrics: list[Metric], width: int | None) -> list[str]:
    """Return one line for each metric that has a meaning, with an arrow to where better is."""
    told = [metric for metric in metrics if metric.meaning]
    names = max((len(metric.short) for metric in told), default=0)
    lines = []
    for metric in told:
        text = f"{metric.short.ljust(names)} {metric.better or ' '}  {metric.meaning}"
        lines += _fill(text, width, hang=names + 4)
    return lines


def _align(rows: list[list[str]], width: int | None) -> list[str]:
    """Return lines of columns under a rule, the first to the left and numbers to the right.

    Columns beyond the width stand in a table below, beside the first column again.
    """
    widths = [max(len(cells[index]) for cells in rows) for index in range(len(rows[0]))]
    blocks: list[list[int]] = [[]]
    room = math.inf if width is None else width - widths[0]
    left = room
    for index, own in list(enumerate(widths))[1:]:
        if own + 2 > left and blocks[-1]:
            blocks.append([])
            left = room
        blocks[-1].append(index)
        left -= own + 2
    lines: list[str] = []
    for block in blocks:
        rule = "-" * (widths[0] + sum(widths[index] + 2 for index in block))
        shown = [
            "  ".join(
                [cells[0].ljust(widths[0]), *(cells[index].rjust(widths[index]) for index in block)]
            ).rstrip()
            for cells in rows
        ]
        lines += [*([""] if lines else []), shown[0], rule, *shown[1:]]
    return lines


def _read_row(values: Any) -> Row:
    """Read a row, whose statistics follow from its values."""
    where = "a row of the report"
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must be a table, not {type(values).__name__}.")
    row = from_dict(Row, {key: values[key] for key in values if key != "statistics"}, where=where)
    listed: dict[str, Any] = {**row.values, **{key: [row.overall[key]] for key in row.overall}}
    for metric, numbers in listed.items():
        if not isinstance(numbers, list) or any(type(n) not in (int, float) for n in numbers):
            raise ConfigError(f"{where} ({row.name}): {metric} must be a list of numbers.")
    return dataclasses.replace(row, values={key: tuple(row.values[key]) for key in row.values})
