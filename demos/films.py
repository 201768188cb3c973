"""Short clips in colour: the work, and the tool that shows it."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

import colorzoo

from .admission import MAX_BYTES
from .backend import DemoBackend
from .inputs import film_input, message, model_choice, saturation_choice
from .serving import QUIET, WORK, Serving
from .tool import Tool
from .visitor_files import RefusedError
from .wishes import Look

MAX_SECONDS: Final = 10
"""Of a clip; longer ones are coloured so far."""

MAX_FRAMES: Final = 600
"""Of a clip: so many seconds at 60 frames a second."""

MAX_FRAME_PIXELS: Final = 1920 * 1088
"""Of one frame."""

FILM_LIMITS: Final = (
    f"the first {MAX_SECONDS} seconds of a film of up to {MAX_BYTES // 10**6} MB and "
    "1920 x 1080 pixels"
)


@dataclass(frozen=True, slots=True)
class ColoredFilm:
    """A clip in colour.

    Attributes:
        file: The MP4 file.
        notes: How long it took, and what a visitor should know of it.
    """

    file: Path
    notes: tuple[str, ...]


class _StoppedError(RefusedError):
    """The visitor does not want the film any more."""


class Films:
    """Colours visitors' clips, each until it is whole or nobody wants it any more.

    Args:
        backend: The models and where files go.
    """

    def __init__(self, backend: DemoBackend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._stops: dict[str | None, threading.Event] = {}

    @staticmethod
    def can_be_colored() -> bool:
        """Tell whether the extra ``video`` is installed."""
        return all(importlib.util.find_spec(name) for name in ("av", "cv2"))

    def color(
        self,
        path: Path,
        look: Look,
        on_progress: Callable[[int, int], None],
        session: str | None,
        *,
        compare: bool = False,
    ) -> ColoredFilm:
        """Colour the beginning of a film.

        Args:
            path: The film.
            look: How.
            on_progress: Told how many frames of how many are done.
            session: Whose it is, for :meth:`stop`.
            compare: Show grey and colour side by side.

        Raises:
            RefusedError: It has too many frames, or the visitor has stopped it.
            colorzoo.ColorzooError: It is no film, or too large.
        """
        stop = threading.Event()
        with self._lock:
            self._stops[session] = stop

        def go_on(done: int, total: int | None, _: object) -> None:
            if stop.is_set():
                raise _StoppedError("It was stopped.")
            if total is not None and total > MAX_FRAMES:
                raise RefusedError(
                    f"{path.name} has {total} frames in {MAX_SECONDS} seconds; at most "
                    f"{MAX_FRAMES} are taken."
                )
            if total is not None:  # the film is not only looked through
                on_progress(done, total)

        video = colorzoo.VideoOptions(
            compare=compare, seconds=MAX_SECONDS, max_pixels=MAX_FRAME_PIXELS
        )
        try:
            with self._backend.files.new_folder() as folder:
                report = self._backend.colorizer(look.model).video(
                    path,
                    folder / f"{path.stem}-color.mp4",
                    video,
                    saturation=look.saturation,
                    on_progress=go_on,
                )
        finally:
            with self._lock:
                if self._stops.get(session) is stop:
                    del self._stops[session]
        return ColoredFilm(report.target, (f"{report.summary}, {look.model}", *report.notes))

    def stop(self, session: str | None) -> None:
        """Leave off what is done for a visitor."""
        with self._lock:
            if session in self._stops:
                self._stops[session].set()


class OneFilm(Tool):
    """A clip, and a player for what becomes of it.

    Args:
        serving: Visitors' files and messages.
        films: What does the work.
    """

    def __init__(self, serving: Serving, films: Films) -> None:
        super().__init__(serving)
        self._films = films

    def lay_out(self) -> None:
        """Add the tool to the page."""
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                film = film_input(f"Film, the first {MAX_SECONDS} seconds of it")
                model = model_choice(self._serving.backend.labels)
                saturation = saturation_choice()
                compare = gr.Checkbox(label="Grey and colour side by side")
                start = gr.Button("Colour the film", variant="primary", elem_id="start-film")
                stop = gr.Button("Stop", elem_id="stop-film")
            with gr.Column(scale=2, min_width=320):
                player = gr.Video(
                    label="Coloured", interactive=False, buttons=[], height=420, elem_id="film"
                )
                download = gr.DownloadButton("Download film", interactive=False)
                report = gr.Markdown(f"It takes {FILM_LIMITS}.", elem_classes="card")
        results = [player, download, report]
        self._claim(film)
        work = start.click(
            self._color,
            [film, model, saturation, compare],
            results,
            show_progress_on=player,
            **QUIET,
            **WORK,
        )
        stop.click(self._stop, None, report, queue=False, cancels=work, **QUIET)

    def _color(
        self,
        film: str | None,
        model: str,
        saturation: float,
        compare: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  this is how gradio passes it in
    ) -> list[Any]:
        def show(done: int, total: int) -> None:
            progress((done, total), unit="frames")

        look = Look(model, saturation)
        done = color_film(self._serving, self._films, film, look, show, request, compare=compare)
        return [
            str(done.file),
            gr.DownloadButton(value=str(done.file), interactive=True),
            "\n\n".join(done.notes),
        ]

    def _stop(self, request: gr.Request) -> str:
        self._films.stop(request.session_hash)
        return "Stopped."


def color_film(
    serving: Serving,
    films: Films,
    film: str | None,
    look: Look,
    on_progress: Callable[[int, int], None],
    request: gr.Request,
    *,
    compare: bool = False,
) -> ColoredFilm:
    """Colour a visitor's clip; what is wrong with it becomes a message."""
    if film is None:
        raise message("There is no film yet. Add one first.")
    with serving.taking(request, film) as (path,):
        done = films.color(path, look, on_progress, request.session_hash, compare=compare)
    serving.note(request, done.file)
    return done
