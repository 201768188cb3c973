"""Every architecture of the registry keeps the contract that the rest of colorzoo builds on."""

import importlib.util

import pytest

from colorzoo.registry import ARCHITECTURES
from colorzoo.testing import ARCHITECTURE_CHECKS, Check, architecture

NEEDS = {"timm-unet": "timm"}


def _marked(name: str) -> object:
    library = NEEDS.get(name, "torch")
    missing = importlib.util.find_spec(library) is None
    reason = f"{name} needs {library}: pip install 'colorzoo[{library}]'"
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=reason))


@pytest.mark.parametrize("name", [_marked(name) for name in ARCHITECTURES.names()])
@pytest.mark.parametrize("check", ARCHITECTURE_CHECKS, ids=lambda check: check.__name__)
def test_architecture(check: Check, name: str) -> None:
    check(architecture(name))
