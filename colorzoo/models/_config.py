"""What the configs of several generators have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from colorzoo.models._blocks import Norm, Upsampling, check_widths
from colorzoo.models._heads import HeadKind, check_vividness
from colorzoo.schema import added


@dataclass(frozen=True, slots=True)
class UNetShape:
    """Shape of an encoder and a decoder of convolutions.

    Attributes:
        widths: Channels after each halving; as many halvings as there are widths.
        norm: Normalization, left out of the first and the innermost level as in pix2pix.
        upsampling: Transposed convolution, or resize and convolution.
        head: What the network ends in: ab at once, or a distribution over colours.
        vividness: What becomes of a distribution unless the user says otherwise: 0 is its mean, 1
            leans to its likeliest and its rare colours.
        hints: Whether it is given a user's hints beside lightness.
    """

    widths: tuple[int, ...] = (48, 96, 192, 192, 192, 192)
    norm: Norm = "batch"
    upsampling: Upsampling = "deconv"
    head: HeadKind = "ab"
    vividness: float = 0.0
    hints: bool = added(False)

    def __post_init__(self) -> None:
        check_widths(self.widths)
        check_vividness(self.vividness)

    @classmethod
    def tiny(cls) -> Self:
        """Return a config of a few thousand parameters, for tests."""
        return cls(widths=(4, 8, 8))
