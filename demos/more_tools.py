"""The other tools: models side by side, many pictures at once, what attention gates let through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from .inputs import model_choice, picture_input, pictures_input, saturation_choice
from .serving import QUIET, WORK, Serving
from .wishes import Look


class Comparison:
    """Two models, one picture.

    Args:
        serving: What does the work.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def lay_out(self) -> None:
        """Add the tool to the page."""
        labels = self._serving.backend.labels
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                picture = picture_input(height=240)
                saturation = saturation_choice()
            with gr.Column(scale=3, min_width=320), gr.Row():
                for number in (0, 1):
                    with gr.Column(min_width=240):
                        model = model_choice(labels, number)
                        shown = gr.Image(
                            label=f"By model {number + 1}",
                            show_label=False,
                            interactive=False,
                            buttons=["download", "fullscreen"],
                            elem_id=f"side-{number}",
                        )
                    gr.on(
                        [picture.change, model.change, saturation.change],
                        self._color,
                        [picture, model, saturation],
                        shown,
                        trigger_mode="always_last",
                        show_progress_on=shown,
                        **QUIET,
                        **WORK,
                    )
        picture.upload(self._serving.claim, picture, None, queue=False, **QUIET)

    def _color(
        self, picture: str | None, model: str, saturation: float, request: gr.Request
    ) -> str | None:
        if picture is None:
            return None
        return str(self._serving.show(Path(picture), Look(model, saturation), request).after)


class ManyPictures:
    """Several pictures into a ZIP.

    Args:
        serving: What does the work.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def lay_out(self) -> None:
        """Add the tool to the page."""
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                files = pictures_input()
                model = model_choice(self._serving.backend.labels)
                saturation = saturation_choice()
                start = gr.Button("Colour all", variant="primary", elem_id="start-all")
            with gr.Column(scale=2, min_width=320):
                gallery = gr.Gallery(
                    label="Coloured", columns=3, interactive=False, elem_classes="grown"
                )
                download = gr.DownloadButton("Download all", interactive=False, elem_id="archive")
                report = gr.Markdown(elem_classes="card")
        files.upload(self._serving.claim, files, None, queue=False, **QUIET)
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


class Attention:
    """What the gates of an attention U-Net let through.

    Args:
        serving: What does the work.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def lay_out(self) -> None:
        """Add the tool to the page."""
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                picture = picture_input(height=240)
                model = model_choice(self._serving.backend.attentive)
                gr.Markdown(
                    "The gates of an attention U-Net decide which parts of the picture's fine "
                    "structure reach the colours: bright passes, dark is held back.",
                    elem_classes="card",
                )
            with gr.Column(scale=2, min_width=320):
                gallery = gr.Gallery(
                    label="Gates, coarsest first",
                    columns=2,
                    interactive=False,
                    elem_classes="grown",
                )
        picture.upload(self._serving.claim, picture, None, queue=False, **QUIET)
        gr.on(
            [picture.change, model.change],
            self._show,
            [picture, model],
            gallery,
            trigger_mode="always_last",
            **QUIET,
            **WORK,
        )

    def _show(self, picture: str | None, model: str, request: gr.Request) -> list[Any]:
        if picture is None:
            return []
        with self._serving.taking(request, picture) as (path,):
            overlays = self._serving.backend.attention(path, model)
        self._serving.note(request, *(path for path, _ in overlays))
        return [(str(path), caption) for path, caption in overlays]
