"""A generator as a predictor: lightness in Lab units in, chroma in Lab units out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from colorzoo import color
from colorzoo.devices import pick_device, pick_dtype
from colorzoo.errors import ConfigError, TensorError
from colorzoo.features.efficientnet_lite import fold_batch_norms
from colorzoo.models.base import (
    HINT_CHANNELS,
    GatedGenerator,
    Generator,
    has_distribution,
)
from colorzoo.predictor import Floats, Guidance, Guide, as_array, pack_hints
from colorzoo.predictors.distribution import Distribution, without_distribution
from colorzoo.registry import ARCHITECTURES


class LabNetwork(nn.Module):
    """A generator between Lab units, for pictures of any size: what runs is what is exported.

    Lightness is scaled to -1..1 and filled up by mirroring to a size that the generator takes; its
    chroma is cropped back and unscaled. No other place scales, fills up or unscales.

    Args:
        generator: In any mode, on any device, of any float type.
    """

    def __init__(self, generator: Generator[Any]) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self,
        lightness: Tensor,
        vividness: float | Tensor | None = None,
        hints: Tensor | None = None,
    ) -> Tensor:
        """Predict chroma.

        Args:
            lightness: (N, 1, H, W) float32, L in 0..100.
            vividness: Of a generator with a distribution over colours, what becomes of it.
            hints: (N, 3, H, W) float32, of a generator that takes them: a and b in Lab units, and 1
                where they are given, 0 elsewhere, all three.

        Returns:
            (N, 2, H, W) float32, a and b in Lab units.
        """
        return self.forward_with_logits(lightness, vividness, hints)[0]

    def forward_with_logits(
        self,
        lightness: Tensor,
        vividness: float | Tensor | None = None,
        hints: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Predict chroma as :meth:`forward` does, and return the logits it comes from, if any.

        They are (N, Q, h, w) float32, of lightness filled up.
        """
        height, width = lightness.shape[-2:]
        scaled = self.scale(lightness, hints)
        logits: Tensor | None = None
        if vividness is not None and has_distribution(self.generator):
            chroma, logits = self.generator.forward_with_logits(scaled, vividness)
            logits = logits.float()
        else:
            chroma = self.generator(scaled)
        return color.unscale_chroma(chroma[..., :height, :width].float()), logits

    def scale(self, lightness: Tensor, hints: Tensor | None = None) -> Tensor:
        """Return what the generator sees: (N, 1, H', W') in -1..1, filled up, or 4 with hints."""
        multiple = self.generator.size_multiple
        rows, columns = (
            _mirrored_indices(length, multiple, lightness.device) for length in lightness.shape[-2:]
        )
        planes = color.scale_lightness(lightness)
        if self.generator.takes_hints:
            planes = torch.cat((planes, _scale_hints(planes, hints)), dim=1)
        filled = planes.index_select(2, rows).index_select(3, columns)
        dtype = next(self.generator.parameters()).dtype
        return filled.to(dtype)


class NetworkPredictor:
    """A generator as a predictor (see :class:`colorzoo.predictor.Predictor`).

    Args:
        generator: An instance of a registered architecture. It is taken over: put into eval mode,
            moved and converted in place. Give a ``copy.deepcopy`` of one that is still trained.
        name: What to call it; the architecture's name if left out.
        working_size: Shorter side in pixels of the pictures it was trained on.
        device: ``"auto"`` (CUDA, else Apple's MPS, else the CPU) or a device of torch.
        dtype: Precision of the generator: ``"float32"`` (as None), ``"float16"``, ``"bfloat16"``
            or the torch.dtype; ``"auto"`` is bfloat16 where the device has instructions for it,
            and float32 elsewhere. Colour is always converted in float32.

    Attributes:
        network: The generator between Lab units.
        dtype: Precision that the generator runs in.
        accepts: Vividness, where the generator has a distribution over colours, and hints, where it
            was trained with them.

    Raises:
        ConfigError: The device or dtype is unknown or not there.
        RegistrationError: The generator's class is not in the registry.
    """

    needs: frozenset[Guide] = frozenset()

    def __init__(
        self,
        generator: Generator[Any],
        *,
        name: str | None = None,
        working_size: int = 256,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype | None = None,
    ) -> None:
        self.name = name or ARCHITECTURES.spec_of(generator).name
        self.working_size = working_size
        place = pick_device(device)
        self.dtype = pick_dtype(dtype, place)
        guides: dict[Guide, bool] = {
            "vividness": has_distribution(generator),
            "hints": generator.takes_hints,
        }
        self.accepts = frozenset(guide for guide, taken in guides.items() if taken)
        self.network = LabNetwork(generator.requires_grad_(False).eval())
        fold_batch_norms(self.network)  # before rounding
        self.network.to(device=place, dtype=self.dtype)
        self._arrange()

    @property
    def generator(self) -> Generator[Any]:
        """The generator, in eval mode."""
        return self.network.generator

    @property
    def device(self) -> str:
        """Where the generator is."""
        return str(next(self.generator.parameters()).device)

    @property
    def parameters(self) -> int:
        """How many were trained."""
        return sum(parameter.numel() for parameter in self.generator.parameters())

    @property
    def vividness(self) -> float | None:
        """What becomes of its distribution unless told otherwise; None where it has none."""
        return self.generator.classes.vividness if has_distribution(self.generator) else None

    def to(self, device: str | torch.device) -> None:
        """Move the generator; it keeps its precision.

        Raises:
            ConfigError: The device is unknown or not there.
        """
        self.network.to(pick_device(device))
        self._arrange()

    def _arrange(self) -> None:
        """Lay the weights out as convolutions are fastest; their input follows them."""
        last = runs_channels_last(torch.device(self.device), self.dtype)
        order = torch.channels_last if last else torch.contiguous_format
        for tensor in chain(self.network.parameters(), self.network.buffers()):
            if tensor.dim() == 4:
                tensor.data = tensor.data.contiguous(memory_format=order)

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        """Give chroma for lightness, as :class:`~colorzoo.predictor.Predictor` says.

        Raises:
            TensorError: The generator's numbers overflow in its precision, or the memory does not
                suffice for pictures of this size.
        """
        vividness = None if guidance is None else guidance.vividness
        seen = torch.tensor(lightness, device=self.device)
        hints = None
        if "hints" in self.accepts:
            hints = torch.tensor(pack_hints(guidance, lightness), device=self.device)
        chroma: Floats = (
            self._run(lambda seen: self.network(seen, vividness, hints), seen).cpu().numpy()
        )
        return chroma

    def _run(self, what: Callable[[Tensor], Tensor], lightness: Tensor) -> Tensor:
        """Run the generator; a lack of memory and an overflow become errors for users."""
        self.generator.eval()
        with torch.inference_mode(), torch.autocast(lightness.device.type, enabled=False):
            try:
                result = what(lightness)
            except (RuntimeError, MemoryError) as error:
                if not _is_of_memory(error):
                    raise
                count, _, height, width = lightness.shape
                raise TensorError(
                    f"The memory of {self.device!r} does not suffice for {count} x {height} x "
                    f"{width} pixels in {self.name!r}. Give a smaller working_size or batch_size."
                ) from error
            if not torch.isfinite(result).all():
                raise TensorError(
                    f"The generator of {self.name!r} gave values that are not finite numbers in "
                    f"{self.dtype}. Use dtype='float32' or 'bfloat16'."
                )
        return result

    @property
    def distribution(self) -> Distribution | None:
        """What its logits are of; None where the generator predicts ab at once."""
        if not has_distribution(self.generator):
            return None
        head = self.generator.classes
        return Distribution(
            as_array(head.cells.float()),
            as_array(head.rarity.float()),
            head.vividness,
            self.generator.size_multiple,
        )

    def logits(self, lightness: Floats) -> Floats:
        """Give how likely each colour is at each place of a picture.

        As :class:`~colorzoo.predictors.distribution.Distributed` says.

        Raises:
            ConfigError: The generator has no distribution.
            TensorError: As :meth:`predict` says.
        """
        generator = self.generator
        if not has_distribution(generator):
            raise without_distribution(self)
        seen = torch.tensor(lightness, device=self.device)
        logits = self._run(lambda seen: generator.logits(self.network.scale(seen)).float(), seen)
        given: Floats = np.ascontiguousarray(as_array(logits))
        return given

    def attention_maps(self, lightness: Tensor) -> list[Tensor]:
        """Return how much of each skip the attention gates let through (Oktay 2018).

        Args:
            lightness: (N, 1, H, W) float32 on its device, L in 0..100. Where H and W are multiples
                of the generator's, each map covers the picture exactly.

        Returns:
            For each skip (N, 1, h, w) float32 in 0..1, coarsest first.

        Raises:
            ConfigError: The generator has no attention gates.
        """
        if not isinstance(self.generator, GatedGenerator):
            raise ConfigError(
                f"{self.name!r} has no attention maps: its generator has no attention gates. "
                "Give a model of the architecture attention-unet."
            )
        with torch.inference_mode():
            maps = self.generator.forward_with_maps(self.network.scale(lightness))[1]
            return [gate_map.float() for gate_map in maps]


def runs_channels_last(device: torch.device, dtype: torch.dtype) -> bool:
    """Tell whether convolutions are quickest there with the channels last in memory."""
    return device.type == "cpu" or (device.type == "cuda" and dtype.itemsize < 4)


def _scale_hints(like: Tensor, hints: Tensor | None) -> Tensor:
    """Return hints as a generator sees them: (N, 3, H, W), for lightness (N, 1, H, W) like it."""
    if hints is None:
        return torch.cat([torch.zeros_like(like)] * HINT_CHANNELS, dim=1)
    return torch.cat((color.scale_chroma(hints[:, :2]), hints[:, 2:]), dim=1)


def _is_of_memory(error: Exception) -> bool:
    """Tell a lack of memory, for which the processor's allocator has no error of its own."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)


def _mirrored_indices(length: int, multiple: int, device: torch.device) -> Tensor:
    """Return indices that fill an axis up to a multiple by mirroring it as often as need be.

    Padding by reflection would refuse a picture that is smaller than what is to be added.
    """
    filled = round_up(length, multiple)
    index = torch.arange(filled, device=device)
    # The period as a tensor: that of a number which depends on the picture cannot be exported.
    index = index.remainder(torch.full_like(index, 2 * length))
    return torch.where(index < length, index, 2 * length - 1 - index)


def round_up(length: int, multiple: int) -> int:
    """Return the smallest multiple that is not below ``length``."""
    # Never of a negative number, whose quotient ONNX rounds the other way.
    return (length + multiple - 1) // multiple * multiple
