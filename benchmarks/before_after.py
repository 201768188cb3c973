"""Grey photographs above, coloured ones below, in one picture for the README and the cards.

python benchmarks/before_after.py demos/examples/*.jpg --out demos/before-after.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageOps

import colorzoo

GAP = 8


def main(arguments: list[str] | None = None) -> None:
    """Colour the photographs and lay them out in columns of equal height.

    Args:
        arguments: Those of the command line if None.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--model", default=colorzoo.DEFAULT_MODEL, help="as in colorzoo.load")
    parser.add_argument("--height", type=int, default=210, help="of a photograph, pixels")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    colorizer = colorzoo.load(options.model)
    columns = []
    for path in options.photos:
        with Image.open(path) as photo:
            grey = ImageOps.grayscale(ImageOps.exif_transpose(photo))
        columns.append((grey, colorizer(grey)))
    lay_out(columns, options.height).save(options.out, quality=86, optimize=True)


def lay_out(columns: list[tuple[Image.Image, Image.Image]], height: int) -> Image.Image:
    """Lay out columns of two pictures, one above the other, side by side.

    Args:
        columns: The two of a column have one shape.
        height: Of each picture, pixels.
    """
    widths = [round(above.width * height / above.height) for above, _ in columns]
    figure = Image.new(
        "RGB", (sum(widths) + GAP * (len(widths) + 1), 2 * height + 3 * GAP), "white"
    )
    left = GAP
    for column, width in zip(columns, widths, strict=True):
        for row, picture in enumerate(column):
            sized = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
            figure.paste(sized, (left, GAP + row * (height + GAP)))
        left += width + GAP
    return figure


if __name__ == "__main__":
    main()
