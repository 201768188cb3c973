"""Checkpoints of a run: written beside, then renamed, so that a kill leaves the last good one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from colorzoo.errors import TrainingError
from colorzoo.files import sync_folder

if TYPE_CHECKING:
    from accelerate import Accelerator

_PARTIAL = ".partial"
_DRAWS = "draws.json"


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

    def save(self, accelerator: Accelerator, step: int, photos_per_step: int) -> None:
        """Write the state of everything the accelerator has prepared, and drop old checkpoints.

        Call it on every process.

        Raises:
            TrainingError: The disk is full or cannot be written; the last checkpoint is untouched.
        """
        partial = self.folder / f"step-{step}{_PARTIAL}"
        try:
            if accelerator.is_main_process:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                (partial / _DRAWS).write_text(json.dumps({"photos_per_step": photos_per_step}))
            accelerator.wait_for_everyone()
            accelerator.save_state(str(partial))
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                sync_folder(partial)
                shutil.rmtree(self._path(step), ignore_errors=True)
                partial.rename(self._path(step))
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise TrainingError(
                f"The checkpoint of step {step} could not be written to {self.folder}: {error}. "
                "The checkpoints before it are whole; free some space and resume."
            ) from error
        if accelerator.is_main_process:
            for old in self._steps()[: -self.keep]:
                shutil.rmtree(self._path(old), ignore_errors=True)
            for stale in self.folder.glob(f"*{_PARTIAL}"):
                shutil.rmtree(stale, ignore_errors=True)
        accelerator.wait_for_everyone()

    def load(self, accelerator: Accelerator, step: int, path: Path, photos_per_step: int) -> int:
        """Restore everything the accelerator has prepared; return the step.

        Raises:
            TrainingError: The checkpoint is of other networks, or damaged, or its steps were of
                another number of photos, so that the draws to come cannot be told.
        """
        try:
            before = json.loads((path / _DRAWS).read_text())["photos_per_step"]
            accelerator.load_state(str(path))
        except Exception as error:  # what torch raises depends on where a file was cut
            raise TrainingError(
                f"The checkpoint {path} cannot be restored: {error}. Resume with the settings it "
                "was written with, or delete it to go on from the one before."
            ) from error
        if before != photos_per_step:
            raise TrainingError(
                f"The run in {self.folder.parent} took {before} photos a step, and would now take "
                f"{photos_per_step}. Resume with as many processes as before."
            )
        return step

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step}"

    def _steps(self) -> list[int]:
        numbers = (path.name.removeprefix("step-") for path in self.folder.glob("step-*"))
        return sorted(int(number) for number in numbers if number.isdecimal())
