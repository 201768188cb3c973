"""The bar of the command line, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from conftest import ROOT

CODE = """
import sys
from colorzoo.cli._progress import progress_bar
with progress_bar("training") as bar:
    bar(7000, TOTAL, {})
    bar.say("note: a [long] message " + "x" * 90)
    bar(7001, TOTAL, {"generator": 0.31234567, "photos_per_second": 1234.5})
print("data")
"""


def run_on_terminal(code: str, *, columns: int = 80) -> tuple[str, str]:
    """Run code whose standard error is a terminal; return standard output and error."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(mine, 65536):
            shown += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(mine)
    output, _ = process.communicate(timeout=60)
    return output, shown.decode()


@pytest.mark.parametrize("total", [20000, None])
def test_a_terminal_shows_all_in_80_columns(total: int | None) -> None:
    output, shown = run_on_terminal(CODE.replace("TOTAL", str(total)))
    assert output == "data\n"
    for part in ("training", "7001/", "generator 0.3123  photos per second 1234"):
        assert part in shown
    assert "…" not in shown
    assert "note: a [long] message " in shown


def test_elsewhere_only_messages_are_shown() -> None:
    result = subprocess.run(
        [sys.executable, "-c", CODE.replace("TOTAL", "9")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "data\n"
    assert result.stderr == f"note: a [long] message {'x' * 90}\n"
