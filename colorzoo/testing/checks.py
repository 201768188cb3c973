"""What the checks of :mod:`colorzoo.testing` look at, one function each."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from colorzoo.errors import WeightsError
from colorzoo.modelfolder.format import WEIGHTS_FILE
from colorzoo.modelfolder.weights import load_model, save
from colorzoo.models.base import Generator
from colorzoo.schema import from_dict, to_dict
from colorzoo.testing.subject import ContractError, Subject, backward, check_numbers, settled

TOLERANCE = 1e-4
"""Largest difference between equal results that were summed up in another order."""


def check_config(subject: Subject) -> None:
    """Check that the config is a frozen dataclass with defaults that survives JSON."""
    cls = subject.spec.config
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise ContractError(
            f"{subject.title} has a config {cls.__qualname__} that is no frozen dataclass; "
            "decorate it with @dataclass(frozen=True, slots=True)."
        )
    try:
        configs = [cls(), cls.tiny()]
    except TypeError as error:
        raise ContractError(
            f"{subject.title} has a config without defaults: {error}. Give every field one."
        ) from error
    for config in configs:
        back = from_dict(cls, json.loads(json.dumps(to_dict(config))), where=cls.__qualname__)
        if back != config:
            raise ContractError(
                f"{subject.title} has a config that changes on its way through JSON: {config} "
                f"became {back}. Use bool, int, float, str, Literal, tuples and dataclasses."
            )


def check_construction(subject: Subject) -> None:
    """Check that the class keeps its config, draws its weights, and starts in training mode."""
    config = subject.spec.config.tiny()
    module = subject.build()
    if getattr(module, "config", None) != config:
        raise ContractError(
            f"{subject.title} does not keep its config: set self.config = config in __init__."
        )
    if subject.registry.spec_of(module) is not subject.spec:
        raise ContractError(
            f"{subject.title} builds a {type(module).__qualname__}, which is registered under "
            "another name; register each class once."
        )
    if not module.training:
        raise ContractError(f"{subject.title} starts in eval mode; do not call eval() in __init__.")
    same, other = subject.build().state_dict(), subject.build(seed=1).state_dict()
    state = module.state_dict()
    if any(not torch.equal(tensor, same[key]) for key, tensor in state.items()):
        raise ContractError(
            f"{subject.title} draws weights that torch.manual_seed does not fix; draw them with "
            "torch's own random numbers."
        )
    if all(torch.equal(tensor, other[key]) for key, tensor in state.items()):
        raise ContractError(
            f"{subject.title} has the same first weights under every seed; do not seed in __init__."
        )


def check_shapes(subject: Subject) -> None:
    """Check that (N, 1, H, W) becomes (N, 2, H, W) for allowed sizes, square and not."""
    module = subject.build().eval()
    for batch, rows, columns in ((1, 1, 1), (2, 2, 2), (1, 1, 3), (2, 3, 2)):
        picture = subject.picture(batch, rows=rows, columns=columns)
        expected = (batch, 2, *picture.shape[2:])
        with torch.no_grad():
            given = tuple(subject.run(module, picture).shape)
        if given != expected:
            raise ContractError(
                f"{subject.title} makes {given} of {tuple(picture.shape)}; it must make {expected}."
            )


def check_logits(subject: Subject) -> None:
    """Check that (N, 3, H, W) becomes logits (N, K, h, w), finite and in float32."""
    module = subject.build().eval()
    for batch, rows, columns in ((1, 1, 1), (2, 2, 2), (1, 1, 2)):
        picture = subject.picture(batch, rows=rows, columns=columns)
        with torch.no_grad():
            logits = subject.run(module, picture)
        if logits.ndim != 4 or logits.shape[0] != batch or logits.numel() == 0:
            raise ContractError(
                f"{subject.title} makes {tuple(logits.shape)} of {tuple(picture.shape)}; it must "
                f"make logits ({batch}, K, h, w): K judgments on each of h x w places."
            )
        check_numbers(subject, logits)


def check_range(subject: Subject) -> None:
    """Check that chroma is finite float32 in -1..1, also with weights far from the first ones."""
    module = subject.build().eval()
    with torch.no_grad():
        check_numbers(subject, subject.run(module, subject.picture()))
        for parameter in module.parameters():
            parameter.mul_(3.0)
        largest = subject.run(module, subject.picture()).abs().max().item()
    if not largest <= 1.0:
        raise ContractError(
            f"{subject.title} can return {largest:.3g}; chroma must stay in -1..1 whatever the "
            "weights are. End forward with torch.tanh."
        )


def check_gradients(subject: Subject) -> None:
    """Check that training reaches every parameter, and that gradients are finite."""
    module = subject.build().train()
    picture = subject.picture().requires_grad_()
    backward(subject.run(module, picture))
    unreached = [name for name, value in module.named_parameters() if value.grad is None]
    if unreached:
        raise ContractError(
            f"{subject.title} has parameters that no gradient reaches: {', '.join(unreached)}. "
            "Use them in forward or remove them; distributed training stops on unused ones."
        )
    if picture.grad is None:
        raise ContractError(
            f"{subject.title} lets no gradient through to its input; do not detach it."
        )
    for name, value in module.named_parameters():
        if value.grad is not None and not torch.isfinite(value.grad).all():
            raise ContractError(
                f"{subject.title} gives {name} a gradient that is not finite; look for square "
                "roots, divisions and logarithms at zero."
            )


def check_eval(subject: Subject) -> None:
    """Check that eval mode is deterministic and leaves all weights and buffers alone."""
    module = settled(subject)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        first, second = (subject.run(module, subject.picture()) for _ in range(2))
    if not torch.equal(first, second):
        raise ContractError(
            f"{subject.title} returns something else the second time in eval mode; anything random "
            "must be asked for in training mode only."
        )
    changed = [k for k, tensor in module.state_dict().items() if not torch.equal(tensor, before[k])]
    if changed:
        raise ContractError(
            f"{subject.title} changes {', '.join(changed)} in eval mode; update buffers in "
            "training mode only."
        )


def check_batch(subject: Subject) -> None:
    """Check that in eval mode a batch gives what its pictures give one by one."""
    module = settled(subject)
    pictures = subject.picture(3)
    with torch.no_grad():
        batch = subject.run(module, pictures)
        loop = torch.cat([subject.run(module, picture[None]) for picture in pictures])
    distance = (batch - loop).abs().max().item()
    if not distance <= TOLERANCE * max(1.0, loop.abs().max().item()):
        raise ContractError(
            f"{subject.title} lets pictures of a batch change each other in eval mode (by up to "
            f"{distance:.3g}); take no statistics over the batch there."
        )


def check_smallest_picture(subject: Subject) -> None:
    """Check a training step on a single picture of the smallest size."""
    module = subject.build().train()
    output = subject.run(module, subject.picture(1, rows=1, columns=1))
    backward(output)
    check_numbers(subject, output)


def check_autocast(subject: Subject) -> None:
    """Check a training step under bfloat16 autocast, as the trainer takes it."""
    module = subject.build().train()
    with torch.autocast("cpu", torch.bfloat16):
        output = subject.run(module, subject.picture())
    backward(output)
    if not torch.isfinite(output).all():
        raise ContractError(
            f"{subject.title} returns numbers that are not finite under bfloat16 autocast."
        )


def check_saving(subject: Subject) -> None:
    """Check that saving and loading keeps every bit, and that a lacking tensor is an error."""
    module = settled(subject)
    if not isinstance(module, Generator):
        raise ContractError(f"{subject.title} is no Generator: derive it from colorzoo.Generator.")
    with tempfile.TemporaryDirectory() as folder:
        save(module, Path(folder) / "model")
        loaded = load_model(Path(folder) / "model").generator
        if getattr(loaded, "config", None) != module.config:
            raise ContractError(f"{subject.title} comes back from its folder with another config.")
        with torch.no_grad():
            same = torch.equal(
                subject.run(module, subject.picture()), subject.run(loaded, subject.picture())
            )
        if not same:
            raise ContractError(
                f"{subject.title} gives something else after saving and loading: not all it has "
                "learnt is in its state dict. Register the rest as parameters or buffers."
            )
        _remove_last_tensor(Path(folder) / "model" / WEIGHTS_FILE)
        try:
            load_model(Path(folder) / "model")
        except WeightsError:
            return
    raise ContractError(
        f"{subject.title} loads weights that lack a tensor; do not override load_state_dict."
    )


def _remove_last_tensor(path: Path) -> None:
    tensors = load_file(path)
    tensors.popitem()
    save_file(tensors, path)
