"""What each process of ``test_distributed.py`` runs: steps whose outcome all ranks compare."""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn

from colorzoo.processes import leave
from colorzoo.training.config import TrainingConfig
from colorzoo.training.trainer import Trainer


def weights_of(network: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def main() -> None:
    torch.set_num_threads(1)
    trainer = Trainer(TrainingConfig.from_file(sys.argv[1], sys.argv[2:]))
    assert trainer.accelerator.num_processes == 2
    for step in range(trainer.config.steps):
        trainer.take_step()
        networks = (*trainer.networks.all(), trainer.networks.average.module)
        for network in networks:
            mine = weights_of(network)
            own, other = trainer.accelerator.gather(mine[None])
            assert torch.equal(own, other), f"step {step}: {type(network).__name__} differs"
            assert mine.isfinite().all()
    trainer.accelerator.end_training()
    leave(0)


if __name__ == "__main__":
    main()
