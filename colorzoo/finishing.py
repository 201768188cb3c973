"""From chroma at working size to the finished picture at its own."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from colorzoo import chroma
from colorzoo.options import Depth
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.strips import single_thread
from colorzoo.predictor import Prediction


def finish_picture(
    picture: Picture,
    prediction: Prediction,
    saturation: float,
    depth: Depth,
    *,
    device: torch.device,
) -> Image.Image:
    """Join what was predicted of a picture with its own lightness, strip by strip.

    Args:
        picture: What was read.
        prediction: What was predicted of it.
        saturation: Strength of the colours.
        depth: Bits of a sample; "auto" keeps those of the picture.
        device: Where strips are worked out.

    Returns:
        RGB or RGBA of the picture's size (see :class:`colorzoo.pictures.write.FinishedPicture`).
    """
    hints = prediction.hints

    def lightness(start: int, stop: int) -> Tensor:
        return torch.from_numpy(picture.lightness(start, stop)).to(device)

    def given(start: int, stop: int) -> chroma.GivenPixels | None:
        if hints is None:
            return None
        rows, columns, colors = (tensor.to(device) for tensor in hints.strip(start, stop))
        return rows, columns, chroma.saturate(colors, saturation)

    strips = chroma.srgb_strips(
        chroma.saturate(prediction.chroma.to(device), saturation),
        prediction.lightness.to(device),
        (picture.height, picture.width),
        lightness,
        depth=picture.depth(depth),
        given=given,
    )
    with torch.inference_mode(), single_thread():
        return picture.assemble((start, strip.cpu().numpy()) for start, strip in strips)
