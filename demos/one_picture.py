"""The main tool: one picture at the centre, coloured as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gradio as gr

from .backend import Coloring, Look
from .inputs import model_choice, picture_input, saturation_choice, vividness_choice
from .serving import QUIET, WORK, Serving

_EXAMPLES: Final = sorted((Path(__file__).parent / "examples").glob("*.jpg"))


class OnePicture:
    """An upload that gives way to before and after, and what changes the colours at once.

    Args:
        serving: What does the work.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def lay_out(self) -> None:
        """Add the tool to the page."""
        backend = self._serving.backend
        first = backend.labels[0]
        latest = gr.State(None)
        with gr.Row(elem_id="one"):
            with gr.Column(scale=3, min_width=320, elem_id="stage"):
                picture = picture_input(height=420, elem_id="upload")
                slider = gr.ImageSlider(
                    label="Before and after",
                    show_label=False,
                    interactive=False,
                    max_height=540,
                    buttons=["fullscreen"],
                    visible=False,
                    elem_id="result",
                )
                note = gr.Markdown(elem_classes="card", elem_id="note")
            with gr.Column(scale=1, min_width=240, elem_id="controls"):
                saturation = saturation_choice()
                vividness = vividness_choice(backend.own_vividness(first))
                model = model_choice(backend.labels)
                card = gr.Markdown(backend.card(first), elem_classes="card")
                download = gr.DownloadButton(
                    "Download", variant="primary", interactive=False, elem_id="download"
                )
                again = gr.Button("Another picture", interactive=False, elem_id="again")
            with gr.Column(elem_id="examples"):
                gr.Markdown("Or try one of these", elem_classes="card")
                with gr.Row():
                    examples = [_example_button(path) for path in _EXAMPLES]
        look = [model, saturation, vividness]
        shown = [latest, picture, slider, note, download, again]
        picture.upload(self._serving.claim, picture, None, queue=False, **QUIET)
        picture.change(
            self._take, [picture, *look], shown, show_progress_on=picture, **QUIET, **WORK
        )
        for path, button in zip(_EXAMPLES, examples, strict=True):
            button.click(
                self._taker(path),
                look,
                shown,
                show_progress_on=[picture, slider],
                **QUIET,
                **WORK,
            )
        again.click(self._start_over, None, shown, queue=False, **QUIET)
        model.change(self._describe, model, [card, vividness], queue=False, **QUIET)
        model.change(self._color, [latest, *look], shown, show_progress_on=slider, **QUIET, **WORK)
        gr.on(  # while a slider moves, only its latest place counts
            [saturation.change, vividness.change],
            self._color,
            [latest, *look],
            shown,
            trigger_mode="always_last",
            show_progress="hidden",
            **QUIET,
            **WORK,
        )

    def _take(
        self,
        picture: str | None,
        model: str,
        saturation: float,
        vividness: float,
        request: gr.Request,
    ) -> list[Any]:
        if picture is None:
            return [gr.skip()] * 6
        look = self._look(model, saturation, vividness)
        return _shown(self._serving.color(Path(picture), look, request))

    def _taker(self, path: Path) -> Callable[[str, float, float, gr.Request], list[Any]]:
        """Return what takes an example; gradio counts the arguments, so a partial is no way."""

        def take(model: str, saturation: float, vividness: float, request: gr.Request) -> list[Any]:
            return self._take(str(path), model, saturation, vividness, request)

        return take

    def _color(
        self,
        latest: Coloring | None,
        model: str,
        saturation: float,
        vividness: float,
        request: gr.Request,
    ) -> list[Any]:
        if latest is None:
            return [gr.skip()] * 6
        look = self._look(model, saturation, vividness)
        return _shown(self._serving.color(latest.source, look, request, latest.before))

    def _look(self, model: str, saturation: float, vividness: float) -> Look:
        own = self._serving.backend.own_vividness(model)
        return Look(model, saturation, None if own is None else vividness)

    def _describe(self, model: str) -> list[Any]:
        backend = self._serving.backend
        own = backend.own_vividness(model)
        return [backend.card(model), gr.Slider(value=own or 0, visible=own is not None)]

    def _start_over(self) -> list[Any]:
        return [
            None,
            gr.Image(value=None, visible=True),
            gr.ImageSlider(value=None, visible=False),
            "",
            gr.DownloadButton(value=None, interactive=False),
            gr.Button(interactive=False),
        ]


def _example_button(path: Path) -> gr.Button:
    """Return a button that shows an example and says what it is."""
    title = path.stem.replace("-", " ").capitalize()
    return gr.Button(title, icon=path, min_width=96, elem_classes="example")


def _shown(result: Coloring) -> list[Any]:
    """Return what the page shows of a result, in the place of the upload."""
    return [
        result,
        gr.Image(visible=False),
        gr.ImageSlider(value=(str(result.before), str(result.after)), visible=True),
        result.note,
        gr.DownloadButton(value=str(result.download), interactive=True),
        gr.Button(interactive=True),
    ]
