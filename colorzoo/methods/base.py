"""What every method derives from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from colorzoo.devices import check_device
from colorzoo.errors import ConfigError, needing
from colorzoo.registry import METHODS

if TYPE_CHECKING:
    from colorzoo.predictor import Floats, Guidance, Guide, Mask, Predictor


class MethodConfig(Protocol):
    """What the config of every method has."""

    @property
    def working_size(self) -> int:
        """Shorter side in pixels of the pictures it colours."""


ConfigT = TypeVar("ConfigT", bound=MethodConfig)


class Method(ABC, Generic[ConfigT]):
    """A way to colour without weights, as a :class:`~colorzoo.predictor.Predictor`.

    A subclass takes one frozen config dataclass, is decorated with ``@colorzoo.register_method``,
    and colours one picture in :meth:`paint`. Its module imports nothing heavy, so that it can be
    listed quickly: numpy and scipy are imported where they are used.

    Args:
        config: Its settings, kept as ``config``.

    Attributes:
        name: What it is registered under.
        working_size: Shorter side in pixels of the pictures it colours.
    """

    accepts: frozenset[Guide]
    needs: frozenset[Guide]

    def __init__(self, config: ConfigT) -> None:
        self.config = config
        self.name = METHODS.spec_of(self).name
        self.working_size = config.working_size

    @property
    def device(self) -> str:
        """Where it works: the processor."""
        return "cpu"

    @property
    def parameters(self) -> int:
        """None were learnt."""
        return 0

    def to(self, device: str) -> None:
        """Stay on the processor, as the device is for what is learnt.

        Raises:
            ConfigError: The device is unknown or not there.
        """
        check_device(device)

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        """Give chroma for lightness, as :class:`~colorzoo.predictor.Predictor` says.

        Raises:
            ConfigError: It does not take what is given, or lacks what it needs.
        """
        import numpy as np

        from colorzoo.predictor import Guidance, check_guidance

        check_guidance(self, guidance)
        given = guidance or Guidance()
        with needing(f"The method {self.name!r}"):
            chroma = [
                self.paint(picture[0], given.of_picture(index))
                for index, picture in enumerate(lightness)
            ]
        return np.stack(chroma).astype(np.float32, copy=False)

    @abstractmethod
    def paint(self, lightness: Floats, guidance: Guidance) -> Floats:
        """Colour one picture.

        Args:
            lightness: (h, w) float32, L in 0..100.
            guidance: What the user adds to this picture, N = 1.

        Returns:
            (2, h, w), a and b in Lab units.
        """


def create_method(
    name: str, device: str, *, revision: object = None, dtype: object = None
) -> Predictor:
    """Build the method called ``name`` at its default config.

    Args:
        name: What it is registered under.
        device: What the user asked for; it must be there, and the method stays on the processor.
        revision: None; a method has none.
        dtype: None or ``"auto"``; a method has no weights to convert.

    Raises:
        ConfigError: ``revision`` or ``dtype`` is given, or the device is not there.
        UnknownNameError: No method has that name.
        RegistrationError: Two packages claim the name, or the one that does is broken.
    """
    for option, value in (("revision", revision), ("dtype", dtype)):
        if value is not None and (option, value) != ("dtype", "auto"):
            raise ConfigError(
                f"{name!r} is a method, without weights: leave out {option}={value!r}."
            )
    spec = METHODS.get(name)
    method: Predictor = spec.build(spec.config())
    method.to(device)
    return method


def hints_of(guidance: Guidance, name: str) -> tuple[Floats, Mask]:
    """Return chroma (2, h, w) and mask (h, w) of the hints of one picture.

    Raises:
        ConfigError: There are none, or no pixel is hinted.
    """
    chroma, mask = guidance.hint_chroma, guidance.hint_mask
    if chroma is None or mask is None or not mask.any():
        raise ConfigError(
            f"{name!r} colours by hints, and these hold none: give at least one pixel a colour."
        )
    return chroma[0], mask[0, 0]


def reference_of(guidance: Guidance) -> Floats:
    """Return L, a and b (3, h', w') of the reference of one picture."""
    if guidance.reference is None:
        raise ConfigError("There is no reference: give reference=...")
    lab: Floats = guidance.reference[0]
    return lab
