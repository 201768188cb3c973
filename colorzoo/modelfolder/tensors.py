"""``model.safetensors``: the tensors of a generator to a file and back, strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from colorzoo.errors import WeightsError
from colorzoo.modelfolder.format import CONFIG_FILE
from colorzoo.modelfolder.model import StorageType

_FLOATS: Final = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_OTHERS: Final = {
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LENGTH_BYTES: Final = 8


def storable(state: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Copy tensors to the CPU for storage, floats as ``dtype``, or float32 where it is too narrow.

    A batch norm's variance over a whole training can exceed the 65,504 of float16.

    Raises:
        WeightsError: A number is not finite.
    """
    tensors = {}
    for name, tensor in state.items():
        if not _is_finite(tensor):
            raise WeightsError(
                f"The weight {name!r} is not finite, so the model is not saved. Training diverged: "
                "train anew with a smaller learning rate, or take an earlier checkpoint."
            )
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        # A copy, because safetensors refuses tensors that share memory.
        stored = tensor.detach().to("cpu", kind, copy=True).contiguous()
        if not _is_finite(stored):
            stored = tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
        tensors[name] = stored
    return tensors


class WeightsFile:
    """A safetensors file whose header has been read and checked; no memory is taken for tensors.

    Args:
        path: The file.

    Raises:
        WeightsError: It is absent, cut off or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise WeightsError(
                f"The weights {path} are missing. Copy them there, or fetch the model again."
            )
        try:
            with safe_open(path, framework="pt"):
                pass  # it checks types, shapes and offsets against the file's length
            with path.open("rb") as file:
                length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
                self._entries: dict[str, dict[str, Any]] = json.loads(file.read(length))
        except (SafetensorError, OSError, ValueError) as error:
            raise self._damaged(error) from error
        self._entries.pop("__metadata__", None)
        self._start = _LENGTH_BYTES + length

    @property
    def storage(self) -> StorageType:
        """Type in which all its floats can be stored again without loss."""
        kinds = {entry["dtype"] for entry in self._entries.values()} & set(_FLOATS)
        if kinds == {"F16", "F32"}:  # float32 then stands where float16 is too narrow
            wide = {name: e for name, e in self._entries.items() if e["dtype"] == "F32"}
            return "float32" if any(_is_finite(t.half()) for t in self._read(wide)) else "float16"
        return "float16" if kinds == {"F16"} else "float32"

    def check(self, expected: Mapping[str, Tensor]) -> None:
        """Compare the file with the tensors of a generator, name by name; none is read.

        Args:
            expected: A state dict, which may lie on the meta device.

        Raises:
            WeightsError: A name, shape or type differs.
        """
        self._check_names(set(self._entries), set(expected))
        for name, tensor in expected.items():
            shape, kind = tuple(self._entries[name]["shape"]), self._entries[name]["dtype"]
            if shape != tuple(tensor.shape):
                raise WeightsError(
                    f"{self.path}: {name!r} has shape {shape}, but the model's {CONFIG_FILE} makes "
                    f"it {tuple(tensor.shape)}. Both files must come from the same save."
                )
            kinds = _FLOATS if tensor.is_floating_point() else _OTHERS
            if kind not in kinds or (kinds is _OTHERS and kinds[kind] != tensor.dtype):
                wanted = _FLOATS if kinds is _FLOATS else [tensor.dtype]
                raise WeightsError(
                    f"{self.path}: {name!r} is stored as {kind}, but must be "
                    f"{' or '.join(map(str, wanted))}. Fetch or save the model again."
                )

    def read(self) -> dict[str, Tensor]:
        """Read all tensors into memory of their own, floats as float32.

        Raises:
            WeightsError: The file is cut off, or a number is not finite.
        """
        return dict(zip(self._entries, self._read(self._entries), strict=True))

    def _read(self, entries: Mapping[str, dict[str, Any]]) -> Iterator[Tensor]:
        # A mapped file would be in memory beside its float32 copy, and one that is cut while it is
        # mapped ends the process; so each tensor is read, widened and let go before the next.
        try:
            with self.path.open("rb", buffering=0) as file:
                yield from self._tensors(file, entries)
        except OSError as error:
            raise self._damaged(error) from error

    def _tensors(self, file: BinaryIO, entries: Mapping[str, dict[str, Any]]) -> Iterator[Tensor]:
        for name, entry in entries.items():
            kind = entry["dtype"]
            tensor = torch.empty(entry["shape"], dtype=(_FLOATS | _OTHERS)[kind])
            file.seek(self._start + entry["data_offsets"][0])
            _read_exactly(file, tensor.reshape(-1).view(torch.uint8).numpy().data)
            if not _is_finite(tensor):
                raise WeightsError(
                    f"{self.path}: {name!r} holds values that are not finite numbers. Fetch the "
                    "model again, or train it anew with a smaller learning rate."
                )
            yield tensor.float() if kind in _FLOATS else tensor

    def _damaged(self, error: Exception) -> WeightsError:
        return WeightsError(
            f"{self.path} is cut off or damaged: {error}. Fetch or save the model again."
        )

    def _check_names(self, given: set[str], expected: set[str]) -> None:
        faults = [
            f"it {what} {_enumerate(names)}"
            for what, names in (("lacks", expected - given), ("has, unexpected,", given - expected))
            if names
        ]
        if faults:
            raise WeightsError(
                f"{self.path} does not fit the model's {CONFIG_FILE}: {' and '.join(faults)}. "
                "Both files must come from the same save."
            )


def _read_exactly(file: BinaryIO, place: memoryview) -> None:
    while place:
        count = file.readinto(place)  # type: ignore[attr-defined]  # a raw file has it
        if not count:
            raise OSError("it ends too early")
        place = place[count:]


def _is_finite(tensor: Tensor) -> bool:
    """Tell whether all values are finite numbers."""
    if tensor.numel() == 0 or not tensor.is_floating_point():
        return True
    # NaN passes through both; ten times as fast as looking at each value, and without a copy.
    return all(math.isfinite(bound.item()) for bound in tensor.aminmax())


def _enumerate(names: set[str]) -> str:
    shown = ", ".join(map(repr, sorted(names)[:3]))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
