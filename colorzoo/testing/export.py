"""What an architecture must do to be exported."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from colorzoo.errors import ColorzooError
from colorzoo.export import LARGEST_DIFFERENCE, export_onnx
from colorzoo.models.base import ClassGenerator, Generator
from colorzoo.predictor import Floats, Guidance, add_vividness, as_array
from colorzoo.predictors.network import NetworkPredictor
from colorzoo.predictors.onnx import OnnxPredictor
from colorzoo.testing.subject import ContractError, Subject, hinted, settled

_SIZES = ((1, 64, 64), (2, 45, 70), (1, 101, 33))


def check_export(subject: Subject) -> None:
    """Check that the exported network gives what torch gives, at any size, vividness and hints.

    So are the logits of a distribution over colours. It needs the extra ``onnx``.
    """
    with_hints = hinted(subject)
    modules = [settled(subject), *([settled(with_hints)] if with_hints else [])]
    if issubclass(subject.spec.build, ClassGenerator):
        modules = [settled(subject, head="ab"), settled(with_hints or subject, head="classes")]
    for module in modules:
        if not isinstance(module, Generator):
            raise ContractError(f"{subject.title} is no Generator: derive it from Generator.")
        check_exported(NetworkPredictor(module, name=subject.spec.name, device="cpu"))


def check_exported(predictor: NetworkPredictor) -> None:
    """Export a network on the CPU and compare it at three sizes with itself.

    Raises:
        ContractError: It cannot be exported, or gives something else afterwards.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            export_onnx(predictor, path)
        except ColorzooError as error:
            raise ContractError(f"{predictor.name} cannot be exported. {error}") from error
        exported = OnnxPredictor(path)
    random = torch.Generator().manual_seed(1)
    guides: list[Guidance | None] = [None]
    if predictor.vividness is not None:
        guides = [None, add_vividness(None, 0.0), add_vividness(None, 0.8)]
    for batch, height, width in _SIZES:
        coarse = torch.rand((batch, 1, 8, 8), generator=random) * 100.0
        lightness = F.interpolate(coarse, size=(height, width), mode="bilinear").numpy()
        hints = []
        if "hints" in predictor.accepts:
            chroma = torch.randn((batch, 2, height, width), generator=random) * 30.0
            mask = torch.rand((batch, 1, height, width), generator=random) < 0.02
            hints = [Guidance(as_array(chroma), as_array(mask))]
        for guidance in [*guides, *hints]:
            colors = [one.predict(lightness, guidance) for one in (exported, predictor)]
            _compare(predictor.name, "colours", "Lab units", *colors)
        if predictor.distribution is not None:
            logits = [one.logits(lightness) for one in (exported, predictor)]
            _compare(predictor.name, "logits", "nats", *logits)
            _check_distribution(exported, predictor, lightness[:1])


def _compare(name: str, what: str, unit: str, ours: Floats, theirs: Floats) -> None:
    away = np.inf if ours.shape != theirs.shape else np.abs(ours - theirs).max()
    if not away <= LARGEST_DIFFERENCE:
        raise ContractError(
            f"{name} gives after its export {what} {ours.shape} that differ from {theirs.shape} "
            f"before it by {away:.3g} {unit}; compute sizes from the input's shape in forward, and "
            "choose no way by them."
        )


def _check_distribution(
    exported: OnnxPredictor, predictor: NetworkPredictor, lightness: Floats
) -> None:
    """Check that what is made of the logits outside the network is what its head makes of them."""
    distribution = exported.distribution
    if distribution is None:
        raise ContractError(f"{predictor.name} has a distribution, and not after its export.")
    (logits,), size = exported.logits(lightness), (lightness.shape[2], lightness.shape[3])
    for vividness in (0.0, 1.0):
        inside = predictor.predict(lightness, add_vividness(None, vividness))
        outside = distribution.chroma(logits, size, vividness)[None]
        _compare(predictor.name, "colours of its logits", "Lab units", outside, inside)
