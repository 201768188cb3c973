"""A photo coloured without a reference and with three, in one picture for the documentation.

python benchmarks/references.py --out docs/references.jpg

The photos come with scikit-image: Coffee by Rachel Michetti and Chelsea by Stefan van der Walt,
both CC0. One half of the coffee is coloured; its references are the other half, the other half in
other colours, and a cat, in which nothing fits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab

import colorzoo

Pixels = NDArray[np.uint8]
GAP = 8


def main(arguments: list[str] | None = None) -> None:
    """Colour the photo, and lay out the references above what is made of them.

    Args:
        arguments: Those of the command line if None.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=colorzoo.DEFAULT_MODEL, help="as in colorzoo.load")
    parser.add_argument("--height", type=int, default=300, help="of a photograph, pixels")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    colorizer = colorzoo.load(options.model)
    coffee: Pixels = data.coffee()
    height, width = coffee.shape[0], coffee.shape[1] // 2
    other, half = coffee[:, :width], coffee[:, width:]
    cat = np.asarray(Image.fromarray(data.chelsea()[:, 25:250]).resize((width, height)))
    grey = Image.fromarray(half).convert("L")
    columns = [(grey, colorizer(grey))]
    for reference in (other, in_other_colors(other), cat):
        columns.append((Image.fromarray(reference), colorizer(grey, reference=reference)))
    lay_out(columns, options.height).save(options.out, quality=86, optimize=True)


def in_other_colors(photo: Pixels) -> Pixels:
    """Return a photo (H, W, 3) whose hues all went a third of the way round, uint8 sRGB."""
    lab = rgb2lab(photo)
    angle = 2.0 * np.pi / 3.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lab[..., 1:] = lab[..., 1:] @ turn.T
    pixels: Pixels = np.rint(lab2rgb(lab).clip(0.0, 1.0) * 255.0).astype(np.uint8)
    return pixels


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
