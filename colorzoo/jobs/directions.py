"""What a person says of a film's frames and shots: colours, references, models of their own."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colorzoo.errors import ConfigError
from colorzoo.hints import Hints, PlacedHints
from colorzoo.jobs.film import Film
from colorzoo.jobs.records import rounding_of
from colorzoo.jobs.shots import Plan
from colorzoo.options import ColorizeOptions, check_saturation
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource
from colorzoo.predictor import Floats, Guide, check_guides
from colorzoo.prepare import guidance_for, read_reference

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer


@dataclass(frozen=True, slots=True)
class ShotLook:
    """How one shot differs from the rest of the film.

    Attributes:
        at: A moment of the shot, seconds from the film's first frame.
        colorizer: What colours it; that of the film if None.
        saturation: Strength of its colours; that of the film if None.
        hints: Colours for places of the frame that is shown at that moment, carried on to the end
            of the shot.
        reference: A picture in colour to take its colours from; that of the film if None.

    Raises:
        ConfigError: ``at`` or ``saturation`` is out of range.
    """

    at: float
    colorizer: Colorizer | None = None
    saturation: float | None = None
    hints: Hints | None = None
    reference: PictureSource | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.at < float("inf"):
            raise ConfigError(f"at must be seconds from the film's first frame, not {self.at}.")
        if self.saturation is not None:
            check_saturation(self.saturation)


@dataclass(frozen=True, slots=True)
class ShotDirections:
    """How one shot is coloured.

    Attributes:
        colorizer: What colours it.
        saturation: Strength of its colours.
        reference: What :func:`colorzoo.prepare.read_reference` read, or None.
    """

    colorizer: Colorizer
    saturation: float
    reference: Picture | None

    def reference_lab(self, working_size: int | None) -> Floats | None:
        """Return L, a and b (1, 3, h, w) of its reference at working size, or None."""
        if self.reference is None:
            return None
        size = working_size or self.colorizer.working_size
        guidance = guidance_for(self.reference, None, self.reference, size)
        return None if guidance is None else guidance.reference


class Directions:
    """All that a person says of a film.

    References are read at once, so that a wrong one is said before anything is done.

    Args:
        colorizer: What colours the film.
        options: How its frames are coloured.
        looks: Shots that are coloured otherwise; of two for one shot the later counts.
        hints: Colours for places of frames, by the frames' numbers from 0.
        reference: A picture in colour to take colours from.

    Raises:
        ConfigError: Something is not of its kind.
        PictureError: A reference cannot be read, or has no colours.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        options: ColorizeOptions,
        looks: Sequence[ShotLook] = (),
        hints: Mapping[int, Hints] | None = None,
        reference: PictureSource | None = None,
    ) -> None:
        if options.hints is not None:
            raise ConfigError(
                "Hints of a film belong to a frame of it. Give hints={0: hints}, 0 being the "
                "number of the frame."
            )
        entries: list[tuple[Any, Any]] = list((hints or {}).items())
        for frame, given in entries:
            if isinstance(frame, bool) or not isinstance(frame, int) or frame < 0:
                raise ConfigError(f"The number of a frame must be 0 or more, not {frame!r}.")
            if not isinstance(given, Hints):
                raise ConfigError(
                    f"The hints of frame {frame} must be made by colorzoo.Hints, not of type "
                    f"{type(given).__name__}."
                )
        self._looks = tuple(looks)
        self._hints = dict(hints or {})
        source = options.reference if reference is None else reference
        film = ShotDirections(
            colorizer, options.saturation, None if source is None else read_reference(source)
        )
        self._film = film
        self._references = [
            film.reference if look.reference is None else read_reference(look.reference)
            for look in looks
        ]

    @property
    def moments(self) -> list[float]:
        """The moments that looks name, seconds from the film's first frame."""
        return [look.at for look in self._looks]

    def settings(self) -> dict[str, Any]:
        """Return them as plain values that are the same in every process for the same directions.

        Pictures and hints are told by digests of their content.
        """
        looks = zip(self._looks, self._references, strict=True)
        return {
            "saturation": self._film.saturation,
            "model": self._film.colorizer.name,
            "dtype": rounding_of(self._film.colorizer),
            "reference": _digest(self._film.reference),
            "hints": [[frame, self._hints[frame].digest] for frame in sorted(self._hints)],
            "looks": [
                [
                    look.at,
                    look.colorizer.name if look.colorizer else None,
                    look.saturation,
                    look.hints.digest if look.hints else None,
                    _digest(reference),
                ]
                for look, reference in looks
            ],
        }

    def of_shot(self, plan: Plan, shot: int) -> ShotDirections:
        """Return how a shot is coloured."""
        directions = self._film
        looks = zip(self._looks, self._references, plan.moments, strict=True)
        for look, reference, frame in looks:
            if frame is not None and plan.shot_of(frame) == shot:
                saturation = directions.saturation if look.saturation is None else look.saturation
                directions = dataclasses.replace(
                    directions,
                    colorizer=look.colorizer or directions.colorizer,
                    saturation=saturation,
                    reference=directions.reference if look.reference is None else reference,
                )
        return directions

    def hints_of(self, plan: Plan, film: Film) -> dict[int, PlacedHints]:
        """Return the hints of each frame that has any, in the upright frame's own pixels.

        Raises:
            ConfigError: One lies outside its frame, or a frame outside the film.
        """
        hints = dict(self._hints)
        for look, frame in zip(self._looks, plan.moments, strict=True):
            if look.hints is not None and frame is not None:
                hints[frame] = look.hints
        size = (film.height, film.width) if film.rotation % 180 == 0 else (film.width, film.height)
        placed = {}
        for frame, given in sorted(hints.items()):
            if frame >= plan.frames:
                if plan.shortened:
                    continue
                raise ConfigError(
                    f"There are hints for frame {frame}, but the film's frames are 0 to "
                    f"{plan.frames - 1}."
                )
            try:
                placed[frame] = given.place(*size)
            except ConfigError as error:
                raise ConfigError(f"The hints of frame {frame}: {error}") from error
        return placed

    def check(self, plan: Plan, film: Film) -> None:
        """Raise a ConfigError unless they fit the film, and each model takes what it is given."""
        late = [at for at, frame in zip(self.moments, plan.moments, strict=True) if frame is None]
        if late and not plan.shortened:
            raise ConfigError(
                f"A shot is named by the moment {late[0]:g} s, but the film is over by then. Give "
                "a moment of the film, in seconds from its beginning."
            )
        hinted = self.hints_of(plan, film)
        with_hints = {plan.shot_of(frame) for frame in hinted}
        for shot, first in enumerate(plan.shots):
            directions = self.of_shot(plan, shot)
            given: set[Guide] = set() if directions.reference is None else {"reference"}
            at_first: set[Guide] = {"hints"} if first in hinted else set()
            later: set[Guide] = {"hints"} if shot in with_hints else set()
            colorizer = directions.colorizer
            check_guides(colorizer.name, colorizer.accepts, frozenset(), given | later)
            check_guides(
                colorizer.name,
                colorizer.accepts,
                colorizer.predictor.needs,
                given | at_first,
                of=f" for the shot that begins with frame {first}",
            )


def _digest(reference: Picture | None) -> str | None:
    """Return what tells a reference from another."""
    if reference is None:
        return None
    content = hashlib.sha256(repr(reference.codes.shape).encode())
    for pixels in (reference.codes, reference.rgb):
        if pixels is not None:
            content.update(pixels.tobytes())
    return content.hexdigest()
