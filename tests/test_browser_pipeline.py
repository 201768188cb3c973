"""The page's way of a picture in JavaScript gives what Python gives, pixel by pixel."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import npm
import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray
from PIL import Image

import colorzoo
from colorzoo.options import ColorizeOptions
from colorzoo.predictor import Prediction
from colorzoo.prepare import working_shape

NODE = shutil.which("node")
PAGE = ROOT / "demos" / "browser"
EXAMPLES = sorted((ROOT / "demos" / "examples").glob("*.jpg"))
WORKING_SIZE = 96

needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node.js; get it: make browser")


class Given:
    """A predictor whose chroma is known beforehand: smooth, strong, out of gamut in places."""

    name = "given"
    working_size = WORKING_SIZE
    device = "cpu"
    parameters = 0
    accepts = needs = frozenset[Any]()

    def to(self, device: str) -> None:
        """Stay."""

    def predict(
        self, lightness: NDArray[np.float32], guidance: object = None
    ) -> NDArray[np.float32]:
        noise = torch.Generator().manual_seed(sum(lightness.shape))
        blobs = torch.randn((1, 2, 5, 6), generator=noise) * 40.0
        size = lightness.shape[-2:]
        return torch.nn.functional.interpolate(blobs, size=size, mode="bicubic").numpy()


class Case:
    """One picture, and what is asked of it."""

    def __init__(
        self,
        name: str,
        pixels: NDArray[np.uint8],
        points: list[tuple[int, int, str]] | None = None,
        *,
        radius: int = 3,
        saturation: float = 1.0,
        shown: tuple[int, int] | None = None,
    ) -> None:
        self.name, self.pixels, self.points = name, pixels, points or []
        self.radius, self.saturation, self.shown = radius, saturation, shown

    def as_task(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "size": self.pixels.shape[:2],
            "workingSize": WORKING_SIZE,
            "hints": [
                {"row": row, "column": column, "color": color, "radius": self.radius}
                for row, column, color in self.points
            ],
            "saturation": self.saturation,
            "shown": self.shown,
        }

    def write(self, folder: Path) -> None:
        image = Image.fromarray(self.pixels).convert("RGBA")
        (folder / f"{self.name}.rgba").write_bytes(np.asarray(image).tobytes())
        shape = working_shape(*self.pixels.shape[:2], WORKING_SIZE)
        chroma = Given().predict(np.zeros((1, 1, *shape), dtype=np.float32))
        (folder / f"{self.name}.ab").write_bytes(chroma.tobytes())

    def predict(self) -> tuple[Prediction, NDArray[np.uint8]]:
        """What Python makes of it, at working size and in the end."""
        colorizer = colorzoo.Colorizer(Given())
        picture = colorzoo.read(self.pixels)
        (prediction,) = colorizer.predict_pictures([picture], ColorizeOptions(hints=self.hints()))
        return prediction, np.asarray(colorizer.finish(picture, prediction, self.saturation))

    def hints(self) -> colorzoo.Hints | None:
        return colorzoo.Hints.from_points(self.points, radius=self.radius) if self.points else None


def cases() -> list[Case]:
    random = np.random.default_rng(0)
    blobs = Image.fromarray(random.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    colors = np.asarray(blobs.resize((451, 307), Image.Resampling.BICUBIC))
    alpha = random.integers(0, 256, (307, 451, 1), dtype=np.uint8)
    grey = np.asarray(Image.open(EXAMPLES[0]))
    clicks = [(200, 300, "#b5651d"), (120, 500, "#5f86c9"), (230, 640, "#808080")]
    many = [
        (37 * k % 550 + 5, 89 * k % 780 + 5, f"#{k:02x}60{255 - k:02x}") for k in range(20, 250, 12)
    ]
    wide = np.asarray(Image.linear_gradient("L").resize((300, 20)))
    return [
        *(Case(path.stem, np.asarray(Image.open(path))) for path in EXAMPLES),
        Case("colors", colors, saturation=1.7),
        Case("transparent", np.concatenate((colors, alpha), axis=2)),
        Case("hinted", grey, clicks, shown=(75, 100)),
        Case("hinted-colors", colors, [(250, 31, "#2e8b57"), (249, 33, "#ff0000")], radius=2),
        Case("hinted-much", grey, many),
        Case("hinted-wide", wide, [(3, 250, "#cc3344"), (15, 40, "#3344cc")], radius=1),
        Case("tiny", colors[:3, :5], [(1, 1, "#2e8b57")], radius=0),
        Case("one", colors[:1, :1]),
        Case("large", np.kron(colors, np.ones((3, 2, 1), np.uint8)), saturation=0.4),
    ]


@pytest.fixture(scope="module")
def colored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page makes of all cases."""
    folder = tmp_path_factory.mktemp("pipeline")
    for case in cases():
        case.write(folder)
    (folder / "tasks.json").write_text(json.dumps([case.as_task() for case in cases()]))
    script = ROOT / "tests" / "browser_pipeline.mjs"
    done = subprocess.run(
        [str(NODE), str(script), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@needs_node
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_pixels_are_those_of_python(colored: Path, case: Case) -> None:
    prediction, expected = case.predict()
    planes = {"lightness": prediction.lightness, "chroma": prediction.chroma}
    for name, plane in planes.items():
        values = np.fromfile(colored / f"{case.name}.{name}", np.float32)
        np.testing.assert_allclose(values, plane.ravel(), atol=0.02)
    with Image.open(colored / f"{case.name}.png") as image:
        pixels = np.asarray(image)
    assert pixels.shape == expected.shape
    difference = np.abs(pixels.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
    assert np.ptp(expected.astype(int), axis=2).max() > 20  # there is colour to compare


@needs_node
def test_what_is_shown_is_the_picture_made_smaller(colored: Path) -> None:
    (case,) = (case for case in cases() if case.shown)
    with Image.open(colored / f"{case.name}.shown.png") as image:
        shown = np.asarray(image, dtype=float)
    with Image.open(colored / f"{case.name}.png") as image:
        smaller = np.asarray(image.resize((100, 75), Image.Resampling.BOX), dtype=float)
    colorful = np.abs(smaller - smaller.mean(axis=2, keepdims=True)).mean()
    assert np.abs(shown - smaller).mean() < 0.2 * colorful


def test_types_of_the_page_hold(npm_folder: Path) -> None:
    tsc = npm.get_tool(npm.TSC, npm_folder)
    done = subprocess.run([tsc, "-p", PAGE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_files_of_the_page_are_short_and_their_own() -> None:
    for path in PAGE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, path
        assert not re.search(r"https?://(?!www\.w3\.org)", text), path
