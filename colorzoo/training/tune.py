"""A search for better settings: many short runs, chosen by Optuna from ranges in TOML.

The only file that imports ``optuna``.
"""

from __future__ import annotations

import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from colorzoo import schema
from colorzoo.errors import ColorzooError, ConfigError, MissingDependencyError, TrainingError
from colorzoo.progress import OnProgress
from colorzoo.schema import setting
from colorzoo.training.checkpoints import Checkpoints
from colorzoo.training.config import TrainingConfig
from colorzoo.training.config_file import read_settings, set_value, write_config
from colorzoo.training.logbook import read_metrics
from colorzoo.training.trainer import train

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_STORAGE = "study.db"


@dataclass(frozen=True, slots=True)
class TuneSection:
    """The table ``[tune]``: what is searched, and what counts as better.

    ``space`` has a range for each key that is searched.
    """

    space: dict[str, Any]
    metric: str = setting("val_psnr", "Any number of metrics.jsonl; its last value counts.")
    direction: Literal["maximize", "minimize"] = setting("maximize", "Which way is better.")
    prune: bool = setting(True, "End runs whose validations are worse than most before them.")
    seed: int = setting(0, "Fixes which settings are tried.")


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones if both are whole."""

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError("low must not be above high.")
        if self.log and not self.low > 0:
            raise ValueError("low must be above 0 where log = true.")


@dataclass(frozen=True, slots=True)
class Choices:
    """A few values of any kind."""

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("choices must not be empty.")


@dataclass(frozen=True, slots=True)
class BestRun:
    """The best run of a search.

    Attributes:
        settings: Its values by key, as in ``{"optimizer.learning_rate": 3e-4}``.
        value: Its metric.
        folder: Its run folder.
        config: A file with all settings, its values among them, for ``colorzoo train``.
    """

    settings: dict[str, Any]
    value: float
    folder: Path
    config: Path


@dataclass(frozen=True, slots=True)
class TuneResult:
    """Where a search stands.

    Attributes:
        best: None if a signal came before any run was complete.
        runs: How many runs have ended, by how: ``complete``, ``pruned``, ``fail``.
        signal: The signal that stopped the search, or None.
    """

    best: BestRun | None
    runs: dict[str, int]
    signal: int | None


def tune(
    path: str | Path, *, trials: int, report: Callable[[str], None] | None = None
) -> TuneResult:
    """Search the settings of a recipe until so many runs have ended, earlier searches included.

    All is kept in the recipe's run folder: each run in a folder of its own, and the search in a
    data base. A search that was stopped or killed goes on when it is started again, with the run it
    was in. A run that fails is noted, and the search goes on.

    Args:
        path: A recipe with a table ``[tune]``, see :class:`TuneSection`; in ``[tune.space]`` each
            key of the config has ``{low = ..., high = ..., log = true}`` or ``{choices = [...]}``.
        trials: Runs of the search in all. Only one search at a time may work in a folder.
        report: Called with a line on each run that has ended.

    Raises:
        ConfigError: The recipe, a key or a range is wrong, or there is no such metric.
        TrainingError: No run has come to its end.
        MissingDependencyError: The extra ``tune`` or ``train`` is not installed.
    """
    return _Search(Path(path), report or (lambda line: None)).run(trials)


class _Search:
    """One search: the recipe, the ranges, and Optuna's study."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ConfigError("A search runs in one process. Start it without a launcher.")
        self.where, self.report = path.name, report
        self.values = read_settings(path)
        if "tune" not in self.values:
            raise ConfigError(f"{path} lacks the table [tune]; add it, with a [tune.space].")
        self.section = schema.from_dict(
            TuneSection, self.values.pop("tune"), where=f"{self.where}: tune"
        )
        if not self.section.space:
            raise ConfigError(f"{path}: [tune.space] is empty; give a range for each key to tune.")
        self.space = {
            key: _read_space(values, f"{self.where}: tune.space: {key}")
            for key, values in self.section.space.items()
        }
        first = {
            key: space.choices[0] if isinstance(space, Choices) else space.low
            for key, space in self.space.items()
        }
        self.folder = Path(self._config(first).run.folder).expanduser()
        self.signal: int | None = None

    def run(self, trials: int) -> TuneResult:
        """Run until so many runs have ended, or until a signal comes."""
        self.study = self._open_study()
        self._queue_stopped()
        while self.signal is None and len(self._ended()) < trials:
            self._run_one(self._ask())
        ended = self._ended()
        runs = Counter(trial.state.name.lower() for trial in ended)
        best = self._best() if runs["complete"] else None
        if best is None and self.signal is None:
            raise TrainingError(
                f"None of the {len(ended)} runs in {self.folder} came to its end. "
                f"The last: {ended[-1].user_attrs.get('error', 'pruned')}"
            )
        return TuneResult(best, dict(runs), self.signal)

    def _open_study(self) -> Study:
        try:
            import optuna
        except ImportError as error:
            raise MissingDependencyError("optuna", extra="tune", purpose="Tuning") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True)
        pruner = optuna.pruners.MedianPruner() if self.section.prune else optuna.pruners.NopPruner()
        study = optuna.create_study(
            study_name="colorzoo",
            storage=f"sqlite:///{(self.folder / _STORAGE).absolute()}",
            direction=self.section.direction,
            load_if_exists=True,
            pruner=pruner,
        )
        # A search that goes on must not draw again the numbers it began with.
        study.sampler = optuna.samplers.TPESampler(seed=self.section.seed + len(study.trials))
        return study

    def _queue_stopped(self) -> None:
        """Queue the runs in which the search was stopped once more, with the folders they had."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
            if "folder" in trial.user_attrs:
                self.study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)

    def _ended(self) -> list[FrozenTrial]:
        """Return the runs that have ended; of one that was queued again, the later trial counts."""
        by_folder = {
            trial.user_attrs["folder"]: trial
            for trial in self.study.get_trials()
            if "folder" in trial.user_attrs
        }
        return [trial for trial in by_folder.values() if trial.state.is_finished()]

    def _ask(self) -> Trial:
        try:
            trial = self.study.ask({key: _distribution(space) for key, space in self.space.items()})
        except ValueError as error:
            raise ConfigError(
                f"{self.where}: the choices differ from those the search in {self.folder} began "
                "with. Restore them, or choose another run.folder."
            ) from error
        if "folder" not in trial.user_attrs:
            trial.set_user_attr("folder", f"trial-{trial.number:04d}")
        return trial

    def _run_one(self, trial: Trial) -> None:
        """Train with the trial's settings and tell the study what came of it."""
        from optuna import TrialPruned
        from optuna.trial import TrialState

        folder = self.folder / trial.user_attrs["folder"]
        settings = _settings_of(trial.params)
        try:
            config = self._config({**settings, "run.folder": str(folder)})
            resume = Checkpoints(folder / "checkpoints", keep=1).latest() is not None
            result = train(config, resume=resume, on_progress=self._pruner_of(trial, config))
        except TrialPruned:
            self.study.tell(trial, state=TrialState.PRUNED)
            self.report(f"{folder.name}: pruned, {_show(settings)}")
            return
        except MissingDependencyError:
            raise
        except (ColorzooError, RuntimeError) as error:  # RuntimeError: such as memory that ran out
            trial.set_user_attr("error", str(error))
            self.study.tell(trial, state=TrialState.FAIL)
            self.report(f"{folder.name}: failed, {_show(settings)}: {error}")
            return
        if result.model is None:
            self.signal = result.signal
            return
        value = self._measure(folder)
        self.study.tell(trial, value)
        self.report(f"{folder.name}: {self.section.metric} {value:g}, {_show(settings)}")

    def _pruner_of(self, trial: Trial, config: TrainingConfig) -> OnProgress:
        """Return what ends a run whose validation is worse than most before it."""
        from optuna import TrialPruned

        every = config.run.validate_every

        def on_progress(done: int, total: int | None, numbers: Mapping[str, float]) -> None:
            validated = done > 0 and every > 0 and (done % every == 0 or done == total)
            if validated and self.section.metric in numbers:
                trial.report(numbers[self.section.metric], done)
                if trial.should_prune():
                    raise TrialPruned

        return on_progress

    def _measure(self, folder: Path) -> float:
        metric = self.section.metric
        lines = read_metrics(folder)
        values = [line[metric] for line in lines if metric in line]
        if not values:
            known = sorted({name for line in lines for name in line} - {"step"})
            raise ConfigError(
                f"{self.where}: tune.metric = {metric!r} is not among the numbers of a run: "
                f"{', '.join(known)}."
            )
        return values[-1]

    def _best(self) -> BestRun:
        trial = self.study.best_trial
        settings = _settings_of(trial.params)
        config = self.folder / "best.toml"
        write_config(self._config({**settings, "run.folder": str(self.folder / "best")}), config)
        return BestRun(
            settings=settings,
            value=self.study.best_value,
            folder=self.folder / trial.user_attrs["folder"],
            config=config,
        )

    def _config(self, settings: Mapping[str, Any]) -> TrainingConfig:
        values = copy.deepcopy(self.values)
        for key, value in settings.items():
            set_value(values, key, value)
        return TrainingConfig.from_values(values, where=self.where)


def _read_space(values: Any, where: str) -> Range | Choices:
    if isinstance(values, dict) and "choices" in values:
        return schema.from_dict(Choices, values, where=where)
    return schema.from_dict(Range, values, where=where)


def _distribution(space: Range | Choices) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(space, Choices):
        # As JSON: the data base keeps plain values alone, and a choice may be a list.
        return CategoricalDistribution([json.dumps(choice) for choice in space.choices])
    if isinstance(space.low, int) and isinstance(space.high, int):
        return IntDistribution(space.low, space.high, log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def _settings_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial's values by key, choices out of their JSON."""
    return {
        key: json.loads(value) if isinstance(value, str) else value for key, value in params.items()
    }


def _show(settings: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in settings.items()
    )
