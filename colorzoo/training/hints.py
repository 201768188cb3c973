"""Hints as a user might give them, drawn from the truth of a batch.

After Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors"
(arXiv:1705.02999, section 3.2): the number of points is geometric, so often few and at times none;
a point reveals the mean colour of a small square; now and then a whole photo is revealed, from
which a network learns to take over what it is given. Two things differ. Zhang draws places around
the middle; here half of the photos have theirs anywhere, as hints at the border are no rarer in
use. And half of the photos have about fifty points instead of seven, as a careful user gives.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

_STOPS: Final = (1 / 8, 1 / 48)  # the chance after each point that it is the last; before it too
_MOST: Final = 96
_NONE: Final = 1 / 16  # share of the photos that have none whatever their stop
_SIDE: Final = 9  # pixels of the largest square; the smallest is one pixel
_WHOLE: Final = 0.01  # share of the photos that are revealed as a whole
_SPREAD: Final = 0.25  # deviation from the middle, in sides of the photo


def draw_hints(chroma: Tensor) -> Tensor:
    """Draw hints for a batch with torch's random numbers, which checkpoints keep.

    Args:
        chroma: True chroma (N, 2, H, W) in -1..1.

    Returns:
        (N, 3, H, W) as a generator takes them beside lightness: chroma and mask, 0 where no hint
        is. Where squares overlap, the mean of theirs counts.
    """
    count, _, height, width = chroma.shape
    device = chroma.device
    numbers = _draw_numbers(count, device)
    photo = torch.arange(count, device=device).repeat_interleave(numbers)
    rows, columns = _draw_places(photo, (height, width))
    side = torch.randint(1, _SIDE + 1, (len(photo), 1, 1), device=device)
    steps = torch.arange(_SIDE, device=device)
    down, right = (rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]
    inside = (steps < side) & (steps[:, None] < side) & (down < height) & (right < width)
    place = (photo[:, None, None] * height + down) * width + right
    place, inside = place.flatten(1), inside.flatten(1)
    flat = chroma.float().permute(0, 2, 3, 1).reshape(-1, 2)
    colors = flat[place.where(inside, 0)] * inside[..., None]
    means = colors.sum(dim=1) / inside.sum(dim=1, keepdim=True)
    totals, counts = flat.new_zeros(len(flat), 2), flat.new_zeros(len(flat), 1)
    # Not index_add, whose order and so whose last digits vary on a GPU.
    owner, _ = inside.nonzero(as_tuple=True)
    totals.index_put_((place[inside],), means[owner], accumulate=True)
    counts.index_put_((place[inside],), counts.new_ones(len(owner), 1), accumulate=True)
    whole = (torch.rand(count, device=device) < _WHOLE)[:, None, None, None]
    shown, mask = (
        table.view(count, height, width, -1).permute(0, 3, 1, 2)
        for table in (totals / counts.clamp(min=1.0), counts > 0)
    )
    known = mask | whole
    colors = torch.where(whole, chroma.float(), shown)
    return torch.cat((torch.where(known, colors, 0.0), known.to(colors.dtype)), dim=1)


def _draw_numbers(count: int, device: torch.device) -> Tensor:
    """Return how many points each photo has: (N,) of 0 to 96."""
    many, luck, none = torch.rand(3, count, device=device)
    few, more = (1.0 / math.log(1.0 - stop) for stop in _STOPS)
    numbers = torch.log(luck) * torch.where(many < 0.5, few, more)
    return torch.where(none < _NONE, 0.0, numbers).clamp(max=_MOST).long()


def _draw_places(photo: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the upper left corner of each square: rows and columns (M,)."""
    near = torch.randn(2, len(photo), device=photo.device) * _SPREAD + 0.5
    anywhere = torch.rand(2, len(photo), device=photo.device)
    places = torch.where(photo % 2 == 0, near, anywhere)
    rows, columns = (
        (place * side - _SIDE / 2).long().clamp(0, side - 1)
        for place, side in zip(places, size, strict=True)
    )
    return rows, columns
