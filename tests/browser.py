"""The system's Chromium, and what the tests that drive it share."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "there is no Chromium; on Debian: apt-get install chromium"
PATIENCE = 90_000  # milliseconds, for a busy machine
_STILL = """() => document.getAnimations().every(
    one => one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity)"""
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextlib.contextmanager
def launched(library: Any, *options: str) -> Iterator[Any]:
    """Run Chromium until the block ends.

    Args:
        library: What ``sync_playwright`` gives.
        options: More of Chromium's own.
    """
    running = library.chromium.launch(executable_path=CHROMIUM, args=[*_OPTIONS, *options])
    yield running
    running.close()


def faults_of(page: Any, *rules: str) -> list[str]:
    """What axe-core, which the page has, finds that is serious or critical.

    Args:
        page: Playwright's.
        rules: Those of axe-core to look at; all of them if none is given.
    """
    page.wait_for_function(_STILL)  # what fades in has no contrast yet
    faults: list[str] = page.evaluate(
        """async rules => {
            const options = {resultTypes: ["violations"], ...(rules.length && {runOnly: rules})};
            return (await axe.run(document, options)).violations
                .filter(found => ["serious", "critical"].includes(found.impact))
                .map(found => `${found.id}: ${found.nodes.map(node => node.html)}`);
        }""",
        list(rules),
    )
    return faults


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture's RGB."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
