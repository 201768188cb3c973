"""Colours as classes (Zhang 2016, arXiv:1603.08511): targets, the prior and the losses."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from colorzoo.models._heads import CELL_SIZE

_REACH: Final = 13  # the grid of cells goes from -130 to 130: further than any colour


def split_over_cells(chroma: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Split each colour bilinearly over the four cells around it.

    Cells that sRGB does not reach get nothing, and the shares of the others grow to a sum of 1.

    Args:
        chroma: (M, 2), a and b in Lab units.
        cells: (Q, 2), centres of the cells.

    Returns:
        Numbers of the four cells (M, 4), and their shares (M, 4), of sum 1.
    """
    side = 2 * _REACH + 1
    at = (cells / CELL_SIZE).round().long() + _REACH
    table = torch.full((side * side,), -1, dtype=torch.long, device=cells.device)
    table[at[:, 0] * side + at[:, 1]] = torch.arange(len(cells), device=cells.device)
    place = (chroma.float() / CELL_SIZE + _REACH).clamp(0.0, side - 1.001)
    low = place.floor()
    share = place - low
    corner = low[:, 0].long() * side + low[:, 1].long()
    numbers = table[corner[:, None] + corner.new_tensor((0, 1, side, side + 1))]
    a, b = share.unbind(dim=1)
    shares = torch.stack(((1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b), dim=1)
    shares = shares * (numbers >= 0)
    shares = shares / shares.sum(dim=1, keepdim=True).clamp(min=1e-6)
    return numbers.clamp(min=0), shares


def count_cells(chroma: Tensor, cells: Tensor) -> Tensor:
    """Return how many of the colours (M, 2) fall to each cell: (Q,), of sum M."""
    numbers, shares = split_over_cells(chroma, cells)
    return torch.zeros(len(cells), device=cells.device).index_add_(
        0, numbers.flatten(), shares.flatten()
    )


def class_loss(logits: Tensor, truth: Tensor, cells: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted cross-entropy of a distribution over cells, which stays unbiased.

    Weighing rare colours up teaches a network a distribution that has too much of them, in
    proportion to their weights. Adding the weights' logarithms to the logits before the softmax
    takes that on itself (logit adjustment, Menon 2021, arXiv:2007.07314), and the logits without
    them are those of how likely a colour truly is.

    Args:
        logits: (N, Q, h, w) of how likely each cell is.
        truth: True chroma (N, 2, H, W) in Lab units; its mean over each place of the logits counts.
        cells: Centres of the cells (Q, 2), Lab units.
        weights: Weight of each cell (Q,); a place takes that of the cell nearest to its truth.

    Returns:
        A scalar.
    """
    height, width = logits.shape[-2:]
    wanted = F.adaptive_avg_pool2d(truth.float(), (height, width))
    numbers, shares = split_over_cells(wanted.permute(0, 2, 3, 1).reshape(-1, 2), cells)
    # Classes last, where they lie already in channels-last memory: log_softmax is fastest there.
    table = logits.float().permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    chances = torch.log_softmax(table + weights.log(), dim=1).gather(1, numbers)
    nearest = numbers.gather(1, shares.argmax(dim=1, keepdim=True))[:, 0]
    return -((chances * shares).sum(dim=1) * weights[nearest]).mean()


def distillation_loss(logits: Tensor, teacher: Tensor, weights: Tensor) -> Tensor:
    """Return how far a distribution over cells is from a teacher's (Hinton 2015, arXiv:1503.02531).

    It is what :func:`class_loss` would be on average if the truth were drawn from the teacher's
    distribution, less the least that it could be: 0 where the two agree.

    Args:
        logits: (N, Q, h, w) of how likely each cell is.
        teacher: The teacher's (N, Q, H, W); each place of the logits takes the mean of its chances.
        weights: Weight of each cell (Q,).

    Returns:
        A scalar, without a gradient for the teacher.
    """
    with torch.no_grad():
        height, width = logits.shape[-2:]
        chances = F.adaptive_avg_pool2d(torch.softmax(teacher.float(), dim=1), (height, width))
        weighted = chances.permute(0, 2, 3, 1) * weights
        mass = weighted.sum(dim=3, keepdim=True)
    mine = torch.log_softmax(logits.float().permute(0, 2, 3, 1) + weights.log(), dim=3)
    return (F.kl_div(mine, weighted / mass, reduction="none") * mass).sum(dim=3).mean()
