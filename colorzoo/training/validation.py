"""What a generator makes of held-out photos while it is trained: numbers and a sheet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorzoo.color import lab_to_srgb, srgb_to_lab
from colorzoo.data.photos import center_square, decode
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.errors import DataError
from colorzoo.evaluation.sheet import make_sheet, save_sheet
from colorzoo.metrics.pixelwise import colorfulness, psnr
from colorzoo.metrics.table import Pixels
from colorzoo.models.base import Generator
from colorzoo.predictors.network import LabNetwork
from colorzoo.training.config import TrainingConfig

_log = logging.getLogger(__name__)


class Validation:
    """Held-out photos as centre squares, the same ones at every look.

    Broken photos are left out; a warning names each once.

    Args:
        source: The photos.
        size: Side of the squares, pixels.
        batch_size: Photos per forward pass.
        device: Where the generator is.
        limit: At most so many photos.
    """

    def __init__(
        self,
        source: PhotoSource,
        *,
        size: int,
        batch_size: int,
        device: torch.device,
        limit: int = 250,
    ) -> None:
        self.source = source
        self.size = size
        self.batch_size = batch_size
        self.device = device
        self.count = min(limit, len(source))
        self.broken: set[int] = set()

    def measure(self, generator: Generator[Any]) -> dict[str, float]:
        """Return mean PSNR in dB, that of grey, and colourfulness as a share of the truth's.

        Raises:
            DataError: None of the photos can be read.
        """
        values: dict[str, list[float]] = {"psnr": [], "grey": [], "color": [], "true_color": []}
        squares = self._squares()
        while batch := list(islice(squares, self.batch_size)):
            for cells in zip(*self._color(generator, batch), strict=True):
                output, grey, truth = map(Pixels, cells)
                values["psnr"].append(psnr(output, truth))
                values["grey"].append(psnr(grey, truth))
                values["color"].append(colorfulness(output, truth))
                values["true_color"].append(colorfulness(truth, truth))
        means = {name: float(np.mean(column)) for name, column in values.items()}
        return {
            "val_psnr": round(means["psnr"], 3),
            "val_psnr_grey": round(means["grey"], 3),
            "val_colorfulness_share": round(means["color"] / max(means["true_color"], 1e-6), 3),
        }

    def draw(self, generator: Generator[Any], path: Path, *, rows: int = 8) -> None:
        """Write a sheet of grey, output and truth of the first photos that can be read."""
        outputs, greys, truths = self._color(generator, list(islice(self._squares(), rows)))
        columns = [greys, outputs, truths]
        table = [[Image.fromarray(cell) for cell in row] for row in zip(*columns, strict=True)]
        save_sheet(make_sheet(table, ["grey", "output", "truth"]), path)

    def _squares(self) -> Iterator[Tensor]:
        """Yield the photos that can be read, (3, size, size) uint8."""
        for index in range(self.count):
            if index in self.broken:  # for good: every look must be at the same photos
                continue
            photo = decode(self.source.open, index, self.size)
            if photo is None:
                self.broken.add(index)
                _log.warning("Validation leaves out a broken photo: %s", self.source.name(index))
            else:
                pixels = np.array(center_square(photo, self.size))
                yield torch.from_numpy(pixels).permute(2, 0, 1)
        if len(self.broken) == self.count:
            raise DataError(
                f"None of the {self.count} validation photos can be read; one is "
                f"{self.source.name(0)}. Check data.validation."
            )

    def _color(self, generator: Generator[Any], squares: list[Tensor]) -> tuple[Any, Any, Any]:
        """Return output, grey and truth of photos, each (N, size, size, 3) uint8."""
        lab = srgb_to_lab(torch.stack(squares).to(self.device).float() / 255.0)
        lightness, truth = lab[:, :1], lab[:, 1:]
        output = _predict(generator, lab)
        pixels = [_to_pixels(lightness, chroma) for chroma in (output, torch.zeros_like(output))]
        return pixels[0], pixels[1], _to_pixels(lightness, truth)


def open_validation(config: TrainingConfig, device: torch.device) -> Validation | None:
    """Return the validation that a config asks for, or None where it names no photos.

    Raises:
        DataError: No photos are where the config says.
    """
    data = config.data
    if data.validation is None:
        return None
    return Validation(
        open_source(data.validation, split=data.validation_split, column=data.column),
        size=config.working_size,
        batch_size=data.batch_size,
        device=device,
    )


@torch.inference_mode()
def _predict(generator: Generator[Any], lab: Tensor) -> Tensor:
    """Return ab (N, 2, H, W) for the lightness of Lab (N, 3, H, W), as a colorizer would."""
    was_training = generator.training
    chroma: Tensor = LabNetwork(generator).eval()(lab[:, :1])
    generator.train(was_training)
    return chroma


def _to_pixels(lightness: Tensor, chroma: Tensor) -> Any:
    """Return 8-bit RGB (N, H, W, 3) of L and ab."""
    rgb = lab_to_srgb(torch.cat((lightness, chroma), dim=1), gamut="desaturate")
    return (rgb * 255.0).round().byte().permute(0, 2, 3, 1).cpu().numpy()
