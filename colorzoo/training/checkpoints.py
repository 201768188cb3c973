"""Checkpoints of a run: written beside, then renamed, so that a kill leaves the last good one."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from colorzoo.errors import TrainingError
from colorzoo.files import file_hash, replacing_folder

if TYPE_CHECKING:
    from accelerate import Accelerator

    from colorzoo.training.state import RunState

_VALUES = "state.json"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint on this disk.

    Attributes:
        step: Steps taken when it was written.
        path: Its folder.
    """

    step: int
    path: Path


class Checkpoints:
    """The folder ``checkpoints`` of a run, with one folder ``step-N`` for each that is kept.

    A checkpoint holds safetensors files, ``state.json`` and ``manifest.json``, which has the
    SHA-256 of each of the others. Nothing in it is pickled.

    Args:
        folder: Where they are kept.
        keep: How many of the newest are kept.
    """

    def __init__(self, folder: Path, *, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint, or None."""
        steps = self._steps()
        return Checkpoint(steps[-1], self._path(steps[-1])) if steps else None

    def to_go_on_from(self, *, resume: bool) -> Checkpoint | None:
        """Return the newest checkpoint for a run that resumes, None for one that starts.

        Raises:
            TrainingError: There is none to resume from, or one where a run is to start.
        """
        last = self.latest()
        if last is not None and not resume:
            raise TrainingError(
                f"{self.folder.parent} holds a run already, at step {last.step}. Resume it with "
                "--resume, or choose another run.folder."
            )
        if last is None and resume:
            raise TrainingError(
                f"{self.folder.parent} holds no checkpoint to resume from. Start without --resume."
            )
        return last

    def save(
        self, accelerator: Accelerator, state: RunState, *, step: int, photos_per_step: int
    ) -> None:
        """Write the state of a run, and drop old checkpoints; call it on every process.

        Raises:
            TrainingError: The disk is full or cannot be written; the last checkpoint is untouched.
        """
        files, values = state.collect()
        values |= {"step": step, "photos_per_step": photos_per_step}
        if accelerator.is_main_process:
            try:
                with replacing_folder(self._path(step), entirely=True) as folder:
                    self._write(folder, files, values)
            except (OSError, RuntimeError, SafetensorError) as error:
                raise TrainingError(
                    f"The checkpoint of step {step} could not be written to {self.folder}: "
                    f"{error}. The checkpoints before it are whole; free some space and resume."
                ) from error
            for old in self._steps()[: -self.keep]:
                shutil.rmtree(self._path(old), ignore_errors=True)
            for stale in self.folder.glob(".step-*"):  # of a process that was killed
                shutil.rmtree(stale, ignore_errors=True)
        accelerator.wait_for_everyone()

    def load(self, checkpoint: Checkpoint, state: RunState, *, photos_per_step: int) -> None:
        """Restore the state of a run from a checkpoint.

        Raises:
            TrainingError: The checkpoint is of other networks, or damaged, or its steps were of
                another number of photos, so that the draws to come cannot be told.
        """
        values = self._check(checkpoint)
        if values.get("photos_per_step") != photos_per_step:
            raise TrainingError(
                f"The run in {self.folder.parent} took {values.get('photos_per_step')} photos a "
                f"step, and would now take {photos_per_step}. Resume with as many processes as "
                "before."
            )
        try:
            files = {path.stem: load_file(path) for path in checkpoint.path.glob("*.safetensors")}
            state.restore(files, values)
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, IndexError) as error:
            raise TrainingError(
                f"The checkpoint {checkpoint.path} cannot be restored: {error}. Resume with the "
                f"settings it was written with. {self._way_out(checkpoint)}"
            ) from error

    def _write(self, folder: Path, files: dict[str, Any], values: dict[str, Any]) -> None:
        for name, tensors in files.items():
            storable = {key: tensor.cpu().contiguous() for key, tensor in tensors.items()}
            save_file(storable, folder / f"{name}.safetensors")
        (folder / _VALUES).write_text(json.dumps(values), encoding="utf-8")
        hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
        text = json.dumps({"format": 1, "sha256": hashes}, indent=2)
        (folder / _MANIFEST).write_text(text, encoding="utf-8")

    def _check(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Compare a checkpoint's files with its manifest; return its plain values."""
        path, fault = checkpoint.path, None
        try:
            manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
            hashes = dict(manifest["sha256"])
            there = {file.name for file in path.iterdir()} - {_MANIFEST}
            for name in sorted(there | set(hashes)):
                if name not in there:
                    fault = f"{name} is missing, which its {_MANIFEST} names"
                elif name not in hashes:
                    fault = f"{name} is not in its {_MANIFEST}"
                elif file_hash(path / name) != hashes[name]:
                    fault = f"{name} is not what its {_MANIFEST} says"
                if fault:
                    break
            else:
                values: dict[str, Any] = json.loads((path / _VALUES).read_text(encoding="utf-8"))
                return values
        except (OSError, ValueError, KeyError, TypeError) as error:
            fault = f"its {_MANIFEST} cannot be read ({type(error).__name__}: {error})"
        raise TrainingError(
            f"The checkpoint {path} is damaged: {fault}. {self._way_out(checkpoint)}"
        )

    def _way_out(self, checkpoint: Checkpoint) -> str:
        """Say what there is to go on from without this checkpoint."""
        before = [step for step in self._steps() if step < checkpoint.step]
        if before:
            return f"Delete it to go on from the one before, of step {before[-1]}."
        return "There is none before it to go on from: else start anew in another run.folder."

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step}"

    def _steps(self) -> list[int]:
        numbers = (path.name.removeprefix("step-") for path in self.folder.glob("step-*"))
        return sorted(int(number) for number in numbers if number.isdecimal())
