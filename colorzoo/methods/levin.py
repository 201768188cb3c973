"""Hints spread by least change along lightness (Levin, Lischinski and Weiss 2004)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorzoo.methods.base import Method, hints_of
from colorzoo.registry import METHODS

if TYPE_CHECKING:
    from colorzoo.predictor import Floats, Guidance


@dataclass(frozen=True, slots=True)
class LevinConfig:
    """Settings of :class:`Levin`.

    Attributes:
        working_size: Shorter side in pixels of the pictures it colours.
    """

    working_size: int = 256

    @classmethod
    def tiny(cls) -> LevinConfig:
        """Return a config for tests."""
        return cls(working_size=32)


@METHODS.register(
    "levin",
    config=LevinConfig,
    paper="Levin, Lischinski and Weiss 2004, 10.1145/1015706.1015780",
)
class Levin(Method[LevinConfig]):
    """Colours spread from the hints until they meet an edge."""

    accepts = frozenset({"hints"})
    needs = frozenset({"hints"})

    def paint(self, lightness: Floats, guidance: Guidance) -> Floats:
        """Colour one picture; see :func:`~colorzoo.methods.spreading.spread`."""
        from colorzoo.methods.spreading import spread_colors

        chroma, mask = hints_of(guidance, self.name)
        return spread_colors(lightness, chroma, mask)
