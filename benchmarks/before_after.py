"""Photographs, grey on their left and coloured on their right, in one picture for README and cards.

python benchmarks/before_after.py demos/examples/*.jpg --out demos/before-after.jpg
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from PIL import Image, ImageOps

import colorzoo

GAP = 8


def main(arguments: list[str] | None = None) -> None:
    """Colour the photographs and lay them out in rows.

    Args:
        arguments: Those of the command line if None.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--model", default=colorzoo.DEFAULT_MODEL, help="as in colorzoo.load")
    parser.add_argument("--columns", type=int, default=3, help="photographs in a row")
    parser.add_argument("--width", type=int, default=480, help="of a photograph, pixels")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    colorizer = colorzoo.load(options.model)
    width, height = options.width, round(options.width * 3 / 4)
    columns = min(options.columns, len(options.photos))
    rows = math.ceil(len(options.photos) / columns)
    size = columns * (width + GAP) - GAP, rows * (height + GAP) - GAP
    figure = Image.new("RGB", size, "white")
    for number, path in enumerate(options.photos):
        row, column = divmod(number, columns)
        cell = halves(colorizer, path, (width, height))
        figure.paste(cell, (column * (width + GAP), row * (height + GAP)))
    figure.save(options.out, quality=84, optimize=True)


def halves(colorizer: colorzoo.Colorizer, path: Path, size: tuple[int, int]) -> Image.Image:
    """Return a photograph, cut to a width and height: grey on its left, coloured on its right."""
    with Image.open(path) as photo:
        grey = ImageOps.grayscale(ImageOps.exif_transpose(photo))
    before, after = (
        ImageOps.fit(one.convert("RGB"), size, Image.Resampling.LANCZOS)
        for one in (grey, colorizer(grey))
    )
    middle = size[0] // 2
    after.paste(before.crop((0, 0, middle, size[1])))
    after.paste("white", (middle - 1, 0, middle + 1, size[1]))
    return after


if __name__ == "__main__":
    main()
