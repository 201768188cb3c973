"""The page that colours on its visitor's own device: real Chromium, served from the disk."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import npm
import numpy as np
import pytest
from browser import CHROMIUM, NO_CHROMIUM, PATIENCE, faults_of, launched, pixels_of
from conftest import ROOT
from PIL import Image

import colorzoo
from colorzoo.webpage.build import write_page

pytest.importorskip("onnxruntime", reason="the page needs the extra 'onnx'")
playwright = pytest.importorskip("playwright.sync_api", reason="it is in the extra 'dev'")

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
DROP = """([kind, name]) => {
    const bytes = Uint8Array.from({length: 9}, (_, at) => at);
    const data = new DataTransfer();
    data.items.add(new File([bytes], name));
    const event = kind === "drop" ? new DragEvent(kind, {dataTransfer: data})
        : new ClipboardEvent(kind, {clipboardData: data});
    document.dispatchEvent(event);
}"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)


@pytest.fixture(scope="module")
def folder(
    classes: colorzoo.Colorizer, npm_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A page with a small network that has a distribution over colours."""
    runtime = npm.get_runtime(npm_folder)
    target = tmp_path_factory.mktemp("webpage") / "page"
    return write_page(classes, target, demos=ROOT / "demos", runtime=runtime).folder


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as library, launched(library, *CAMERA) as running:
        yield running


class Visitor:
    """One person with the page open; what it asks other hosts for is noted."""

    def __init__(self, chromium: playwright.Browser, url: str, **context: object) -> None:
        self.context = chromium.new_context(**context)
        self.context.set_default_timeout(PATIENCE)
        self.wrong: list[str] = []
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.context.on(
            "request",
            lambda sent: None if sent.url.startswith(url) else self.wrong.append(sent.url),
        )
        self.page.goto(url)

    def hear(self, text: str) -> str:
        status = self.page.locator("#status")
        playwright.expect(status).to_contain_text(text, timeout=PATIENCE)
        return status.inner_text()

    def give(self, path: Path) -> None:
        self.page.locator("#file").set_input_files(path)
        self.hear(path.stem)
        self.hear("pixels")

    @contextlib.contextmanager
    def new_colors(self) -> Iterator[None]:
        """Wait for what is done inside to change what is seen."""
        seen = "document.querySelector('#after').toDataURL()"
        before = self.page.evaluate(seen)
        yield
        for _ in range(PATIENCE // 50):
            if self.page.evaluate(seen) != before:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("nothing changed")

    def download(self, button: str) -> bytes:
        with self.page.expect_download() as caught:
            self.page.get_by_role("button", name=button, exact=True).click()
        return Path(caught.value.path()).read_bytes()

    def leave(self) -> None:
        self.context.close()
        assert self.wrong == []


@pytest.fixture(scope="module")
def visiting(chromium: playwright.Browser, address: str) -> Iterator[Visitor]:
    """Someone who stays, as the page takes its time to start; axe-core needs the bypass."""
    someone = Visitor(chromium, address, bypass_csp=True)
    someone.hear("Ready")
    yield someone
    someone.leave()


@pytest.fixture
def person(visiting: Visitor) -> Visitor:
    visiting.page.locator("#status").evaluate("status => status.textContent = ''")
    return visiting


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (5, 6), dtype=np.uint8))
    small.resize((200, 150), Image.Resampling.BICUBIC).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def assert_like(pixels: np.ndarray, expected: Image.Image) -> None:
    difference = np.abs(pixels.astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    assert np.ptp(pixels.astype(int), axis=2).max() > 10


def test_a_picture_from_upload_to_download(person: Visitor, folder: Path, photo: Path) -> None:
    person.give(photo)
    assert re.fullmatch(r"photo: 200 . 150 pixels, \d+\.\d s on WebAssembly", person.hear("photo:"))
    python = colorzoo.load(folder / "model.onnx", device="cpu")
    assert_like(pixels_of(person.download("Download PNG")), python(photo))
    jpeg = pixels_of(person.download("JPEG"))
    assert np.abs(jpeg.astype(int) - np.asarray(python(photo))).mean() < 3.0

    strength = person.page.get_by_label("Strength")
    strength.focus()
    with person.new_colors():
        person.page.keyboard.press("End")
    twice = pixels_of(person.download("Download PNG"))
    assert_like(twice, python(photo, saturation=2.0))
    strength.focus()
    with person.new_colors():
        person.page.keyboard.press("Home")
    with Image.open(photo) as grey:  # lightness is untouched, to the last bit
        plain = pixels_of(person.download("Download PNG"))
        np.testing.assert_array_equal(plain, np.asarray(grey.convert("RGB")))


def test_colors_by_click_and_by_key(person: Visitor, folder: Path, photo: Path) -> None:
    person.give(photo)
    person.page.get_by_role("button", name="Give colours by click").click()
    person.page.get_by_role("button", name="Brick").click()
    box = person.page.locator("#after").bounding_box()
    with person.new_colors():
        person.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    target = person.page.locator("#target")
    numbers = re.findall(r"\d+", target.get_attribute("aria-label") or "")
    places = [tuple(map(int, numbers))]
    assert abs(places[0][0] - 75) <= 1
    assert abs(places[0][1] - 50) <= 1
    python = colorzoo.load(folder / "model.onnx", device="cpu")

    def expected() -> Image.Image:
        points = [(row, column, "#a8453a") for row, column in places]
        return python(photo, hints=colorzoo.Hints.from_points(points, radius=2))

    one = expected()
    assert_like(pixels_of(person.download("Download PNG")), one)
    target.focus()
    for _ in range(10):
        person.page.keyboard.press("ArrowRight")
    with person.new_colors():
        person.page.keyboard.press("Enter")
    numbers = re.findall(r"\d+", target.get_attribute("aria-label") or "")
    places.append(tuple(map(int, numbers)))
    assert places[1][1] > places[0][1] + 30
    assert_like(pixels_of(person.download("Download PNG")), expected())
    with person.new_colors():
        person.page.get_by_role("button", name="Undo").click()
    assert_like(pixels_of(person.download("Download PNG")), one)
    assert person.page.locator("#dots span").count() == 1


def test_before_and_after_by_mouse_and_key(person: Visitor, photo: Path) -> None:
    person.give(photo)
    line, frame = person.page.locator("#line"), person.page.locator("#frame").bounding_box()
    middle = frame["y"] + frame["height"] / 2
    person.page.mouse.click(frame["x"] + 0.7 * frame["width"], middle)
    at = line.bounding_box()["x"] - frame["x"]
    assert abs(at - 0.7 * frame["width"]) < 0.02 * frame["width"]
    split = person.page.get_by_label("Share of the grey picture")
    split.focus()
    person.page.keyboard.press("ArrowLeft")
    assert line.bounding_box()["x"] - frame["x"] < at


def test_offline_after_the_first_visit_and_then_with_threads(
    chromium: playwright.Browser, folder: Path, photo: Path
) -> None:
    with served(folder) as url:
        person = Visitor(chromium, url)
        person.give(photo)
        first = person.download("Download PNG")
        assert person.page.evaluate("crossOriginIsolated") is False
        person.page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    # The server is gone.
    person.page.reload()
    assert person.page.evaluate("crossOriginIsolated") is True
    person.give(photo)
    assert "threads" in person.hear("WebAssembly")
    assert person.download("Download PNG") == first
    person.page.get_by_role("button", name="Migrant mother").click()
    person.hear("migrant-mother: 800")
    person.leave()


def test_what_is_dropped_pasted_or_taken(person: Visitor) -> None:
    for kind in ("drop", "paste"):
        person.page.evaluate(DROP, [kind, f"{kind}.jpg"])
        person.hear(f"{kind} is no picture that this browser opens. Save it as JPEG or PNG first.")
    person.page.locator("[data-camera]:visible").click()
    person.page.get_by_role("button", name="Take the picture").click()
    person.hear("camera: ")
    person.hear("pixels")


@pytest.mark.parametrize("fault", ["flipped", "wrong"])
def test_a_damaged_page_says_so(
    chromium: playwright.Browser, folder: Path, tmp_path: Path, fault: str
) -> None:
    copy = tmp_path / "page"
    shutil.copytree(folder, copy)
    if fault == "flipped":
        model = bytearray((copy / "model.onnx").read_bytes())
        model[len(model) // 2] ^= 1
        (copy / "model.onnx").write_bytes(model)
    else:  # as if this browser's arithmetic were at fault
        values = json.loads((copy / "page.json").read_text())
        values["probe"]["chroma"] = [0.0] * len(values["probe"]["chroma"])
        (copy / "page.json").write_text(json.dumps(values))
    with served(copy) as url:
        person = Visitor(chromium, url)
        person.hear("did not come as it should" if fault == "flipped" else "other colours than")
        person.leave()


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_all_can_use_it(person: Visitor, scheme: str, width: int, npm_folder: Path) -> None:
    axe = npm.get_tool(npm.AXE, npm_folder)
    person.page.set_viewport_size({"width": width, "height": 844})
    person.page.emulate_media(color_scheme=scheme)
    person.page.get_by_role("button", name="Migrant mother").click()
    person.hear("migrant-mother: 800")
    if person.page.locator("#palette").is_hidden():
        person.page.get_by_role("button", name="Give colours by click").click()
    person.page.evaluate(axe.read_text(encoding="utf-8"))
    for part in ("open", ""):  # with a picture, and as if there were none yet
        person.page.locator("body").evaluate("(body, part) => body.className = part", part)
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults_of(person.page) == []
    person.page.locator("body").evaluate("body => body.className = 'open'")
    back = person.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", back)[:3])) / 3
    assert (brightness < 100) == (scheme == "dark")
