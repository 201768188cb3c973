"""An exported file as a predictor, on onnxruntime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import numpy as np

from colorzoo.errors import ConfigError, MissingDependencyError, TensorError, WeightsError
from colorzoo.predictor import Floats, Guidance, Guide, pack_hints
from colorzoo.predictors.distribution import Distribution, without_distribution
from colorzoo.schema import added, from_dict

if TYPE_CHECKING:
    import onnxruntime

ONNX_SUFFIX: Final = ".onnx"
NOTES_KEY: Final = "colorzoo"
"""Key in a file's metadata: :class:`OnnxNotes` as JSON."""

DISTRIBUTION_KEY: Final = "colorzoo.distribution"
"""Key in a file's metadata: :class:`OnnxDistribution` as JSON, where it gives logits."""

LIGHTNESS: Final = "lightness"
VIVIDNESS: Final = "vividness"
HINTS: Final = "hints"
CHROMA: Final = "chroma"
LOGITS: Final = "logits"

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxDistribution:
    """What an exported file says of its logits.

    Attributes:
        cells: a and b in Lab units of each colour.
        rarity: What is added to the logits of each at vividness 1.
        multiple: The logits cover the picture filled up to multiples of so many pixels.
    """

    cells: tuple[tuple[float, float], ...]
    rarity: tuple[float, ...]
    multiple: int


class OnnxPredictor:
    """An exported file as a predictor (see :class:`colorzoo.predictor.Predictor`).

    Args:
        path: A file that colorzoo exported.
        device: ``"auto"`` or ``"cpu"``; onnxruntime works on the processor here.

    Attributes:
        notes: What the file says of itself.
        distribution: What its logits are of; None where it gives none.
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
        metadata = self._session.get_modelmeta().custom_metadata_map
        if NOTES_KEY not in metadata:
            raise WeightsError(
                f"{path} was not exported by colorzoo: its metadata lacks {NOTES_KEY!r}. Make one "
                "with: colorzoo export NAME -o model.onnx"
            )
        self.notes = _parse(OnnxNotes, metadata, NOTES_KEY, path)
        self.distribution: Distribution | None = None
        if DISTRIBUTION_KEY in metadata and self.notes.vividness is not None:
            said = _parse(OnnxDistribution, metadata, DISTRIBUTION_KEY, path)
            self.distribution = Distribution(
                np.array(said.cells, np.float32).reshape(-1, 2),
                np.array(said.rarity, np.float32),
                self.notes.vividness,
                said.multiple,
            )
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
        return self._run(CHROMA, lightness, guidance)

    def logits(self, lightness: Floats) -> Floats:
        """Give how likely each colour is at each place of a picture.

        As :class:`~colorzoo.predictors.distribution.Distributed` says.

        Raises:
            ConfigError: The file gives no logits.
            TensorError: As :meth:`predict` says.
        """
        if self.distribution is None:
            raise without_distribution(self)
        return self._run(LOGITS, lightness, None)

    def _run(self, output: str, lightness: Floats, guidance: Guidance | None) -> Floats:
        feed = {LIGHTNESS: lightness}
        vividness = self.vividness
        if vividness is not None:
            if guidance is not None and guidance.vividness is not None:
                vividness = guidance.vividness
            feed[VIVIDNESS] = np.array(vividness, np.float32)
        if self.notes.hints:
            feed[HINTS] = pack_hints(guidance, lightness)
        try:
            values: Floats = self._session.run([output], feed)[0]
        except Exception as error:  # onnxruntime's errors have no common base
            raise TensorError(
                f"{self.name!r} cannot be run on {lightness.shape}: "
                f"{str(error).splitlines()[0]}. Give a smaller working_size or batch_size."
            ) from error
        if not np.isfinite(values).all():
            raise TensorError(
                f"{self.name!r} gave values that are not finite numbers in "
                f"{self.notes.precision}. Export it in float32."
            )
        return values


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


def _parse(what: type[T], metadata: dict[str, str], key: str, path: Path) -> T:
    try:
        values = json.loads(metadata[key])
    except ValueError as error:
        raise WeightsError(f"The notes of {path} are no JSON: {error}. Export it again.") from error
    return from_dict(what, values, where=f"{path}: {key}")


def _missing() -> MissingDependencyError:
    return MissingDependencyError("onnxruntime", extra="onnx", purpose="Work with ONNX files")


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu"):
        raise ConfigError(
            f"An ONNX file is run on 'cpu' here, not on {device!r}. Load the model itself for "
            "another device."
        )
