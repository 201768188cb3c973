"""What a visitor gives: pictures, a film, a model, how strong the colours are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import gradio as gr
from gradio.components import Component

from .backend import MAX_FILES

_SOURCES: Final[list[Literal["upload", "webcam", "clipboard"]]] = ["upload", "clipboard", "webcam"]
_PICTURE_FILES: Final = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"]

_FILM_FILES: Final = [".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".gif"]

_FETCH: Final = """(file) => {
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name || "";
  link.click();
}"""

_Input = TypeVar("_Input", gr.Image, gr.File)


def picture_input(
    *,
    height: int,
    elem_id: str | None = None,
    label: str = "Photograph",
    placeholder: str = "Drop a picture here\nor click to choose one",
) -> gr.Image:
    """Return a place for one picture."""
    return taking_paths(
        gr.Image(
            label=label,
            sources=_SOURCES,
            type="filepath",
            height=height,
            buttons=[],
            placeholder=placeholder,
            elem_id=elem_id,
        )
    )


def pictures_input() -> gr.File:
    """Return a place for several pictures."""
    return taking_paths(
        gr.File(
            label=f"Photographs, at most {MAX_FILES}",
            file_count="multiple",
            file_types=_PICTURE_FILES,
            height=220,
            elem_id="files",
        )
    )


def film_input(label: str) -> gr.File:
    """Return a place for one film."""
    return taking_paths(
        gr.File(label=label, file_types=_FILM_FILES, height=180, elem_id="film-upload")
    )


def model_choice(labels: list[str], number: int = 0, label: str = "Model") -> gr.Dropdown:
    """Return a choice of models, of which one is chosen."""
    return gr.Dropdown(labels, value=labels[number], label=label, filterable=False)


def saturation_choice() -> gr.Slider:
    """Return a choice of the colours' strength."""
    return gr.Slider(0, 2, value=1, step=0.05, label="Saturation", info="0 is grey", buttons=[])


def vividness_choice(own: float | None) -> gr.Slider:
    """Return a choice between safe and vivid colours; hidden where a model has no two kinds."""
    return gr.Slider(
        0,
        1,
        value=own or 0,
        step=0.05,
        label="Vividness",
        info="0 is the safest guess, 1 the boldest",
        buttons=[],
        visible=own is not None,
    )


def whole_download(
    button: gr.Button, write: Callable[..., str], given: list[Component], options: dict[str, Any]
) -> None:
    """Let a button write a whole file and then fetch it: what is only shown needs no such file."""
    file = gr.File(visible="hidden", label="Download")
    written = button.click(write, given, file, **options)
    written.success(None, file, None, js=_FETCH)


def taking_paths(component: _Input) -> _Input:
    """Make a component hand over uploaded files untouched, and follow no links.

    Gradio's own would decode a picture, drop its EXIF data, and fail without a readable message. A
    subclass is no way: gradio writes a ``.pyi`` file beside the source of each.
    """
    component.preprocess = _paths_of  # type: ignore[method-assign,assignment]  # see above
    move = component.async_move_resource_to_block_cache

    async def keep(place: str | Path | None) -> str | None:
        if str(place).startswith(("http://", "https://")):
            raise message("Links are not followed. Upload the file itself.")
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
        raise message("The file did not arrive. Upload it once more.")
    return str(file.path)


def message(text: str) -> gr.Error:
    """Return what, raised, shows a visitor a message."""
    return gr.Error(text, print_exception=False)
