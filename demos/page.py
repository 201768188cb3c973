"""The page: its tools, what it tells of itself, and what programs call."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import gradio as gr

from .admission import MAX_BYTES
from .backend import MAX_FILES, DemoBackend
from .films import FILM_LIMITS, Films, OneFilm, color_film
from .inputs import message, model_choice, saturation_choice, taking_paths
from .more_tools import Attention, Comparison, ManyPictures
from .one_picture import OnePicture
from .own_colors import OwnColors
from .pictures import MAX_PIXELS
from .serving import WORK, Serving
from .visitor_files import KEPT_SECONDS
from .wishes import Look, Wishes

_TITLE: Final = "colorzoo"
_INTRO: Final = """# colorzoo
Give a grey photograph, get it back in colour. The colours are a guess of the model, not evidence.
"""
_LIMITS: Final = f"""## Limits
Pictures up to {MAX_BYTES // 10**6} MB and {MAX_PIXELS // 10**6} million pixels, {MAX_FILES} at
once: JPEG, PNG, TIFF, WebP, BMP. What comes out has the size and the format that came in, and its
EXIF data. Films: {FILM_LIMITS}, as MP4 with its sound.

## Your pictures and films
They stay on the machine that runs this page, are used for nothing else, and are removed when you
close the page, at the latest after an hour. Links are not followed: upload the file itself.

## From a program
```python
from gradio_client import Client, handle_file

client = Client("THE ADDRESS OF THIS PAGE")
colored = client.predict(handle_file("grandmother-1931.jpg"), api_name="/colorize")
archive, report = client.predict([handle_file("a.jpg"), handle_file("b.png")], api_name="/batch")
film = client.predict(handle_file("wedding-1926.mp4"), api_name="/film")
```
"""


class Page:
    """The page.

    Args:
        backend: What does the work.
        films: Whether it does films too.
    """

    def __init__(self, backend: DemoBackend, *, films: bool = True) -> None:
        self._backend = backend
        self._serving = Serving(backend)
        self._films = Films(backend)
        self._has_films = films and Films.can_be_colored()

    def build(self) -> gr.Blocks:
        """Lay out the page."""
        blocks = gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(60, KEPT_SECONDS))
        with blocks:
            gr.Markdown(_INTRO, elem_id="heading")
            with gr.Tab("Picture"):
                OnePicture(self._serving).lay_out()
            with gr.Tab("Hints"):
                OwnColors(self._serving).lay_out()
            if len(self._backend.labels) > 1:
                with gr.Tab("Compare"):
                    Comparison(self._serving).lay_out()
            with gr.Tab("Many"):
                ManyPictures(self._serving).lay_out()
            if self._has_films:
                with gr.Tab("Film"):
                    OneFilm(self._serving, self._films).lay_out()
            with gr.Tab("About"):
                gr.Markdown("## Models\nMeasured on photographs that none of them has seen.")
                gr.Markdown(self._backend.table(), elem_classes="table")
                gr.Markdown(_LIMITS)
                if self._backend.attentive:
                    with gr.Accordion("What the gates of a model let through", open=False):
                        Attention(self._serving).lay_out()
            self._add_endpoints()
            blocks.unload(self._end)
        return blocks

    def _add_endpoints(self) -> None:
        """Add what programs call, with plain files in and out and nothing to see."""
        with gr.Group(visible=False):
            picture = taking_paths(gr.File(label="Picture"))
            files = taking_paths(gr.File(label="Pictures", file_count="multiple"))
            hints = taking_paths(gr.File(label="Hints"))
            reference = taking_paths(gr.File(label="Reference"))
            model, saturation = model_choice(self._backend.labels), saturation_choice()
            colored, archive = gr.File(label="Coloured"), gr.File(label="ZIP")
            report = gr.JSON(label="Report")
            film = taking_paths(gr.File(label="Film"))
            colored_film = gr.File(label="Coloured film")
            one, many, moving = gr.Button(), gr.Button(), gr.Button()
        one.click(
            self._colorize,
            [picture, model, saturation, hints, reference],
            colored,
            api_name="colorize",
            **WORK,
        )
        many.click(
            self._batch, [files, model, saturation], [archive, report], api_name="batch", **WORK
        )
        if self._has_films:
            moving.click(
                self._film, [film, model, saturation], colored_film, api_name="film", **WORK
            )

    def _end(self, request: gr.Request) -> None:
        """Forget a visitor who has left, and leave off what is done for them."""
        self._films.stop(request.session_hash)
        self._serving.end(request)

    def _film(self, film: str | None, model: str, saturation: float, request: gr.Request) -> str:
        """Colour the first seconds of a film; it comes back as MP4, with its sound."""
        look = Look(model, saturation)
        done = color_film(self._serving, self._films, film, look, lambda *_: None, request)
        return str(done.file)

    def _colorize(
        self,
        request: gr.Request,
        picture: str | None,
        model: str,
        saturation: float,
        hints: str | None = None,
        reference: str | None = None,
    ) -> str:
        """Colour one picture; it comes back at its own size and in its own format."""
        if picture is None:
            raise message("There is no picture yet. Add one first.")
        path, look = Path(picture), Look(model, saturation)
        wishes = Wishes((), *(Path(file) if file else None for file in (hints, reference)))
        return str(self._serving.color(path, look, request, wishes))

    def _batch(
        self,
        pictures: list[str] | None,
        model: str,
        saturation: float,
        request: gr.Request,
    ) -> tuple[str, dict[str, Any]]:
        """Colour several pictures into one ZIP; the report says what failed and why."""
        with self._serving.taking(request, *(pictures or [])) as paths:
            done = self._backend.color_many(paths, Look(model, saturation), lambda _: None)
        self._serving.note(request, done.archive, *(path for path, _ in done.previews))
        names = [name for _, name in done.previews]
        return str(done.archive), {"colored": names, "failed": done.failed}
