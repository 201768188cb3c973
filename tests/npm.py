"""What the tests of the pages take from npm: fetched once, and known by its hash.

``make browser`` fetches the same to the same places; what is there already is not fetched again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import ROOT

from colorzoo.webpage.runtime import ARCHIVE, PACKAGE, VERSION

RUNTIME = ROOT / "build" / ARCHIVE
"""onnxruntime-web; colorzoo checks its hash wherever it is used."""

TOOLS = ROOT / "tests" / "node"
"""axe-core and TypeScript, whose hashes are in the lock file there."""

AXE = TOOLS / "node_modules" / "axe-core" / "axe.min.js"
TSC = TOOLS / "node_modules" / ".bin" / "tsc"

_SOON = (
    "--fetch-retries=0",
    "--fetch-timeout=30000",
    "--loglevel=error",
)  # where there is no network


def get_runtime(shared: Path) -> Path:
    """Return the archive of onnxruntime-web, or skip the test and say why it is not there."""
    command = ("pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(RUNTIME.parent))
    return _get(RUNTIME, command, shared)


def get_tool(tool: Path, shared: Path) -> Path:
    """Return :data:`AXE` or :data:`TSC`, or skip the test and say why it is not there."""
    command = ("ci", "--prefix", str(TOOLS), "--no-audit", "--no-fund")
    return _get(tool, command, shared)


def _get(wanted: Path, command: Sequence[str], shared: Path) -> Path:
    """Run npm once for all workers, unless what is wanted is there.

    Args:
        wanted: What it is to bring.
        command: Of npm.
        shared: A folder that all workers of a test run share.
    """
    RUNTIME.parent.mkdir(exist_ok=True)
    failed = shared / f"npm-{command[0]}-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    with (RUNTIME.parent / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_file() and not failed.exists():
            failed.write_text(_run(command), encoding="utf-8")
    if not wanted.is_file():
        pytest.skip(f"{wanted.name} is not there, and {failed.read_text(encoding='utf-8')}")
    return wanted


def _run(command: Sequence[str]) -> str:
    """Run npm, and return what went wrong."""
    npm = shutil.which("npm")
    if npm is None:
        return "there is no npm to fetch it with; on Debian: make browser"
    done = subprocess.run([npm, *command, *_SOON], capture_output=True, text=True, check=False)
    lines = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
    return f"npm {command[0]} cannot fetch it: {lines[0]}"
