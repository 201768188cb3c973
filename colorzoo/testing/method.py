"""What every method must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from colorzoo.errors import ConfigError
from colorzoo.predictor import Floats, Guidance, Predictor
from colorzoo.registry import METHODS, Spec
from colorzoo.testing.subject import ContractError

_TOLERANCE = 1e-3  # in Lab units, between equal results that were summed up in another order
_SIZES = ((1, 16, 16), (2, 12, 21), (1, 30, 7), (1, 1, 5))


@dataclass(frozen=True, slots=True)
class MethodSubject:
    """A method that is checked.

    Attributes:
        spec: Its registry entry.
    """

    spec: Spec

    @property
    def title(self) -> str:
        """Its kind and name, for messages."""
        return f"The method {self.spec.name!r}"

    def build(self) -> Predictor:
        """Build it at the tiny config.

        Raises:
            ContractError: It is no predictor.
        """
        method = self.spec.build(self.spec.config.tiny())
        if not isinstance(method, Predictor):
            raise ContractError(
                f"{self.title} builds a {type(method).__qualname__}, which is no Predictor: derive "
                "it from colorzoo.methods.base.Method."
            )
        return method

    def case(self, batch: int, height: int, width: int) -> tuple[Floats, Guidance]:
        """Return the same lightness each time, and all guidance that the method accepts."""
        random = np.random.default_rng(height)

        def noise(channels: int, *size: int) -> Floats:
            return random.random((batch, channels, *size), dtype=np.float32) * np.float32(100)

        lightness, chroma = noise(1, height, width), noise(2, height, width) - np.float32(50)
        mask = noise(1, height, width) < 20.0
        mask[..., 0, 0] = True
        whole = Guidance(np.where(mask, chroma, np.float32(0)), mask, noise(3, 10, 14))
        return lightness, whole.only(self.spec.build.accepts)

    def run(self, method: Predictor, lightness: Floats, guidance: Guidance) -> Floats:
        """Return the method's chroma; a failure in it becomes a ContractError."""
        try:
            return method.predict(lightness, guidance)
        except Exception as error:  # whatever it is, its author should see for which input
            raise ContractError(
                f"{self.title} fails on lightness of shape {lightness.shape}: "
                f"{type(error).__name__}: {error}."
            ) from error


def check_predictor(subject: MethodSubject) -> None:
    """Check name, parameters, and what it accepts and needs."""
    method = subject.build()
    if method.name != subject.spec.name:
        raise ContractError(f"{subject.title} calls itself {method.name!r}; use the same name.")
    if method.parameters != 0:
        raise ContractError(
            f"{subject.title} has {method.parameters} parameters; what has learnt something is an "
            "architecture, see colorzoo.register."
        )
    if not method.needs <= method.accepts:
        raise ContractError(
            f"{subject.title} needs {', '.join(sorted(method.needs - method.accepts))}, which it "
            "does not accept; add them to accepts."
        )


def check_chroma(subject: MethodSubject) -> None:
    """Check that (N, 1, h, w) becomes finite float32 (N, 2, h, w), its input left as it was."""
    method = subject.build()
    for batch, height, width in _SIZES:
        lightness, guidance = subject.case(batch, height, width)
        before = lightness.copy()
        chroma = subject.run(method, lightness, guidance)
        expected = (batch, 2, height, width)
        if not isinstance(chroma, np.ndarray):
            raise ContractError(
                f"{subject.title} makes a {type(chroma).__qualname__}; it must make a numpy array."
            )
        if chroma.shape != expected or chroma.dtype != np.float32:
            raise ContractError(
                f"{subject.title} makes {chroma.dtype} of shape {chroma.shape}; it must make "
                f"float32 of shape {expected}."
            )
        if not np.isfinite(chroma).all():
            raise ContractError(f"{subject.title} gives chroma that is not finite.")
        if not np.array_equal(lightness, before):
            raise ContractError(f"{subject.title} changes the lightness that it is given; copy it.")


def check_deterministic(subject: MethodSubject) -> None:
    """Check that it gives the same twice, and for a batch what it gives for its pictures."""
    lightness, guidance = subject.case(3, 14, 18)
    method = subject.build()
    first = subject.run(method, lightness, guidance)
    if not np.array_equal(first, subject.run(subject.build(), lightness, guidance)):
        raise ContractError(
            f"{subject.title} gives something else the second time; seed what is random in it."
        )
    loop = [
        subject.run(method, lightness[i : i + 1], guidance.of_picture(i))
        for i in range(len(lightness))
    ]
    distance = float(np.abs(first - np.concatenate(loop)).max())
    if not distance <= _TOLERANCE:
        raise ContractError(
            f"{subject.title} lets pictures of a batch change each other, by up to {distance:.3g}."
        )


def check_needs(subject: MethodSubject) -> None:
    """Check that without what it needs it raises a ConfigError."""
    method = subject.build()
    lightness, guidance = subject.case(1, 8, 8)
    for guide in method.needs:
        try:
            method.predict(lightness, guidance.only(method.accepts - {guide}))
        except ConfigError:
            continue
        raise ContractError(
            f"{subject.title} needs {guide} and colours without; call check_guidance in predict."
        )


METHOD_CHECKS: tuple[Callable[[MethodSubject], None], ...] = (
    check_predictor,
    check_chroma,
    check_deterministic,
    check_needs,
)


def check_method(name: str) -> None:
    """Run every check on the method called ``name``.

    Raises:
        ContractError: It does not do what a method must.
        UnknownNameError: No method has that name.
    """
    subject = MethodSubject(METHODS.get(name))
    for check in METHOD_CHECKS:
        check(subject)
