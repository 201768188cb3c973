"""Every method of the registry keeps the contract that the rest of colorzoo builds on."""

from collections.abc import Callable

import pytest

import colorzoo
from colorzoo.registry import METHODS
from colorzoo.testing import METHOD_CHECKS, MethodSubject
from colorzoo.zoo.catalog import model_names


@pytest.mark.parametrize("name", METHODS.names())
@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__)
def test_method(check: Callable[[MethodSubject], None], name: str) -> None:
    check(MethodSubject(METHODS.get(name)))


def test_a_method_and_a_model_never_share_a_name() -> None:
    assert set(colorzoo.list_methods()) & set(model_names()) == set()
    assert {"levin", "welsh", "yatziv"} <= set(colorzoo.list_methods())
