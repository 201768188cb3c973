"""Colours of a reference by lightness and its deviation (Welsh, Ashikhmin and Mueller 2002)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorzoo.errors import ConfigError
from colorzoo.methods.base import Method, reference_of
from colorzoo.registry import METHODS

if TYPE_CHECKING:
    from colorzoo.predictor import Floats, Guidance

Box = tuple[float, float, float, float]
"""Top, left, bottom, right, as shares of height and width."""


@dataclass(frozen=True, slots=True)
class WelshConfig:
    """Settings of :class:`Welsh`.

    Attributes:
        working_size: Shorter side in pixels of the pictures it colours.
        samples: How many places of the reference are compared with.
        swatches: Pairs of a box in the picture and the box in the reference that it takes its
            colours from; what lies in no box takes them from the coloured boxes of the picture.
            Without any, the whole picture takes them from the whole reference.
        seed: Of the random places.

    Raises:
        ConfigError: ``samples`` is less than 1, or a box is empty or not within 0..1.
    """

    working_size: int = 256
    samples: int = 200
    swatches: tuple[tuple[Box, Box], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ConfigError(f"samples must be 1 or more, not {self.samples}; 200 is usual.")
        for box in (box for pair in self.swatches for box in pair):
            top, left, bottom, right = box
            if not (0.0 <= top < bottom <= 1.0 and 0.0 <= left < right <= 1.0):
                raise ConfigError(
                    f"The swatch {box} is no box: give top, left, bottom and right as shares of "
                    "height and width, 0 to 1, top above bottom and left of right."
                )

    @classmethod
    def tiny(cls) -> WelshConfig:
        """Return a config for tests."""
        return cls(working_size=32, samples=50)


@METHODS.register(
    "welsh",
    config=WelshConfig,
    paper="Welsh, Ashikhmin and Mueller 2002, 10.1145/566654.566576",
)
class Welsh(Method[WelshConfig]):
    """Each pixel copies the reference where it is as light and as rough."""

    accepts = frozenset({"reference"})
    needs = frozenset({"reference"})

    def paint(self, lightness: Floats, guidance: Guidance) -> Floats:
        """Colour one picture; see :func:`~colorzoo.methods.samples.transfer`."""
        from colorzoo.methods.samples import transfer, transfer_swatches

        reference = reference_of(guidance)
        config = self.config
        if config.swatches:
            return transfer_swatches(lightness, reference, config.swatches, config.seed)
        return transfer(lightness, reference, config.samples, config.seed)
