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
        pair = [grey.convert("RGB"), colorizer(grey).convert("RGB")]
        width = round(grey.width * options.height / grey.height)
        columns.append(
            [one.resize((width, options.height), Image.Resampling.LANCZOS) for one in pair]
        )
    width = sum(column[0].width + GAP for column in columns) + GAP
    figure = Image.new("RGB", (width, 2 * options.height + 3 * GAP), "white")
    left = GAP
    for column in columns:
        for row, picture in enumerate(column):
            figure.paste(picture, (left, GAP + row * (options.height + GAP)))
        left += column[0].width + GAP
    figure.save(options.out, quality=86, optimize=True)


if __name__ == "__main__":
    main()
