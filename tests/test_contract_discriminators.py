"""Every discriminator of the registry keeps the contract that the trainer builds on."""

import pytest

from colorzoo.registry import DISCRIMINATORS
from colorzoo.testing import DISCRIMINATOR_CHECKS, Check, discriminator


@pytest.mark.parametrize("name", DISCRIMINATORS.names())
@pytest.mark.parametrize("check", DISCRIMINATOR_CHECKS, ids=lambda check: check.__name__)
def test_discriminator(check: Check, name: str) -> None:
    check(discriminator(name))
