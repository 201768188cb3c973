"""What every architecture derives from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeGuard, TypeVar

import torch
from torch import Tensor, nn

from colorzoo.models._heads import ClassHead, enlarge

ConfigT = TypeVar("ConfigT")


HINT_CHANNELS: Final = 3
"""Channels of hints beside lightness: a and b scaled to -1..1, 0 where no hint is, and a mask."""


class Generator(nn.Module, Generic[ConfigT]):
    """A network that gives chroma for lightness, both scaled to -1..1.

    A subclass takes one frozen config dataclass, draws random weights, and is decorated with
    ``@ARCHITECTURES.register``. Its constructor fetches, prints and seeds nothing. One whose config
    has the key ``hints`` builds its first layers for :attr:`in_channels` channels: where the key is
    true, "lightness" stands for lightness with hints beside it (Zhang 2017, arXiv:1705.02999).

    Args:
        config: Its shape, kept as ``config``.
    """

    config: ConfigT

    def __init__(self, config: ConfigT) -> None:
        super().__init__()
        self.config = config

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many pixels; other sizes are filled up."""
        return 1

    @property
    def takes_hints(self) -> bool:
        """Whether its config says that it is given hints beside lightness."""
        return bool(getattr(self.config, "hints", False))

    @property
    def in_channels(self) -> int:
        """Channels of its input: 1, or 4 with hints."""
        return 1 + HINT_CHANNELS if self.takes_hints else 1

    def load_pretrained(self) -> None:
        """Start from weights of somebody else's, if the config asks for it.

        Training calls it once, before the first step of a fresh run.
        """

    def forward(self, lightness: Tensor) -> Tensor:
        """Predict chroma (N, 2, H, W) in -1..1 from lightness (N, 1, H, W) in -1..1.

        With hints it is (N, 4, H, W): lightness, a and b of the hints, and where they are.
        """
        raise NotImplementedError

    if TYPE_CHECKING:  # torch's own returns Any

        def __call__(self, lightness: Tensor) -> Tensor:
            """Run forward."""
            ...


class GatedGenerator(Generator[ConfigT]):
    """A generator with attention gates on its skips that shows what they let through."""

    def forward(self, lightness: Tensor) -> Tensor:
        """Predict chroma (N, 2, H, W) in -1..1 from lightness (N, 1, H, W) in -1..1."""
        return self.forward_with_maps(lightness)[0]

    def forward_with_maps(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Predict chroma and return the gates' maps too.

        Args:
            lightness: (N, 1, H, W) in -1..1.

        Returns:
            Chroma (N, 2, H, W) in -1..1, and for each skip its attention map (N, 1, h, w) in 0..1
            at the skip's resolution, coarsest first.
        """
        raise NotImplementedError


class ClassGenerator(Generator[ConfigT]):
    """A generator that ends in a distribution over colours, or in ab where its config says so.

    Attributes:
        head: A :class:`ClassHead`, or a layer that maps the features to two channels before tanh.
    """

    head: nn.Module

    @property
    def classes(self) -> ClassHead:
        """The head, where it has a distribution.

        Raises:
            TypeError: It has none; :func:`has_distribution` tells.
        """
        if not isinstance(self.head, ClassHead):
            raise TypeError(f"This {type(self).__name__} has no distribution: its head is 'ab'.")
        return self.head

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, h, w)."""
        raise NotImplementedError

    def forward(self, lightness: Tensor) -> Tensor:
        """Predict chroma (N, 2, H, W) in -1..1 from lightness (N, 1, H, W) in -1..1."""
        return self.to_chroma(self.features(lightness), lightness.shape[-2:])

    def to_chroma(self, features: Tensor, size: Sequence[int]) -> Tensor:
        """Run the head: features (N, C, h, w) to chroma (N, 2, height, width) in -1..1."""
        chroma: Tensor = (
            self.head(features, size)
            if isinstance(self.head, ClassHead)
            else enlarge(torch.tanh(self.head(features)), size)
        )
        return chroma

    def logits(self, lightness: Tensor) -> Tensor:
        """Return the logits (N, Q, h, w) of the distribution, and nothing that costs more.

        Raises:
            TypeError: The head has no distribution.
        """
        logits: Tensor = self.classes.to_logits(self.features(lightness))
        return logits

    def forward_with_logits(
        self, lightness: Tensor, vividness: float | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Predict chroma and return the logits it comes from.

        Args:
            lightness: (N, 1, H, W) in -1..1.
            vividness: 0, the mean of the distribution, to 1, which leans to likely and to rare
                colours, also as a tensor of one number; the config's if left out.

        Returns:
            Chroma (N, 2, H, W) in -1..1, and logits (N, Q, h, w) over the Q cells of the head.

        Raises:
            TypeError: The head has no distribution.
        """
        logits = self.logits(lightness)
        return self.classes.chroma(logits, lightness.shape[-2:], vividness), logits

    def distribution(self, lightness: Tensor) -> Tensor:
        """Return how likely each colour is at each place.

        Args:
            lightness: (N, 1, H, W) in -1..1.

        Returns:
            (N, Q, h, w) float32, of sum 1 over the Q cells ``classes.cells``.

        Raises:
            TypeError: The head has no distribution.
        """
        return torch.softmax(self.logits(lightness).float(), dim=1)


class GatedClassGenerator(ClassGenerator[ConfigT], GatedGenerator[ConfigT]):
    """A generator with attention gates and a head: its subclass decodes, the rest is here."""

    def decode(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what the head is given and the gates' maps, coarsest first.

        Args:
            lightness: (N, 1, H, W) in -1..1.

        Returns:
            (N, C, h, w), and for each gated skip (N, 1, h', w') in 0..1.
        """
        raise NotImplementedError

    def features(self, lightness: Tensor) -> Tensor:
        """Return what the head is given: (N, C, h, w)."""
        return self.decode(lightness)[0]

    def forward_with_maps(self, lightness: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Predict chroma and return the gates' maps too, as :class:`GatedGenerator` says."""
        features, maps = self.decode(lightness)
        return self.to_chroma(features, lightness.shape[-2:]), maps


def has_distribution(generator: nn.Module) -> TypeGuard[ClassGenerator[Any]]:
    """Return whether a generator predicts a distribution over colours."""
    return isinstance(generator, ClassGenerator) and isinstance(generator.head, ClassHead)
