"""What is checked: an architecture or a discriminator at its smallest config."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from colorzoo.errors import ColorzooError
from colorzoo.models.base import HINT_CHANNELS, Generator
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS, ModuleRegistry, Spec


class ContractError(ColorzooError, AssertionError):
    """An architecture or discriminator does not do what the rest of colorzoo builds on."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked.

    Attributes:
        spec: Its registry entry.
        registry: Where it is registered.
        channels: Channels of its input: 1 for a generator, 4 with hints, 3 for a discriminator.
        side: Side in pixels of the smallest picture it is checked on.
        values: What is set in its tiny config.
    """

    spec: Spec
    registry: ModuleRegistry
    channels: int
    side: int
    values: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its kind and name, for messages."""
        return f"The {self.registry.kind} {self.spec.name!r}"

    def build(self, seed: int = 0, **config_values: Any) -> nn.Module:
        """Build it at the tiny config, or one that differs from it in some values.

        The state of torch's random numbers stays as it was.
        """
        config = dataclasses.replace(self.spec.config.tiny(), **self.values, **config_values)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module: nn.Module = self.spec.build(config)
        return module

    def picture(self, batch: int = 2, *, rows: int = 2, columns: int = 2) -> Tensor:
        """Return the same noise in -1..1 each time, of so many smallest sides."""
        generator = torch.Generator().manual_seed(0)
        size = (batch, self.channels, rows * self.side, columns * self.side)
        return torch.rand(size, generator=generator) * 2 - 1

    def run(self, module: nn.Module, picture: Tensor) -> Tensor:
        """Return the module's output; a failure in it becomes a ContractError."""
        mode = "training" if module.training else "eval"
        try:
            output = module(picture)
        except Exception as error:  # whatever it is, its author should see for which input
            raise ContractError(
                f"{self.title} fails in {mode} mode on an input of shape {tuple(picture.shape)}: "
                f"{type(error).__name__}: {error}. Sizes it cannot take must be ruled out by "
                "size_multiple."
            ) from error
        if not isinstance(output, Tensor):
            raise ContractError(
                f"{self.title} returns a {type(output).__name__}; forward must return one tensor. "
                "Offer anything more, as attention maps, by another method."
            )
        return output


def architecture(name: str) -> Subject:
    """Return the architecture called ``name`` as a subject of the checks.

    Raises:
        ContractError: It is no generator.
        UnknownNameError: No architecture has that name.
    """
    spec = ARCHITECTURES.get(name)
    module = Subject(spec, ARCHITECTURES, channels=1, side=1).build()
    if not isinstance(module, Generator):
        raise ContractError(
            f"The architecture {name!r} is no Generator: derive {type(module).__qualname__} from "
            "colorzoo.Generator."
        )
    return Subject(spec, ARCHITECTURES, channels=1, side=module.size_multiple)


def hinted(subject: Subject) -> Subject | None:
    """Return an architecture under ``hints = true``; None of one that has no such key."""
    if "hints" not in {field.name for field in dataclasses.fields(subject.spec.config)}:
        return None
    values = {**subject.values, "hints": True}
    return dataclasses.replace(subject, channels=1 + HINT_CHANNELS, values=values)


def discriminator(name: str) -> Subject:
    """Return the discriminator called ``name`` as a subject of the checks."""
    return Subject(DISCRIMINATORS.get(name), DISCRIMINATORS, channels=3, side=32)


def settled(subject: Subject, **config_values: Any) -> nn.Module:
    """Return the module in eval mode after one training forward, its buffers no longer fresh."""
    module = subject.build(**config_values).train()
    with torch.no_grad():
        subject.run(module, subject.picture())
    return module.eval()


def backward(output: Tensor) -> None:
    """Run a backward pass of some loss on an output."""
    torch.autograd.backward(output.float().square().sum())


def check_numbers(subject: Subject, output: Tensor) -> None:
    """Check that an output is finite float32."""
    if output.dtype != torch.float32 or not torch.isfinite(output).all():
        raise ContractError(
            f"{subject.title} returns {output.dtype} from {output.min()} to {output.max()}; it "
            "must return finite float32 when it is given float32."
        )
