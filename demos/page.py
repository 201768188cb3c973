"""The page's parts, and what happens when a visitor uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import gradio as gr

import colorzoo

from .admission import MAX_BYTES
from .backend import MAX_FILES, MAX_PIXELS, DemoBackend, readable
from .visitor_files import KEPT_SECONDS, RefusedError

_EXAMPLES: Final = Path(__file__).parent / "examples"
_TITLE: Final = "colorzoo"
_INTRO: Final = """# colorzoo
Give a grey photograph, get it back in colour: at its own size, with its own light. The colours are
a guess of the model, not evidence."""
_ABOUT: Final = f"""### Limits
Pictures up to {MAX_BYTES // 10**6} MB and {MAX_PIXELS // 10**6} million pixels, {MAX_FILES} at
once: JPEG, PNG, TIFF, WebP, BMP. What comes out has the format that came in, and its EXIF data.

### Your pictures
They stay on the machine that runs this page, are used for nothing else, and are removed when you
close the page, at the latest after an hour. Links are not followed: upload the picture itself.

### From a program
```python
from gradio_client import Client, handle_file

client = Client("THE ADDRESS OF THIS PAGE")
colored = client.predict(handle_file("grandmother-1931.jpg"), api_name="/colorize")
archive, report = client.predict([handle_file("a.jpg"), handle_file("b.png")], api_name="/batch")
```
"""
_SOURCES: Final[list[Literal["upload", "webcam", "clipboard"]]] = ["upload", "clipboard", "webcam"]
_PICTURE_FILES: Final = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"]
# One picture is worked on at a time: each takes all cores.
_WORK: Final[dict[str, Any]] = {"concurrency_id": "pictures", "concurrency_limit": 1}
_QUIET: Final[dict[str, Any]] = {
    "api_visibility": "private"
}  # programs have endpoints of their own

_Input = TypeVar("_Input", gr.Image, gr.File)


class Page:
    """The page's handlers and its parts.

    Args:
        backend: What does the work.
    """

    def __init__(self, backend: DemoBackend) -> None:
        self._backend = backend

    def build(self) -> gr.Blocks:
        """Lay out the page."""
        blocks = gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(60, KEPT_SECONDS))
        with blocks:
            gr.Markdown(_INTRO, elem_id="heading")
            with gr.Tab("One picture"):
                self._lay_out_one()
            if len(self._backend.labels) > 1:
                with gr.Tab("Compare models"):
                    self._lay_out_comparison()
            with gr.Tab("Many pictures"):
                self._lay_out_batch()
            if self._backend.attentive:
                with gr.Tab("Attention"):
                    self._lay_out_attention()
            with gr.Tab("About"):
                gr.Markdown(_ABOUT)
            self._add_endpoints()
            blocks.unload(self._end)
        return blocks

    def _lay_out_one(self) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                picture = _picture_input()
                model = self._model_choice()
                card = gr.Markdown(self._backend.card(self._backend.labels[0]), elem_classes="card")
                saturation = _saturation_choice()
                start = gr.Button("Colour it", variant="primary", elem_id="start")
            with gr.Column(scale=2, min_width=300):
                slider = gr.ImageSlider(
                    label="Before and after",
                    interactive=False,
                    max_height=640,
                    buttons=["fullscreen"],
                    elem_id="result",
                )
                download = gr.DownloadButton("Download", interactive=False, elem_id="download")
                note = gr.Markdown(elem_classes="card")
        gr.Examples(
            [str(path) for path in sorted(_EXAMPLES.glob("*.jpg"))],
            picture,
            label="Examples",
            cache_examples=False,
            **_QUIET,
        )
        picture.upload(self._remember, picture, None, queue=False, **_QUIET)
        model.change(self._backend.card, model, card, queue=False, **_QUIET)
        given, shown = [picture, model, saturation], [slider, download, note]
        changes = [picture.change, model.change, saturation.release]
        gr.on(changes, self._color, given, shown, trigger_mode="always_last", **_QUIET, **_WORK)
        start.click(self._color_again, given, shown, **_QUIET, **_WORK)

    def _lay_out_comparison(self) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                picture = _picture_input()
                saturation = _saturation_choice()
            with gr.Column(scale=2, min_width=300), gr.Row():
                sides = []
                for number in (0, 1):
                    with gr.Column(min_width=260):
                        model = self._model_choice(number)
                        shown = gr.Image(
                            show_label=False,
                            interactive=False,
                            buttons=["download", "fullscreen"],
                            elem_id=f"side-{number}",
                        )
                        sides.append((model, shown))
        for model, shown in sides:
            given, changes = (
                [picture, model, saturation],
                [picture.change, model.change, saturation.release],
            )
            gr.on(
                changes,
                self._color_side,
                given,
                shown,
                trigger_mode="always_last",
                **_QUIET,
                **_WORK,
            )

    def _lay_out_batch(self) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                files = _taking_paths(
                    gr.File(
                        label=f"Pictures, at most {MAX_FILES}",
                        file_count="multiple",
                        file_types=_PICTURE_FILES,
                        height=220,
                        elem_id="files",
                    )
                )
                model = self._model_choice()
                saturation = _saturation_choice()
                start = gr.Button("Colour all", variant="primary", elem_id="start-all")
            with gr.Column(scale=2, min_width=300):
                gallery = gr.Gallery(
                    label="Coloured", columns=3, interactive=False, elem_classes="grown"
                )
                download = gr.DownloadButton("Download all", interactive=False, elem_id="archive")
                report = gr.Markdown(elem_classes="card")
        files.upload(self._remember, files, None, queue=False, **_QUIET)
        start.click(
            self._color_many,
            [files, model, saturation],
            [gallery, download, report],
            **_QUIET,
            **_WORK,
        )

    def _lay_out_attention(self) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                picture = _picture_input()
                model = gr.Dropdown(self._backend.attentive, label="Model", filterable=False)
                gr.Markdown(
                    "The gates of an attention U-Net decide which parts of the picture's fine "
                    "structure reach the colours: bright passes, dark is held back.",
                    elem_classes="card",
                )
            with gr.Column(scale=2, min_width=300):
                gallery = gr.Gallery(
                    label="Gates, coarsest first",
                    columns=2,
                    interactive=False,
                    elem_classes="grown",
                )
        gr.on(
            [picture.change, model.change],
            self._show_attention,
            [picture, model],
            gallery,
            trigger_mode="always_last",
            **_QUIET,
            **_WORK,
        )

    def _add_endpoints(self) -> None:
        """Add what programs call, with plain files in and out and nothing to see."""
        with gr.Group(visible=False):
            picture = _taking_paths(gr.File(label="Picture"))
            files = _taking_paths(gr.File(label="Pictures", file_count="multiple"))
            model, saturation = self._model_choice(), _saturation_choice()
            colored, archive = gr.File(label="Coloured"), gr.File(label="ZIP")
            report = gr.JSON(label="Report")
            one, many = gr.Button(), gr.Button()
        one.click(
            self._colorize, [picture, model, saturation], colored, api_name="colorize", **_WORK
        )
        many.click(
            self._batch, [files, model, saturation], [archive, report], api_name="batch", **_WORK
        )

    def _model_choice(self, number: int = 0) -> gr.Dropdown:
        labels = self._backend.labels
        return gr.Dropdown(labels, value=labels[number], label="Model", filterable=False)

    def _colorize(
        self, picture: str | None, model: str, saturation: float, request: gr.Request
    ) -> str:
        """Colour one picture; it comes back at its own size and in its own format."""
        with self._serving(request, _need(picture)) as (path,):
            result = self._backend.color(path, model, saturation)
        return str(self._noted(request, result.download, result.before, result.after)[0])

    def _batch(
        self,
        pictures: list[str] | None,
        model: str,
        saturation: float,
        request: gr.Request,
    ) -> tuple[str, dict[str, Any]]:
        """Colour several pictures into one ZIP; the report says what failed and why."""
        with self._serving(request, *(pictures or [])) as paths:
            done = self._backend.color_many(paths, model, saturation, lambda _: None)
        self._noted(request, done.archive, *(path for path, _ in done.previews))
        names = [name for _, name in done.previews]
        return str(done.archive), {"colored": names, "failed": done.failed}

    def _color(
        self, picture: str | None, model: str, saturation: float, request: gr.Request
    ) -> tuple[tuple[str, str] | None, gr.DownloadButton, str]:
        if picture is None:
            return None, gr.DownloadButton(value=None, interactive=False), ""
        with self._serving(request, picture) as (path,):
            result = self._backend.color(path, model, saturation)
        files = self._noted(request, result.before, result.after, result.download)
        before, after, download = map(str, files)
        return (before, after), gr.DownloadButton(value=download, interactive=True), result.note

    def _color_again(
        self, picture: str | None, model: str, saturation: float, request: gr.Request
    ) -> tuple[tuple[str, str] | None, gr.DownloadButton, str]:
        return self._color(_need(picture), model, saturation, request)

    def _color_side(
        self, picture: str | None, model: str, saturation: float, request: gr.Request
    ) -> str | None:
        if picture is None:
            return None
        with self._serving(request, picture) as (path,):
            result = self._backend.color(path, model, saturation)
        return str(self._noted(request, result.after, result.before, result.download)[0])

    def _color_many(
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

        with self._serving(request, *(pictures or [])) as paths:
            done = self._backend.color_many(paths, model, saturation, show)
        self._noted(request, done.archive, *(path for path, _ in done.previews))
        lines = [f"{len(done.previews)} of {total} coloured."]
        lines += [f"- {reason}" for reason in done.failed.values()]
        return (
            [(str(path), name) for path, name in done.previews],
            gr.DownloadButton(value=str(done.archive), interactive=True),
            "\n".join(lines),
        )

    def _show_attention(
        self, picture: str | None, model: str, request: gr.Request
    ) -> list[tuple[str, str]]:
        if picture is None:
            return []
        with self._serving(request, picture) as (path,):
            overlays = self._backend.attention(path, model)
        self._noted(request, *(path for path, _ in overlays))
        return [(str(path), caption) for path, caption in overlays]

    def _remember(self, pictures: str | list[str] | None, request: gr.Request) -> None:
        """Claim uploads at once; what is done with them may have to wait its turn."""
        given = [pictures] if isinstance(pictures, str) else pictures or []
        self._noted(request, *map(Path, given))

    def _noted(self, request: gr.Request, *files: Path) -> tuple[Path, ...]:
        self._backend.files.note(request.session_hash, files)
        return files

    def _end(self, request: gr.Request) -> None:
        self._backend.files.end(request.session_hash)

    @contextlib.contextmanager
    def _serving(self, request: gr.Request, *pictures: str) -> Iterator[tuple[Path, ...]]:
        """Turn what is wrong with a visitor's pictures into a message on the page."""
        paths = self._noted(request, *map(Path, pictures))
        try:
            yield paths
        except (colorzoo.ColorzooError, RefusedError) as error:
            raise _toast(readable(error, *paths)) from error


def _picture_input() -> gr.Image:
    return _taking_paths(
        gr.Image(label="Photograph", sources=_SOURCES, type="filepath", height=300)
    )


def _saturation_choice() -> gr.Slider:
    return gr.Slider(0, 2, value=1, step=0.05, label="Saturation", info="0 is grey")


def _taking_paths(component: _Input) -> _Input:
    """Make a component hand over uploaded files untouched, and follow no links.

    Gradio's own would decode a picture, drop its EXIF data, and fail without a readable message. A
    subclass is no way: gradio writes a ``.pyi`` file beside the source of each.
    """
    component.preprocess = _paths_of  # type: ignore[method-assign,assignment]  # see above
    move = component.async_move_resource_to_block_cache

    async def keep(place: str | Path | None) -> str | None:
        if str(place).startswith(("http://", "https://")):
            raise _toast("Links are not followed. Upload the picture itself.")
        return await move(place)

    component.async_move_resource_to_block_cache = keep  # type: ignore[method-assign,assignment]  # see above
    return component


def _paths_of(payload: Any) -> str | list[str] | None:
    if payload is None:
        return None
    if isinstance(payload.model_dump(), list):
        return [_path_of(file) for file in payload]
    return _path_of(payload)


def _path_of(file: Any) -> str:
    if file.path is None:
        raise _toast("The picture did not arrive. Upload it as a file.")
    return str(file.path)


def _need(picture: str | None) -> str:
    if picture is None:
        raise _toast("There is no picture yet. Add one first.")
    return picture


def _toast(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)
