"""What a run must know to go on exactly: as tensors and plain values, never as pickle."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from colorzoo.processes import Processes

if TYPE_CHECKING:
    from accelerate import Accelerator

    from colorzoo.training.batches import TrainingPhotos
    from colorzoo.training.networks import Networks

Tensors = dict[str, Tensor]


class RunState:
    """All that changes while a run goes on.

    Args:
        accelerator: Knows the random states' devices, and the scale of half precision's losses.
        networks: Their weights, average and optimizers.
        photos: Where a stream stands.
    """

    def __init__(
        self, accelerator: Accelerator, networks: Networks, photos: TrainingPhotos
    ) -> None:
        self.accelerator = accelerator
        self.networks = networks
        self.photos = photos

    def collect(self) -> tuple[dict[str, Tensors], dict[str, Any]]:
        """Return tensors by file and name, and plain values; call it on all processes."""
        networks = self.networks
        files = {
            "generator": dict(networks.generator.state_dict()),
            "average": dict(networks.average.module.state_dict()),
            "generator-adam": adam_state(networks.generator, networks.generator_adam),
        }
        if networks.discriminator is not None:
            files["discriminator"] = dict(networks.discriminator.state_dict())
            files["discriminator-adam"] = adam_state(
                networks.discriminator, networks.discriminator_adam
            )
        mine = random_state(self.accelerator.device)
        processes = Processes().gather([(*mine, self.photos.position)])
        files["random"] = {
            f"{rank}.{name}": tensor
            for rank, (tensors, _, _) in enumerate(processes)
            for name, tensor in tensors.items()
        }
        scaler = self.accelerator.scaler
        values = {
            "average_updates": networks.average.updates,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "random": [numbers for _, numbers, _ in processes],
            "positions": [position for _, _, position in processes],
        }
        return files, values

    def restore(self, files: Mapping[str, Tensors], values: Mapping[str, Any]) -> None:
        """Go on from what :meth:`collect` has returned, on this process.

        Raises:
            KeyError: Something is missing.
            RuntimeError: Weights are of other networks.
        """
        networks, rank = self.networks, self.accelerator.process_index
        networks.generator.load_state_dict(files["generator"])
        networks.average.module.load_state_dict(files["average"])
        networks.average.updates = int(values["average_updates"])
        load_adam(networks.generator, networks.generator_adam, files["generator-adam"])
        if networks.discriminator is not None:
            networks.discriminator.load_state_dict(files["discriminator"])
            load_adam(
                networks.discriminator,
                networks.discriminator_adam,
                files["discriminator-adam"],
            )
        if self.accelerator.scaler is not None and values["scaler"]:
            self.accelerator.scaler.load_state_dict(values["scaler"])
        self.photos.position = values["positions"][rank]
        mine = {
            name.removeprefix(f"{rank}."): tensor
            for name, tensor in files["random"].items()
            if name.startswith(f"{rank}.")
        }
        set_random_state(self.accelerator.device, mine, values["random"][rank])


def adam_state(network: nn.Module, adam: Any) -> Tensors:
    """Return an optimizer's state by the names of the parameters, such as ``exp_avg:up.weight``.

    Rates and decays are not in it: they are those of the config.
    """
    states = adam.optimizer.state
    return {
        f"{key}:{name}": torch.as_tensor(value)
        for name, parameter in network.named_parameters()
        for key, value in states.get(parameter, {}).items()
    }


def load_adam(network: nn.Module, adam: Any, tensors: Tensors) -> None:
    """Go on from what :func:`adam_state` has returned.

    Raises:
        RuntimeError: It is of another network.
    """
    parameters = dict(network.named_parameters())
    states: dict[Tensor, Tensors] = {}
    for label, tensor in tensors.items():
        key, _, name = label.partition(":")
        parameter = parameters.get(name)
        if parameter is None or (tensor.dim() and tensor.shape != parameter.shape):
            raise RuntimeError(f"{label} is of no weight of {type(network).__name__}")
        # Laid out as the weights are, or fused steps would be slower than before.
        if tensor.dim():
            tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
        elif adam.optimizer.defaults["fused"]:
            tensor = tensor.to(parameter.device)  # the count of steps, else kept on the processor
        states.setdefault(parameter, {})[key] = tensor
    adam.optimizer.state.clear()
    adam.optimizer.state.update(states)


def random_state(device: torch.device) -> tuple[Tensors, dict[str, Any]]:
    """Return the states of Python's, numpy's and torch's generators of random numbers."""
    kind, keys, place, has_normal, normal = np.random.get_state(legacy=True)
    version, numbers, next_normal = random.getstate()
    tensors = {
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.array(keys, dtype=np.int64)),
        "python": torch.tensor(numbers, dtype=torch.int64),
    }
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        tensors["mps"] = torch.mps.get_rng_state()
    plain = {"numpy": [kind, place, has_normal, normal], "python": [version, next_normal]}
    return tensors, plain


def set_random_state(device: torch.device, tensors: Tensors, values: Mapping[str, Any]) -> None:
    """Set the generators to what :func:`random_state` has returned; one without a state stays."""
    kind, place, has_normal, normal = values["numpy"]
    keys = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state((kind, keys, place, has_normal, normal))
    version, next_normal = values["python"]
    random.setstate((version, tuple(tensors["python"].tolist()), next_normal))
    torch.set_rng_state(tensors["torch"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
    elif device.type == "mps" and "mps" in tensors:
        torch.mps.set_rng_state(tensors["mps"])
