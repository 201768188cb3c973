"""A film in colour: decoded, predicted, steadied, finished and encoded at once, and resumable.

The film is looked through once for its shots. Each shot is worked on in segments, encoded to files
of their own beside the target; when all are there they are joined, with the source's sound, and the
film appears under its name. A job that was stopped goes on at the first segment that is missing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo.errors import ConfigError, VideoError
from colorzoo.jobs.directions import Directions, ShotLook
from colorzoo.jobs.film import probe
from colorzoo.jobs.film_job import FilmJob
from colorzoo.jobs.film_output import Codec, check_target, join
from colorzoo.jobs.frames import join_folders
from colorzoo.jobs.shots import Workplace
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.read import PictureSource
from colorzoo.processes import Processes
from colorzoo.schema import check_whole

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.hints import Hints
    from colorzoo.progress import OnProgress


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How a film is coloured, beside how its frames are.

    Attributes:
        steadiness: 0, every frame for itself, to 1: how much of the colours is carried from frame
            to frame along the motion.
        every: Predict every so many frames; the colours of those between are carried.
        codec: How it is encoded; what the target's suffix suggests if None.
        deinterlace: Make whole pictures of interlaced ones.
        compare: Show grey and colour side by side.
        seconds: Colour only the first so many seconds.
        rate: Frames a second of a folder of pictures; 24 if None. A film has its own.
        max_pixels: Refuse a film whose frames have more of them, before one is decoded.

    Raises:
        ConfigError: One of them is out of range.
    """

    steadiness: float = 0.95
    every: int = 1
    codec: Codec | None = None
    deinterlace: bool = False
    compare: bool = False
    seconds: float | None = None
    rate: float | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.steadiness <= 1.0:
            raise ConfigError(f"steadiness must be 0 to 1, not {self.steadiness}.")
        check_whole("every", self.every)
        for name, value in (("seconds", self.seconds), ("rate", self.rate)):
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"{name} must be above 0, not {value}.")


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What became of a film.

    Attributes:
        target: The coloured film.
        frames: How many it has.
        shots: First frame of each shot.
        seconds: How long this job took.
        notes: What a person should know.
    """

    target: Path
    frames: int
    shots: tuple[int, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """How much there was to colour and how long it took: ``"36 frames in 3 shots, 12 s"``."""
        frames, shots = counted(self.frames, "frame"), counted(len(self.shots), "shot")
        return f"{frames} in {shots}, {self.seconds:.0f} s"


def counted(count: int, thing: str) -> str:
    """Return, say, "1 shot" or "2 shots"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def colorize_video(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions | None = None,
    video: VideoOptions | None = None,
    *,
    looks: Sequence[ShotLook] = (),
    hints: Mapping[int, Hints] | None = None,
    reference: PictureSource | None = None,
    overwrite: bool = False,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> VideoReport:
    """Colour a film.

    Every frame keeps its size, its time and its lightness; sound, subtitles, chapters and metadata
    are copied. The film appears under its name only when it is whole. Processes that ``accelerate
    launch`` started share the shots; all must call this.

    Args:
        colorizer: What colours the frames.
        source: The film, or a folder of pictures, its frames in the order of their names.
        target: Where the coloured one goes: .mp4, .m4v, .mov or .mkv, or a folder, whose pictures
            keep the names and formats of the source's.
        options: How frames are coloured; ``batch_size`` is how many are predicted at once.
        video: How the film is.
        looks: Shots that are coloured otherwise.
        hints: Colours for places of frames, by the frames' numbers from 0, in the upright frame's
            own pixels. They follow what moves, to the end of the shot.
        reference: A picture in colour to take colours from.
        overwrite: Replace ``target``, and what an earlier job left half done.
        resume: Go on where an earlier job with the same settings was stopped.
        on_progress: Told how many frames are done, in the main process; before that, while the film
            is looked through for its cuts, how many were ``looked_at``.

    Raises:
        VideoError: The film cannot be read or the target not written, or there is nothing to
            resume, or something else.
        ConfigError: What is said of a shot or a frame does not fit the film, or its model does
            not take it.
        PictureError: A reference cannot be read, or has no colours.
        MissingDependencyError: The extra ``video`` is not installed.
    """
    began = time.monotonic()
    options, video = options or ColorizeOptions(), video or VideoOptions()
    directions = Directions(colorizer, options, looks, hints, reference)
    processes = Processes()
    job = _begin(
        *(source, target, directions, options, video, processes, overwrite, resume), on_progress
    )
    notes = (*job.film.notes, *job.plan.notes, *_finish(job, target, processes, on_progress))
    return VideoReport(target, job.plan.frames, job.plan.shots, time.monotonic() - began, notes)


def _begin(
    source: Path,
    target: Path,
    directions: Directions,
    options: ColorizeOptions,
    video: VideoOptions,
    processes: Processes,
    overwrite: bool,
    resume: bool,
    on_progress: OnProgress | None,
) -> FilmJob:
    """Return what is to be done; whatever is wrong with it is said before anything is written."""
    codec = check_target(target, video.codec)
    film = probe(source, video.rate, video.max_pixels)
    _check_place(source, target, overwrite=overwrite)
    settings = {**_plain(options), **asdict(video), **directions.settings(), "codec": codec}
    work = Workplace(target)
    if overwrite and not resume and processes.is_main:
        work.remove()
    plan = processes.from_main(
        lambda: work.open_plan(
            film,
            settings,
            moments=directions.moments,
            check=lambda plan: directions.check(plan, film),
            resume=resume,
            on_progress=on_progress,
        )
    )
    return FilmJob(film, plan, work, directions, options, video, codec)


def _finish(
    job: FilmJob, target: Path, processes: Processes, on_progress: OnProgress | None
) -> list[str]:
    """Make what is missing of a film, and the film of its segments; return notes.

    Raises:
        VideoError: Something cannot be written.
    """
    try:
        notes = list(dict.fromkeys(processes.gather(job.run(processes, on_progress))))
        if processes.is_main:
            notes += _join_all(job, target)
    except (OSError, ValueError) as error:
        raise VideoError(
            f"Cannot write {target}: {getattr(error, 'strerror', None) or error}. What is done is "
            f"kept in {job.work.folder}; make room there and go on with resume."
        ) from error
    return notes


def _join_all(job: FilmJob, target: Path) -> list[str]:
    """Make the film of its segments, under its name when it is whole."""
    paths = [job.work.segment(number) for number in range(len(job.plan.segments()))]
    notes: list[str] = []
    if check_target(target, None) is None:
        join_folders(paths, job.work.folder / "joined", target)
    else:
        beside = job.work.folder / f"joined{target.suffix}"
        notes = join(paths, job.film, beside, shortened=job.plan.shortened)
        beside.replace(target)
    job.work.remove()
    return notes


def _plain(options: ColorizeOptions) -> dict[str, object]:
    """Return what of the options changes a film, as plain values; the rest are directions."""
    return {
        "working_size": options.working_size,
        "restore_tones": options.restore_tones,
        "denoise": options.denoise,
        "vividness": options.vividness,
    }


def _check_place(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.exists() and target.samefile(source):
        raise VideoError(f"{target} is the film itself, which is never overwritten. Give another.")
    is_empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not is_empty and not overwrite:
        raise VideoError(f"{target} is there already. Give another name, or overwrite it.")
