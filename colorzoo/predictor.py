"""The seam: whatever gives chroma for lightness is a predictor, and nothing above asks its kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from colorzoo.errors import ConfigError

if TYPE_CHECKING:
    from colorzoo.hints import PlacedHints

Guide = Literal["hints", "reference", "vividness"]
"""What a user can add to lightness."""


@dataclass(frozen=True, slots=True, eq=False)
class Guidance:
    """What a user adds to the lightness of one batch, at working size and in Lab units.

    Attributes:
        hint_chroma: (N, 2, h, w) float32, the colours that are given; read where ``hint_mask`` is.
        hint_mask: (N, 1, h, w) bool, where they are given.
        reference: (N, 3, h', w') float32, L, a and b of a picture to take colours from.
        vividness: 0, the safest colours that a predictor can give, to 1, its most vivid ones.
    """

    hint_chroma: Tensor | None = None
    hint_mask: Tensor | None = None
    reference: Tensor | None = None
    vividness: float | None = None

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
        return self._mapped(lambda tensor: tensor[index : index + 1])

    def to(self, device: torch.device) -> Guidance:
        """Return it on another device."""
        return self._mapped(lambda tensor: tensor.to(device))

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Guidance:
        tensors = (self.hint_chroma, self.hint_mask, self.reference)
        chroma, mask, lab = (None if tensor is None else change(tensor) for tensor in tensors)
        return Guidance(chroma, mask, lab, self.vividness)


def hint_planes(chroma: Tensor, mask: Tensor) -> Tensor:
    """Return hints as they stand beside lightness: (N, 3, H, W), all 0 where none are.

    Args:
        chroma: (N, 2, H, W) in any units, read where ``mask`` is.
        mask: (N, 1, H, W) bool; it becomes 0 and 1.
    """
    return torch.cat((torch.where(mask, chroma, 0.0), mask.to(chroma.dtype)), dim=1)


def pack_hints(guidance: Guidance | None, lightness: Tensor) -> Tensor:
    """Return the hints that a user gave as planes, of zeros where there are none.

    Args:
        guidance: What the user adds, if anything.
        lightness: What it is added to, (N, 1, H, W).

    Returns:
        (N, 3, H, W): a and b in Lab units, and the mask.
    """
    if guidance is None or guidance.hint_mask is None or guidance.hint_chroma is None:
        count, _, height, width = lightness.shape
        return lightness.new_zeros(count, 3, height, width)
    return hint_planes(guidance.hint_chroma, guidance.hint_mask)


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

    def joined(tensors: Iterable[Tensor | None]) -> Tensor | None:
        given = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(given) if given else None

    return Guidance(
        joined(part.hint_chroma for part in there),
        joined(part.hint_mask for part in there),
        joined(part.reference for part in there),
        there[0].vividness,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a predictor said of one picture.

    Attributes:
        chroma: (2, h, w) float32, a and b in Lab units.
        lightness: (h, w) float32, the L of 0..100 that it saw.
        hints: The pixels of the full-size picture whose colours are given, if any; they keep them.
        logits: (Q, h', w') float32, how likely each colour is at each place, where that was kept
            (see :class:`colorzoo.draft.Draft`).
    """

    chroma: Tensor
    lightness: Tensor
    hints: PlacedHints | None = None
    logits: Tensor | None = None

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
    def device(self) -> torch.device:
        """Where it works."""
        ...

    @property
    def parameters(self) -> int:
        """How many were learnt; 0 for a method."""
        ...

    def to(self, device: torch.device) -> None:
        """Work on another device from now on."""

    def predict(self, lightness: Tensor, guidance: Guidance | None = None) -> Tensor:
        """Give chroma for lightness.

        Args:
            lightness: (N, 1, h, w) float32 on its device, L in 0..100.
            guidance: What the user adds, on its device.

        Returns:
            (N, 2, h, w) float32 on its device: a and b in Lab units, finite.
        """
        ...


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
