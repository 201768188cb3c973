"""``facts.json``: what is known of a model, from which its card and the zoo's list are made.

A person writes ``about.toml`` (:class:`About`); the rest is measured or was noted by training and
evaluation. Nothing here needs torch but :func:`collect_facts`, which looks into the weights.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from colorzoo.errors import ConfigError, WeightsError
from colorzoo.files import file_hash
from colorzoo.modelfolder.format import WEIGHTS_FILE, read_model_file
from colorzoo.schema import from_dict, read_json, read_toml, to_dict

ABOUT_FILE = "about.toml"
FACTS_FILE = "facts.json"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What a model was trained on.

    Attributes:
        name: Name of the photos' collection.
        terms: Under which terms they may be used, and by whom that is said.
        photos: How many there are.
        url: Where they can be found.
    """

    name: str
    terms: str
    photos: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a person says of a model in ``about.toml``.

    Attributes:
        description: One sentence.
        license: SPDX identifier of the weights' licence.
        recipe: How it was trained, in a sentence or two.
        data: What it was trained on.
        limits: What it does badly, and which subjects come out wrong; one sentence each.
        hardware: What it was trained on, as in ``"one H200"``.
        minutes: How long that took.
        citation: BibTeX of what to cite.
        pictures: Files in the model's folder that the card shows.
    """

    description: str
    license: str
    recipe: str
    data: DataFacts
    limits: tuple[str, ...]
    hardware: str | None = None
    minutes: float | None = None
    citation: str | None = None
    pictures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("description", "license", "recipe"):
            if not getattr(self, key).strip():
                raise ValueError(f"{key} must not be empty.")
        for name in self.pictures:
            if not _PLAIN_NAME.fullmatch(name):
                raise ValueError(f"pictures must be names of files in the folder, not {name!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """What training noted: optimizer steps, and photos seen with repetition."""

    steps: int | None = None
    photos_seen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFacts:
    """What an evaluation measured, as ``Report.facts`` gives it.

    Attributes:
        protocol: Name of the rules it was measured by.
        data: Name of the photos' source.
        photos: How many were measured.
        broken: How many could not be read.
        metrics: Of each metric ``{"mean": ..., "std": ...}`` over photos; no ``std`` where there
            is one value for all.
        grey: The same of the photos without colour.
        truth: The same of the photos themselves.
    """

    protocol: str
    data: str
    photos: int
    broken: int
    metrics: dict[str, dict[str, float]]
    grey: dict[str, dict[str, float]]
    truth: dict[str, dict[str, float]]

    def __post_init__(self) -> None:
        for part in ("metrics", "grey", "truth"):
            for metric, statistic in getattr(self, part).items():
                _check_statistic(f"{part}.{metric}", statistic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What ``facts.json`` holds.

    Attributes:
        format: Version of this format.
        about: What a person says.
        architecture: Name of the architecture in the registry.
        package: Package that brings the architecture; None for colorzoo itself.
        parameters: Number of trained parameters.
        macs: Multiply-accumulates for one square picture of the working size.
        working_size: Shorter side in pixels of the picture the generator sees.
        sha256: Of ``model.safetensors``, so that facts are not taken for those of other weights.
        training: What training noted.
        evaluation: What evaluation measured; None while nothing is.
    """

    format: Literal[1] = 1
    about: About
    architecture: str
    package: str | None = None
    parameters: int
    macs: int
    working_size: int
    sha256: str
    training: TrainingFacts = field(default_factory=TrainingFacts)
    evaluation: EvaluationFacts | None = None


def read_facts(folder: Path) -> Facts | None:
    """Return the facts of a model folder, or None where it has no ``facts.json``.

    Raises:
        ConfigError: ``facts.json`` is damaged, or has an unknown or missing key.
    """
    path = folder / FACTS_FILE
    return from_dict(Facts, read_json(path), where=str(path)) if path.is_file() else None


def read_about(path: Path) -> About:
    """Read ``about.toml``.

    Raises:
        ConfigError: It is absent or damaged, or has an unknown or missing key.
    """
    return from_dict(About, read_toml(path), where=str(path))


def render_facts(facts: Facts) -> str:
    """Return the text of ``facts.json``."""
    return json.dumps(to_dict(facts), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def collect_facts(
    folder: Path, about: About, *, evaluation: EvaluationFacts | None = None
) -> Facts:
    """Measure a model folder, and join that with what is said and what was measured of it.

    Raises:
        WeightsError: The folder's weights are missing or damaged.
        ConfigError: Its config is wrong.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from colorzoo.modelfolder.weights import load_model
    from colorzoo.predictors.network import round_up

    loaded = load_model(folder)
    side = round_up(loaded.image.working_size, loaded.generator.size_multiple)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        loaded.generator(torch.zeros(1, loaded.generator.in_channels, side, side))
    return Facts(
        about=about,
        architecture=loaded.spec.name,
        package=loaded.spec.distribution(),
        parameters=sum(parameter.numel() for parameter in loaded.generator.parameters()),
        macs=counter.get_total_flops() // 2,
        working_size=loaded.image.working_size,
        sha256=file_hash(folder / WEIGHTS_FILE),
        training=_training_facts(folder, loaded.training),
        evaluation=evaluation,
    )


def refresh_facts(
    folder: Path, *, about: About | None = None, evaluation: EvaluationFacts | None = None
) -> Facts:
    """Return what the facts of a model folder have to be now.

    What was measured of the same weights before is kept, and of other weights nothing. Without
    weights in the folder, as where a pin names their place, what is known of them is kept.

    Args:
        folder: The model folder; it is not written to.
        about: What a person says; that of its ``about.toml``, else of its ``facts.json``, if left
            out.
        evaluation: What an evaluation of these weights measured; that of its ``facts.json``, if
            left out.

    Raises:
        ConfigError: Nobody says anything of the model, or a file is damaged.
        WeightsError: The folder's weights are damaged.
    """
    file = read_model_file(folder)
    old = read_facts(folder)
    if about is None:
        about = _said_of(folder, old)
    if old is None or not are_of(folder, old):
        return collect_facts(folder, about, evaluation=evaluation)
    return dataclasses.replace(
        old,
        about=about,
        training=_training_facts(folder, file.training),
        evaluation=evaluation or old.evaluation,
    )


def check_facts(folder: Path, facts: Facts) -> None:
    """Check that facts are those of the weights beside them.

    Raises:
        WeightsError: The weights are missing, or others than those that the facts tell of.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise WeightsError(f"The weights {path} are missing. Copy them there.")
    if file_hash(path) != facts.sha256:
        raise WeightsError(
            f"{folder / FACTS_FILE} tells of other weights than {path}. Evaluate these, and write "
            f"the facts again with: colorzoo card {folder} --evaluation report.json --write"
        )


def _said_of(folder: Path, old: Facts | None) -> About:
    if (folder / ABOUT_FILE).exists():
        return read_about(folder / ABOUT_FILE)
    if old is None:
        raise ConfigError(
            f"{folder} has no {ABOUT_FILE}, which says what only a person knows. Write it there, "
            "or name it with --about: description, license, recipe, limits, and in [data] name "
            "and terms of the training photos."
        )
    return old.about


def are_of(folder: Path, facts: Facts) -> bool:
    """Tell whether measured facts are those of a folder's config, and of its weights if any."""
    file = read_model_file(folder)
    weights = folder / WEIGHTS_FILE
    described = (facts.architecture, facts.working_size)
    if described != (file.architecture, file.image.working_size):
        return False
    return not weights.is_file() or file_hash(weights) == facts.sha256


def _training_facts(folder: Path, noted: dict[str, Any]) -> TrainingFacts:
    kept = {key: noted.get(key) for key in ("steps", "photos_seen")}
    return from_dict(TrainingFacts, kept, where=f"{folder}: training")


def _check_statistic(where: str, statistic: Any) -> None:
    if not isinstance(statistic, dict) or not {"mean"} <= set(statistic) <= {"mean", "std"}:
        raise ValueError(f"{where} must be a mean, and a std if there is one.")
    for key, value in statistic.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{where}.{key} must be a finite number, not {value!r}.")
