"""The checks of colorzoo on this package's architecture, and what is its own."""

from __future__ import annotations

import pytest
import torch
from colorzoo_plugin.dilated_net import DilatedNetConfig

import colorzoo
from colorzoo.testing import check_architecture


def test_it_does_what_every_architecture_must() -> None:
    check_architecture("dilated-net")


def test_it_sees_as_far_as_its_dilations_reach() -> None:
    model = colorzoo.create_model("dilated-net", width=4, dilations=[1, 2, 4])
    lightness = torch.zeros(1, 1, 33, 33, requires_grad=True)
    model(lightness)[0, :, 16, 16].sum().backward()
    assert lightness.grad is not None
    seen = lightness.grad[0, 0].nonzero()
    assert (seen.min().item(), seen.max().item()) == (16 - 8, 16 + 8)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="dilations must be positive"):
        DilatedNetConfig(dilations=())
    with pytest.raises(colorzoo.ConfigError, match="width must be positive, not 0"):
        colorzoo.create_model("dilated-net", width=0)
