"""Checkpoints of a run: written beside, then renamed, so that a kill leaves the last good one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from colorzoo.errors import TrainingError

if TYPE_CHECKING:
    from accelerate import Accelerator

_PARTIAL = ".partial"


class Checkpoints:
    """The folder ``checkpoints`` of a run, with one folder ``step-N`` for each that is kept.

    Args:
        folder: Where they are kept.
        keep: How many of the newest are kept.
    """

    def __init__(self, folder: Path, *, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def latest(self) -> tuple[int, Path] | None:
        """Return step and folder of the newest whole checkpoint, or None."""
        steps = self._steps()
        return (steps[-1], self._path(steps[-1])) if steps else None

    def save(self, accelerator: Accelerator, step: int) -> None:
        """Write the state of everything the accelerator has prepared, and drop old checkpoints.

        Call it on every process.

        Raises:
            TrainingError: The disk is full or cannot be written; the last checkpoint is untouched.
        """
        partial = self.folder / f"step-{step}{_PARTIAL}"
        if accelerator.is_main_process:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        accelerator.wait_for_everyone()
        try:
            accelerator.save_state(str(partial))
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise TrainingError(
                f"The checkpoint of step {step} could not be written to {self.folder}: {error}. "
                "The checkpoints before it are whole; free some space and resume."
            ) from error
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            shutil.rmtree(self._path(step), ignore_errors=True)
            partial.rename(self._path(step))
            for old in self._steps()[: -self.keep]:
                shutil.rmtree(self._path(old))
            for stale in self.folder.glob(f"*{_PARTIAL}"):
                shutil.rmtree(stale, ignore_errors=True)
        accelerator.wait_for_everyone()

    def load(self, accelerator: Accelerator, step: int, path: Path) -> int:
        """Restore everything the accelerator has prepared; return the step.

        Raises:
            TrainingError: The checkpoint is of other networks, or damaged.
        """
        try:
            accelerator.load_state(str(path))
        except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as error:
            raise TrainingError(
                f"The checkpoint {path} cannot be restored: {error}. Resume with the settings it "
                "was written with, or delete it to go on from the one before."
            ) from error
        return step

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step}"

    def _steps(self) -> list[int]:
        numbers = (path.name.removeprefix("step-") for path in self.folder.glob("step-*"))
        return sorted(int(number) for number in numbers if number.isdecimal())
