"""The processes that share some work: one, or those that a launcher started."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from colorzoo.devices import pick_device
from colorzoo.errors import ColorzooError, MissingDependencyError

Item = TypeVar("Item")


_log = logging.getLogger(__name__)

# How `accelerate launch` and torchrun, and those who start MPI, tell how many processes there are.
_WORLD_SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")


class Processes:
    """This process's place among all, and how they put together what each found.

    Attributes:
        rank: Number of this process.
        count: How many there are.
        device: The device that the launcher gave this process; None where there is one process.

    Raises:
        MissingDependencyError: Several processes were launched and ``accelerate`` is not installed.
    """

    def __init__(self) -> None:
        self.rank, self.count = 0, 1
        self.device: str | None = None
        # A single process needs no accelerate.
        if _world_size() == 1:
            warn_if_alone()
            return
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise MissingDependencyError(
                "accelerate", extra="train", purpose="Working in several processes"
            ) from error
        # Without being told, Accelerate starts no group of processes on a machine without a GPU.
        state = PartialState(cpu=pick_device("auto").type == "cpu")
        self.rank, self.count = state.process_index, state.num_processes
        self.device = str(state.device)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def gather(self, items: list[Item]) -> list[Item]:
        """Return the items of all processes, in the order of their ranks, to each of them."""
        if self.count == 1:
            return items
        from accelerate.utils import gather_object

        gathered: list[Item] = gather_object(items)
        return gathered

    def from_main(self, make: Callable[[], Item]) -> Item:
        """Return what the main process makes, to each of them; what it raises is raised in all."""
        if self.count == 1:
            return make()
        outcome: list[Item | ColorzooError] = []
        if self.is_main:
            try:
                outcome.append(make())
            except ColorzooError as error:
                outcome.append(error)
        (made,) = self.gather(outcome)
        if isinstance(made, ColorzooError):
            raise made
        return made

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.gather([None])

    def close(self) -> None:
        """Leave the group of processes; after this none can be gathered from."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()


def leave(code: int) -> None:
    """End this process at once, with an exit code, if it is one of several.

    Gloo's threads outlive the group of processes, even destroyed, and now and then abort an
    interpreter that shuts down (torch 2.15: "terminate called without an active exception").
    """
    if _world_size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _world_size() -> int:
    sizes = (os.environ.get(name, "") for name in _WORLD_SIZES)
    return next((int(size) for size in sizes if size.isdigit()), 1)


@functools.cache  # once a process, however often it asks for its place
def warn_if_alone() -> None:
    """Say so, once, where ``accelerate launch`` was asked for several processes and starts one.

    On processors it leaves the others to MPI. The address at which they were to meet is what tells.
    """
    if _world_size() == 1 and "ACCELERATE_USE_CPU" in os.environ and "MASTER_ADDR" in os.environ:
        _log.warning(
            "accelerate launch has started one process only: on processors it leaves the others to "
            "MPI, whatever --num_processes says. For several on this machine use torchrun, as in: "
            "torchrun --standalone --nproc-per-node 2 -m colorzoo ..."
        )
