"""Hints for any predictor: its own colours, mended around them."""

from __future__ import annotations

import numpy as np

from colorzoo.predictor import Floats, Guidance, Predictor
from colorzoo.predictors._on_top import OnTop


class HintedPredictor(OnTop):
    """A predictor plus what the hints differ from it by, spread along paths without edges.

    So one wrong colour is mended, and what no hint reaches stays (see
    :func:`colorzoo.methods.mending.mend` and :class:`colorzoo.predictor.Predictor`). A base that
    takes hints itself is given them; then only what it still misses them by is mended.

    Args:
        base: What colours by itself.

    Attributes:
        base: The same.
    """

    def __init__(self, base: Predictor) -> None:
        super().__init__(base, "hints")

    def _corrected(self, lightness: Floats, chroma: Floats, given: Guidance) -> Floats:
        from colorzoo.methods.mending import mend  # scipy takes its time to import

        if given.hint_mask is None or given.hint_chroma is None:
            return chroma
        pictures = zip(lightness, chroma, given.hint_chroma, given.hint_mask, strict=True)
        mended = [
            mend(picture[0], own, wanted, mask[0]) if mask.any() else own
            for picture, own, wanted, mask in pictures
        ]
        return np.stack(mended)
