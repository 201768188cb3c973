"""A model to an ONNX file: lightness in, chroma out, both in Lab units, for any size and batch."""

from __future__ import annotations

import copy
import io
import json
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorzoo.errors import (
    ConfigError,
    MissingDependencyError,
    RegistrationError,
    TensorError,
    WeightsError,
)
from colorzoo.files import replacing
from colorzoo.modelfolder.facts import read_facts, render_facts
from colorzoo.modelfolder.model import Model
from colorzoo.modelfolder.weights import render_config
from colorzoo.predictor import Guidance, Predictor, as_array, pack_hints
from colorzoo.predictors.network import LabNetwork, NetworkPredictor
from colorzoo.predictors.onnx import (
    CHROMA,
    DISTRIBUTION_KEY,
    HINTS,
    LIGHTNESS,
    LOGITS,
    NOTES_KEY,
    ONNX_SUFFIX,
    VIVIDNESS,
    OnnxDistribution,
    OnnxNotes,
    OnnxPredictor,
    Precision,
    quantize,
)
from colorzoo.schema import to_dict
from colorzoo.version import __version__

if TYPE_CHECKING:
    import onnx

CONFIG_KEY: Final = "colorzoo.config"
FACTS_KEY: Final = "colorzoo.facts"

OPSET: Final = 20
"""Version of ONNX's operators."""

LARGEST_DIFFERENCE: Final = 1e-2
"""Lab units by which a file in float32 may differ from torch."""

PROBES: Final = ((1, 64, 64), (2, 51, 37), (1, 33, 90))
"""Batch, height and width of what a file is compared on: odd sizes, and more than one picture."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What became of an export.

    Attributes:
        path: The file.
        precision: What its weights are stored in.
        opset: Version of ONNX's operators.
        size: Its length in bytes.
        largest_difference: To torch in float32 on :data:`PROBES`, Lab units.
        mean_difference: The same, the mean.
    """

    path: Path
    precision: Precision
    opset: int
    size: int
    largest_difference: float
    mean_difference: float


def export_onnx(
    predictor: Predictor,
    path: Path,
    *,
    model: Model | None = None,
    precision: Precision = "float32",
    overwrite: bool = False,
) -> ExportReport:
    """Write a network as an ONNX file, once it is proven to give what torch gives.

    Input ``lightness`` is (N, 1, H, W) float32 in 0..100, output ``chroma`` (N, 2, H, W) float32 in
    Lab units. A model with a distribution over colours has a scalar input ``vividness`` and a
    second output ``logits`` (N, Q, h, w), one that was trained with hints an input ``hints``
    (N, 3, H, W): a, b and 1 where they are, else 0.

    Args:
        predictor: A network's.
        path: Where to write; it ends in .onnx.
        model: What the predictor was loaded from, for the metadata.
        precision: ``"float16"`` halves the file, and is computed in float32; ``"int8"`` quarters
            it and loses more.
        overwrite: Replace a file that is there.

    Raises:
        ConfigError: There is no network to export, or an option is wrong.
        MissingDependencyError: The extra ``onnx`` is not installed.
        WeightsError: The file cannot be written, or is there already.
        TensorError: The exported network gives something else than torch.
    """
    if not isinstance(predictor, NetworkPredictor):
        raise ConfigError(
            f"{predictor.name!r} has no network that could be exported. Give a model, such as "
            "lite-unet-gan; 'colorzoo list' shows them."
        )
    if precision not in get_args(Precision):
        raise ConfigError(f"precision must be float32, float16 or int8, not {precision!r}.")
    _check_target(path, overwrite)
    # Copies: the caller's network stays where it is and as it is.
    network = LabNetwork(copy.deepcopy(predictor.generator).to("cpu", torch.float32)).eval()
    wanted = [(*probe, _run(network, *probe, predictor.vividness)) for probe in _probes()]
    proto = _to_onnx(network, predictor.vividness)
    if precision == "float16":
        _halve(proto)
    elif precision == "int8":
        proto = _quantized(proto)
    _describe(proto, predictor, model, precision)
    data = proto.SerializeToString()
    largest, mean = _compare(data, wanted)
    if precision == "float32" and not largest <= LARGEST_DIFFERENCE:
        raise TensorError(
            f"The exported {predictor.name!r} differs from torch by {largest:.3g} Lab units, more "
            f"than {LARGEST_DIFFERENCE}. Its forward must not choose its way by numbers or sizes."
        )
    _write(data, path)
    return ExportReport(path, precision, OPSET, len(data), largest, mean)


def _write(data: bytes, path: Path) -> None:
    """Write the whole file, or none of it."""
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise WeightsError(
            f"Cannot write {path}: {error}. Give a file in a folder that can be written to."
        ) from error


def _check_target(path: Path, overwrite: bool) -> None:
    """Refuse what cannot be written before minutes are spent on it."""
    if path.suffix != ONNX_SUFFIX:
        raise ConfigError(f"An exported model ends in {ONNX_SUFFIX}, not {path.name!r}.")
    if not path.parent.is_dir():
        raise WeightsError(f"There is no folder {path.parent} for {path.name}. Make it first.")
    if path.is_dir():
        raise WeightsError(f"{path} is a folder. Give another name.")
    if path.exists() and not overwrite:
        raise WeightsError(
            f"{path} is there already. Give another name, or overwrite=True (--overwrite)."
        )


class _Exported(nn.Module):
    """What is traced: chroma, and the logits it comes from where there are any."""

    def __init__(self, network: LabNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, lightness: Tensor, vividness: Tensor | None, hints: Tensor | None
    ) -> tuple[Tensor, ...]:
        chroma, logits = self.network.forward_with_logits(lightness, vividness, hints)
        return (chroma,) if logits is None else (chroma, logits)


def _to_onnx(network: LabNetwork, vividness: float | None) -> onnx.ModelProto:
    """Trace a network; batch, height and width stay open.

    The tracing exporter: on small networks of every architecture it gives the same numbers as the
    one by ``torch.export`` in a twentieth of the time, and needs no package but torch and onnx.
    """
    (batch, height, width) = PROBES[1]
    lightness = torch.full((batch, 1, height, width), 50.0)
    hints = lightness.new_zeros(batch, 3, height, width)
    given: dict[str, Tensor | None] = {
        LIGHTNESS: lightness,
        VIVIDNESS: None if vividness is None else torch.tensor(vividness),
        HINTS: hints if network.generator.takes_hints else None,
    }
    names = [name for name, value in given.items() if value is not None]
    of_picture = {0: "batch", 2: "height", 3: "width"}
    axes = {
        **dict.fromkeys((LIGHTNESS, HINTS, CHROMA), of_picture),
        LOGITS: {0: "batch", 2: "logits_height", 3: "logits_width"},
    }
    outputs = [CHROMA] if vividness is None else [CHROMA, LOGITS]
    buffer = io.BytesIO()
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("onnx", extra="onnx", purpose="Exporting") from error
    with warnings.catch_warnings(), torch.no_grad():
        # It is called deprecated, and warns of comparisons of sizes, which the probes check.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                _Exported(network),
                tuple(given.values()),
                buffer,  # type: ignore[arg-type]  # torch takes a file too, and says so nowhere
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=outputs,
                dynamic_axes={name: axes[name] for name in (*names, *outputs) if name in axes},
            )
        except (RuntimeError, torch.onnx.OnnxExporterError) as error:
            reason = str(error).partition("\n")[0]
            raise RegistrationError(
                f"{type(network.generator).__qualname__} cannot be exported: {reason}. Use layers "
                "that ONNX knows, and sizes only as numbers to compute with."
            ) from error
    return onnx.load_model_from_string(buffer.getvalue())


def _halve(proto: onnx.ModelProto) -> None:
    """Store weights in 16 bits, and widen them where they are used.

    Runtimes widen them once, when the file is loaded, so it is as fast as float32 everywhere. To
    compute in 16 bits takes twice the time in a browser, and loses more.
    """
    from onnx import TensorProto, helper, numpy_helper

    widened = []
    for weight in proto.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        name = weight.name
        half = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.float16"))
        widened.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*widened, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _quantized(proto: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    # Constants are folded by the tracer; else the quantizer logs a doubt.
    proto.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with tempfile.TemporaryDirectory() as folder:
        plain, quantized = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(proto.SerializeToString())
        quantize(plain, quantized)
        return onnx.load_model(quantized)


def public_name(name: str) -> str:
    """Return a model's name as others may see it: of a folder its last part alone."""
    is_path = Path(name).is_absolute() or name.startswith((".", "~"))
    return Path(name).name if is_path else name


def _describe(
    proto: onnx.ModelProto, predictor: NetworkPredictor, model: Model | None, precision: Precision
) -> None:
    """Write name, settings, config and facts into the metadata."""
    notes = OnnxNotes(
        name=public_name(predictor.name),
        working_size=predictor.working_size,
        parameters=predictor.parameters,
        precision=precision,
        vividness=predictor.vividness,
        hints="hints" in predictor.accepts,
    )
    values = {NOTES_KEY: json.dumps(to_dict(notes), allow_nan=False)}
    distribution = predictor.distribution
    if distribution is not None:
        said = OnnxDistribution(
            cells=tuple((float(a), float(b)) for a, b in distribution.cells),
            rarity=tuple(float(f"{each:.9g}") for each in distribution.rarity),
            multiple=distribution.multiple,
        )
        values[DISTRIBUTION_KEY] = json.dumps(to_dict(said), allow_nan=False)
    if model is not None:
        values[CONFIG_KEY] = render_config(model)
        facts = read_facts(model.folder) if model.folder else None
        if facts is not None:
            values[FACTS_KEY] = render_facts(facts)
            values["license"] = facts.about.license
            proto.doc_string = facts.about.description
    # What is at hand for the first time in the graph of a distribution is not named by the tracer.
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    proto.producer_name, proto.producer_version = "colorzoo", __version__
    del proto.metadata_props[:]
    for key, value in values.items():
        proto.metadata_props.add(key=key, value=value)


def _probes() -> Iterator[tuple[Tensor, Guidance]]:
    """Soft noise over the whole range of L, (N, 1, H, W), and hints; the same each time."""
    random = torch.Generator().manual_seed(0)
    for batch, height, width in PROBES:
        coarse = torch.rand((batch, 1, height // 8 + 2, width // 8 + 2), generator=random) * 100.0
        chroma = torch.randn((batch, 2, height, width), generator=random) * 30.0
        mask = torch.rand((batch, 1, height, width), generator=random) < 0.02
        lightness = F.interpolate(coarse, size=(height, width), mode="bilinear")
        yield lightness, Guidance(as_array(chroma), as_array(mask))


def _run(
    network: LabNetwork, lightness: Tensor, guidance: Guidance, vividness: float | None
) -> Tensor:
    taken = network.generator.takes_hints
    hints = torch.from_numpy(pack_hints(guidance, lightness.numpy())) if taken else None
    with torch.inference_mode():
        chroma: Tensor = network(lightness, vividness, hints)
    return chroma


def _compare(data: bytes, wanted: list[tuple[Tensor, Guidance, Tensor]]) -> tuple[float, float]:
    """Return the largest and the mean difference of a file to torch, in Lab units."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        exported = OnnxPredictor(path)
    differences = [
        (torch.from_numpy(exported.predict(lightness.numpy(), guidance)) - chroma).abs().flatten()
        for lightness, guidance, chroma in wanted
    ]
    together = torch.cat(differences)
    return together.max().item(), together.mean().item()
