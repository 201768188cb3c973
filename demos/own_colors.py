"""A say in the colours: places that one clicks on, and a picture to take colours from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import gradio as gr

from .backend import Look, Wishes
from .inputs import model_choice, picture_input
from .serving import QUIET, WORK, Serving

_FIRST_COLOR: Final = "#7aa5d8"


@dataclass(frozen=True, slots=True)
class _Canvas:
    """What a visitor is working on.

    Attributes:
        source: The picture.
        wishes: What the visitor wants of it.
        scale: Its pixels for each one of the picture that is shown.
    """

    source: Path
    wishes: Wishes
    scale: float = 1.0


class OwnColors:
    """A picture whose colours a visitor corrects by clicking on it.

    Args:
        serving: What does the work.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def lay_out(self) -> None:
        """Add the tool to the page."""
        canvas = gr.State(None)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                picture = picture_input(height=420, elem_id="canvas-upload")
                shown = gr.Image(
                    label="Click where a colour belongs",
                    interactive=False,
                    visible=False,
                    height=540,
                    buttons=[],
                    elem_id="canvas",
                )
            with gr.Column(scale=1, min_width=240):
                color = gr.ColorPicker(_FIRST_COLOR, label="Colour of the next click")
                undo = gr.Button("Undo", elem_id="undo")
                reference = picture_input(height=180, label="Picture to take colours from")
                model = model_choice(self._serving.backend.labels)
                download = gr.DownloadButton("Download picture", interactive=False)
                hints = gr.DownloadButton("Download hints", interactive=False)
                again = gr.Button("Another picture")
        results = [canvas, picture, shown, download, hints]
        for given in (picture, reference):
            given.upload(self._serving.claim, given, None, queue=False, **QUIET)
        picture.change(self._take, [picture, model, reference], results, **QUIET, **WORK)
        shown.select(
            self._add, [canvas, model, color], results, show_progress="hidden", **QUIET, **WORK
        )
        undo.click(self._undo, [canvas, model], results, show_progress="hidden", **QUIET, **WORK)
        model.change(self._color, [canvas, model], results, **QUIET, **WORK)
        reference.change(self._refer, [canvas, model, reference], results, **QUIET, **WORK)
        again.click(self._start_over, None, results, queue=False, **QUIET)

    def _take(
        self, picture: str | None, model: str, reference: str | None, request: gr.Request
    ) -> list[Any]:
        if picture is None:
            return [gr.skip()] * 5
        wishes = Wishes(reference=Path(reference) if reference else None)
        return self._color(_Canvas(Path(picture), wishes), model, request)

    def _add(
        self,
        canvas: _Canvas | None,
        model: str,
        color: str,
        request: gr.Request,
        event: gr.SelectData,
    ) -> list[Any]:
        if canvas is None:
            return [gr.skip()] * 5
        column, row = (int(place * canvas.scale) for place in event.index)
        points = (*canvas.wishes.points, (row, column, _hex_of(color)))
        wishes = replace(canvas.wishes, points=points)
        return self._color(replace(canvas, wishes=wishes), model, request)

    def _undo(self, canvas: _Canvas | None, model: str, request: gr.Request) -> list[Any]:
        if canvas is None:
            return [gr.skip()] * 5
        wishes = replace(canvas.wishes, points=canvas.wishes.points[:-1])
        return self._color(replace(canvas, wishes=wishes), model, request)

    def _refer(
        self, canvas: _Canvas | None, model: str, reference: str | None, request: gr.Request
    ) -> list[Any]:
        if canvas is None:
            return [gr.skip()] * 5
        wishes = replace(canvas.wishes, reference=Path(reference) if reference else None)
        return self._color(replace(canvas, wishes=wishes), model, request)

    def _color(self, canvas: _Canvas | None, model: str, request: gr.Request) -> list[Any]:
        if canvas is None:
            return [gr.skip()] * 5
        result = self._serving.color_as_wished(canvas.source, Look(model), canvas.wishes, request)
        return [
            replace(canvas, scale=result.scale),
            gr.Image(visible=False),
            gr.Image(value=str(result.shown), visible=True),
            gr.DownloadButton(value=str(result.download), interactive=True),
            gr.DownloadButton(
                value=str(result.hints) if result.hints else None,
                interactive=result.hints is not None,
            ),
        ]

    def _start_over(self) -> list[Any]:
        return [
            None,
            gr.Image(value=None, visible=True),
            gr.Image(value=None, visible=False),
            gr.DownloadButton(value=None, interactive=False),
            gr.DownloadButton(value=None, interactive=False),
        ]


def _hex_of(color: str) -> str:
    """Return a colour as ``#rrggbb``; the browser's picker gives ``rgba(122.4, 165, 216, 1)``."""
    if color.startswith("#"):
        return color[:7]
    red, green, blue = (round(float(part)) for part in re.findall(r"[\d.]+", color)[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
