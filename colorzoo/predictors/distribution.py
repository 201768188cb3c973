"""What a distribution over colours gives beyond one picture: doubt, and other colours as likely.

Both are functions of the distribution alone: (N, Q, h, w) over Q cells of ab.
"""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

_REGIONS: Final = 8  # surfaces that are coloured apart: more fall to pieces, fewer flow together
_ROUNDS: Final = 12  # of k-means; its centres stand still by then
_ALIKE: Final = 0.93  # two regions as alike as this are one surface, and get one colour
_APART: Final = 24.0  # Lab units between two colours that nobody takes for the same
_DIFFERENT: Final = 18.0  # Lab units between two colours of a choice
_REACH: Final = 16.0  # Lab units around the chosen colour that a region keeps
_PLACE: Final = 0.35  # weight of the place beside the colours, so that regions hang together


def uncertainty_of(shares: Tensor) -> Tensor:
    """Return how unsure a distribution is: its entropy, 0 for one cell to 1 for all alike.

    Args:
        shares: (N, Q, h, w), of sum 1 over Q.

    Returns:
        (N, 1, h, w) in 0..1.
    """
    entropy: Tensor = torch.special.entr(shares.float()).sum(dim=1, keepdim=True)
    return entropy / math.log(shares.shape[1])


def choose_alternatives(shares: Tensor, cells: Tensor, *, count: int, seed: int) -> Tensor:
    """Return other distributions for a picture, each of which has made up its mind elsewhere.

    The picture is parted into regions whose distributions are alike. A region that could have
    several colours, such as a dress, is given another of them in each alternative, as a whole; one
    that could not, such as the sky, keeps its own. Borders are soft, as the regions are.

    Args:
        shares: (1, Q, h, w), of sum 1 over Q.
        cells: (Q, 2), centres of the cells in Lab units.
        count: How many alternatives.
        seed: Fixes which colours are chosen.

    Returns:
        (count, Q, h, w), of sum 1 over Q.
    """
    shares = shares.float()
    membership = _regions(shares, cells)
    of_regions = torch.einsum("rhw,qhw->rq", membership, shares[0])
    of_regions = of_regions / of_regions.sum(dim=1, keepdim=True)
    random = torch.Generator().manual_seed(seed)
    choices: list[Tensor] = []
    for number, region in enumerate(of_regions):
        # Bhattacharyya's measure of how alike two distributions are, 1 for equals.
        alike = (of_regions[:number] * region).sqrt().sum(dim=1) > _ALIKE
        first = int(alike.nonzero()[0]) if alike.any() else None
        choices.append(_choose(region, cells, count, random) if first is None else choices[first])
    chosen = torch.stack(choices)
    away = torch.cdist(chosen, cells.float()[None].expand(len(chosen), -1, -1))
    pull = -0.5 * (away / _REACH) ** 2  # (regions, count, Q)
    logits = shares.clamp(min=1e-12).log() + torch.einsum("rhw,rkq->kqhw", membership, pull)
    return torch.softmax(logits, dim=1)


def choose_colors(shares: Tensor, cells: Tensor, *, count: int) -> Tensor:
    """Return likely colours that differ: (n, 2), of which ``n`` is at most ``count``.

    Args:
        shares: (Q,), how likely each cell is.
        cells: (Q, 2), their centres in Lab units.
        count: How many at most.
    """
    rest = shares.float().clone()
    chosen: list[Tensor] = []
    while len(chosen) < count and rest.any():
        chosen.append(cells[rest.argmax()].float())
        rest = rest * ((cells.float() - chosen[-1]).norm(dim=1) >= _DIFFERENT)
    return torch.stack(chosen)


def _regions(shares: Tensor, cells: Tensor) -> Tensor:
    """Return how much each place belongs to each region: (R, h, w), of sum 1 over R.

    k-means on the mean and the spread of the colours and, with less weight, on the place; soft in
    its last step. It starts from places that lie far apart, so it needs no chance.
    """
    height, width = shares.shape[-2:]
    mean = torch.einsum("qhw,qc->chw", shares[0], cells.float())
    square = torch.einsum("qhw,qc->chw", shares[0], cells.float() ** 2)
    spread = (square - mean**2).clamp(min=0.0).sqrt()
    smooth = F.avg_pool2d(torch.cat((mean, spread))[None], 5, 1, 2, count_include_pad=False)[0]
    rows, columns = (torch.linspace(-1.0, 1.0, side) for side in (height, width))
    place = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).to(smooth)
    points = torch.cat((smooth / 10.0, place * 3.0 * _PLACE)).flatten(1).T
    centers = points[:1]
    while len(centers) < _REGIONS:
        centers = torch.cat((centers, points[torch.cdist(points, centers).amin(1).argmax()][None]))
    for _ in range(_ROUNDS):
        nearest = F.one_hot(torch.cdist(points, centers).argmin(1), len(centers)).to(points)
        sizes = nearest.sum(dim=0)[:, None]
        centers = torch.where(sizes > 0, nearest.T @ points / sizes.clamp(min=1), centers)
    membership = torch.softmax(-2.0 * torch.cdist(points, centers) ** 2, dim=1)
    return membership.T.reshape(-1, height, width)


def _choose(region: Tensor, cells: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Return colours for a region (count, 2): likely ones, far apart while there are such."""
    left = region.sqrt()  # the square root lifts what is rarer and possible
    left = torch.where(region > 0.05 * region.max(), left, torch.zeros(()))
    choices: list[Tensor] = []
    rest = left
    for _ in range(count):
        if not rest.any():
            rest = left
        number = torch.multinomial(rest.cpu(), 1, generator=random)[0]
        choices.append(cells[number].float())
        rest = rest * ((cells.float() - choices[-1]).norm(dim=1) >= _APART)
    return torch.stack(choices)
