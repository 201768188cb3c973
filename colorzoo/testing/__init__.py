"""What every architecture, discriminator and method must do, as functions that check it.

The author of a plug-in calls one of the three in a test::

    from colorzoo.testing import check_architecture

    def test_my_net() -> None:
        check_architecture("my-net")

Each check works on the config's ``tiny()`` and raises a :class:`ContractError` that says what is
wrong and what to do. To run them one by one, loop over :data:`ARCHITECTURE_CHECKS` or
:data:`DISCRIMINATOR_CHECKS` with :func:`architecture` or :func:`discriminator`, or over
:data:`METHOD_CHECKS` with :class:`MethodSubject`.
"""

from __future__ import annotations

from collections.abc import Callable

from colorzoo.testing.checks import (
    check_autocast,
    check_batch,
    check_config,
    check_construction,
    check_eval,
    check_gradients,
    check_logits,
    check_range,
    check_saving,
    check_shapes,
    check_smallest_picture,
)
from colorzoo.testing.distribution import check_distribution
from colorzoo.testing.export import check_export
from colorzoo.testing.hints import check_hints
from colorzoo.testing.method import METHOD_CHECKS, MethodSubject, check_method
from colorzoo.testing.subject import ContractError, Subject, architecture, discriminator

__all__ = [
    "ContractError",
    "Subject",
    "MethodSubject",
    "architecture",
    "discriminator",
    "check_architecture",
    "check_discriminator",
    "check_method",
    "Check",
    "ARCHITECTURE_CHECKS",
    "DISCRIMINATOR_CHECKS",
    "METHOD_CHECKS",
]

Check = Callable[[Subject], None]

ARCHITECTURE_CHECKS: tuple[Check, ...] = (
    check_config,
    check_construction,
    check_shapes,
    check_range,
    check_gradients,
    check_eval,
    check_batch,
    check_smallest_picture,
    check_autocast,
    check_saving,
    check_distribution,
    check_export,
    check_hints,
)

DISCRIMINATOR_CHECKS: tuple[Check, ...] = (
    check_config,
    check_construction,
    check_logits,
    check_gradients,
    check_eval,
    check_batch,
    check_autocast,
)


def check_architecture(name: str) -> None:
    """Run every check on the architecture called ``name``.

    Raises:
        ContractError: It does not do what an architecture must.
        UnknownNameError: No architecture has that name.
    """
    subject = architecture(name)
    for check in ARCHITECTURE_CHECKS:
        check(subject)


def check_discriminator(name: str) -> None:
    """Run every check on the discriminator called ``name``.

    Raises:
        ContractError: It does not do what a discriminator must.
        UnknownNameError: No discriminator has that name.
    """
    subject = discriminator(name)
    for check in DISCRIMINATOR_CHECKS:
        check(subject)
