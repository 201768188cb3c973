"""The only file that imports Accelerate at run time: one Accelerator for one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo import schema
from colorzoo.devices import pick_device
from colorzoo.errors import ConfigError, MissingDependencyError, did_you_mean
from colorzoo.processes import warn_if_alone

if TYPE_CHECKING:
    from accelerate import Accelerator

    from colorzoo.training.config import TrainingConfig


_SHARDING = ("FSDP", "DEEPSPEED", "MEGATRON_LM")


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """Return the Accelerator of a run, with its trackers started and all random states seeded.

    Raises:
        ConfigError: The device cannot do the precision, or a tracker is unknown.
        MissingDependencyError: Accelerate or a tracker's library is not installed.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import set_seed
    except ImportError as error:
        raise MissingDependencyError("accelerate", extra="train", purpose="Training") from error

    run = config.run
    warn_if_alone()
    _check_trackers(run.trackers)
    # One process may train twice; Accelerate would else insist on the first run's precision.
    AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(
            mixed_precision=run.precision,
            gradient_accumulation_steps=run.accumulation,
            # Else Accelerate starts no group of processes on a machine without a GPU.
            cpu=run.device == "cpu" or pick_device("auto").type == "cpu",
            dynamo_backend="inductor" if run.compile else None,
            log_with=list(run.trackers) or None,
            project_dir=str(Path(run.folder).expanduser()),
        )
    except ValueError as error:
        raise ConfigError(
            f"run.precision = {run.precision!r} does not go with this device: {error}. "
            "Use bf16 or no."
        ) from error
    if accelerator.distributed_type.value in _SHARDING:
        raise ConfigError(
            f"{accelerator.distributed_type.value} shards weights among processes, which colorzoo "
            "does not: each holds all. Take it out of the launcher's config."
        )
    set_seed(run.seed, device_specific=True)
    if run.trackers:
        accelerator.init_trackers("colorzoo", config=_flatten(schema.to_dict(config)))
    return accelerator


def end(accelerator: Accelerator) -> None:
    """Let trackers write their last, and wait for all processes.

    Their group goes on to the end of the program, unlike with Accelerate's own ``end_training``: it
    cannot be made twice, and the program may train again or evaluate.
    """
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:
        tracker.finish()


def _check_trackers(names: tuple[str, ...]) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    known = list(LOGGER_TYPE_TO_CLASS)
    available = {str(tracker.value) for tracker in get_available_trackers()}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"run.trackers has an unknown tracker {name!r}.{did_you_mean(name, known)} "
                f"Known: {', '.join(known)}."
            )
        if name not in available:
            raise ConfigError(
                f"The tracker {name!r} is not installed. Install it with: pip install {name}"
            )


def _flatten(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Join nested keys with dots; trackers take numbers, words and truth values only."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value if isinstance(value, (int, float, str)) else str(value)
    return flat
