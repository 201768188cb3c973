"""What an architecture must do whose config can ask for hints."""

from __future__ import annotations

import torch

from colorzoo.models.base import Generator
from colorzoo.testing.checks import check_gradients, check_saving, check_shapes
from colorzoo.testing.subject import ContractError, Subject, hinted, settled


def check_hints(subject: Subject) -> None:
    """Check that under ``hints = true`` hints are taken, count, are learnt from, and are saved.

    An architecture whose config has no key ``hints`` takes none, and passes.
    """
    with_hints = hinted(subject)
    if with_hints is None:
        return
    for check in (check_shapes, check_gradients, check_saving):
        check(with_hints)
    module, picture = settled(with_hints), with_hints.picture()
    without = torch.cat((picture[:, :1], torch.zeros_like(picture[:, 1:])), dim=1)
    if not isinstance(module, Generator):
        raise ContractError(f"{subject.title} is no Generator: derive it from colorzoo.Generator.")
    with torch.no_grad():
        unheeded = torch.equal(with_hints.run(module, picture), with_hints.run(module, without))
    if module.in_channels != with_hints.channels or unheeded:
        raise ContractError(
            f"{subject.title} pays no heed to hints; build its first layers for self.in_channels "
            "channels and let all of them through."
        )
