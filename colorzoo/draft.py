"""One picture whose colours were predicted once, to be finished in as many ways as one likes.

Strength, vividness, hints and other colours as likely are all matters of what comes after the
network, and the network is what takes the time. So what it said is kept, and only the rest is done
again: soon enough for a slider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorzoo import color, notebook
from colorzoo.errors import ConfigError
from colorzoo.options import ColorizeOptions, check_saturation, check_vividness
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource
from colorzoo.pictures.write import FinishedPicture
from colorzoo.predictor import (
    Floats,
    Guidance,
    Prediction,
    add_vividness,
    check_guidance,
)
from colorzoo.predictors._on_top import OnTop
from colorzoo.predictors.distribution import (
    Distribution,
    distribution_of,
    without_distribution,
)
from colorzoo.prepare import LONGEST, guidance_for, place_hints, read_reference, working_shape
from colorzoo.schema import check_whole

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.hints import Hints

MOST: Final = 32
"""Alternatives, or colours for a place, at once; after a dozen they repeat themselves."""

_TOLD_APART: Final = (45.0, 75.0)  # L between which colours can be told apart and sRGB has most


class Draft:
    """What a model said of one picture, from which the finished picture is made again and again.

    :meth:`colorzoo.Colorizer.draft` makes it. Making it takes as long as colouring does; finishing
    it a small part of that, for the network does not run again. What it keeps takes one or two
    bytes a pixel, and up to a few megabytes for the distribution over colours.

    Args:
        colorizer: What predicted.
        picture: What was read.
        prediction: What was predicted of it.

    Attributes:
        picture: The same.
        prediction: The same.
    """

    def __init__(self, colorizer: Colorizer, picture: Picture, prediction: Prediction) -> None:
        self.picture = picture
        self.prediction = prediction
        self._colorizer = colorizer

    def __repr__(self) -> str:
        height, width = self.picture.height, self.picture.width
        return f"<Draft of {self.picture.name!r}: {height} x {width}, {self._colorizer.name!r}>"

    def _repr_html_(self) -> str | None:
        try:
            shown = self.finish(longest=notebook.SIDE)
        except ConfigError:  # a method that needs hints or a reference has no colours without
            return None
        return shown._repr_html_() if isinstance(shown, FinishedPicture) else None

    @property
    def has_distribution(self) -> bool:
        """Whether it has alternatives, uncertainty and likely colours."""
        return self.prediction.logits is not None

    def finish(
        self,
        *,
        hints: Hints | None = None,
        reference: PictureSource | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        longest: int | None = None,
    ) -> Image.Image:
        """Give the picture its colours.

        Args:
            hints: As in calling the colorizer.
            reference: As in calling the colorizer.
            saturation: As in calling the colorizer.
            vividness: As in calling the colorizer.
            longest: Longer side of the result at most, pixels: a small one to look at takes less
                time. The picture's own if left out.

        Returns:
            What calling the colorizer returns.

        Raises:
            PictureError: The reference cannot be read.
            ConfigError: A number is out of range; a hint lies outside the picture; or the model
                does not take what is given, or lacks what it needs.
        """
        check_saturation(saturation)
        (placed,) = place_hints(hints, [self.picture], several=False)
        shown = None if reference is None else read_reference(reference)
        shape = self.prediction.lightness.shape
        working_size = max(min(shape), max(shape) // LONGEST)  # of a panorama the latter
        guidance = guidance_for(self.picture, placed, shown, working_size)
        chroma = self._chroma(guidance, vividness)
        picture = self.picture if longest is None else self.picture.shrunk(longest)
        if placed is not None and picture is not self.picture:
            placed = placed.at_size(picture.height, picture.width)
        prediction = Prediction(chroma, self.prediction.lightness, placed)
        return self._colorizer.finish(picture, prediction, saturation)

    def alternatives(self, n: int = 4, *, seed: int = 0) -> list[Draft]:
        """Return other colours for the whole picture, each as likely as the others.

        Where a surface could have several colours, as a dress or a car, each takes another of them
        for all of it; where it could not, as grass or the sky, all keep the same.

        Args:
            n: How many, 1 to 32.
            seed: Fixes which colours are taken.

        Returns:
            ``n`` drafts of the same picture.

        Raises:
            ConfigError: The model has no distribution, or ``n`` or ``seed`` is out of range.
        """
        check_whole("n", n, MOST)
        if not 0 <= seed < 2**63:  # as many as seeds have elsewhere
            raise ConfigError(f"seed must be a whole number of at most 63 bits, not {seed}.")
        distribution, logits = self._distribution()
        return [
            _drafted(self._colorizer, self.picture, self.prediction.lightness, distribution, each)
            for each in distribution.alternatives(logits, n, seed)
        ]

    def uncertainty(self, longest: int | None = None) -> NDArray[np.float32]:
        """Tell where the colours of the picture are a guess: there a hint helps most.

        Args:
            longest: Longer side of the map at most, pixels; the picture's own if left out.

        Returns:
            (height, width) float32: the entropy of the distribution as a share of the largest there
            is, from 0, sure, to 1, every colour as likely.

        Raises:
            ConfigError: The model has no distribution.
        """
        distribution, logits = self._distribution()
        height, width = self.picture.fitted(longest)
        at_working_size = distribution.uncertainty(logits, self._size)
        full = Image.fromarray(at_working_size).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(full)

    def likely_colors(self, row: int, column: int, n: int = 6) -> list[tuple[int, int, int]]:
        """Return colours that a place could well have, the likeliest first, as hints take them.

        Args:
            row: In the upright picture's own pixels, 0 at the top.
            column: In the same, 0 at the left.
            n: How many, 1 to 32. They lie apart, and there may be fewer.

        Returns:
            Red, green and blue, 0..255, at a lightness at which they can be told apart.

        Raises:
            ConfigError: The model has no distribution, or the place lies outside the picture.
        """
        check_whole("n", n, MOST)
        distribution, logits = self._distribution()
        size = self.picture.height, self.picture.width
        if not (0 <= row < size[0] and 0 <= column < size[1]):
            raise ConfigError(
                f"Row {row}, column {column} lies outside the picture, whose rows are 0 to "
                f"{size[0] - 1} and columns 0 to {size[1] - 1}."
            )
        seen = self._size
        place = (row + 0.5) * seen[0] / size[0], (column + 0.5) * seen[1] / size[1]
        chosen = distribution.colors_at(logits, seen, place, n)
        at = self.prediction.lightness[row * seen[0] // size[0], column * seen[1] // size[1]]
        told_apart = np.full((1, len(chosen)), at.clip(*_TOLD_APART), dtype=np.float32)
        codes = color.lab_to_srgb8(told_apart, chosen.T[:, None])[0]
        return [(int(red), int(green), int(blue)) for red, green, blue in codes]

    def _chroma(self, guidance: Guidance | None, vividness: float | None) -> Floats:
        """Return chroma (2, h, w) under what a user adds, with the network's work as it was done.

        Only what the predictor itself does with what is given has to be done again.
        """
        prediction, predictor = self.prediction, self._colorizer.predictor
        guided, logits = self._colorizer.guided, prediction.logits
        lightness = prediction.lightness[None, None]
        given = frozenset() if guidance is None else guidance.given
        again = vividness is not None and logits is None
        if predictor.needs or given & predictor.accepts or again:
            predicted = self._colorizer.predict(lightness, add_vividness(guidance, vividness))
            first: Floats = predicted[0]
            return first
        chroma = prediction.chroma[None]
        if vividness is not None and logits is not None:
            check_vividness(vividness)
            distribution = self._distribution()[0]
            chroma = distribution.chroma(logits, self._size, vividness)[None]
        if guidance is not None:
            check_guidance(guided, guidance)
            if isinstance(guided, OnTop):
                chroma = guided.correct(lightness, chroma, guidance)
        corrected: Floats = chroma[0]
        return corrected

    @property
    def _size(self) -> tuple[int, int]:
        """Height and width that the predictor saw."""
        height, width = self.prediction.lightness.shape
        return height, width

    def _distribution(self) -> tuple[Distribution, Floats]:
        predictor, logits = self._colorizer.predictor, self.prediction.logits
        found = distribution_of(predictor)
        if logits is None or found is None:
            raise without_distribution(predictor)
        return found[1], logits


def make_draft(colorizer: Colorizer, picture: Picture, working_size: int | None) -> Draft:
    """Predict the colours of a picture, as :meth:`colorzoo.Colorizer.draft` says."""
    options = ColorizeOptions(working_size=working_size)
    size = options.working_size or colorizer.working_size
    shape = working_shape(picture.height, picture.width, size)
    lightness = picture.resized_lightness(*shape)
    found = distribution_of(colorizer.predictor)
    if found is not None:
        predictor, distribution = found
        logits = predictor.logits(lightness[None, None])[0]
        return _drafted(colorizer, picture, lightness, distribution, logits)
    if colorizer.predictor.needs:  # it says nothing of the picture alone
        chroma = np.zeros((2, *shape), dtype=np.float32)
    else:
        chroma = colorizer.predict(lightness[None, None])[0]
    return Draft(colorizer, picture, Prediction(chroma, lightness))


def _drafted(
    colorizer: Colorizer,
    picture: Picture,
    lightness: Floats,
    distribution: Distribution,
    logits: Floats,
) -> Draft:
    """Return a draft from the logits (Q, h, w) of a distribution."""
    height, width = lightness.shape
    chroma = distribution.chroma(logits, (height, width))
    return Draft(colorizer, picture, Prediction(chroma, lightness, logits=logits))
