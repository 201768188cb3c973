"""What precision and memory layout do to a network alone: time of one picture, and its colours.

    python benchmarks/network.py --data photos

"as stored" is the generator as it lies in its file: nothing folded, channels first. "float32" is
what ``colorzoo.load`` makes of it, "bfloat16" the same with ``dtype="bfloat16"``. All take turns on
the lightness of photos, at each model's own working size; times are the least of the processor's
on one thread, and differences those of a and b to "as stored".
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from _report import describe_machine
from _timing import least_times
from PIL import Image
from torch import Tensor

import colorzoo
from colorzoo import color
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.hub.names import locate
from colorzoo.modelfolder.weights import load_model
from colorzoo.predictors.network import LabNetwork

Way = Callable[[Tensor], Tensor]


def lightness_of(source: PhotoSource, count: int, side: int) -> Tensor:
    """Return L (count, 1, side, side * 4 / 3) of photos spread evenly over a source."""
    planes = []
    for index in np.linspace(0, len(source) - 1, count).astype(int):
        with source.open(int(index)) as image:
            small = image.convert("RGB").resize((side * 4 // 3, side), Image.Resampling.BOX)
        rgb = torch.from_numpy(np.asarray(small, dtype=np.float32) / 255.0).permute(2, 0, 1)
        planes.append(color.srgb_to_lab(rgb)[:1])
    return torch.stack(planes)


def ways_of(model: str) -> dict[str, Way]:
    """Return what is compared."""
    stored = LabNetwork(load_model(locate(model)).generator.eval().requires_grad_(False))

    def as_stored(lightness: Tensor) -> Tensor:
        with torch.inference_mode():
            chroma: Tensor = stored(lightness)
            return chroma

    loaded = {
        dtype: colorzoo.load(model, device="cpu", dtype=dtype).predict
        for dtype in ("float32", "bfloat16")
    }
    return {"as stored": as_stored, **loaded}


def main() -> None:
    """Print a table of all models."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", help="the whole zoo if left out")
    parser.add_argument("--data", required=True, help="folder or .tar of photos")
    parser.add_argument("--batch", type=int, default=8, help="pictures of the larger batch")
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine(torch.device("cpu")), end="\n\n")
    source = open_source(given.data)
    print("| ms a picture | batch | as stored | float32 | bfloat16 | as stored / bfloat16 ", end="")
    print("| largest difference of ab | mean |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for model in given.models or [info.name for info in colorzoo.list_models()]:
        ways = ways_of(model)
        side = colorzoo.load(model, device="cpu").working_size
        pictures = lightness_of(source, given.batch, side)
        differences = (ways["bfloat16"](pictures) - ways["as stored"](pictures)).abs()
        for count in (1, given.batch):
            taken = {name: partial(way, pictures[:count]) for name, way in ways.items()}
            times = least_times(taken, given.rounds, time.thread_time)
            cells = [f"{1000 * seconds / count:.1f}" for seconds in times.values()]
            cells.append(f"{times['as stored'] / times['bfloat16']:.1f}")
            if count > 1:
                cells += [f"{differences.max():.1f}", f"{differences.mean():.2f}"]
            else:
                cells += ["", ""]
            print(f"| {model} | {count} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
