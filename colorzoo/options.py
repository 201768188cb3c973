"""How pictures are coloured, as a user asks: one record for calls, jobs and the command line."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from colorzoo.errors import ConfigError
from colorzoo.schema import check_whole

if TYPE_CHECKING:
    from colorzoo.hints import Hints

Depth = Literal["auto", 8, 16]
"""Bits of a sample in a finished picture; ``"auto"`` keeps those that were read."""

MAX_WORKING_SIZE: Final = 4096
"""Pixels; a longer side may be four times that, beyond which no machine's memory goes."""


@dataclass(frozen=True, slots=True)
class ColorizeOptions:
    """How pictures are coloured.

    Attributes:
        saturation: Strength of the colours; 0 is grey, 1 is what the predictor says.
        working_size: Shorter side of what the predictor sees, pixels; its own if None. The longer
            side is held to four times that: a longer panorama is seen smaller.
        batch_size: Pictures that go through the predictor at once; only those go together that
            look alike in size to it.
        depth: Bits of a sample in what comes out: 8, 16, or ``"auto"``, those of the input. Only
            PNG and TIFF hold 16.
        restore_tones: Let the predictor see faded tones stretched; the output's own stay.
        denoise: Let the predictor see grain smoothed; the output keeps it.
        all_pages: Colour every page of a TIFF that holds several, into a TIFF of as many; else the
            first alone. Only files have pages.
        hints: Colours for places, of every picture that is coloured with these options; so all must
            be of one size.
        reference: File of a picture in colour to take colours from.
        vividness: For models that predict a distribution over colours: 0 takes its mean, which is
            safe, 1 nearly its mode, which is vivid; the model's own if None.

    Raises:
        ConfigError: One of them is out of range.
    """

    saturation: float = 1.0
    working_size: int | None = None
    batch_size: int = 8
    depth: Depth = "auto"
    restore_tones: bool = False
    denoise: bool = False
    all_pages: bool = False
    hints: Hints | None = None
    reference: Path | None = None
    vividness: float | None = None

    def __post_init__(self) -> None:
        check_saturation(self.saturation)
        if self.working_size is not None:
            check_whole("working_size", self.working_size, MAX_WORKING_SIZE)
        check_whole("batch_size", self.batch_size)
        if self.depth not in ("auto", 8, 16):
            raise ConfigError(f'depth must be "auto", 8 or 16, not {self.depth!r}.')
        if self.vividness is not None:
            check_vividness(self.vividness)


def check_saturation(factor: object) -> None:
    """Raise a ConfigError unless ``factor`` is a finite number, 0 or more."""
    if isinstance(factor, bool) or not isinstance(factor, numbers.Real):
        raise ConfigError(f"saturation must be a number, not {factor!r}; 1.0 changes nothing.")
    if not math.isfinite(factor) or factor < 0:
        raise ConfigError(
            f"saturation must be 0 or more and finite, not {factor}; "
            "0 gives grey, 1.0 changes nothing, 1.3 is visibly stronger."
        )


def check_vividness(vividness: object) -> None:
    """Raise a ConfigError unless ``vividness`` is a number in 0..1."""
    number = isinstance(vividness, numbers.Real) and not isinstance(vividness, bool)
    if not number or not 0.0 <= float(vividness) <= 1.0:  # type: ignore[arg-type]  # a number here
        raise ConfigError(
            f"vividness must be a number from 0, the safest colours, to 1, the most vivid, not "
            f"{vividness!r}."
        )
