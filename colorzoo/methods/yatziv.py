"""Hints blended by their distance along paths without edges (Yatziv and Sapiro 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorzoo.errors import ConfigError
from colorzoo.methods.base import Method, hints_of
from colorzoo.registry import METHODS

if TYPE_CHECKING:
    from colorzoo.predictor import Floats, Guidance


@dataclass(frozen=True, slots=True)
class YatzivConfig:
    """Settings of :class:`Yatziv`.

    Attributes:
        working_size: Shorter side in pixels of the pictures it colours.
        power: How fast a colour's weight falls with its distance, 1 to 6: at 1 colours blend
            widely, at 6 nearly the nearest one alone counts.
        step: Length of one pixel in a flat region, in units of L, so that flat regions order by
            length.

    Raises:
        ConfigError: ``power`` or ``step`` is out of range.
    """

    working_size: int = 256
    power: float = 3.0
    step: float = 0.3

    def __post_init__(self) -> None:
        if not 1.0 <= self.power <= 6.0:
            raise ConfigError(f"power must be in 1..6, not {self.power}; 3 is a good start.")
        if not self.step > 0.0:
            raise ConfigError(f"step must be more than 0, not {self.step}; 0.3 is a good start.")

    @classmethod
    def tiny(cls) -> YatzivConfig:
        """Return a config for tests."""
        return cls(working_size=32)


@METHODS.register(
    "yatziv",
    config=YatzivConfig,
    paper="Yatziv and Sapiro 2006, 10.1109/TIP.2005.864231",
)
class Yatziv(Method[YatzivConfig]):
    """Each pixel mixes the colours that are nearest to it, in steps of lightness."""

    accepts = frozenset({"hints"})
    needs = frozenset({"hints"})

    def paint(self, lightness: Floats, guidance: Guidance) -> Floats:
        """Colour one picture.

        The chroma of a pixel is ``sum of W(d_c) c / sum of W(d_c)`` over the colours c near it,
        with ``W(d) = d^-power`` and d_c the distance of
        :func:`~colorzoo.methods.distances.distances`.
        """
        import numpy as np

        from colorzoo.methods.distances import distances, label_colors

        chroma, mask = hints_of(guidance, self.name)
        labels, colors = label_colors(chroma.astype(np.float64), mask)
        reach = distances(lightness.astype(np.float64), labels, self.config.step)
        # Relative to the nearest, so that no power leaves the range of floats.
        np.maximum(reach, _CLOSEST, out=reach)
        weights = (reach.min(axis=0) / reach) ** self.config.power
        mixed = np.einsum("khw,kc->chw", weights, colors.astype(np.float32))
        return np.where(mask, chroma, mixed / weights.sum(axis=0))


_CLOSEST = 1e-3
