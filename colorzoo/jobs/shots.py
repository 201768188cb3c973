"""What of a film is done together, by whom, and what is done already."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.errors import ConfigError, VideoError
from colorzoo.files import replace_text
from colorzoo.jobs.film import Film, small_frames
from colorzoo.jobs.motion import is_cut
from colorzoo.jobs.shot_colors import ShotColors
from colorzoo.progress import OnProgress
from colorzoo.schema import from_dict, read_json

_SEGMENT_FRAMES: Final = 240
"""Frames of a segment at most: what is done again after a stop, and what a player can jump to."""

_SMALL_SIDE: Final = 64
_LOOK_STEP: Final = 48  # frames that are looked through from one word of it to the next
_MISSING_SECONDS: Final = 1.0  # a film may say that it is a little longer than its pictures
_PLAN_FILE: Final = "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments of a film, and what they depend on.

    Attributes:
        source: Size in bytes and time of change of the film or of all its pictures, which tell it
            from another.
        settings: All settings that change what is made, as plain values.
        shots: First frame of each shot.
        starts: When each shot starts, seconds from the film's first frame.
        frames: How many frames there are in all.
        moments: The frame that is shown at each moment that was asked for; None for one that the
            frames do not reach.
        shortened: Whether only the film's beginning was looked at.
        notes: What a person should know.
    """

    source: tuple[int, int]
    settings: dict[str, Any]
    shots: tuple[int, ...]
    starts: tuple[float, ...]
    frames: int
    moments: tuple[int | None, ...] = ()
    shortened: bool = False
    notes: tuple[str, ...] = ()

    def segments(self) -> list[range]:
        """Return the frames of each segment; none is longer than some seconds or crosses a cut."""
        stops = (*self.shots[1:], self.frames)
        return [
            range(start, min(start + _SEGMENT_FRAMES, stop))
            for first, stop in zip(self.shots, stops, strict=True)
            for start in range(first, stop, _SEGMENT_FRAMES)
        ]

    def shot_of(self, frame: int) -> int:
        """Return the number of the shot that a frame belongs to."""
        return int(np.searchsorted(self.shots, frame, side="right")) - 1

    def shares(self, processes: int) -> list[list[int]]:
        """Deal whole shots out to processes: for each the numbers of its segments, rising.

        The longest shot goes first, each to whoever has least, so all end at about the same time.
        """
        segments = self.segments()
        by_shot: dict[int, list[int]] = {}
        for number, span in enumerate(segments):
            by_shot.setdefault(self.shot_of(span.start), []).append(number)
        shares: list[list[int]] = [[] for _ in range(processes)]
        loads = [0] * processes
        lengths = {
            shot: sum(len(segments[n]) for n in numbers) for shot, numbers in by_shot.items()
        }
        for shot in sorted(by_shot, key=lambda shot: -lengths[shot]):
            least = loads.index(min(loads))
            shares[least] += by_shot[shot]
            loads[least] += lengths[shot]
        return [sorted(share) for share in shares]


class Workplace:
    """The folder beside a target that holds what is done of it, until the film is whole.

    Args:
        target: The film that is made.
    """

    def __init__(self, target: Path) -> None:
        self.folder = target.with_name(f"{target.name}.parts")

    def segment(self, number: int) -> Path:
        """Return the file or folder of a segment; it is there once it is whole."""
        return self.folder / f"{number:05}.segment"

    def keep(self, number: int, partial: Path, colors: ShotColors) -> None:
        """Take a whole segment, and with it the colours that the next one goes on from."""
        path = self.segment(number)
        with path.with_suffix(".npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **colors.state())
        partial.replace(path)

    def restore(self, number: int, colors: ShotColors) -> None:
        """Let the colours of a shot go on from the end of a segment."""
        with np.load(self.segment(number).with_suffix(".npz"), allow_pickle=False) as state:
            colors.restore(dict(state))

    def open_plan(
        self,
        film: Film,
        settings: dict[str, Any],
        *,
        moments: Sequence[float] = (),
        check: Callable[[Plan], None] = lambda _: None,
        resume: bool,
        on_progress: OnProgress | None = None,
    ) -> Plan:
        """Return the plan to work on: the one that was stopped, or a new one.

        Args:
            film: What is coloured.
            settings: All that changes what is made, as plain values.
            moments: Seconds from the first frame, as for :func:`make_plan`.
            check: Raises what is wrong with a new plan, before anything is written.
            resume: Go on with the one that was stopped.
            on_progress: As for :func:`make_plan`.

        Raises:
            VideoError: There is nothing to resume, it was made from another film or with other
                settings, or an earlier job is half done and not to be resumed.
        """
        path = self.folder / _PLAN_FILE
        if not resume:
            if path.exists():
                raise VideoError(
                    f"An earlier job was stopped and lies in {self.folder}. Go on with it by "
                    "resume, or begin anew by overwrite."
                )
            plan = make_plan(film, settings, moments, on_progress)
            check(plan)
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_text(path, json.dumps(asdict(plan), indent=2) + "\n")
            return plan
        if not path.exists():
            raise VideoError(f"There is no stopped job in {self.folder}. Start without resume.")
        try:
            plan = from_dict(Plan, read_json(path), where=str(path))
        except ConfigError as error:
            raise VideoError(f"{error} Remove {self.folder} and begin anew.") from error
        if plan.source != _identity(film):
            raise VideoError(
                f"{film.path} is another film than the one that {self.folder} was begun with. "
                "Begin anew by overwrite."
            )
        changed = [key for key, value in settings.items() if plan.settings.get(key) != value]
        if changed:
            raise VideoError(
                f"{self.folder} was begun with another {', '.join(changed)}. Resume with the "
                "same settings, or begin anew by overwrite."
            )
        return plan

    def remove(self) -> None:
        """Remove all that is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def make_plan(
    film: Film,
    settings: dict[str, Any],
    moments: Sequence[float] = (),
    on_progress: OnProgress | None = None,
) -> Plan:
    """Look through a film for its cuts; ``settings["seconds"]`` may hold it to its beginning.

    Args:
        film: The film.
        settings: All that changes what is made, as plain values.
        moments: Seconds from the first frame; the plan tells which frame is shown then.
        on_progress: Told now and then, as the number ``looked_at``, how many frames were looked at;
            of those to colour, none is done and nobody knows how many there are.

    Raises:
        VideoError: It cannot be read.
    """
    seconds = settings.get("seconds")
    shots, starts, count, reached = [0], [0.0], 0, 0.0
    shown: list[int | None] = [None] * len(moments)
    previous: NDArray[np.uint8] | None = None
    start: int | None = None
    shortened = False
    for index, time, small in small_frames(film, side=_SMALL_SIDE):
        start = time if start is None else start
        now = float((time - start) * film.time_base)
        if seconds is not None and now >= seconds:
            shortened = True
            break
        reached = now
        if previous is not None and is_cut(previous, small):
            shots.append(index)
            starts.append(reached)
        previous, count = small, index + 1
        if on_progress is not None and count % _LOOK_STEP == 0:
            on_progress(0, None, {"looked_at": count})
        shown = [index if now <= at else last for at, last in zip(moments, shown, strict=True)]
    end = reached + float(1 / film.rate)  # the last frame is shown for a while too
    shown = [frame if at < end else None for at, frame in zip(moments, shown, strict=True)]
    notes = []
    if film.seconds and not shortened and end < film.seconds - _MISSING_SECONDS:
        notes.append(
            f"it is cut off or damaged: of its {film.seconds:.1f} seconds, {end:.1f} could be "
            "decoded"
        )
    return Plan(
        source=_identity(film),
        settings=settings,
        shots=tuple(shots),
        starts=tuple(starts),
        frames=count,
        moments=tuple(shown),
        shortened=shortened,
        notes=tuple(notes),
    )


def _identity(film: Film) -> tuple[int, int]:
    states = [file.stat() for file in film.files or (film.path,)]
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)
