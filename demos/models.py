"""The models of the page: what it tells of them, and what they do on the device."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import colorzoo

from .wishes import ALTERNATIVES, Look

ON_DEVICE: Final = ("predict", "vary", "finish", "doubt", "suggest")
"""Methods of :class:`ShownModels` that need the device; what they take and give is small."""

_ONE_GUESS: Final = (
    "This model makes one guess: it has no other colours as likely, no vividness, and does not "
    "tell where it is unsure."
)
_NUMBERS: Final = {  # what the page tells of a model: key, heading, format
    "psnr": ("PSNR, dB ↑", ".2f"),
    "ssim": ("SSIM ↑", ".3f"),
    "mae": ("MAE ↓", ".2f"),
    "colorfulness": ("Colourfulness", ".1f"),
}


class ShownModels:
    """The models that a page offers.

    Args:
        names: What ``colorzoo.load`` takes; the whole zoo if empty.
        device: As for ``colorzoo.load``.
        dtype: As for ``colorzoo.load``.

    Raises:
        colorzoo.ColorzooError: There is no model, or the first one cannot be loaded.
    """

    def __init__(
        self, names: Sequence[str], *, device: str = "auto", dtype: str | None = None
    ) -> None:
        self._device, self._dtype = device, dtype
        self._lock = threading.Lock()
        self._loaded: dict[str, colorzoo.Colorizer] = {}
        models = colorzoo.list_models()
        models.sort(key=lambda info: info.name != colorzoo.DEFAULT_MODEL)  # the default one first
        infos = {info.name: info for info in models}
        self._infos: dict[str, colorzoo.ModelInfo] = {}
        self._names: dict[str, str] = {}
        for name in names or infos:
            info = infos.get(name) or colorzoo.model_info(name)
            label = info.name  # a visitor never sees in which folder of this machine a model lies
            while label in self._names:
                label += "'"
            self._names[label], self._infos[label] = name, info
        if not self._names:
            raise colorzoo.UnknownNameError(
                "There is no model to show: the zoo is empty. Give the folder of one."
            )
        self.colorizer(self.labels[0])

    @property
    def labels(self) -> list[str]:
        """What the models are called on the page."""
        return list(self._names)

    @property
    def attentive(self) -> list[str]:
        """The models whose attention can be shown."""
        alike: dict[str, bool] = {}
        for label, info in self._infos.items():
            if info.architecture not in alike:
                alike[info.architecture] = colorzoo.has_attention_maps(self.colorizer(label))
        return [label for label, info in self._infos.items() if alike[info.architecture]]

    def colorizer(self, label: str) -> colorzoo.Colorizer:
        """Return a model, loaded when it is first asked for."""
        with self._lock:
            if label not in self._loaded:
                self._loaded[label] = colorzoo.load(
                    self._names[label], device=self._device, dtype=self._dtype
                )
            return self._loaded[label]

    def own_vividness(self, label: str) -> float | None:
        """Return a model's own vividness; None where it has no safer and more vivid colours."""
        return self.colorizer(label).vividness

    def card(self, label: str) -> str:
        """Return what a visitor should know of a model, and what it has not."""
        info = self._infos[label]
        line = " · ".join(filter(None, (info.description, info.license)))
        if self.own_vividness(label) is None:
            line += f"\n\n{_ONE_GUESS}"
        return line

    def table(self) -> str:
        """Return the models' facts and numbers as a Markdown table."""
        keys = [
            key for key in _NUMBERS if any(key in info.metrics for info in self._infos.values())
        ]
        headings = ["Model", "Architecture", "Parameters", *(_NUMBERS[key][0] for key in keys)]
        rows = [headings, ["---"] * len(headings)]
        for label, info in self._infos.items():
            size = f"{info.parameters / 1e6:.1f} M" if info.parameters else ""
            numbers = (
                format(info.metrics[key], _NUMBERS[key][1]) if key in info.metrics else ""
                for key in keys
            )
            rows.append([label, info.architecture, size, *numbers])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def predict(self, picture: colorzoo.Picture, label: str) -> colorzoo.Prediction:
        """Predict a picture's colours; what is known of them comes on the processor."""
        return self.colorizer(label).draft(picture).prediction

    def vary(
        self, picture: colorzoo.Picture, prediction: colorzoo.Prediction, label: str
    ) -> list[colorzoo.Prediction]:
        """Return the alternatives of a prediction."""
        others = self._draft(picture, prediction, label).alternatives(ALTERNATIVES)
        return [other.prediction for other in others]

    def finish(
        self,
        picture: colorzoo.Picture,
        prediction: colorzoo.Prediction,
        look: Look,
        hints: colorzoo.Hints | None = None,
        reference: Path | None = None,
        longest: int | None = None,
    ) -> Image.Image:
        """Give a picture its colours, at its own size or a smaller one."""
        takes = self.own_vividness(look.model) is not None
        return self._draft(picture, prediction, look.model).finish(
            hints=hints,
            reference=reference,
            saturation=look.saturation,
            vividness=look.vividness if takes else None,
            longest=longest,
        )

    def doubt(
        self,
        picture: colorzoo.Picture,
        prediction: colorzoo.Prediction,
        label: str,
        longest: int,
    ) -> NDArray[np.float32]:
        """Tell where the colours of a picture are a guess."""
        return self._draft(picture, prediction, label).uncertainty(longest)

    def suggest(
        self,
        picture: colorzoo.Picture,
        prediction: colorzoo.Prediction,
        label: str,
        place: tuple[int, int],
    ) -> list[str]:
        """Return colours that a place could have, as ``#rrggbb``."""
        colors = self._draft(picture, prediction, label).likely_colors(*place)
        return ["#{:02x}{:02x}{:02x}".format(*color) for color in colors]

    def _draft(
        self, picture: colorzoo.Picture, prediction: colorzoo.Prediction, label: str
    ) -> colorzoo.Draft:
        return colorzoo.Draft(self.colorizer(label), picture, prediction)
