"""The models of this zoo, read off their folders: no torch, no network."""

from __future__ import annotations

import fnmatch
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colorzoo.errors import UnknownNameError, did_you_mean
from colorzoo.modelfolder.card import read_card
from colorzoo.modelfolder.facts import read_facts
from colorzoo.modelfolder.format import CONFIG_FILE, WEIGHTS_FILE, read_model_file
from colorzoo.registry import METHODS
from colorzoo.schema import from_dict, read_json
from colorzoo.zoo.folders import zoo_folders
from colorzoo.zoo.licenses import allows_commercial_use, is_under

PIN_FILE = "pin.json"

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the zoo knows of one model without loading it.

    Attributes:
        name: The name that ``colorzoo.load`` takes.
        architecture: Name of its architecture.
        working_size: Shorter side in pixels of the picture the generator sees.
        description: One sentence, or None where nothing is noted.
        license: SPDX identifier of the weights' licence, or None where nothing is noted.
        parameters: Number of trained parameters, or None where nothing is noted.
        size: Bytes of the weights on disk, or None where they are not here.
        folder: Where it lies.
        metrics: Mean of each metric on the photos that its facts tell of, by the metric's key;
            empty where nothing is noted.
    """

    name: str
    architecture: str
    working_size: int
    description: str | None
    license: str | None
    parameters: int | None
    size: int | None
    folder: Path
    metrics: Mapping[str, float]

    def __repr__(self) -> str:
        psnr = self.metrics.get("psnr")
        shown = {
            "parameters": self.parameters,
            "psnr": None if psnr is None else round(psnr, 2),
            "license": self.license,
        }
        told = "".join(f", {key}={value!r}" for key, value in shown.items() if value is not None)
        return f"ModelInfo({self.name!r}, architecture={self.architecture!r}{told})"

    @property
    def commercial_use(self) -> bool | None:
        """Whether its licence allows commercial use; None where its name does not say it."""
        return allows_commercial_use(self.license)


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What is known of a method without running it.

    Attributes:
        name: The name that ``colorzoo.load`` takes.
        working_size: Shorter side in pixels of the pictures it colours.
        description: One sentence, or None where nothing is noted.
        license: SPDX identifier of the code's licence.
        paper: Author, year and identifier of the work it follows.
        needs: What it colours by: ``"hints"``, ``"reference"``.
        parameters: None were learnt.
    """

    name: str
    working_size: int
    description: str | None
    license: str
    paper: str
    needs: tuple[str, ...]
    parameters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Where the weights of a model lie that the package does not carry: ``pin.json``.

    Attributes:
        repo: ``owner/name`` on the Hub.
        revision: Full commit, so that the files cannot change.
        sha256: Of ``model.safetensors``.
    """

    repo: str
    revision: str
    sha256: str

    def __post_init__(self) -> None:
        if not _COMMIT.fullmatch(self.revision):
            raise ValueError(f"revision must be a full commit, not {self.revision!r}.")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 must have 64 hexadecimal digits, not {self.sha256!r}.")


def model_names() -> list[str]:
    """Return the names of the zoo's models that are installed, sorted."""
    return sorted(_installed())


def missing_names() -> list[str]:
    """Return the names of those models of this zoo that are not installed, sorted."""
    apart = (Path(__file__).with_name("apart.txt")).read_text(encoding="utf-8").split()
    return sorted(set(apart) - set(_installed()))


def model_folder(name: str) -> Path:
    """Return the folder of a model of this zoo by its name, or the folder that a path names.

    Raises:
        UnknownNameError: It is the bare name of no model of this zoo.
    """
    if not is_slug(name):
        return Path(name).expanduser()
    installed = _installed()
    if name not in installed:
        known = sorted(installed)
        if name in missing_names():
            raise UnknownNameError(
                f"The model {name!r} of this zoo is not installed; here are {', '.join(known)}. "
                "Install the others with: pip install 'colorzoo[models]'. Or take it from the Hub "
                "by its repository."
            )
        listed = f"Known: {', '.join(known)}." if known else "The zoo is empty."
        if name in METHODS.names():
            raise UnknownNameError(
                f"{name!r} is a method, which has no weights; here a model is wanted. Colour by it "
                f"with 'colorzoo colorize PHOTO -o RESULT --model {name}'. {listed}"
            )
        raise UnknownNameError(
            f"There is no model called {name!r} in this zoo."
            f"{did_you_mean(name, [*known, *METHODS.names()])} {listed} A folder is written "
            f"'./{name}'."
        )
    return installed[name]


def is_slug(name: str) -> bool:
    """Tell whether a name has the form of a model of this zoo."""
    return _SLUG.fullmatch(name) is not None


def list_models(
    pattern: str | None = None, *, architecture: str | None = None, license: str | None = None
) -> list[ModelInfo]:
    """List the models of this zoo.

    Args:
        pattern: Shell pattern that the name must match, such as ``"attention-*"``.
        architecture: Only models of this architecture.
        license: Only models whose weights are under this licence, an SPDX identifier, or
            ``"commercial-ok"`` for every licence that is known to allow commercial use.

    Raises:
        ConfigError: A model's ``config.json`` or ``facts.json`` is damaged.
    """
    infos = [
        read_info(folder)
        for name, folder in sorted(_installed().items())
        if pattern is None or fnmatch.fnmatchcase(name, pattern)
    ]
    return [
        info
        for info in infos
        if architecture in (None, info.architecture) and is_under(info.license, license)
    ]


def method_infos(pattern: str | None = None, *, license: str | None = None) -> list[MethodInfo]:
    """Return what the registry knows of the methods whose name matches a shell pattern.

    Under a licence alone if one is given, as :func:`list_models` takes it. One whose package is
    broken is left out; :meth:`Registry.broken_plugins` tells of it.
    """
    broken = METHODS.broken_plugins()
    specs = [
        METHODS.get(name)
        for name in METHODS.names()
        if name not in broken and (pattern is None or fnmatch.fnmatchcase(name, pattern))
    ]
    specs = [spec for spec in specs if is_under(spec.license, license)]
    return [
        MethodInfo(
            name=spec.name,
            working_size=spec.config().working_size,
            description=inspect.cleandoc(spec.build.__doc__ or "").partition("\n")[0] or None,
            license=spec.license,
            paper=spec.paper,
            needs=tuple(sorted(spec.build.needs)),
        )
        for spec in specs
    ]


def read_info(folder: Path) -> ModelInfo:
    """Return what a model folder tells of itself: its facts, or else its card.

    Raises:
        ConfigError: ``config.json`` is absent, or it or ``facts.json`` is damaged.
    """
    file = read_model_file(folder)
    facts = read_facts(folder)
    weights = folder / WEIGHTS_FILE
    said = facts.about if facts else read_card(folder)
    measured = facts.evaluation.metrics if facts and facts.evaluation else {}
    return ModelInfo(
        name=folder.resolve().name,
        architecture=file.architecture,
        working_size=file.image.working_size,
        description=said.description,
        license=said.license,
        parameters=facts.parameters if facts else None,
        size=weights.stat().st_size if weights.is_file() else None,
        folder=folder,
        metrics={key: statistic["mean"] for key, statistic in measured.items()},
    )


def _installed() -> dict[str, Path]:
    """Map the name of each model to its folder; the first folder that holds it counts."""
    places: dict[str, Path] = {}
    for zoo in zoo_folders():
        for path in zoo.glob(f"*/{CONFIG_FILE}"):
            places.setdefault(path.parent.name, path.parent)
    return places


def read_pin(folder: Path) -> Pin | None:
    """Return where a model's weights lie on the Hub, or None where its folder does not say.

    Raises:
        ConfigError: ``pin.json`` is damaged.
    """
    path = folder / PIN_FILE
    return from_dict(Pin, read_json(path), where=str(path)) if path.is_file() else None
