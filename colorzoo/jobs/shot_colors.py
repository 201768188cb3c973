"""What goes from frame to frame within a shot: its lightness, its colours, and given colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.hints import PlacedHints
from colorzoo.jobs.motion import Flow, Motion, Plane, Steadier
from colorzoo.predictor import Floats, Guidance, Guide, Mask

# A point that is followed there and back must come out where it began (Sundaram, Brox and Keutzer
# 2010): within half a squared pixel, and a hundredth of the squares of both ways. Otherwise
# something hides it.
_SLACK: Final = 0.5
_SLACK_OF_WAY: Final = 0.01


class CarriedHints:
    """Colours that were given for places of a frame, and follow these from frame to frame.

    Each hinted pixel of the working size is a point of its own. It lasts until it leaves the frame
    or something hides it.

    Attributes:
        points: (n, 2) float32, row and column at working size.
        chroma: (2, n) float32, a and b in Lab units.
    """

    def __init__(self) -> None:
        self.points: Plane = np.empty((0, 2), dtype=np.float32)
        self.chroma: Plane = np.empty((2, 0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.points)

    def add(self, hints: PlacedHints, size: tuple[int, int]) -> None:
        """Add what is given for a frame, which counts more than what came from earlier ones."""
        (chroma,), (mask,) = hints.resized(*size)
        rows, columns = np.nonzero(mask[0])
        points = np.stack([rows, columns], axis=1).astype(np.float32)
        self.points = np.concatenate([self.points, points])
        self.chroma = np.concatenate([self.chroma, chroma[:, rows, columns]], axis=1)

    def follow(self, forth: Flow, back: Flow) -> None:
        """Move to the next frame.

        Args:
            forth: Where the pixels of this frame are in the next one.
            back: Where the pixels of the next frame are in this one.
        """
        moved = forth.places(self.points)
        returned = back.places(moved)
        ways = ((moved - self.points) ** 2).sum(axis=1) + ((returned - moved) ** 2).sum(axis=1)
        missed = ((returned - self.points) ** 2).sum(axis=1)
        height, width = forth.inside.shape
        row, column = moved.T
        stays = missed <= _SLACK + _SLACK_OF_WAY * ways
        stays &= (row >= -0.5) & (row < height - 0.5) & (column >= -0.5) & (column < width - 0.5)
        self.points, self.chroma = moved[stays], self.chroma[:, stays]

    def placed(self, height: int, width: int) -> tuple[Floats, Mask]:
        """Return chroma (1, 2, height, width) float32 and mask (1, 1, height, width) bool."""
        chroma = np.zeros((1, 2, height, width), dtype=np.float32)
        mask = np.zeros((1, 1, height, width), dtype=np.bool_)
        row, column = np.rint(self.points).astype(np.int64).T
        row, column = row.clip(0, height - 1), column.clip(0, width - 1)
        chroma[0][:, row, column] = self.chroma
        mask[0, 0, row, column] = True
        return chroma, mask


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """What is known of a frame before its colours are predicted.

    Attributes:
        number: Its place in the shot, from 0.
        motion: From the frame before; None for the first of a shot, and where nothing is carried.
        guidance: What is added to it, a batch of one, or None.
        hinted: Whether colours were given for this very frame.
    """

    number: int
    motion: Motion | None
    guidance: Guidance | None
    hinted: bool

    @property
    def guides(self) -> frozenset[Guide]:
        """What is added to it."""
        return self.guidance.given if self.guidance else frozenset()


class ShotColors:
    """Carries colours through a shot, frame by frame.

    Each frame is shown twice, in the order of the film: to :meth:`see` before its colours are
    predicted, which may run some frames ahead, and to :meth:`steady` with what was predicted.

    Args:
        steadiness: 0, every frame for itself, to just below 1.
        every: Frames between predictions, those with colours given for them aside.
        reference: (1, 3, h', w') float32, L, a and b to take colours from, or None.
    """

    def __init__(self, steadiness: float, every: int = 1, reference: Floats | None = None) -> None:
        self._steadier = Steadier(steadiness)
        self._every = every
        self._reference = reference
        self._hints = CarriedHints()
        self._lightness: Plane | None = None
        self._frames = 0

    def see(self, lightness: Plane, hints: PlacedHints | None = None) -> SeenFrame:
        """Take the next frame.

        Args:
            lightness: (h, w) float32, its L at working size, 0..100.
            hints: Colours given for places of this frame.
        """
        height, width = lightness.shape
        motion: Motion | None = None
        last = self._lightness
        carries = self._steadier.steadiness > 0 or self._every > 1 or len(self._hints) > 0
        if last is not None and carries:
            motion = Motion(lightness, last)
            if len(self._hints):
                self._hints.follow(Flow(last, lightness), motion)
        if hints is not None:
            self._hints.add(hints, (height, width))
        guidance = Guidance(reference=self._reference)
        if len(self._hints):
            guidance = Guidance(*self._hints.placed(height, width), self._reference)
        seen = SeenFrame(
            self._frames, motion, guidance if guidance.given else None, hints is not None
        )
        self._lightness = lightness
        self._frames += 1
        return seen

    def is_due(self, seen: SeenFrame) -> bool:
        """Tell whether the colours of a frame are predicted, not only carried."""
        return seen.hinted or seen.number % self._every == 0

    def steady(self, seen: SeenFrame, predicted: Plane | None) -> Plane:
        """Return the chroma (2, h, w) float32 of a frame.

        Args:
            seen: What :meth:`see` said of it.
            predicted: (2, h, w) float32; None for one that is not due.
        """
        # Colours that are given change the prediction at once; a mean would take seconds to follow.
        return self._steadier.step(predicted, seen.motion, anew=seen.hinted)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what :meth:`restore` goes on from, as arrays; each seen frame must be steadied."""
        if self._lightness is None or self._steadier.chroma is None:
            return {}
        return {
            "lightness": self._lightness,
            "chroma": self._steadier.chroma,
            "mean_over": np.array(self._steadier.frames),
            "frames": np.array(self._frames),
            "hint_points": self._hints.points,
            "hint_chroma": self._hints.chroma,
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a saved state."""
        if state:
            self._lightness, self._steadier.chroma = state["lightness"], state["chroma"]
            self._steadier.frames = int(state["mean_over"])
            self._frames = int(state["frames"])
            self._hints.points, self._hints.chroma = state["hint_points"], state["hint_chroma"]
