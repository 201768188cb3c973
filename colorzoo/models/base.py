"""What every architecture derives from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from torch import Tensor, nn

ConfigT = TypeVar("ConfigT")


class Generator(nn.Module, Generic[ConfigT]):
    """A network that gives chroma for lightness, both scaled to -1..1.

    A subclass takes one frozen config dataclass, draws random weights, and is decorated with
    ``@ARCHITECTURES.register``. Its constructor fetches, prints and seeds nothing.

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

    def load_pretrained(self) -> None:
        """Start from weights of somebody else's, if the config asks for it.

        Training calls it once, before the first step of a fresh run.
        """

    def forward(self, lightness: Tensor) -> Tensor:
        """Predict chroma (N, 2, H, W) in -1..1 from lightness (N, 1, H, W) in -1..1."""
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
