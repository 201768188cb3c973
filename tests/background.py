"""Processes that run beside a test and end with it, whatever becomes of it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

PATIENCE = 90  # seconds, of a busy machine


@contextlib.contextmanager
def python(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run Python from the repository's root until the block ends; then it is killed."""
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def training(
    config_file: Path, *arguments: str
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """Run ``colorzoo train`` until the block ends."""
    return python("-m", "colorzoo", "train", config_file, *arguments)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a file is there; the process must not end before it is."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
