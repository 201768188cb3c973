"""The seam: whatever gives chroma for lightness is a predictor, and nothing above asks its kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from colorzoo.errors import ConfigError

if TYPE_CHECKING:
    from colorzoo.hints import PlacedHints

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

Guide = Literal["hints", "reference", "vividness"]
"""What a user can add to lightness."""


@dataclass(frozen=True, slots=True, eq=False)
class Guidance:
    """What a user adds to the lightness of one batch, at working size and in Lab units.

    Tensors can be given too, and become arrays.

    Attributes:
        hint_chroma: (N, 2, h, w) float32, the colours that are given; read where ``hint_mask`` is.
        hint_mask: (N, 1, h, w) bool, where they are given.
        reference: (N, 3, h', w') float32, L, a and b of a picture to take colours from.
        vividness: 0, the safest colours that a predictor can give, to 1, its most vivid ones.
    """

    hint_chroma: Floats | None = None
    hint_mask: Mask | None = None
    reference: Floats | None = None
    vividness: float | None = None

    def __post_init__(self) -> None:
        for name in ("hint_chroma", "hint_mask", "reference"):
            object.__setattr__(self, name, as_array(getattr(self, name)))

    def __repr__(self) -> str:
        return f"<Guidance: {', '.join(sorted(self.given)) or 'none'}>"

    @property
    def given(self) -> frozenset[Guide]:
        """Which guides it holds."""
        guides: dict[Guide, object] = {
            "hints": self.hint_mask,
            "reference": self.reference,
            "vividness": self.vividness,
        }
        return frozenset(guide for guide, value in guides.items() if value is not None)

    @property
    def kind(self) -> Hashable:
        """What must be equal where the guidance of several pictures is joined to one batch."""
        size = None if self.reference is None else self.reference.shape[1:]
        return self.hint_mask is not None, size, self.vividness

    def only(self, guides: frozenset[Guide]) -> Guidance:
        """Return it without all guides but these."""
        hints, reference = "hints" in guides, "reference" in guides
        return Guidance(
            self.hint_chroma if hints else None,
            self.hint_mask if hints else None,
            self.reference if reference else None,
            self.vividness if "vividness" in guides else None,
        )

    def of_picture(self, index: int) -> Guidance:
        """Return what belongs to one picture of the batch, as a batch of one."""
        arrays = (self.hint_chroma, self.hint_mask, self.reference)
        own: list[Any] = [None if one is None else one[index : index + 1] for one in arrays]
        return Guidance(own[0], own[1], own[2], self.vividness)


def pack_hints(guidance: Guidance | None, lightness: Floats) -> Floats:
    """Return the hints that a user gave as planes, of zeros where there are none.

    Args:
        guidance: What the user adds, if anything.
        lightness: What it is added to, (N, 1, H, W).

    Returns:
        (N, 3, H, W) float32: a and b in Lab units, 0 where none are given, and the mask as 0 and 1.
    """
    if guidance is None or guidance.hint_mask is None or guidance.hint_chroma is None:
        count, _, height, width = lightness.shape
        return np.zeros((count, 3, height, width), dtype=np.float32)
    mask, chroma = guidance.hint_mask, guidance.hint_chroma
    planes = (np.where(mask, chroma, np.float32(0)), mask.astype(np.float32))
    return np.concatenate(planes, axis=1)


def add_vividness(guidance: Guidance | None, vividness: float | None) -> Guidance | None:
    """Return the guidance with a vividness, if one is given."""
    if vividness is None:
        return guidance
    return dataclasses.replace(guidance or Guidance(), vividness=vividness)


def join_guidance(parts: Sequence[Guidance | None]) -> Guidance | None:
    """Make one batch of what is added to several pictures, all of one :attr:`Guidance.kind`."""
    there = [part for part in parts if part is not None]
    if not there:
        return None

    def joined(arrays: Iterable[NDArray[Any] | None]) -> NDArray[Any] | None:
        given = [array for array in arrays if array is not None]
        return np.concatenate(given) if given else None

    return Guidance(
        joined(part.hint_chroma for part in there),
        joined(part.hint_mask for part in there),
        joined(part.reference for part in there),
        there[0].vividness,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a predictor said of one picture. Tensors can be given too, and become arrays.

    Attributes:
        chroma: (2, h, w) float32, a and b in Lab units.
        lightness: (h, w) float32, the L of 0..100 that it saw.
        hints: The pixels of the full-size picture whose colours are given, if any; they keep them.
        logits: (Q, h', w') float32, of how likely each colour is at each place, where that was kept
            (see :class:`colorzoo.draft.Draft`).
    """

    chroma: Floats
    lightness: Floats
    hints: PlacedHints | None = None
    logits: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("chroma", "lightness", "logits"):
            object.__setattr__(self, name, as_array(getattr(self, name)))

    def __repr__(self) -> str:
        height, width = self.lightness.shape
        hints = "" if self.hints is None else ", with hints"
        return f"<Prediction: {height} x {width} (height x width){hints}>"


@runtime_checkable
class Predictor(Protocol):
    """A network, a method, an exported file: it gives ab for L at working size.

    Attributes:
        name: What to call it in messages.
        working_size: Shorter side in pixels of the pictures it sees best.
        accepts: The guides it makes use of.
        needs: The guides without which it cannot work.
    """

    name: str
    working_size: int
    accepts: frozenset[Guide]
    needs: frozenset[Guide]

    @property
    def device(self) -> str:
        """Where it works, as torch calls it: ``"cpu"``, ``"cuda:0"``, ``"mps"``."""
        ...

    @property
    def parameters(self) -> int:
        """How many were learnt; 0 for a method."""
        ...

    def to(self, device: str) -> None:
        """Work on another device from now on.

        Raises:
            ConfigError: It is not there, or is none that it can work on.
        """

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        """Give chroma for lightness.

        Args:
            lightness: (N, 1, h, w) float32, L in 0..100; it stays as it is.
            guidance: What the user adds.

        Returns:
            (N, 2, h, w) float32: a and b in Lab units, finite.
        """
        ...


def as_array(values: Any) -> Any:
    """Return a tensor as an array on the processor, and all else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def check_guidance(predictor: Predictor, guidance: Guidance | None) -> None:
    """Raise a ConfigError unless the predictor takes what is given and is given what it needs."""
    given = guidance.given if guidance else frozenset()
    check_guides(predictor.name, predictor.accepts, predictor.needs, given)


def check_guides(
    name: str, accepts: Set[Guide], needs: Set[Guide], given: Set[Guide], *, of: str = ""
) -> None:
    """Raise a ConfigError unless what is given is accepted and what is needed is given.

    Args:
        name: Of the predictor.
        accepts: The guides that it takes.
        needs: Those without which it cannot work.
        given: Those that it is given.
        of: What they are given for, with a space before it.
    """
    for guide in sorted(given - accepts):
        takes = ", ".join(sorted(accepts)) or "nothing but the picture"
        raise ConfigError(
            f"{name!r} does not take {guide}; it takes {takes}. Leave {guide} out, or "
            "choose another model with: colorzoo list"
        )
    for guide in sorted(needs - given):
        raise ConfigError(
            f"{name!r} needs {guide}{of}: give {guide}=..., on the command line --{guide}."
        )
