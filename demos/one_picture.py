"""The main tool: one picture at the centre, coloured as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from .inputs import (
    message,
    model_choice,
    picture_input,
    saturation_choice,
    vividness_choice,
    whole_download,
)
from .pictures import EXAMPLES
from .serving import QUIET, WORK
from .tool import Tool
from .wishes import ALTERNATIVES, Coloring, Look


class OnePicture(Tool):
    """An upload that gives way to before and after, and what changes the colours at once."""

    def lay_out(self) -> None:
        """Add the tool to the page."""
        backend = self._serving.backend
        first = backend.labels[0]
        latest = gr.State(None)
        with gr.Row(elem_id="one"):
            with gr.Column(scale=3, min_width=320, elem_id="stage"):
                with gr.Column() as place:
                    picture = picture_input(height=540, elem_id="upload")
                slider = _before_and_after()
                note = gr.Markdown(elem_classes="card", elem_id="note")
                others = _row_of_others()
            with gr.Column(scale=1, min_width=240, elem_id="controls"):
                saturation = saturation_choice()
                vividness = vividness_choice(backend.own_vividness(first))
                doubt = _doubt_choice(visible=backend.own_vividness(first) is not None)
                model = model_choice(backend.labels)
                card = gr.Markdown(backend.card(first), elem_classes="card")
                download = gr.Button(
                    "Download", variant="primary", interactive=False, elem_id="download"
                )
                again = gr.Button("Another picture", interactive=False, elem_id="again")
            examples = _examples()
        look = [model, saturation, vividness, doubt]
        shown = [latest, place, slider, note, download, again]
        again.click(self._start_over, None, [*shown, others, picture], queue=False, **QUIET)
        whole_download(download, self._write, [latest, *look], {**QUIET, **WORK})
        model.input(self._describe, model, [card, vividness, doubt], queue=False, **QUIET)
        taken = self._connect_pictures(picture, look, shown, examples)
        for event in taken:
            event.success(
                self._offer, [latest, model], others, show_progress="hidden", **QUIET, **WORK
            )
        others.select(self._choose, [latest, *look], shown, show_progress="hidden", **QUIET, **WORK)
        gr.on(  # while a slider moves, only its latest place counts
            [saturation.input, vividness.input, doubt.input],
            self._color,
            [latest, *look],
            shown,
            trigger_mode="always_last",
            show_progress="hidden",
            **QUIET,
            **WORK,
        )

    def _connect_pictures(
        self, picture: gr.Image, look: list[Any], shown: list[Any], examples: list[gr.Button]
    ) -> list[Any]:
        """Colour what is uploaded, an example, or the same picture by another model.

        Args:
            picture: The upload.
            look: Model, saturation, vividness and doubt, in this order.
            shown: What a coloured picture changes: the latest first, the slider third.
            examples: Buttons in the order of the example files.

        Returns:
            The events that end in a picture.
        """
        latest, _, slider, *_ = shown
        model, saturation, _, doubt = look
        self._claim(picture)
        settings = {**QUIET, **WORK}
        taken = [
            picture.change(
                self._take, [picture, *look], shown, show_progress_on=picture, **settings
            ),
            model.input(
                self._retake,
                [latest, model, saturation, doubt],
                shown,
                show_progress_on=slider,
                **settings,
            ),
        ]
        self._empty_on_failure(taken[0], picture)
        for path, button in zip(EXAMPLES, examples, strict=True):
            event = button.click(
                self._taker(path), look, shown, show_progress_on=[picture, slider], **settings
            )
            taken.append(event)
        return taken

    def _take(
        self,
        request: gr.Request,
        picture: str | None,
        *look: Any,
    ) -> Any:
        if picture is None:
            return gr.skip()
        return _shown(self._serving.show(Path(picture), self._look(*look), request))

    def _taker(self, path: Path) -> Callable[..., Any]:
        """Return what takes an example; gradio counts the arguments, so a partial is no way."""

        def take(request: gr.Request, *look: Any) -> Any:
            return self._take(request, str(path), *look)

        return take

    def _color(self, request: gr.Request, latest: Coloring | None, *look: Any) -> Any:
        if latest is None:
            return gr.skip()
        wanted = replace(self._look(*look), alternative=latest.alternative)
        return _shown(self._serving.show(latest.source, wanted, request, latest.before))

    def _retake(
        self,
        request: gr.Request,
        latest: Coloring | None,
        model: str,
        saturation: float,
        doubt: bool,
    ) -> Any:
        """Colour with another model, at its own vividness and without the other's alternatives."""
        if latest is None:
            return gr.skip()
        look = Look(model, saturation, doubt=doubt)
        return _shown(self._serving.show(latest.source, look, request, latest.before))

    def _choose(
        self, request: gr.Request, event: gr.SelectData, latest: Coloring | None, *look: Any
    ) -> Any:
        if latest is None:
            return gr.skip()
        chosen = event.index - 1 if event.index else None  # the first is the likeliest
        return self._color(request, replace(latest, alternative=chosen), *look)

    def _offer(self, request: gr.Request, latest: Coloring | None, model: str) -> Any:
        if latest is None:
            return gr.skip()
        tiles = self._serving.others(latest.source, Look(model), request)
        captions = ["Likeliest", *(f"Other {number + 1}" for number in range(ALTERNATIVES))]
        pairs = list(zip(map(str, tiles), captions, strict=False))
        return gr.Gallery(value=pairs, visible=bool(pairs), selected_index=None)

    def _write(self, request: gr.Request, latest: Coloring | None, *look: Any) -> str:
        if latest is None:
            raise message("There is no picture yet. Add one first.")
        wanted = replace(self._look(*look), alternative=latest.alternative)
        return str(self._serving.color(latest.source, wanted, request))

    def _look(self, model: str, saturation: float, vividness: float, doubt: bool) -> Look:
        own = self._serving.backend.own_vividness(model)
        return Look(model, saturation, None if own is None else vividness, doubt=doubt)

    def _describe(self, model: str) -> list[Any]:
        backend = self._serving.backend
        own = backend.own_vividness(model)
        there = own is not None
        slider = gr.Slider(value=own or 0, visible=there)
        return [backend.card(model), slider, gr.Checkbox(visible=there)]

    def _start_over(self) -> list[Any]:
        return [
            None,
            gr.Column(visible=True),
            gr.ImageSlider(value=None, visible=False),
            "",
            gr.Button(interactive=False),
            gr.Button(interactive=False),
            gr.Gallery(value=None, visible=False),
            None,
        ]


def _before_and_after() -> gr.ImageSlider:
    return gr.ImageSlider(
        label="Before and after",
        show_label=False,
        interactive=False,
        max_height=440,
        buttons=["fullscreen"],
        visible=False,
        elem_id="result",
    )


def _row_of_others() -> gr.Gallery:
    return gr.Gallery(
        label="Other colours as likely",
        show_label=False,
        columns=1 + ALTERNATIVES,
        rows=1,
        height=136,
        allow_preview=False,
        interactive=False,
        object_fit="contain",
        buttons=[],
        visible=False,
        elem_id="others",
    )


def _doubt_choice(*, visible: bool) -> gr.Checkbox:
    return gr.Checkbox(
        label="Show where it is a guess", info="Yellow: a guess. Blue: sure.", visible=visible
    )


def _examples() -> list[gr.Button]:
    with gr.Column(elem_id="examples"):
        gr.Markdown("Or try one of these", elem_classes="card")
        with gr.Row():
            return [_example_button(path) for path in EXAMPLES]


def _example_button(path: Path) -> gr.Button:
    """Return a button that shows an example and says what it is."""
    title = path.stem.replace("-", " ").title()
    return gr.Button(title, icon=path, min_width=96, elem_classes="example")


def _shown(result: Coloring) -> list[Any]:
    """Return what the page shows of a result, in the place of the upload."""
    return [
        result,
        gr.Column(visible=False),
        gr.ImageSlider(value=(str(result.before), str(result.after)), visible=True),
        result.note,
        gr.Button(interactive=True),
        gr.Button(interactive=True),
    ]
