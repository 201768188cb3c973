"""The contract checks find what is wrong, each its own fault."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from colorzoo import ColorzooError, Generator, UnknownNameError
from colorzoo.registry import ARCHITECTURES
from colorzoo.testing import ContractError, architecture, check_architecture, check_discriminator


@dataclass(frozen=True)
class Config:
    width: int = 4

    @classmethod
    def tiny(cls) -> "Config":
        return cls()


class Good(Generator[Config]):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.inner = nn.Conv2d(1, config.width, 3, padding=1)
        self.outer = nn.Conv2d(config.width, 2, 3, padding=1)

    def forward(self, lightness: Tensor) -> Tensor:
        return torch.tanh(self.outer(torch.relu(self.inner(lightness))))


class WrongShape(Good):
    def forward(self, lightness: Tensor) -> Tensor:
        return super().forward(lightness)[:, :1]


class Unbounded(Good):
    def forward(self, lightness: Tensor) -> Tensor:
        return self.outer(torch.relu(self.inner(lightness)))


class Unused(Good):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.spare = nn.Conv2d(1, 1, 1)


class Detached(Good):
    def forward(self, lightness: Tensor) -> Tensor:
        return super().forward(lightness.detach())


class Random(Good):
    def forward(self, lightness: Tensor) -> Tensor:
        return super().forward(lightness + torch.randn_like(lightness))


class Restless(Good):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, lightness: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(lightness)


class Mixing(Good):
    def forward(self, lightness: Tensor) -> Tensor:
        return super().forward(lightness - lightness.mean())


class Forgetful(Good):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.scale = 1.0

    def forward(self, lightness: Tensor) -> Tensor:
        if self.training:
            self.scale = 0.5
        return super().forward(lightness * self.scale)


class Lenient(Good):
    def load_state_dict(self, state_dict, strict=True, assign=False):
        return super().load_state_dict(state_dict, strict=False, assign=assign)


class Seeding(Good):
    def __init__(self, config: Config) -> None:
        torch.manual_seed(3)
        super().__init__(config)


class WithoutConfig(Good):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        del self.config


class TwoResults(Good):
    def forward(self, lightness: Tensor) -> Tensor:
        return super().forward(lightness), lightness


class Normed(Good):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, lightness: Tensor) -> Tensor:
        return super().forward(self.norm(lightness))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch):
    """Return a function that registers a class for one test."""
    monkeypatch.setattr(ARCHITECTURES, "_entries", dict(ARCHITECTURES._entries))

    def register(build: type[nn.Module], *, config: type = Config, size_multiple: int = 8) -> str:
        monkeypatch.setattr(build, "size_multiple", size_multiple)
        ARCHITECTURES.register("moon-net", config=config)(build)
        return "moon-net"

    return register


def test_a_good_architecture_passes(registered) -> None:
    check_architecture(registered(Good))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (WrongShape, r"makes \(1, 1, 8, 8\) of \(1, 1, 8, 8\); it must make \(1, 2, 8, 8\)"),
        (Unbounded, "chroma must stay in -1..1 .* End forward with torch.tanh"),
        (Unused, "no gradient reaches: spare.weight, spare.bias"),
        (Detached, "lets no gradient through to its input"),
        (Random, "returns something else the second time in eval mode"),
        (Restless, "changes calls in eval mode"),
        (Mixing, "lets pictures of a batch change each other in eval mode"),
        (Forgetful, "gives something else after saving and loading"),
        (Seeding, "same first weights under every seed"),
        (WithoutConfig, "does not keep its config: set self.config"),
        (TwoResults, "returns a tuple; forward must return one tensor"),
    ],
)
def test_each_fault_has_its_message(registered, build: type[nn.Module], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_architecture(registered(build))


def test_norm_on_a_single_pixel_needs_a_larger_size_multiple(registered) -> None:
    with pytest.raises(ContractError, match="in training mode .* ruled out by size_multiple"):
        check_architecture(registered(Normed, size_multiple=1))


def test_lenient_loading_cannot_hide_a_lacking_tensor(registered) -> None:
    check_architecture(registered(Lenient))  # the folder's tensors are compared before they load


def test_a_config_must_be_frozen(registered) -> None:
    @dataclass
    class Thawed:
        width: int = 4

        @classmethod
        def tiny(cls):
            return cls()

    with pytest.raises(ContractError, match="no frozen dataclass"):
        check_architecture(registered(Good, config=Thawed))


def test_a_config_must_have_defaults(registered) -> None:
    @dataclass(frozen=True)
    class Bare:
        width: int

        @classmethod
        def tiny(cls):
            return cls(4)

    with pytest.raises(ContractError, match="a config without defaults: .*'width'"):
        check_architecture(registered(Good, config=Bare))


def test_faults_are_errors_of_colorzoo_and_of_tests() -> None:
    assert issubclass(ContractError, ColorzooError)
    assert issubclass(ContractError, AssertionError)
    with pytest.raises(UnknownNameError, match="no architecture called 'nope'"):
        check_architecture("nope")
    with pytest.raises(UnknownNameError, match="no discriminator called 'nope'"):
        check_discriminator("nope")


def test_building_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    architecture("unet").build()
    assert torch.equal(torch.get_rng_state(), before)
