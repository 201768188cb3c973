"""What a user can add to any predictor's own colours."""

from __future__ import annotations

from colorzoo.predictor import Predictor
from colorzoo.predictors.exemplar import ExemplarPredictor
from colorzoo.predictors.hinted import HintedPredictor


def with_guides(predictor: Predictor) -> Predictor:
    """Let a predictor that colours by itself accept hints and a reference.

    Hints come last: what a user says of a place counts more than what a reference has there, and
    than what a network that was trained with hints makes of them. A predictor that cannot colour by
    itself stays as it is.
    """
    if predictor.needs:
        return predictor
    if "reference" not in predictor.accepts:
        predictor = ExemplarPredictor(predictor)
    return HintedPredictor(predictor)
