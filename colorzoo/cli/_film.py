"""What ``colorzoo video`` takes: times, hints of frames, files of shots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.errors import ConfigError

if TYPE_CHECKING:
    from colorzoo.jobs.directions import ShotLook


@dataclass(frozen=True, slots=True)
class _Shot:
    """One entry of a file of shots: ``at`` in seconds, and what is otherwise there."""

    at: float
    model: str | None = None
    saturation: float | None = None
    hints: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class _Shots:
    """What a file of shots holds."""

    shots: tuple[_Shot, ...]


class Seconds(click.ParamType[float]):
    """A length of time: ``10``, ``10s`` or ``1:30``."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        minutes, _, seconds = str(value).removesuffix("s").rpartition(":")
        try:
            length = 60 * float(minutes or 0) + float(seconds)
        except ValueError:
            length = 0.0
        if not 0 < length < float("inf"):
            self.fail(f"{value!r} is no length of time; write 10s or 1:30.", param, ctx)
        return length


class FrameHints(click.ParamType[tuple[int, Path]]):
    """Hints for a frame: ``120:hints.json``."""

    name = "frame:file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, Path]:
        frame, colon, file = str(value).partition(":")
        if not (colon and file and frame.isdecimal()):
            self.fail(
                f"{value!r} does not name a frame and its hints; write 0:hints.json, 0 being the "
                "number of the frame.",
                param,
                ctx,
            )
        return int(frame), Path(file)


def read_looks(path: Path, device: str, dtype: str | None) -> list[ShotLook]:
    """Read a file of shots, and load the models and hints it names; its paths start from it."""
    import colorzoo
    from colorzoo.hints import Hints
    from colorzoo.jobs.directions import ShotLook
    from colorzoo.schema import from_dict, read_json

    if not path.is_file():
        raise ConfigError(f"There is no file of shots {path}. Give a JSON file.")
    shots = from_dict(_Shots, read_json(path), where=str(path)).shots
    models = {shot.model for shot in shots if shot.model is not None}
    loaded = {name: colorzoo.load(name, device=device, dtype=dtype) for name in sorted(models)}
    return [
        ShotLook(
            shot.at,
            loaded[shot.model] if shot.model else None,
            shot.saturation,
            Hints.from_file(path.parent / shot.hints) if shot.hints else None,
            path.parent / shot.reference if shot.reference else None,
        )
        for shot in shots
    ]
