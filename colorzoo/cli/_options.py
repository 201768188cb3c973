"""Options that several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from colorzoo.cli._names import ModelName
from colorzoo.options import MAX_WORKING_SIZE, ColorizeOptions
from colorzoo.zoo.folders import DEFAULT_MODEL

Command = Callable[..., None]

model_option = click.option(
    "--model",
    type=ModelName(),
    default=DEFAULT_MODEL,
    show_default=True,
    help="Model, method, folder or Hub name.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps."
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(("auto", "float32", "bfloat16", "float16")),
    help="Precision of the network, float32 if left out; auto is the quickest one here.",
)
_COLORIZE_OPTIONS = (
    click.option(
        "--saturation",
        type=click.FloatRange(min=0.0),
        default=1.0,
        show_default=True,
        help="Strength of the colours; 0 is grey.",
    ),
    click.option(
        "--vividness",
        type=click.FloatRange(min=0.0, max=1.0),
        help="0 for the safest colours to 1 for the most vivid, of models with a distribution.",
    ),
    click.option(
        "--working-size",
        type=click.IntRange(min=1, max=MAX_WORKING_SIZE),
        help="Shorter side in pixels that the model sees; its own if left out.",
    ),
    click.option(
        "--restore-tones",
        is_flag=True,
        help="Show the model faded tones stretched; the result keeps its own.",
    ),
    click.option(
        "--denoise", is_flag=True, help="Show the model grain smoothed; the result keeps it."
    ),
)


def colorize_options(command: Command) -> Command:
    """Give a command the options of how pictures are coloured, as one argument ``options``."""

    @functools.wraps(command)
    def gathering(
        saturation: float,
        vividness: float | None,
        working_size: int | None,
        restore_tones: bool,
        denoise: bool,
        **others: Any,
    ) -> None:
        options = ColorizeOptions(
            saturation,
            working_size,
            vividness=vividness,
            restore_tones=restore_tones,
            denoise=denoise,
        )
        command(options=options, **others)

    for option in reversed(_COLORIZE_OPTIONS):
        gathering = option(gathering)
    return gathering
