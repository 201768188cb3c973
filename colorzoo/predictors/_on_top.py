"""What the predictors that stand on another one share."""

from __future__ import annotations

from colorzoo.errors import needing
from colorzoo.predictor import Floats, Guidance, Guide, Predictor


class OnTop:
    """All of a predictor (see :class:`colorzoo.predictor.Predictor`) but its own correction.

    Args:
        base: What colours by itself.
        guide: What is accepted beyond what the base accepts.
    """

    def __init__(self, base: Predictor, guide: Guide) -> None:
        self.base = base
        self.guide = guide
        self.name = base.name
        self.working_size = base.working_size
        self.accepts: frozenset[Guide] = base.accepts | {guide}
        self.needs = base.needs

    @property
    def device(self) -> str:
        """Where its base works."""
        return self.base.device

    @property
    def parameters(self) -> int:
        """Those of its base."""
        return self.base.parameters

    def to(self, device: str) -> None:
        """Move its base."""
        self.base.to(device)

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        """Give chroma for lightness, as :class:`~colorzoo.predictor.Predictor` says."""
        given = guidance or Guidance()
        chroma = self.base.predict(lightness, given.only(self.base.accepts))
        return self._correct(lightness, chroma, given)

    def correct(self, lightness: Floats, chroma: Floats, guidance: Guidance) -> Floats:
        """Correct what the lowest predictor has given already, and do not ask it again.

        Args:
            lightness: (N, 1, h, w) float32, L in 0..100.
            chroma: (N, 2, h, w) float32: a and b in Lab units.
            guidance: What the user adds.

        Returns:
            Chroma as of :meth:`predict`.
        """
        if isinstance(self.base, OnTop):
            chroma = self.base.correct(lightness, chroma, guidance)
        return self._correct(lightness, chroma, guidance)

    def _correct(self, lightness: Floats, chroma: Floats, given: Guidance) -> Floats:
        with needing(f"Colouring with {self.guide}"):
            return self._corrected(lightness, chroma, given)

    def _corrected(self, lightness: Floats, chroma: Floats, given: Guidance) -> Floats:
        """Return the chroma of its base, changed by its own guide where that is given."""
        raise NotImplementedError
