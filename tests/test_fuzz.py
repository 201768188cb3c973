"""What must come of damaged pictures, on a part of ``benchmarks/fuzz.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import forked
import pytest
from conftest import ROOT, Run

from colorzoo.pictures.opening import OPENED_FORMATS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


@pytest.mark.slow
def test_damaged_pictures_end_in_a_picture_or_one_clear_error(run_python: Run) -> None:
    result = run_python("benchmarks/fuzz.py", "--cases", "200", "--workers", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if "| " in line]
    counts = {row[0]: int(row[1]) for row in rows[2:]}
    assert set(counts) == {"picture", "error"}
    assert sum(counts.values()) == 200
    assert min(counts.values()) > 20


def test_what_must_not_come_is_reported(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; sys.path.insert(0, 'benchmarks'); import fuzz; "
        "fuzz.read = lambda path: 1 / 0; "
        "outcome = fuzz.run_case(0, fuzz.all_seeds(), pathlib.Path(sys.argv[1])); "
        "sys.exit(0 if fuzz.report([outcome]) else 7)"
    )
    result = forked.run("-c", script, tmp_path)
    assert result.returncode == 7, result.stderr
    assert "FOREIGN ZeroDivisionError" in result.stdout


def test_the_formats_that_are_opened_are_those_that_are_promised() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    spelled = {"JPEG2000": "JPEG 2000", "PPM": "PBM/PGM/PPM", "WEBP": "WebP"}
    assert [name for name in OPENED_FORMATS if spelled.get(name, name) not in text] == []
    assert "EPS" not in OPENED_FORMATS
