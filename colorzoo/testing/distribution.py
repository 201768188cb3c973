"""What a generator that ends in a distribution over colours must do."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from colorzoo.color import scale_chroma
from colorzoo.models.base import ClassGenerator, has_distribution
from colorzoo.testing.subject import ContractError, Subject, settled

_TOLERANCE = 1e-4
_MODE = 18.0  # far beyond what users can ask for, so that near ties of fresh weights are parted


def check_distribution(subject: Subject) -> None:
    """Check the distribution over colours of an architecture that can end in one.

    Its sum must be 1, chroma its mean or its mode as vividness says, and a loss on its logits must
    reach every parameter.
    """
    if not issubclass(subject.spec.build, ClassGenerator):
        return
    module = settled(subject, head="classes")
    if not has_distribution(module):
        raise ContractError(
            f"{subject.title} has no distribution under head = 'classes'; build its head with "
            "make_head."
        )
    picture = subject.picture()
    cells = module.classes.cells
    with torch.no_grad():
        shares = module.distribution(picture)
        mean, logits = module.forward_with_logits(picture, vividness=0.0)
        mode = module.classes.chroma(logits, logits.shape[-2:], _MODE)
        own = module(picture)
    if shares.shape[:2] != (len(picture), len(cells)) or shares.dtype != torch.float32:
        raise ContractError(
            f"{subject.title} gives a distribution {tuple(shares.shape)} in {shares.dtype}; it "
            f"must be float32 over the {len(cells)} cells of its head."
        )
    if not torch.allclose(shares.sum(dim=1), torch.ones(()), atol=_TOLERANCE):
        raise ContractError(f"{subject.title} gives a distribution whose sum is not 1.")
    expected = F.interpolate(
        torch.einsum("nqhw,qc->nchw", shares, scale_chroma(cells)),
        size=mean.shape[-2:],
        mode="bicubic",
        align_corners=False,
    )
    if not torch.allclose(mean, expected, atol=_TOLERANCE):
        raise ContractError(
            f"{subject.title} gives chroma at vividness 0 that is not the mean of its "
            "distribution; leave forward to ClassGenerator."
        )
    likeliest = scale_chroma(cells)[logits.argmax(dim=1)].permute(0, 3, 1, 2)
    if not torch.allclose(mode, likeliest, atol=0.01):
        raise ContractError(f"{subject.title} does not come near the likeliest colour when vivid.")
    default = module.classes.chroma(logits, own.shape[-2:])
    if not torch.allclose(own, default, atol=_TOLERANCE):
        raise ContractError(
            f"{subject.title} gives in forward something else than its head makes of its logits."
        )
    _check_gradients(subject)


def _check_gradients(subject: Subject) -> None:
    """Check that a loss on the logits alone reaches every parameter."""
    module = subject.build(head="classes").train()
    if not has_distribution(module):
        return
    logits = module.forward_with_logits(subject.picture())[1]
    torch.autograd.backward(logits.float().logsumexp(dim=1).mean() - logits[:, 0].mean())
    unreached = [name for name, value in module.named_parameters() if value.grad is None]
    if unreached:
        raise ContractError(
            f"{subject.title} has parameters that a loss on its logits does not reach: "
            f"{', '.join(unreached)}. All of them must stand before the head's logits."
        )
