"""What one process does of a film: its segments, decoded, coloured and encoded at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorzoo.jobs.ahead import read_ahead
from colorzoo.jobs.directions import Directions, ShotDirections
from colorzoo.jobs.film import Film, Frame, read_frames
from colorzoo.jobs.film_output import Codec, SegmentWriter
from colorzoo.jobs.frames import FolderWriter
from colorzoo.jobs.shot_colors import SeenFrame, ShotColors
from colorzoo.jobs.shots import Plan, Workplace
from colorzoo.options import ColorizeOptions, Depth
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.predictor import Floats, Prediction, add_vividness, join_guidance
from colorzoo.prepare import working_lightness, working_shape
from colorzoo.processes import Processes

if TYPE_CHECKING:
    from colorzoo.jobs.video import VideoOptions
    from colorzoo.progress import OnProgress

_AHEAD: Final = 8  # frames that wait between two stages; memory does not grow with the film


@dataclass(frozen=True, slots=True, eq=False)
class _ReadFrame:
    """A frame that was decoded and brought to working size.

    Attributes:
        frame: What was decoded.
        picture: It as a picture.
        lightness: (h, w) float32, its L at working size, 0..100.
        shown: (h, w) float32, the L that the predictor is to see.
    """

    frame: Frame
    picture: Picture
    lightness: Floats
    shown: Floats


class FilmJob:
    """What one process does of a film.

    Args:
        film: The film.
        plan: Its segments.
        work: Where they go.
        directions: How shots are coloured.
        options: How frames are.
        video: How the film is.
        codec: How segments are encoded; None makes folders of pictures.

    Attributes:
        film: The same.
        plan: The same.
        work: The same.
    """

    def __init__(
        self,
        film: Film,
        plan: Plan,
        work: Workplace,
        directions: Directions,
        options: ColorizeOptions,
        video: VideoOptions,
        codec: Codec | None,
    ) -> None:
        self.film = film
        self.plan = plan
        self.work = work
        self._options = options
        self._video = video
        self._codec = codec
        self._on_progress: OnProgress | None = None
        self._shots = [directions.of_shot(plan, shot) for shot in range(len(plan.shots))]
        self._hints = directions.hints_of(plan, film)
        self._done = self._total = 0

    def run(self, processes: Processes, on_progress: OnProgress | None) -> list[str]:
        """Make the segments of this process that are not there yet.

        Args:
            processes: Whose work it is.
            on_progress: Told in the main process how many of its frames are done.

        Returns:
            Notes.
        """
        self._on_progress = on_progress if processes.is_main else None
        segments = self.plan.segments()
        mine = self.plan.shares(processes.count)[processes.rank]
        missing = [number for number in mine if not self.work.segment(number).exists()]
        self._total = sum(len(segments[number]) for number in mine)
        self._advance(self._total - sum(len(segments[number]) for number in missing))
        frames = read_ahead(self._read([segments[number] for number in missing]), _AHEAD)
        colors = self._new_colors(0)
        interlaced = False
        for number in missing:
            span = segments[number]
            shot = self.plan.shot_of(span.start)
            if span.start in self.plan.shots:
                colors = self._new_colors(shot)
            elif number - 1 not in missing:
                colors = self._new_colors(shot)
                self.work.restore(number - 1, colors)
            own = islice(frames, len(span))
            interlaced |= self._make_segment(number, own, colors, self._shots[shot])
        if interlaced and not self._video.deinterlace:
            return ["it is interlaced: moving edges are combs, which deinterlacing mends"]
        return []

    def _new_colors(self, shot: int) -> ShotColors:
        reference = self._shots[shot].reference_lab(self._options.working_size)
        return ShotColors(self._video.steadiness, self._video.every, reference)

    def _read(self, spans: Sequence[range]) -> Iterator[_ReadFrame]:
        """Decode frames, and bring them to working size."""
        for frame in read_frames(self.film, spans, deinterlace=self._video.deinterlace):
            picture = read(frame.image)
            colorizer = self._shots[self.plan.shot_of(frame.index)].colorizer
            size = self._options.working_size or colorizer.working_size
            shape = working_shape(picture.height, picture.width, size)
            own, shown = working_lightness([picture], shape, self._options)
            yield _ReadFrame(frame, picture, own[0], shown[0])

    def _make_segment(
        self,
        number: int,
        frames: Iterator[_ReadFrame],
        colors: ShotColors,
        directions: ShotDirections,
    ) -> bool:
        """Colour and encode one segment; tell whether a frame of it was interlaced."""
        partial = self.work.segment(number).with_suffix(".partial")
        interlaced = False
        writer: SegmentWriter | FolderWriter
        if self._codec is None:
            writer = FolderWriter(partial, self.film)
        else:
            writer = SegmentWriter(partial, self.film, self._codec)
        with writer, ThreadPoolExecutor(1) as finisher, ThreadPoolExecutor(1) as encoder:
            waiting: deque[Future[None]] = deque()
            for given, chroma in self._color(frames, colors, directions):
                interlaced |= given.frame.interlaced
                prediction = Prediction(chroma, given.lightness)
                image = finisher.submit(self._finish, given.picture, prediction, directions)
                waiting.append(encoder.submit(_encode, writer, image, given.frame))
                if len(waiting) > _AHEAD:
                    waiting.popleft().result()
                    self._advance(1)
            for future in waiting:
                future.result()
                self._advance(1)
        self.work.keep(number, partial, colors)
        return interlaced

    def _color(
        self, frames: Iterator[_ReadFrame], colors: ShotColors, directions: ShotDirections
    ) -> Iterator[tuple[_ReadFrame, NDArray[np.float32]]]:
        """Yield frames with their steadied chroma; those that are due are predicted together."""
        needs = directions.colorizer.predictor.needs
        while batch := list(islice(frames, self._options.batch_size * self._video.every)):
            seen = [
                colors.see(given.lightness, self._hints.get(given.frame.index)) for given in batch
            ]
            # Where the last of the given colours has left the frame, what it left is carried on.
            due = [colors.is_due(one) and needs <= one.guides for one in seen]
            chosen = [place for place, is_due in enumerate(due) if is_due]
            shown = [batch[place].shown for place in chosen]
            predictions = self._predict(directions, shown, [seen[place] for place in chosen])
            for given, one, is_due in zip(batch, seen, due, strict=True):
                yield given, colors.steady(one, next(predictions) if is_due else None)

    def _predict(
        self, directions: ShotDirections, shown: Sequence[Floats], seen: Sequence[SeenFrame]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the predicted chroma of frames; neighbours with the same guides go together."""
        colorizer = directions.colorizer
        guidance = [add_vividness(one.guidance, self._options.vividness) for one in seen]
        pairs = zip(shown, guidance, strict=True)
        for _, group in groupby(pairs, key=lambda pair: pair[1] and pair[1].kind):
            planes, added = zip(*group, strict=True)
            yield from colorizer.predict(np.stack(planes)[:, None], join_guidance(added))

    def _finish(
        self, picture: Picture, prediction: Prediction, directions: ShotDirections
    ) -> Image.Image:
        """Return a finished frame, beside its grey one if they are compared."""
        colorizer, saturation = directions.colorizer, directions.saturation
        depth: Depth = 8 if self._codec else self._options.depth
        colored = colorizer.finish(picture, prediction, saturation, depth)
        if not self._video.compare:
            return colored
        grey = colorizer.finish(picture, prediction, 0.0, depth)
        pair = [np.asarray(image.convert("RGB")) for image in (grey, colored)]
        return Image.fromarray(np.concatenate(pair, axis=1))

    def _advance(self, frames: int) -> None:
        self._done += frames
        if self._on_progress:
            self._on_progress(self._done, self._total, {})


def _encode(writer: SegmentWriter | FolderWriter, image: Future[Image.Image], frame: Frame) -> None:
    writer.write(image.result(), frame)
