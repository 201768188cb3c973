"""What each generator costs: parameters, multiply-adds and time of one picture.

Run it on a quiet machine: ``python benchmarks/generators.py``. Weights are random, so this is about
cost alone. The reference row is pix2pix's U-Net of eight halvings (Isola 2017, arXiv:1611.07004).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from _report import describe_machine
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import colorzoo

REFERENCE = "pix2pix unet_256"
REFERENCE_WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)


@dataclass
class Row:
    """One generator and its times in milliseconds."""

    name: str
    model: nn.Module
    picture: Tensor
    times: list[float]

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds of one forward on the picture."""
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            self.model(self.picture)
        return float(counter.get_total_flops()) / 2

    def time_once(self) -> None:
        """Add the time of one forward."""
        device = self.picture.device
        with torch.inference_mode():
            start = time.perf_counter()
            self.model(self.picture)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        self.times.append(1000 * (time.perf_counter() - start))


def build_rows(names: list[str], size: int, device: torch.device) -> Iterator[Row]:
    """Yield the reference, then every architecture at its default config."""
    for name in [REFERENCE, *names]:
        model = (
            colorzoo.create_model("unet", widths=REFERENCE_WIDTHS)
            if name == REFERENCE
            else colorzoo.create_model(name)
        )
        picture = torch.rand(1, 1, size, size, device=device) * 2 - 1
        yield Row(name, model.eval().to(device), picture, [])


def render_table(rows: list[Row], size: int) -> str:
    """Return the results as a Markdown table; ratios are of the best times."""
    lines = [
        f"| generator | parameters M | GMAC at {size} | best ms | median ms | best / reference |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    reference = min(rows[0].times)
    for row in rows:
        best = min(row.times)
        lines.append(
            f"| {row.name} | {row.parameters / 1e6:.2f} | {row.multiply_adds / 1e9:.2f} "
            f"| {best:.1f} | {statistics.median(row.times):.1f} | {best / reference:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="architectures; all if none is named")
    parser.add_argument("--size", type=int, default=256, help="side of the picture in pixels")
    parser.add_argument("--rounds", type=int, default=20, help="forwards that are timed of each")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(describe_machine(options.device), end="\n\n")
    names = options.names or colorzoo.list_architectures()
    rows = list(build_rows(names, options.size, options.device))
    for row in rows:
        row.time_once()  # the first forward also sets up the kernels
        row.times.clear()
    for _ in range(options.rounds):
        for row in rows:  # in turn, so that a busy spell of the machine hits all alike
            row.time_once()
    print(render_table(rows, options.size))


if __name__ == "__main__":
    main()
