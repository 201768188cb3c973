"""A contact sheet: one coloured frame a shot, before the whole film is run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from colorzoo.jobs.directions import Directions, ShotLook
from colorzoo.jobs.film import probe, read_frames
from colorzoo.jobs.shots import Plan, make_plan
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.read import PictureSource, read
from colorzoo.pictures.write import write
from colorzoo.predictor import Guidance

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer

_CELL_WIDTH: Final = 320
_COLUMNS: Final = 4
_GAP: Final = 8
_LABEL: Final = 22


def make_contact_sheet(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions | None = None,
    *,
    looks: Sequence[ShotLook] = (),
    reference: PictureSource | None = None,
    seconds: float | None = None,
) -> Plan:
    """Write a picture with the middle frame of each shot, in colour, under its time.

    Args:
        colorizer: What colours the frames.
        source: The film.
        target: The picture.
        options: How frames are coloured.
        looks: Shots that are coloured otherwise; their hints are left out, as they belong to
            other frames than those that are shown.
        reference: A picture in colour to take colours from.
        seconds: Look only at the film's first so many seconds.

    Returns:
        The film's shots.

    Raises:
        VideoError: The film cannot be read.
        ConfigError: A look does not fit the film, or its model needs what it is not given.
        PictureError: The picture cannot be written, or a reference not be read.
        MissingDependencyError: The extra ``video`` is not installed.
    """
    options = options or ColorizeOptions()
    without_hints = [dataclasses.replace(look, hints=None) for look in looks]
    directions = Directions(colorizer, options, without_hints, None, reference)
    film = probe(source)
    plan = make_plan(film, {"seconds": seconds}, directions.moments)
    directions.check(plan, film)
    stops = (*plan.shots[1:], plan.frames)
    middles = [(first + stop) // 2 for first, stop in zip(plan.shots, stops, strict=True)]
    cells = []
    for frame in read_frames(film, [range(middle, middle + 1) for middle in middles]):
        own = directions.of_shot(plan, plan.shot_of(frame.index))
        picture = read(frame.image)
        lab = own.reference_lab(options.working_size)
        guidance = None if lab is None else [Guidance(reference=lab)]
        (prediction,) = own.colorizer.predict_pictures([picture], options, guidance)
        colored = own.colorizer.finish(picture, prediction, own.saturation).convert("RGB")
        height = max(1, round(colored.height * _CELL_WIDTH / colored.width))
        cells.append(colored.resize((_CELL_WIDTH, height), Image.Resampling.LANCZOS))
    write(_arrange(cells, plan), target)
    return plan


def _arrange(cells: list[Image.Image], plan: Plan) -> Image.Image:
    columns = min(_COLUMNS, len(cells))
    rows = math.ceil(len(cells) / columns)
    step_x, step_y = _CELL_WIDTH + _GAP, cells[0].height + _LABEL + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, (cell, start) in enumerate(zip(cells, plan.starts, strict=False)):
        x, y = _GAP + number % columns * step_x, _GAP + number // columns * step_y
        sheet.paste(cell, (x, y))
        minutes, rest = divmod(start, 60)
        draw.text((x, y + cell.height + 3), f"{minutes:.0f}:{rest:05.2f}", "black", font)
    return sheet
