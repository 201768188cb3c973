"""A run as a row of phases: how many steps each takes, at what size, on which losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from colorzoo.errors import ConfigError
from colorzoo.schema import required, setting

ADVERSARIAL = "adversarial"
"""The loss that needs a discriminator, which is trained beside the generator."""

CLASSES = "classes"
"""The loss on a distribution over colours."""

DISTILLATION = "distillation"
"""The loss on how far that is from another model's."""

ON_LOGITS = frozenset({CLASSES, DISTILLATION})
"""The losses of a distribution: they weigh colours by how common they are in the training photos,
and a phase on them alone predicts no chroma."""

_OLD_KEYS = (
    *("run.steps", "data.warmup_size", "loss.objective", "loss.pixel_weight"),
    *("loss.adversarial_weight", "loss.perceptual_weight", "loss.warmup_steps"),
    "loss.warmup_share",
)


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run: so many steps on these losses. Several follow one another."""

    steps: int = required("Optimizer steps of the phase.", example=20_000)
    losses: dict[str, float] = field(
        default_factory=lambda: {"pixel": 100.0, ADVERSARIAL: 1.0},
        metadata={
            "help": "What the generator is trained on: names of losses (pixel, classes, "
            "distillation, perceptual, adversarial) and their weights."
        },
    )
    size: int | None = setting(
        None, "Side of a training square, pixels; without it data.size.", example=128
    )
    freeze: tuple[str, ...] = setting(
        (),
        "Modules of the generator that stay as they are, such as encoder, encoder.fire2 or "
        "encoder.*.depthwise.",
    )
    learning_rate: float | None = setting(
        None, "Learning rate of the generator; without it the optimizer's.", example=1e-4
    )
    discriminator_learning_rate: float | None = setting(
        None, "The discriminator's; without it the optimizer's.", example=1e-4
    )
    rates: dict[str, float] = field(
        default_factory=dict,
        metadata={
            "help": "Shares of that learning rate for modules of the generator, as in "
            "{ encoder = 0.1 }; the longest name that fits counts."
        },
    )
    mix: float = setting(
        0.0,
        "Of the last phase: share of the weights from the end of the phase before in those that are"
        " released.",
    )

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be above 0, not {self.steps}.")
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be above 0, not {self.size}.")
        for name in ("learning_rate", "discriminator_learning_rate"):
            rate = getattr(self, name)
            if rate is not None and not rate > 0:
                raise ValueError(f"{name} must be above 0, not {rate}.")
        _check_shares("losses", self.losses)
        _check_shares("rates", self.rates)
        if not any(weight > 0 for weight in self.losses.values()):
            raise ValueError("losses must give at least one loss a weight above 0.")
        if not 0.0 <= self.mix < 1.0:
            raise ValueError("mix must lie in 0..1 without 1.")

    @property
    def weights(self) -> dict[str, float]:
        """The losses that count, by name."""
        return {name: float(weight) for name, weight in self.losses.items() if weight > 0}

    @property
    def adversarial(self) -> bool:
        """Whether a discriminator takes part."""
        return ADVERSARIAL in self.weights

    def rate_of(self, name: str) -> float:
        """Return the share of the learning rate for the parameter called ``name``."""
        fitting = [pattern for pattern in self.rates if is_part(name, pattern)]
        return float(self.rates[max(fitting, key=len)]) if fitting else 1.0

    def freezes(self, name: str) -> bool:
        """Tell whether the parameter or module called ``name`` stays as it is."""
        return any(is_part(name, pattern) for pattern in self.freeze)


def is_part(name: str, pattern: str) -> bool:
    """Tell whether a parameter or module is one that a pattern names, or lies in one.

    ``*`` stands for any letters, dots included: ``encoder.*.depthwise`` is all of that name.
    """
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def check_phases(phases: tuple[Phase, ...]) -> None:
    """Raise a ValueError unless the phases go together."""
    if not phases:
        raise ValueError("phase must hold at least one table [[phase]].")
    if any(phase.mix for phase in phases[:-1]) or (len(phases) == 1 and phases[0].mix):
        raise ValueError("mix is of the last of several phases alone.")


def refuse_old_form(values: dict[str, Any], *, where: str) -> None:
    """Raise a ConfigError that shows the new form if a config tells of its phases in the old one.

    Args:
        values: The tables of the config.
        where: Where they were read, for the message.
    """
    given = {
        key: values[section][name]
        for key in _OLD_KEYS
        for section, name in [key.split(".")]
        if isinstance(values.get(section), dict) and name in values[section]
    }
    if given:
        raise ConfigError(
            f"{where}: {', '.join(given)} {'is' if len(given) == 1 else 'are'} said by [[phase]] "
            f"tables now. Take out and write instead: {_new_form(given)}"
        )


def _new_form(given: dict[str, Any]) -> str:
    """Return the phases that old keys stand for."""
    steps, early = given.get("run.steps", 20_000), given.get("loss.warmup_steps", 0)
    losses = {
        name: given.get(f"loss.{name}_weight", default)
        for name, default in (("pixel", 100.0), ("perceptual", 0.0), (ADVERSARIAL, 1.0))
    }
    regression = {name: weight for name, weight in losses.items() if name != ADVERSARIAL}
    last = regression if given.get("loss.objective") == "regression" else losses
    tables = [_table(steps - early if early else steps, last, mix=given.get("loss.warmup_share"))]
    if early:
        tables.insert(0, _table(early, regression, size=given.get("data.warmup_size")))
    return " ".join(tables)


def _table(steps: int, losses: dict[str, float], **others: Any) -> str:
    shown = ", ".join(f"{name} = {weight}" for name, weight in losses.items() if weight)
    lines = ["[[phase]]", f"steps = {steps}", f"losses = {{ {shown} }}"]
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in others.items() if value)])


def _check_shares(key: str, shares: dict[str, float]) -> None:
    for name, share in shares.items():
        if type(share) not in (int, float) or not 0 <= share < float("inf"):
            raise ValueError(f"{key}.{name} must be a number, not negative, not {share!r}.")
