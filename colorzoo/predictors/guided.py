"""What a user can add to any predictor's own colours."""

from __future__ import annotations

from colorzoo.predictor import Predictor
from colorzoo.predictors.hinted import HintedPredictor


def with_guides(predictor: Predictor) -> Predictor:
    """Let a predictor that colours by itself accept hints; one that cannot stays as it is."""
    if predictor.needs:
        return predictor
    if "hints" not in predictor.accepts:
        predictor = HintedPredictor(predictor)
    return predictor
