"""A say in the colours: places that one clicks or draws on, and a picture to take colours from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import gradio as gr

from .inputs import message, model_choice, picture_input, whole_download
from .serving import QUIET, WORK
from .tool import Tool
from .wishes import Look, Stroke, Wishes

_FIRST_COLOR: Final = "#7aa5d8"
_HINT_SHARE: Final = 80  # the shorter side is so many times as long as the brush's radius
_MOST_PLACES: Final = 400  # of one stroke; the page sends fewer
_MOST_STROKES: Final = 200
_HEX: Final = re.compile("#[0-9a-f]{6}")
_ADVICE: Final = "Click or draw on the grey photo where a colour belongs."
_NO_LIKELY: Final = (
    "This model knows no likely colours for a place: choose one yourself, or take another model."
)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """What a visitor is working on.

    Attributes:
        source: The picture.
        wishes: What the visitor wants of it.
        size: Its height and width, once it has been read.
    """

    source: Path
    wishes: Wishes
    size: tuple[int, int] = (1, 1)


class OwnColors(Tool):
    """A picture whose colours a visitor corrects by clicking and drawing on it.

    The page's script tells of what was drawn, and of a colour that was chosen, through a text field
    that nobody sees.
    """

    def lay_out(self) -> None:
        """Add the tool to the page."""
        canvas = gr.State(None)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                with gr.Column() as place:
                    picture = picture_input(height=420, elem_id="canvas-upload")
                with gr.Row():
                    marked, shown = _seen("Grey photo", "canvas"), _seen("In colour", "wished")
                likely = gr.HTML(_swatches([]), elem_id="likely")
                gesture = gr.Textbox(visible="hidden", label="Gesture", elem_id="gesture")
            with gr.Column(scale=1, min_width=240):
                color = gr.ColorPicker(_FIRST_COLOR, label="Colour of the brush", elem_id="brush")
                undo = gr.Button("Undo", interactive=False, elem_id="undo")
                reference = picture_input(
                    height=150,
                    label="Picture to take colours from",
                    placeholder="Drop or choose one",
                    elem_id="reference",
                )
                model = model_choice(self._serving.backend.labels)
                download = gr.Button("Download picture", interactive=False)
                hints = gr.DownloadButton("Download hints", interactive=False)
                again = gr.Button("Another picture", interactive=False)
        results = [canvas, place, marked, shown, likely, undo, download, hints, again]
        settings = {**QUIET, **WORK}
        quiet = {"show_progress": "hidden", **settings}
        self._claim(picture, reference)
        given = [picture, model, reference]
        taken = picture.change(self._take, given, results, show_progress_on=picture, **settings)
        self._empty_on_failure(taken, picture)
        given = [canvas, model, reference]
        referred = reference.change(self._refer, given, results, show_progress_on=shown, **settings)
        self._empty_on_failure(referred, reference)
        given = [canvas, model, color, gesture]
        gesture.change(self._draw, given, [*results, color], trigger_mode="multiple", **quiet)
        undo.click(self._undo, [canvas, model], results, **quiet)
        model.input(self._color, [canvas, model], results, **quiet)
        again.click(self._start_over, None, [*results, picture], queue=False, **QUIET)
        whole_download(download, self._write, [canvas, model], settings)

    def _take(
        self, picture: str | None, model: str, reference: str | None, request: gr.Request
    ) -> Any:
        if picture is None:
            return gr.skip()
        wishes = Wishes(reference=Path(reference) if reference else None)
        return self._color(_Canvas(Path(picture), wishes), model, request)

    def _draw(
        self,
        canvas: _Canvas | None,
        model: str,
        color: str,
        gesture: str,
        request: gr.Request,
    ) -> Any:
        if canvas is None:
            return gr.skip()
        strokes = canvas.wishes.strokes
        places, chosen = _read_gesture(gesture, canvas.size)
        if chosen:  # for what was drawn last, and for what is drawn next
            strokes = (*strokes[:-1], *(replace(stroke, color=chosen) for stroke in strokes[-1:]))
            drawn = self._color(_with(canvas, strokes), model, request, likely=gr.skip())
            return [*drawn, chosen]
        if len(strokes) >= _MOST_STROKES:
            raise message(f"A picture takes {_MOST_STROKES} strokes at most. Undo some.")
        radius = max(2, min(canvas.size) // _HINT_SHARE)
        strokes = (*strokes, Stroke(places, _hex_of(color), radius))
        with self._serving.taking(request, str(canvas.source)) as (path,):
            colors = self._serving.backend.likely_colors(path, Look(model), *places[-1])
        likely = _swatches(colors) if colors else f"<p>{_NO_LIKELY}</p>"
        drawn = self._color(_with(canvas, strokes), model, request, likely=likely)
        return [*drawn, gr.skip()]

    def _undo(self, canvas: _Canvas | None, model: str, request: gr.Request) -> Any:
        if canvas is None:
            return gr.skip()
        return self._color(_with(canvas, canvas.wishes.strokes[:-1]), model, request)

    def _refer(
        self, canvas: _Canvas | None, model: str, reference: str | None, request: gr.Request
    ) -> Any:
        if canvas is None:
            return gr.skip()
        wishes = replace(canvas.wishes, reference=Path(reference) if reference else None)
        return self._color(replace(canvas, wishes=wishes), model, request)

    def _color(
        self,
        canvas: _Canvas | None,
        model: str,
        request: gr.Request,
        likely: Any = None,
    ) -> Any:
        if canvas is None:
            return gr.skip()
        result = self._serving.sketch(canvas.source, Look(model), canvas.wishes, request)
        return [
            replace(canvas, size=result.size),
            gr.Column(visible=False),
            gr.Image(value=str(result.marked), visible=True),
            gr.Image(value=str(result.shown), visible=True),
            _swatches([]) if likely is None else likely,
            gr.Button(interactive=bool(canvas.wishes.strokes)),
            gr.Button(interactive=True),
            gr.DownloadButton(
                value=str(result.hints) if result.hints else None,
                interactive=result.hints is not None,
            ),
            gr.Button(interactive=True),
        ]

    def _write(self, canvas: _Canvas | None, model: str, request: gr.Request) -> str:
        if canvas is None:
            raise message("There is no picture yet. Add one first.")
        return str(self._serving.color(canvas.source, Look(model), request, canvas.wishes))

    def _start_over(self) -> list[Any]:
        return [
            None,
            gr.Column(visible=True),
            gr.Image(value=None, visible=False),
            gr.Image(value=None, visible=False),
            _swatches([]),
            gr.Button(interactive=False),
            gr.Button(interactive=False),
            gr.DownloadButton(value=None, interactive=False),
            gr.Button(interactive=False),
            None,
        ]


def _seen(label: str, elem_id: str) -> gr.Image:
    """Return a picture that appears with the first result, with nothing to do but look and draw."""
    return gr.Image(
        label=label,
        show_label=False,
        interactive=False,
        visible=False,
        buttons=[],
        min_width=280,
        elem_id=elem_id,
    )


def _with(canvas: _Canvas, strokes: tuple[Stroke, ...]) -> _Canvas:
    return replace(canvas, wishes=replace(canvas.wishes, strokes=strokes))


def _read_gesture(
    text: str, size: tuple[int, int]
) -> tuple[tuple[tuple[int, int], ...], str | None]:
    """Return the places that were drawn on, in pixels, or the colour that was chosen."""
    try:
        given = json.loads(text)
        color = given.get("color")
        if color is not None:
            if not _HEX.fullmatch(color):
                raise ValueError(color)
            return (), color
        places = tuple(
            (min(int(down * size[0]), size[0] - 1), min(int(across * size[1]), size[1] - 1))
            for across, down in given["places"][:_MOST_PLACES]
            if 0.0 <= across <= 1.0 and 0.0 <= down <= 1.0
        )
        if not places:
            raise ValueError(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise message("What was drawn did not arrive. Draw it once more.") from error
    return tuple(dict.fromkeys(places)), None


def _swatches(colors: list[str]) -> str:
    """Return buttons of colours for the place that was drawn on last."""
    if not colors:
        return f"<p>{_ADVICE}</p>"
    buttons = "".join(
        f'<button type="button" class="swatch" data-color="{color}" style="background:{color}" '
        f'aria-label="Likely colour {number}: {color}" title="{color}"></button>'
        for number, color in enumerate(colors, start=1)
    )
    return f"<p>Likely there:</p>{buttons}"


def _hex_of(color: str) -> str:
    """Return a colour as ``#rrggbb``; the browser's picker gives ``rgba(122.4, 165, 216, 1)``."""
    if color.startswith("#"):
        return color[:7]
    red, green, blue = (round(float(part)) for part in re.findall(r"[\d.]+", color)[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
