"""What a generator can end in: ab at once, or a distribution over colours.

A network that predicts ab at once goes for the mean of what is likely, and the mean of a red and a
green bus is brown. One that ends in classes (Zhang 2016, arXiv:1603.08511) says for each place how
likely each cell of a grid of ab is. What becomes of that is a setting of use and not of training:
the plain mean, which is safe, or one that leans to the likeliest cells and to rare colours, which
is vivid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorzoo.chroma import anneal
from colorzoo.color import CHROMA_SCALE
from colorzoo.models._blocks import Upsampling, make_upsampling

HeadKind = Literal["ab", "classes"]

CELL_SIZE: Final = 10.0
"""Distance of neighbouring cells' centres, Lab units."""

_ROWS: Final = (  # a, least b and greatest b in cells: those nearest to some colour of sRGB
    (-9, 8, 8),
    (-8, 4, 8),
    (-7, 2, 9),
    (-6, 0, 9),
    (-5, -2, 9),
    (-4, -3, 9),
    (-3, -4, 9),
    (-2, -4, 9),
    (-1, -5, 9),
    (0, -6, 9),
    (1, -7, 8),
    (2, -7, 8),
    (3, -8, 8),
    (4, -9, 8),
    (5, -9, 7),
    (6, -10, 7),
    (7, -11, 7),
    (8, -11, 7),
    (9, -9, 0),
    (10, -7, -5),
)


def color_cells() -> Tensor:
    """Return the centres of all cells that sRGB reaches: (261, 2), a and b in Lab units."""
    cells = [
        (a * CELL_SIZE, b * CELL_SIZE)
        for a, least, greatest in _ROWS
        for b in range(least, greatest + 1)
    ]
    return torch.tensor(cells, dtype=torch.float32)


def cell_weights(prior: Tensor, *, evenness: float = 0.5, strength: float = 0.5) -> Tensor:
    """Return the weight of each cell: the rarer its colour, the more.

    Args:
        prior: Share of each cell in the training photos (Q,).
        evenness: How much of an even distribution is mixed into the prior; Zhang's lambda.
        strength: 0 weighs all cells alike, 1 by the inverse of their mixed share.

    Returns:
        (Q,), of mean 1 under the prior.
    """
    prior = prior.float() / prior.float().sum()
    mixed = (1.0 - evenness) * prior + evenness / len(prior)
    weights = mixed**-strength
    return weights / (prior * weights).sum()


class ClassHead(nn.Module):
    """Features to a distribution over colour cells, and that to chroma.

    Args:
        in_channels: Channels of the features.
        vividness: What becomes of the distribution unless the user says otherwise.
        stride: How many times smaller than the features the distribution is: at half a picture's
            size hundreds of cells would be most of a network's cost.

    Attributes:
        to_logits: Maps features (N, C, h, w) to logits (N, Q, h / stride, w / stride).
    """

    cells: Tensor
    """Centres of the cells (Q, 2), a and b in Lab units."""

    prior: Tensor
    """Share of each cell in the training photos (Q,), of sum 1; even until it is counted."""

    def __init__(self, in_channels: int, vividness: float, *, stride: int = 1) -> None:
        super().__init__()
        cells = color_cells()
        self.vividness = vividness
        self.register_buffer("cells", cells)
        self.register_buffer("prior", torch.full((len(cells),), 1.0 / len(cells)))
        self.to_logits = nn.Conv2d(in_channels, len(cells), stride, stride=stride)

    @property
    def rarity(self) -> Tensor:
        """What vividness adds to the logits (Q,), see :func:`colorzoo.chroma.anneal`."""
        return cell_weights(self.prior).log()

    def forward(self, features: Tensor, size: Sequence[int]) -> Tensor:
        """Map features (N, C, h, w) to chroma (N, 2, height, width) in -1..1."""
        return self.chroma(self.to_logits(features), size)

    def chroma(
        self, logits: Tensor, size: Sequence[int], vividness: float | Tensor | None = None
    ) -> Tensor:
        """Return the annealed mean of the cells, brought up to a size.

        Args:
            logits: (N, Q, h, w).
            size: Height and width of the result.
            vividness: The head's own if left out.

        Returns:
            (N, 2, height, width) in -1..1, float32.
        """
        vividness = self.vividness if vividness is None else vividness
        # Without autocast: bfloat16 has too few digits for a sum over hundreds of cells.
        with torch.autocast(logits.device.type, enabled=False):
            # Classes last, where they lie in channels-last memory: softmax is fastest there.
            annealed = anneal(logits.float().permute(0, 2, 3, 1), self.rarity, vividness)
            mean = torch.softmax(annealed, dim=3) @ (self.cells.float() / CHROMA_SCALE)
            return enlarge(mean.permute(0, 3, 1, 2), size)


def enlarge(chroma: Tensor, size: Sequence[int]) -> Tensor:
    """Bring chroma in -1..1 up to a size, unless it has that size."""
    if chroma.shape[-2:] == size:
        return chroma
    enlarged = F.interpolate(chroma, size=tuple(size), mode="bicubic", align_corners=False)
    return enlarged.clamp(-1.0, 1.0)  # cubic curves overshoot


def make_head(
    kind: HeadKind, upsampling: Upsampling, in_channels: int, vividness: float
) -> nn.Module:
    """Return the head of a decoder that ends at half the picture's size.

    ``"ab"`` doubles that to two channels; ``"classes"`` halves it to a distribution.
    """
    if kind == "ab":
        return make_upsampling(upsampling, in_channels, 2)
    return ClassHead(in_channels, vividness, stride=2)


def check_vividness(vividness: float) -> None:
    """Raise ValueError unless a vividness lies in 0..1."""
    if not 0.0 <= vividness <= 1.0:
        raise ValueError("vividness must lie in 0..1.")
