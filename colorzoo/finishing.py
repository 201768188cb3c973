"""From chroma at working size to the finished picture at its own."""

from __future__ import annotations

from PIL import Image

from colorzoo import chroma
from colorzoo.options import Depth
from colorzoo.pictures.picture import Picture
from colorzoo.predictor import Prediction


def finish_picture(
    picture: Picture,
    prediction: Prediction,
    saturation: float,
    depth: Depth,
) -> Image.Image:
    """Join what was predicted of a picture with its own lightness, strip by strip.

    Args:
        picture: What was read.
        prediction: What was predicted of it.
        saturation: Strength of the colours.
        depth: Bits of a sample; "auto" keeps those of the picture.

    Returns:
        RGB or RGBA of the picture's size (see :class:`colorzoo.pictures.write.FinishedPicture`).
    """
    hints = prediction.hints

    def given(start: int, stop: int) -> chroma.GivenPixels | None:
        if hints is None:
            return None
        rows, columns, colors = hints.strip(start, stop)
        return rows, columns, chroma.saturate(colors, saturation)

    strips = chroma.srgb_strips(
        chroma.saturate(prediction.chroma, saturation),
        prediction.lightness,
        (picture.height, picture.width),
        picture.lightness,
        depth=picture.depth(depth),
        given=given,
    )
    return picture.assemble(strips)
