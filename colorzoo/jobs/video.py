"""A film in colour: decoded, predicted, steadied, finished and encoded at once, and resumable.

The film is looked through once for its shots. Each shot is worked on in segments, encoded to files
of their own beside the target; when all are there they are joined, with the source's sound, and the
film appears under its name. A job that was stopped goes on at the first segment that is missing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from colorzoo.errors import ConfigError, VideoError
from colorzoo.jobs.ahead import read_ahead
from colorzoo.jobs.film import Film, Frame, probe, read_frames
from colorzoo.jobs.film_output import Codec, SegmentWriter, check_target, join
from colorzoo.jobs.motion import Steadier
from colorzoo.jobs.shots import Plan, Workplace
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.predictor import Prediction
from colorzoo.processes import Processes
from colorzoo.schema import check_whole

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.progress import OnProgress

_AHEAD: Final = 8  # frames that wait between two stages; memory does not grow with the film


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

    Raises:
        ConfigError: One of them is out of range.
    """

    steadiness: float = 0.95
    every: int = 1
    codec: Codec | None = None
    deinterlace: bool = False
    compare: bool = False
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.steadiness <= 1.0:
            raise ConfigError(f"steadiness must be 0 to 1, not {self.steadiness}.")
        check_whole("every", self.every)
        if self.seconds is not None and not self.seconds > 0:
            raise ConfigError(f"seconds must be above 0, not {self.seconds}.")


@dataclass(frozen=True, slots=True)
class ShotLook:
    """How one shot differs from the rest of the film.

    Attributes:
        at: A moment of the shot, seconds from the film's first frame.
        colorizer: What colours it; that of the film if None.
        saturation: Strength of its colours; that of the film if None.
    """

    at: float
    colorizer: Colorizer | None = None
    saturation: float | None = None

    @property
    def model_name(self) -> str | None:
        """What its colorizer is called, if it has one of its own."""
        return None if self.colorizer is None else self.colorizer.name


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


def colorize_video(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions | None = None,
    video: VideoOptions | None = None,
    *,
    looks: Sequence[ShotLook] = (),
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
        source: The film.
        target: Where the coloured one goes: .mp4, .m4v, .mov or .mkv.
        options: How frames are coloured; ``batch_size`` is how many are predicted at once.
        video: How the film is.
        looks: Shots that are coloured otherwise.
        overwrite: Replace ``target``, and what an earlier job left half done.
        resume: Go on where an earlier job with the same settings was stopped.
        on_progress: Told how many frames are done, in the main process.

    Raises:
        VideoError: The film cannot be read or the target not written, or there is nothing to
            resume, or something else.
        MissingDependencyError: The extra ``video`` is not installed.
    """
    began = time.monotonic()
    options, video = options or ColorizeOptions(), video or VideoOptions()
    codec = check_target(target, video.codec)
    film = probe(source)
    _check_place(source, target, overwrite=overwrite)
    processes = Processes()
    work = Workplace(target)
    settings = {**asdict(options), **asdict(video), "codec": codec, "model": colorizer.name}
    settings["looks"] = [[look.at, look.model_name, look.saturation] for look in looks]
    if overwrite and not resume and processes.is_main:
        work.remove()
    plan = processes.from_main(lambda: work.open_plan(film, settings, resume=resume))
    try:
        job = _Job(colorizer, film, plan, work, options, video, codec, looks, on_progress)
        notes = [*film.notes, *plan.notes, *job.run(processes)]
        processes.wait()
        if processes.is_main:
            notes += _join_all(plan, film, work, target, shortened=video.seconds is not None)
    except (OSError, ValueError) as error:
        raise VideoError(
            f"Cannot write {target}: {getattr(error, 'strerror', None) or error}. What is done is "
            f"kept in {work.folder}; make room there and go on with resume."
        ) from error
    return VideoReport(target, plan.frames, plan.shots, time.monotonic() - began, tuple(notes))


@dataclass(slots=True)
class _Job:
    """What one process does of a film."""

    colorizer: Colorizer
    film: Film
    plan: Plan
    work: Workplace
    options: ColorizeOptions
    video: VideoOptions
    codec: Codec
    looks: Sequence[ShotLook]
    on_progress: OnProgress | None
    done: int = 0
    total: int = 0

    def run(self, processes: Processes) -> list[str]:
        """Make the segments of this process that are not there yet; return notes."""
        segments = self.plan.segments()
        mine = self.plan.shares(processes.count)[processes.rank]
        missing = [number for number in mine if not self.work.segment(number).exists()]
        self.total = sum(len(segments[number]) for number in mine)
        self._advance(self.total - sum(len(segments[number]) for number in missing))
        spans = [segments[number] for number in missing]
        frames = read_frames(self.film, spans, deinterlace=self.video.deinterlace)
        pictures = read_ahead(((frame, read(frame.pixels)) for frame in frames), _AHEAD)
        steadier = Steadier(self.video.steadiness)
        interlaced = False
        for number, span in zip(missing, spans, strict=True):
            if span.start in self.plan.shots:
                steadier = Steadier(self.video.steadiness)
            elif number - 1 not in missing:
                self.work.restore(number - 1, steadier)
            shot = self.plan.shot_of(span.start)
            interlaced |= self._make_segment(number, islice(pictures, len(span)), steadier, shot)
        if interlaced and not self.video.deinterlace:
            return ["it is interlaced: moving edges are combs, which deinterlacing mends"]
        return []

    def _make_segment(
        self, number: int, frames: Iterator[tuple[Frame, Picture]], steadier: Steadier, shot: int
    ) -> bool:
        """Colour and encode one segment; tell whether a frame of it was interlaced."""
        partial = self.work.segment(number).with_suffix(".partial")
        interlaced = False
        colorizer, saturation = self._look_of(shot)
        writer = SegmentWriter(partial, self.film, self.codec)
        with writer, ThreadPoolExecutor(1) as finisher, ThreadPoolExecutor(1) as encoder:
            waiting: deque[Future[None]] = deque()
            for frame, picture, prediction in self._predict(colorizer, frames, steadier):
                interlaced |= frame.interlaced
                pixels = finisher.submit(self._finish, picture, prediction, saturation)
                waiting.append(encoder.submit(_encode, writer, pixels, frame.time))
                if len(waiting) > _AHEAD:
                    waiting.popleft().result()
                    self._advance(1)
            for future in waiting:
                future.result()
                self._advance(1)
        self.work.keep(number, partial, steadier)
        return interlaced

    def _look_of(self, shot: int) -> tuple[Colorizer, float]:
        """Return what colours a shot, and how strongly; of two looks for one, the later counts."""
        colorizer, saturation = self.colorizer, self.options.saturation
        for look in self.looks:
            if self.plan.shot_at(look.at) == shot:
                colorizer = look.colorizer or colorizer
                saturation = saturation if look.saturation is None else look.saturation
        return colorizer, saturation

    def _predict(
        self, colorizer: Colorizer, frames: Iterator[tuple[Frame, Picture]], steadier: Steadier
    ) -> Iterator[tuple[Frame, Picture, Prediction]]:
        """Yield frames with their steadied chroma; those that are due are predicted together."""
        every = self.video.every
        while batch := list(islice(frames, self.options.batch_size * every)):
            first = steadier.frames
            due = [(first + place) % every == 0 for place in range(len(batch))]
            pictures = [picture for (_, picture), is_due in zip(batch, due, strict=True) if is_due]
            predictions = iter(colorizer.predict_pictures(pictures, self.options))
            for (frame, picture), is_due in zip(batch, due, strict=True):
                if is_due:
                    prediction = next(predictions)
                    predicted = prediction.chroma.cpu().numpy()
                    lightness = prediction.lightness.cpu().numpy()
                else:
                    predicted = None
                    lightness = picture.resized_lightness(*lightness.shape)
                chroma = steadier.step(lightness, predicted)
                steady = Prediction(torch.from_numpy(chroma), torch.from_numpy(lightness))
                yield frame, picture, steady

    def _finish(
        self, picture: Picture, prediction: Prediction, saturation: float
    ) -> NDArray[np.uint8]:
        """Return the pixels of a finished frame, beside its grey ones if they are compared."""
        shades = (0.0, saturation) if self.video.compare else (saturation,)
        images = [self.colorizer.finish(picture, prediction, shade) for shade in shades]
        return np.concatenate([np.asarray(image.convert("RGB")) for image in images], axis=1)

    def _advance(self, frames: int) -> None:
        self.done += frames
        if self.on_progress:
            self.on_progress(self.done, self.total, {})


def _encode(writer: SegmentWriter, pixels: Future[NDArray[np.uint8]], moment: int) -> None:
    writer.write(pixels.result(), moment)


def _join_all(
    plan: Plan, film: Film, work: Workplace, target: Path, *, shortened: bool
) -> list[str]:
    """Make the film of its segments, under its name when it is whole."""
    paths = [work.segment(number) for number in range(len(plan.segments()))]
    beside = work.folder / f"joined{target.suffix}"
    notes = join(paths, film, beside, shortened=shortened)
    beside.replace(target)
    work.remove()
    return notes


def _check_place(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.exists() and target.samefile(source):
        raise VideoError(f"{target} is the film itself, which is never overwritten. Give another.")
    if target.exists() and not overwrite:
        raise VideoError(f"{target} is there already. Give another name, or overwrite it.")
