"""What moves in a film: cuts, motion between frames, and colours that are carried along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import ModuleType

Plane = NDArray[np.float32]

_GRID: Final = 4  # cells a side whose histograms are compared
_BINS: Final = 16
_CUT: Final = 0.5
"""Mean distance of the cells' histograms, 0..1, from which on two frames are of different shots."""

_AGREEMENT: Final = 5.0
"""Units of L by which carried lightness may differ and still be of the same thing."""

_DOUBT: Final = 8.0
"""Units of L from which on it is more likely of another thing."""


def import_cv2() -> ModuleType:
    """Return OpenCV, whose optical flow is quick.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            "opencv-python-headless", extra="video", purpose="Colouring films"
        ) from error
    return cv2


def frame_distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how unlike two small grey frames are: 0, all alike, to 1.

    Histograms of lightness are compared cell by cell of a grid: histograms of whole frames miss
    cuts between scenes that are equally bright.

    Args:
        first: (h, w) grey values.
        second: Of the same shape.
    """
    distances = []
    for rows in np.array_split(np.arange(first.shape[0]), _GRID):
        for columns in np.array_split(np.arange(first.shape[1]), _GRID):
            histograms = [
                np.bincount((frame[np.ix_(rows, columns)] // _BINS).ravel(), minlength=256 // _BINS)
                for frame in (first, second)
            ]
            overlap = np.minimum(*histograms).sum() / max(histograms[0].sum(), 1)
            distances.append(1.0 - overlap)
    return float(np.mean(distances))


def is_cut(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    """Tell whether a shot ends between two neighbouring small grey frames."""
    return frame_distance(first, second) >= _CUT


class Flow:
    """Where the pixels of one frame are in another, by dense optical flow (Kroeger 2016, DIS).

    Args:
        lightness: (h, w) float32, L of the frame whose pixels are looked for, 0..100.
        other: (h, w) float32, L of the frame in which they are found.
    """

    def __init__(self, lightness: Plane, other: Plane) -> None:
        self._cv2: Any = import_cv2()
        height, width = lightness.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        flow = self._flow(lightness, other)
        self._x, self._y = x + flow[..., 0], y + flow[..., 1]
        inside = (self._x >= -0.5) & (self._x <= width - 0.5)
        inside &= (self._y >= -0.5) & (self._y <= height - 0.5)
        self.inside: NDArray[np.bool_] = inside
        """(h, w): pixels that the other frame shows."""

    def _flow(self, lightness: Plane, other: Plane) -> Plane:
        # The flow's smallest pictures are 8 pixels a side: smaller ones are taken as still.
        if min(lightness.shape) < 16:
            return np.zeros((*lightness.shape, 2), dtype=np.float32)
        search = self._cv2.DISOpticalFlow_create(self._cv2.DISOPTICAL_FLOW_PRESET_FAST)
        frames = [np.rint(plane * 2.55).astype(np.uint8) for plane in (lightness, other)]
        flow: Plane = search.calc(*frames, None)
        return flow

    def carry(self, planes: Plane) -> Plane:
        """Bring what belongs to the frame before to where it is now.

        Args:
            planes: (h, w) or (C, h, w) float32.

        Returns:
            The same shape; bilinear between pixels, the border's values outside.
        """
        if planes.ndim == 3:
            return np.stack([self.carry(plane) for plane in planes])
        carried: Plane = self._cv2.remap(
            np.ascontiguousarray(planes),
            self._x,
            self._y,
            self._cv2.INTER_LINEAR,
            borderMode=self._cv2.BORDER_REPLICATE,
        )
        return carried

    def places(self, points: Plane) -> Plane:
        """Return where in the other frame some points of this one are.

        Args:
            points: (n, 2) float32, rows and columns, between pixels too.

        Returns:
            The same shape; points outside the frame move as the nearest pixel does.
        """
        from scipy.ndimage import map_coordinates

        y, x = np.indices(self._x.shape, dtype=np.float32)
        moves = (self._y - y, self._x - x)
        steps = [map_coordinates(plane, points.T, order=1, mode="nearest") for plane in moves]
        moved: Plane = points + np.stack(steps, axis=1).astype(np.float32)
        return moved


class Motion(Flow):
    """Motion from one frame to the next.

    Args:
        lightness: (h, w) float32, L of the frame whose pixels are looked for, 0..100.
        previous: (h, w) float32, L of the frame before, where they are found.
    """

    def __init__(self, lightness: Plane, previous: Plane) -> None:
        super().__init__(lightness, previous)
        difference = self.carry(previous) - lightness
        # Falls smoothly, so that no edge appears where carried and new colours meet.
        # Flat up to some units: motion is only estimated, and what is taken anew there flickers.
        agreement = np.exp(-((difference / _DOUBT) ** 4)).astype(np.float32)
        self.agreement: Plane = np.where(self.inside, agreement, np.float32(0.0))
        """(h, w) float32, 0..1: how surely each pixel was found in the frame before."""
        self.same: NDArray[np.bool_] = self.inside & (np.abs(difference) <= _AGREEMENT)
        """(h, w): pixels whose carried lightness agrees within five units of L."""


class Steadier:
    """Keeps the colours of a shot steady: each frame's chroma is mixed with what was carried to it.

    The share that is carried grows from frame to frame as in a running mean, up to ``steadiness``,
    so the first frame alone does not decide; it is 0 where the carried lightness does not agree.

    Args:
        steadiness: 0, every frame for itself, to just below 1.

    Attributes:
        steadiness: The same.
        chroma: (2, h, w) float32 of the last frame; None before the first.
        frames: How many the mean runs over.
    """

    def __init__(self, steadiness: float) -> None:
        self.steadiness = steadiness
        self.chroma: Plane | None = None
        self.frames = 0

    def step(self, predicted: Plane | None, motion: Motion | None, *, anew: bool = False) -> Plane:
        """Return the chroma of the next frame.

        Args:
            predicted: (2, h, w) float32, what was predicted for it; None takes all from the frame
                before, which the first frame of a shot cannot.
            motion: From the frame before to this one; None for the first frame of a shot.
            anew: Begin the mean anew with this frame: what was before does not count.

        Returns:
            (2, h, w) float32.
        """
        if anew or self.chroma is None:
            self.frames = 0
        if predicted is None:
            if motion is None or self.chroma is None:
                raise ValueError("The first frame of a shot needs a prediction.")
            chroma = motion.carry(self.chroma)
        else:
            chroma = predicted
            most = min(self.steadiness, self.frames / (self.frames + 1.0))
            if motion is not None and self.chroma is not None and most > 0:
                share = motion.agreement * np.float32(most)
                chroma = predicted + share * (motion.carry(self.chroma) - predicted)
        self.chroma = chroma
        self.frames += 1
        return chroma


def flicker(lightness: Plane, chroma: Plane, previous_lightness: Plane, previous: Plane) -> float:
    """Return how much colours change between two frames of a shot beyond what moves.

    The mean distance of ab and the ab carried along the motion, over both channels and the pixels
    whose carried lightness agrees within five units of L.

    Args:
        lightness: (h, w) float32, L in 0..100.
        chroma: (2, h, w) float32, its a and b.
        previous_lightness: (h, w) float32 of the frame before.
        previous: (2, h, w) float32 of the frame before.

    Returns:
        Lab units; 0 where no pixel agrees.
    """
    motion = Motion(lightness, previous_lightness)
    change = np.abs(chroma - motion.carry(previous)).mean(axis=0)
    return float(change[motion.same].mean()) if motion.same.any() else 0.0
