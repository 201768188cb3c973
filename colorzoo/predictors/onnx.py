"""An exported file as a predictor, on onnxruntime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from colorzoo.errors import ConfigError, MissingDependencyError, TensorError, WeightsError
from colorzoo.predictor import Floats, Guidance, Guide, pack_hints
from colorzoo.schema import added, from_dict

if TYPE_CHECKING:
    import onnxruntime

ONNX_SUFFIX: Final = ".onnx"
NOTES_KEY: Final = "colorzoo"
"""Key in a file's metadata: :class:`OnnxNotes` as JSON."""

LIGHTNESS: Final = "lightness"
VIVIDNESS: Final = "vividness"
HINTS: Final = "hints"
CHROMA: Final = "chroma"

Precision = Literal["float32", "float16", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxNotes:
    """What an exported file says of itself, apart from its graph.

    Attributes:
        format: Version of these notes.
        name: Name of the model.
        working_size: Shorter side in pixels of the pictures that it sees best.
        parameters: How many were learnt.
        precision: What its weights are stored in.
        vividness: Its own vividness, 0..1; None where it takes none.
        hints: Whether it takes hints.
    """

    format: Literal[1] = 1
    name: str
    working_size: int
    parameters: int
    precision: Precision
    vividness: float | None = None
    hints: bool = added(False)


class OnnxPredictor:
    """An exported file as a predictor (see :class:`colorzoo.predictor.Predictor`).

    Args:
        path: A file that colorzoo exported.
        device: ``"auto"`` or ``"cpu"``; onnxruntime works on the processor here.

    Attributes:
        notes: What the file says of itself.
        accepts: Vividness and hints, where the file takes them.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
        WeightsError: The file is absent or damaged, or colorzoo did not export it.
        ConfigError: The device is another one, or the notes of the file are wrong.
    """

    needs: frozenset[Guide] = frozenset()

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        _check_device(device)
        self._session = _open(path)
        text = self._session.get_modelmeta().custom_metadata_map.get(NOTES_KEY)
        if text is None:
            raise WeightsError(
                f"{path} was not exported by colorzoo: its metadata lacks {NOTES_KEY!r}. Make one "
                "with: colorzoo export NAME -o model.onnx"
            )
        try:
            values = json.loads(text)
        except ValueError as error:
            raise WeightsError(
                f"The notes of {path} are no JSON: {error}. Export it again."
            ) from error
        self.notes = from_dict(OnnxNotes, values, where=f"{path}: {NOTES_KEY}")
        self.name = self.notes.name
        self.working_size = self.notes.working_size
        guides: dict[Guide, bool] = {
            "vividness": self.notes.vividness is not None,
            "hints": self.notes.hints,
        }
        self.accepts = frozenset(guide for guide, taken in guides.items() if taken)

    @property
    def device(self) -> str:
        """Where it works: the processor."""
        return "cpu"

    @property
    def parameters(self) -> int:
        """How many were learnt."""
        return self.notes.parameters

    @property
    def vividness(self) -> float | None:
        """What becomes of its distribution unless told otherwise; None where it has none."""
        return self.notes.vividness

    def to(self, device: str) -> None:
        """Stay on the processor.

        Raises:
            ConfigError: It is another device.
        """
        _check_device(device)

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        """Give chroma for lightness, as :class:`~colorzoo.predictor.Predictor` says.

        Raises:
            TensorError: The numbers overflow in the file's precision, or the memory does not
                suffice.
        """
        feed = {LIGHTNESS: lightness}
        vividness = self.vividness
        if vividness is not None:
            if guidance is not None and guidance.vividness is not None:
                vividness = guidance.vividness
            feed[VIVIDNESS] = np.array(vividness, np.float32)
        if self.notes.hints:
            feed[HINTS] = pack_hints(guidance, lightness)
        try:
            chroma: Floats = self._session.run([CHROMA], feed)[0]
        except Exception as error:  # onnxruntime's errors have no common base
            raise TensorError(
                f"{self.name!r} cannot be run on {lightness.shape}: "
                f"{str(error).splitlines()[0]}. Give a smaller working_size or batch_size."
            ) from error
        if not np.isfinite(chroma).all():
            raise TensorError(
                f"{self.name!r} gave values that are not finite numbers in "
                f"{self.notes.precision}. Export it in float32."
            )
        return chroma


def quantize(source: Path, target: Path) -> None:
    """Store the weights of convolutions and products of an ONNX file in 8 bits.

    The scales of what flows between are found anew in each run, so no pictures are needed.

    Raises:
        MissingDependencyError: onnxruntime or onnx is not installed.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise _missing() from error
    # Convolutions on signed weights have no kernel on the processor.
    quantize_dynamic(source, target, weight_type=QuantType.QUInt8)


def _open(path: Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise WeightsError(
            f"There is no file {path}. Make one with: colorzoo export NAME -o {path.name}"
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing() from error
    options: Any = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; they are raised too
    try:
        return onnxruntime.InferenceSession(
            path, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common base
        raise WeightsError(
            f"{path} is no ONNX file that onnxruntime {onnxruntime.__version__} can run: "
            f"{str(error).splitlines()[0]}. Export it again."
        ) from error


def _missing() -> MissingDependencyError:
    return MissingDependencyError("onnxruntime", extra="onnx", purpose="Work with ONNX files")


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu"):
        raise ConfigError(
            f"An ONNX file is run on 'cpu' here, not on {device!r}. Load the model itself for "
            "another device."
        )
