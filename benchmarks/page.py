"""How soon the page shows a photo of two megapixels in colour, and what a slider takes.

    python benchmarks/page.py
    python benchmarks/page.py squeeze-unet-gan --rounds 5 --photo scan.jpg

A server of its own is started and a real Chromium drives it. Seconds count from the click that
chooses the file until the browser has decoded the coloured picture, for the first visitor after the
start and for a later one, each in a fresh browser; the ratio is to what ``colorzoo.load(...)``
takes for the photo in Python, warm.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from _report import describe_machine
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import colorzoo

EXAMPLE = Path(__file__).parent.parent / "demos" / "examples" / "migrant-mother.jpg"
SHOWN = """old => {
    const images = [...document.querySelectorAll("#result img")];
    return images.length === 2 && images.every(image => image.complete && image.naturalWidth)
        && images[1].getAttribute("src") !== old;
}"""
PATIENCE = 120_000  # milliseconds


def make_photo(path: Path) -> Path:
    """Write a photo of two megapixels: an example made larger, with grain."""
    with Image.open(EXAMPLE) as example:
        large = example.convert("L").resize((1632, 1224), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0.0, 4.0, (1224, 1632))
    codes = (np.asarray(large) + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(codes).save(path, quality=92)
    return path


@contextlib.contextmanager
def serving(model: str) -> Iterator[tuple[str, float]]:
    """Run ``colorzoo demo``; give its address, and the seconds until it was up."""
    start = time.perf_counter()
    command = [sys.executable, "-u", "-m", "colorzoo", "demo", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                raise SystemExit("The page did not start.")
            yield address, time.perf_counter() - start
        finally:
            process.terminate()


def seconds_until_shown(page: Page, act: Callable[[], object]) -> float:
    """Return how long it takes until what is done shows another picture."""
    images = page.locator("#result img")
    old = images.last.get_attribute("src") if images.count() else None
    start = time.perf_counter()
    act()
    page.wait_for_function(SHOWN, arg=old, timeout=PATIENCE)
    return time.perf_counter() - start


def visit(browser: Browser, address: str, photo: Path) -> dict[str, float]:
    """Return the seconds of what a visitor does."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    start = time.perf_counter()
    page.goto(address)
    chooser = page.locator("#upload input[type=file]")
    chooser.wait_for(state="attached")
    taken = {"page opened": time.perf_counter() - start}
    taken["picture shown"] = seconds_until_shown(page, lambda: chooser.set_input_files(photo))
    page.locator("#others button:has(img)").last.wait_for()
    slider = page.get_by_role("slider", name=re.compile("Saturation")).first
    slider.focus()
    taken["saturation changed"] = seconds_until_shown(page, lambda: page.keyboard.press("End"))
    context.close()
    return taken


def python_seconds(model: str, photo: Path) -> float:
    """Return the least time that the library takes for the photo, once it is warm."""
    colorizer = colorzoo.load(model)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        colorizer(photo)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", default=colorzoo.DEFAULT_MODEL, help="as in load")
    parser.add_argument("--photo", type=Path, help="your own, of any size")
    parser.add_argument("--rounds", type=int, default=3, help="servers, each with two visitors")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("There is no Chromium. On Debian: apt-get install chromium")
    first: list[dict[str, float]] = []
    later: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as library:
        photo = options.photo or make_photo(Path(folder, "photo.jpg"))
        for _ in range(options.rounds):
            with serving(options.model) as (address, seconds):
                for visits in (first, later):
                    browser = library.chromium.launch(
                        executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
                    )
                    visits.append(visit(browser, address, photo))
                    browser.close()
                first[-1]["server up"] = seconds
        alone = python_seconds(options.model, photo)
    print(describe_machine(torch.device("cpu")), end="\n\n")
    print(f"| {options.model} | least seconds | largest | least / Python |")
    print("| --- | ---: | ---: | ---: |")
    print(f"| Python alone | {alone:.2f} |  | 1.0 |")
    for name, visits in (("first visitor", first), ("a later one", later)):
        for step in visits[0]:
            least, largest = (pick(each[step] for each in visits) for pick in (min, max))
            print(f"| {name}: {step} | {least:.2f} | {largest:.2f} | {least / alone:.1f} |")


if __name__ == "__main__":
    main()
