"""What all tests share: one thread, fixed seeds, small models and photos."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

# Before torch is imported: several test processes share few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from hub_server import Hub, running_hub
from PIL import Image

import colorzoo
from colorzoo.cli import main
from colorzoo.predictor import Floats, Guidance, Guide

ROOT = Path(__file__).parent.parent
FACTS: dict[str, Any] = {
    "format": 1,
    "about": {
        "description": "Very small.",
        "license": "CC0-1.0",
        "recipe": "None.",
        "data": {"name": "Nothing", "terms": "None."},
        "limits": ["It has learnt nothing."],
    },
    "architecture": "attention-unet",
    "parameters": 5,
    "macs": 7,
    "working_size": 32,
    "sha256": "0" * 64,
}
"""A ``facts.json`` of nothing."""

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first: of several workers none then has a long one left at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


class OneColor:
    """A predictor that gives one colour to all, and fails where a picture is white."""

    working_size = 16
    device = "cpu"
    parameters = 0
    accepts: frozenset[Guide] = frozenset()
    needs: frozenset[Guide] = frozenset()

    def __init__(self, name: str = "one-color", failure: Exception | None = None) -> None:
        self.name = name
        self.failure = failure
        self.batches: list[int] = []

    def to(self, device: str) -> None: ...

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        self.batches.append(len(lightness))
        if self.failure is not None and (lightness.mean((1, 2, 3)) > 99).any():
            raise self.failure
        return np.full((len(lightness), 2, *lightness.shape[-2:]), 20.0, dtype=np.float32)


def vivid_generator(noise: float = 0.2, **config: Any) -> colorzoo.Generator[Any]:
    """A small U-Net of random weights, strong enough to give visible colours."""
    torch.manual_seed(0)
    model = colorzoo.create_model("unet", widths=(4, 8, 8), **config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * noise)
    return model


@pytest.fixture(scope="session")
def vivid_colorizer() -> colorzoo.Colorizer:
    """A small network of random weights, at a small working size."""
    predictor = colorzoo.NetworkPredictor(vivid_generator(), working_size=32, device="cpu")
    return colorzoo.Colorizer(predictor)


@pytest.fixture(scope="module")
def classes() -> colorzoo.Colorizer:
    """The same with a distribution over colours."""
    generator = vivid_generator(0.3, head="classes")
    predictor = colorzoo.NetworkPredictor(generator, working_size=32, device="cpu")
    return colorzoo.Colorizer(predictor)


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions are called to do something: its work, alike on every machine."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture(scope="session")
def npm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the workers of a test run tell one another what npm could not fetch."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def root() -> Path:
    """Root of the repository."""
    return ROOT


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A saved attention U-Net of a few thousand random weights."""
    model = colorzoo.create_model("attention-unet", widths=(4, 8, 8))
    return colorzoo.save(
        model,
        tmp_path / "tiny-model",
        image=colorzoo.ImageSettings(working_size=32),
        training={"steps": 3},
    )


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """A folder with two small colour photos, one of them in a folder inside."""
    folder = tmp_path / "photos"
    (folder / "inside").mkdir(parents=True)
    for place, size in (("first.png", (40, 30)), ("inside/second.jpg", (33, 50))):
        slope = np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3)
        Image.fromarray(slope.astype(np.uint8)).save(folder / place)
    return folder


@pytest.fixture(scope="session")
def evaluation_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five colour photos, one of them with a turn in its EXIF, and a broken one."""
    folder = tmp_path_factory.mktemp("evaluation") / "photos"
    (folder / "inside").mkdir(parents=True)
    rng = np.random.default_rng(5)
    sizes = [(300, 260), (256, 256), (270, 400), (64, 80), (700, 520)]
    for number, size in enumerate(sizes):
        blobs = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
        photo = blobs.resize(size, Image.Resampling.BICUBIC)
        exif = Image.Exif()
        exif[274] = 6 if number == 2 else 1
        photo.save(folder / f"{number}.jpg", quality=92, exif=exif)
    cut = (folder / "4.jpg").read_bytes()[:2000]
    (folder / "inside" / "broken.jpg").write_bytes(cut)
    return folder


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run_python(root: Path) -> Run:
    """Return a function that runs Python in a fresh process, from the repository's root."""

    def run(
        *arguments: str | Path, cwd: Path = root, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def cli(tmp_path: Path) -> Run:
    """Return a function that does in this process what ``colorzoo`` does in one of its own.

    Most of the time of a process goes into importing torch.
    """

    def run(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[str]:
        streams = [io.TextIOWrapper(io.BytesIO(given), "utf-8")]
        streams += [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
        command = ["colorzoo", *map(str, arguments)]
        handler = signal.getsignal(signal.SIGTERM)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", command)
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            try:
                with pytest.raises(SystemExit) as end:
                    main()
            finally:
                signal.signal(signal.SIGTERM, handler)
        for stream in streams[1:]:
            stream.seek(0)
        out, err = (stream.read() for stream in streams[1:])
        return subprocess.CompletedProcess(command, int(end.value.code or 0), out, err)

    return run


def one_line_error(result: subprocess.CompletedProcess[str]) -> str:
    """Check that a command failed with one line on stderr, and return that line."""
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture
def hub_cache(tmp_path: Path) -> Path:
    """The Hub client's cache, fresh in each test."""
    return tmp_path / "hub-cache"


@pytest.fixture
def hub(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine, to which the client of this process is set."""
    from huggingface_hub import close_session, constants

    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as server:
        # The client reads its environment when it is imported, which may be long ago.
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub_cache))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(hub_cache / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        close_session()
        yield server
        close_session()


@pytest.fixture
def hub_env(hub: Hub, hub_cache: Path) -> dict[str, str]:
    """The environment that sets the client of a fresh process to the Hub on this machine."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": str(hub_cache),
        "HF_TOKEN_PATH": str(hub_cache / "token"),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }


TRAINING = """
[model]
name = "attention-unet"
[model.config]
widths = [8, 16]
[discriminator]
name = "patch"
[discriminator.config]
width = 4
layers = 2
[data]
train = "{photos}"
validation = "{photos}"
size = 16
batch_size = 4
workers = 0
noise = 1.0
[optimizer]
learning_rate = 2e-3
ema = 0.9
[[phase]]
steps = 8
[run]
folder = "{folder}"
device = "cpu"
log_every = 2
validate_every = 4
checkpoint_every = 4
"""


@pytest.fixture
def training_photos(tmp_path: Path) -> Path:
    """Photos whose colour follows from their lightness: bright is blue, dark is orange."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        share = rng.random((3, 3, 1))
        pixels = share * np.array([150, 200, 255]) + (1 - share) * np.array([120, 50, 10])
        small = Image.fromarray(pixels.astype(np.uint8))
        small.resize((24, 24), Image.Resampling.BILINEAR).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def config_file(tmp_path: Path, training_photos: Path) -> Path:
    """A training config of two small networks and eight steps."""
    path = tmp_path / "run.toml"
    path.write_text(TRAINING.format(photos=training_photos, folder=tmp_path / "run"))
    return path
