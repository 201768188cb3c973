"""The other tools: models side by side, many pictures at once, what attention gates let through."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import gradio as gr

from .inputs import model_choice, picture_input, pictures_input, saturation_choice
from .serving import QUIET, WORK
from .tool import Tool
from .wishes import Look

_LATEST: Final[dict[str, Any]] = {"trigger_mode": "always_last", **QUIET, **WORK}
"""Options of events that colour, of which only the latest counts."""


class Comparison(Tool):
    """Two models, one picture."""

    def lay_out(self) -> None:
        """Add the tool to the page."""
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                picture = picture_input(height=240)
                saturation = saturation_choice()
            with gr.Column(scale=3, min_width=320), gr.Row():
                sides = [self._side(number) for number in (0, 1)]
        models, images = [model for model, _ in sides], [image for _, image in sides]
        self._claim(picture)
        taken = gr.on(
            [picture.change, saturation.input],
            self._color_both,
            [picture, saturation, *models],
            images,
            show_progress_on=images,
            **_LATEST,
        )
        self._empty_on_failure(taken, picture)
        for model, image in sides:
            model.input(
                self._color, [picture, saturation, model], image, show_progress_on=image, **_LATEST
            )

    def _side(self, number: int) -> tuple[gr.Dropdown, gr.Image]:
        with gr.Column(min_width=240):
            model = model_choice(self._serving.backend.labels, number, f"Model {number + 1}")
            image = gr.Image(
                label=f"By model {number + 1}",
                show_label=False,
                interactive=False,
                buttons=["download", "fullscreen"],
                elem_id=f"side-{number}",
            )
        return model, image

    def _color_both(
        self, picture: str | None, saturation: float, first: str, second: str, request: gr.Request
    ) -> list[str | None]:
        return [self._color(picture, saturation, model, request) for model in (first, second)]

    def _color(
        self, picture: str | None, saturation: float, model: str, request: gr.Request
    ) -> str | None:
        if picture is None:
            return None
        return str(self._serving.show(Path(picture), Look(model, saturation), request).after)


class ManyPictures(Tool):
    """Several pictures into a ZIP."""

    def lay_out(self) -> None:
        """Add the tool to the page."""
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                files = pictures_input()
                model = model_choice(self._serving.backend.labels)
                saturation = saturation_choice()
                start = gr.Button("Colour all", variant="primary", elem_id="start-all")
            with gr.Column(scale=2, min_width=320):
                gallery = _gallery("Coloured", columns=3)
                download = gr.DownloadButton("Download all", interactive=False, elem_id="archive")
                report = gr.Markdown(elem_classes="card")
        self._claim(files)
        start.click(
            self._color,
            [files, model, saturation],
            [gallery, download, report],
            show_progress_on=gallery,
            **QUIET,
            **WORK,
        )

    def _color(
        self,
        pictures: list[str] | None,
        model: str,
        saturation: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  this is how gradio passes it in
    ) -> tuple[list[tuple[str, str]], gr.DownloadButton, str]:
        total = len(pictures or [])

        def show(number: int) -> None:
            progress((number, total), unit="pictures")

        with self._serving.taking(request, *(pictures or [])) as paths:
            done = self._serving.backend.color_many(paths, Look(model, saturation), show)
        self._serving.note(request, done.archive, *(path for path, _ in done.previews))
        lines = [f"{len(done.previews)} of {total} coloured."]
        lines += [f"- {reason}" for reason in done.failed.values()]
        return (
            [(str(path), name) for path, name in done.previews],
            gr.DownloadButton(value=str(done.archive), interactive=True),
            "\n".join(lines),
        )


class Attention(Tool):
    """What the gates of an attention U-Net let through."""

    def lay_out(self) -> None:
        """Add the tool to the page."""
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                picture = picture_input(height=240)
                model = model_choice(self._serving.backend.attentive)
                gr.Markdown(
                    "The gates of an attention U-Net decide which parts of the picture's fine "
                    "structure reach the colours: yellow passes, blue is held back.",
                    elem_classes="card",
                )
            with gr.Column(scale=2, min_width=320):
                gallery = _gallery("Gates, coarsest first", columns=2)
        self._claim(picture)
        shown = gr.on(
            [picture.change, model.input], self._show, [picture, model], gallery, **_LATEST
        )
        self._empty_on_failure(shown, picture)

    def _show(self, picture: str | None, model: str, request: gr.Request) -> list[Any]:
        if picture is None:
            return []
        with self._serving.taking(request, picture) as (path,):
            overlays = self._serving.backend.attention(path, model)
        self._serving.note(request, *(path for path, _ in overlays))
        return [(str(path), caption) for path, caption in overlays]


def _gallery(label: str, columns: int) -> gr.Gallery:
    """Return a place for pictures, each of which is seen whole."""
    return gr.Gallery(
        label=label,
        columns=columns,
        interactive=False,
        object_fit="contain",
        buttons=["fullscreen"],
        elem_classes="grown",
    )
