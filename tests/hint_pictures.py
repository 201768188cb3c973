"""Grey pictures for tests of hints, and the colours of what comes out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from colorzoo import color


def waves(height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    grey = 127.5 + 50 * np.sin(x / 9) + 30 * np.cos(y / 7 + x / 31)
    return grey.clip(0, 255).astype(np.uint8)


def chroma_of(image: Image.Image) -> Tensor:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1) / 255
    return color.srgb_to_lab(rgb)[1:]


def lab_of_color(red: int, green: int, blue: int) -> Tensor:
    return color.srgb_to_lab(torch.tensor([red, green, blue]).view(3, 1, 1) / 255)[1:, 0, 0]
