"""The settings of a training run: frozen dataclasses read from TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from colorzoo import schema
from colorzoo.data.settings import DataSettings
from colorzoo.modelfolder.format import ImageSettings
from colorzoo.schema import required, setting
from colorzoo.training.config_file import apply_override, read_settings
from colorzoo.training.phases import Phase, check_phases, refuse_old_form

Precision = Literal["no", "bf16", "fp16"]
PixelLoss = Literal["l1", "huber"]
Adversarial = Literal["bce", "lsgan", "hinge"]
Decay = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, slots=True)
class ModelSection:
    """Which generator, its own settings, and what its weights start from."""

    name: str = required("Registered name; `colorzoo list` shows them.", example="attention-unet")
    config: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "Settings of the generator; the rest are defaults."}
    )
    weights: str | None = setting(
        None,
        "Model to go on from, as in colorzoo.load: name, owner/repo, ./folder.",
        example="./runs/first/model",
    )


@dataclass(frozen=True, slots=True)
class DiscriminatorSection:
    """Which discriminator, where a phase has an adversarial loss, and its own settings."""

    name: str = setting("patch", "Registered name: patch, pixel, multiscale, or a plug-in's.")
    config: dict[str, Any] = field(
        default_factory=dict,
        metadata={"help": "Settings of the discriminator; the rest are defaults."},
    )


@dataclass(frozen=True, slots=True)
class LossSection:
    """How each loss is computed; their weights stand in the phases."""

    pixel: PixelLoss = setting("l1", "Distance of chroma, in scaled units.")
    emphasis: float = setting(
        0.0, "How much more a saturated pixel counts: weight 1 + emphasis x scaled chroma."
    )
    adversarial: Adversarial = setting("bce", "Kind of adversarial loss.")
    real_label: float = setting(0.9, "Target of real pictures under bce and lsgan (smoothing).")
    class_evenness: float = setting(
        0.5, "Of the loss classes: share of an even distribution in how common a colour counts."
    )
    class_rarity: float = setting(
        0.5, "Of the same: 0 weighs all colours alike, 1 by the inverse of how common they are."
    )
    teacher: str | None = setting(
        None,
        "Of the loss distillation: the model that is learned from, as in colorzoo.load; it has a "
        "distribution too.",
        example="lite-unet-gan",
    )

    def __post_init__(self) -> None:
        _check_not_negative(self, "emphasis", "class_rarity")
        if not 0.0 < self.class_evenness <= 1.0:
            raise ValueError("class_evenness must lie above 0 and at most at 1.")
        if not 0.5 < self.real_label <= 1.0:
            raise ValueError("real_label must lie above 0.5 and at most at 1.")


@dataclass(frozen=True, slots=True)
class OptimizerSection:
    """Adam for both networks, and how learning rates rise and fall."""

    name: Literal["adam", "adamw"] = setting(
        "adam", "adamw takes weight decay apart from the gradient (Loshchilov 2019)."
    )
    learning_rate: float = setting(2e-4, "Learning rate of the generator.")
    discriminator_learning_rate: float = setting(2e-4, "Learning rate of the discriminator.")
    betas: tuple[float, float] = setting((0.5, 0.999), "Adam's decay rates.")
    weight_decay: float = setting(0.0, "Weight decay of the generator.")
    decay: Decay = setting("linear", "How learning rates fall to zero.")
    decay_start: float = setting(0.5, "Share of the steps after which they begin to fall.")
    rampup_steps: int = setting(0, "Steps over which learning rates rise from zero.")
    schedule: Literal["run", "phase"] = setting(
        "run", "Whether they rise and fall once over the whole run, or anew in each phase."
    )
    clip: float = setting(0.0, "Largest gradient norm; 0 for no clipping.")
    ema: float = setting(0.999, "Decay of the weights' moving average; 0 for none.")

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "discriminator_learning_rate")
        _check_not_negative(self, "clip", "rampup_steps", "weight_decay")
        if not (0.0 <= self.decay_start <= 1.0 and 0.0 <= self.ema < 1.0):
            raise ValueError("decay_start must lie in 0..1, and ema in 0..1 without 1.")
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError("betas must lie in 0..1 without 1.")


@dataclass(frozen=True, slots=True)
class RunSection:
    """Where to, and how."""

    folder: str = required("Run folder; everything the run writes goes there.", example="runs/one")
    seed: int = setting(0, "Fixes initial weights, data order and augmentation.")
    precision: Precision = setting("no", "Autocast of the networks; losses are always fp32.")
    accumulation: int = setting(1, "Batches per optimizer step.")
    channels_last: bool = setting(True, "Memory layout; quicker on most devices.")
    compile: bool = setting(False, "Compile both networks with torch.compile.")
    device: Literal["auto", "cpu"] = setting("auto", "cpu keeps off an accelerator.")
    trackers: tuple[str, ...] = setting(
        (), "Where else numbers go, by Accelerate's names: tensorboard, wandb, trackio, ..."
    )
    log_every: int = setting(50, "Steps between lines in metrics.jsonl, the means of their losses.")
    validate_every: int = setting(1000, "Steps between validations and sample sheets; 0 for none.")
    checkpoint_every: int = setting(1000, "Steps between checkpoints.")
    keep_checkpoints: int = setting(2, "Newest checkpoints that are kept.")

    def __post_init__(self) -> None:
        _check_positive(self, "accumulation", "log_every", "checkpoint_every", "keep_checkpoints")
        _check_not_negative(self, "validate_every")
        if not 0 <= self.seed < 2**32:  # what numpy's legacy generator takes
            raise ValueError(f"seed must be 0 to {2**32 - 1}, not {self.seed}.")
        if not self.folder.strip():
            raise ValueError("folder must not be empty.")
        if "\0" in self.folder:
            raise ValueError("folder must not hold a null byte.")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """All settings of a training run.

    Make one with :meth:`from_file` or :meth:`from_values`. ``colorzoo train --example`` prints a
    file in which each setting is explained with its unit, range and default.

    Attributes:
        model: The generator that is trained, its config, and weights that it starts from.
        data: The photos, and how squares are cut from them.
        run: The run's folder, device, precision and seed, and how often what is written.
        phase: The phases of the run in their order: each its steps and losses.
        discriminator: The discriminator, for phases with the loss ``adversarial``.
        loss: Settings of the losses.
        optimizer: Learning rates and how they change.
    """

    model: ModelSection
    data: DataSettings
    run: RunSection
    phase: tuple[Phase, ...]
    discriminator: DiscriminatorSection = field(default_factory=DiscriminatorSection)
    loss: LossSection = field(default_factory=LossSection)
    optimizer: OptimizerSection = field(default_factory=OptimizerSection)

    def __post_init__(self) -> None:
        check_phases(self.phase)
        ImageSettings(working_size=self.working_size)  # what the model will say of itself

    @classmethod
    def from_file(cls, path: str | Path, overrides: list[str] | None = None) -> TrainingConfig:
        """Read a training config from a TOML file.

        Args:
            path: The file; as in :func:`~colorzoo.training.config_file.read_settings`, it may
                extend another.
            overrides: Settings that win over the file's, each ``section.key=value`` with the value
                in TOML; a bare word is taken as text, nothing takes the key out. Phases are
                numbered from 0: ``phase.0.steps=100``.

        Raises:
            ConfigError: The file is absent or malformed, or a key or value is wrong.
        """
        path = Path(path)
        values = read_settings(path)
        if not overrides:
            return cls.from_values(values, where=path.name)
        for override in overrides:
            apply_override(values, override)
        return cls.from_values(values, where=f"{path.name} with {', '.join(overrides)}")

    @classmethod
    def from_values(cls, values: dict[str, Any], *, where: str) -> TrainingConfig:
        """Check the tables of a config, read from ``where``.

        Raises:
            ConfigError: A key or value is wrong.
        """
        refuse_old_form(values, where=where)
        return schema.from_dict(cls, values, where=where)

    @property
    def steps(self) -> int:
        """Optimizer steps of all phases."""
        return sum(phase.steps for phase in self.phase)

    @property
    def working_size(self) -> int:
        """Side, in pixels, of the squares of the last phase: the model's working size."""
        return self.phase[-1].size or self.data.size

    @property
    def adversarial(self) -> bool:
        """Whether any phase needs a discriminator."""
        return any(phase.adversarial for phase in self.phase)

    def phase_at(self, step: int) -> tuple[int, int]:
        """Return the number of the phase of the step after ``step``, and where that phase begins.

        Args:
            step: Steps taken, 0 to the last; after the last it is the last phase.
        """
        begin = 0
        for number, phase in enumerate(self.phase[:-1]):
            if step < begin + phase.steps:
                return number, begin
            begin += phase.steps
        return len(self.phase) - 1, begin


def _check_positive(section: Any, *names: str) -> None:
    for name in names:
        if not getattr(section, name) > 0:
            raise ValueError(f"{name} must be above 0, not {getattr(section, name)}.")


def _check_not_negative(section: Any, *names: str) -> None:
    for name in names:
        if not getattr(section, name) >= 0:
            raise ValueError(f"{name} must not be negative, but is {getattr(section, name)}.")
