"""What every benchmark prints above its numbers."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import torch

import colorzoo


def describe_machine(device: torch.device) -> str:
    """Return versions, hardware and commit, one a line."""
    root = Path(__file__).parent.parent
    git = ["git", "-C", str(root)]
    commit, changes = (
        subprocess.run([*git, *command], capture_output=True, text=True, check=False).stdout.strip()
        for command in (
            ["rev-parse", "--short", "HEAD"],
            ["status", "--porcelain", "--untracked-files=no"],
        )
    )
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    return "\n".join(
        (
            f"colorzoo {colorzoo.__version__}, commit {commit or 'unknown'}"
            f"{', with uncommitted changes' if changes else ''}",
            f"Python {platform.python_version()}, torch {torch.__version__}, {platform.platform()}",
            f"{device_name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
            f"{torch.backends.cpu.get_cpu_capability()}",
        )
    )


def cpu_name() -> str:
    """Return the processor's name as well as the system tells it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_memory() -> float:
    """Return the most memory this process has held, MB.

    Not ``getrusage``: there, a process starts with the peak of the one that started it.
    """
    return _memory("VmHWM")


def held_memory() -> float:
    """Return the memory this process holds, MB."""
    return _memory("VmRSS")


def _memory(key: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{key}:")[2].split()[0]) / 1024
