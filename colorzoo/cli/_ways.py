"""What ``colorzoo doctor --measure`` tells: whether networks run here in the quickest way."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from colorzoo.predictors.network import LabNetwork

_ROUNDS: Final = 3
_BATCH: Final = 2
_ALIKE: Final = 1.1  # ways nearer to one another than this are the same where others work too
_COMPILED: Final = (
    "not used: for lite-unet-gan on a processor it takes 24 s for each new size of pictures, and "
    "saves a quarter of their network's time, so it pays from a thousand pictures of one size on"
)


def measure_ways(model: str) -> dict[str, Any]:
    """Time a network in each way that it could run on this machine.

    Args:
        model: A model's name, or the path of its folder.

    Returns:
        Milliseconds for a picture of its working size by each way, the least of three rounds in
        turn, and what of them is chosen and why.

    Raises:
        ColorzooError: There is no such model.
    """
    import torch

    from colorzoo.devices import has_bfloat16, pick_device
    from colorzoo.predictors.network import runs_channels_last

    device = pick_device("auto")
    networks, side = _networks(model, device)
    lightness = torch.rand((_BATCH, 1, side, side), device=device) * 100.0
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(_ROUNDS + 1):
        for name, network in networks.items():
            taken[name].append(_seconds(network, lightness))
    least = {name: 1e3 * min(times[1:]) / _BATCH for name, times in taken.items()}
    stored, loaded = least["as stored"], least["as loaded"]
    last = runs_channels_last(device, torch.float32)
    return {
        "model": model,
        "device": str(device),
        "ms_a_picture": {name: round(each, 2) for name, each in least.items()},
        "as loaded": _judged(True, loaded / stored, "of it as stored"),
        "channels last": _judged(last, least["channels last"] / stored, "of channels first"),
        "norms folded": _judged(True, least["norms folded"] / stored, "of it with its norms"),
        "bfloat16, by --dtype auto": _judged(
            has_bfloat16(device), least["bfloat16"] / loaded, "of float32"
        ),
        "torch.compile": _COMPILED,
    }


def _networks(model: str, device: torch.device) -> tuple[dict[str, LabNetwork], int]:
    """Return a network as stored, with each thing done to it alone, and as loaded; and its side."""
    import torch

    from colorzoo.features.efficientnet_lite import fold_batch_norms
    from colorzoo.hub.names import locate
    from colorzoo.modelfolder.weights import load_model
    from colorzoo.predictors.network import LabNetwork, NetworkPredictor

    found = load_model(locate(model))

    def stored() -> LabNetwork:
        generator = copy.deepcopy(found.generator).eval().requires_grad_(False)
        return LabNetwork(generator).to(device)

    def loaded(dtype: str) -> LabNetwork:
        return NetworkPredictor(
            copy.deepcopy(found.generator), name=model, device=device, dtype=dtype
        ).network

    folded = stored()
    fold_batch_norms(folded)
    return {
        "as stored": stored(),
        "channels last": stored().to(memory_format=torch.channels_last),
        "norms folded": folded,
        "as loaded": loaded("float32"),
        "bfloat16": loaded("bfloat16"),
    }, found.image.working_size


def _seconds(network: LabNetwork, lightness: Tensor) -> float:
    """Return how long it takes until the chroma is there."""
    import torch

    start = time.perf_counter()
    with torch.inference_mode():
        network(lightness).cpu()  # waits for a GPU
    return time.perf_counter() - start


def _judged(chosen: bool, share: float, beside: str) -> str:
    """Tell whether something is chosen, what it takes, and whether that was the right choice."""
    said = f"{'chosen' if chosen else 'not chosen'}: takes {share:.2f} of the time {beside}"
    wrong = share > _ALIKE if chosen else share < 1.0 / _ALIKE
    return f"{said}; on this machine the other way is quicker" if wrong else said
