"""The page in a process of its own, with three small models of random weights."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from conftest import ROOT

import colorzoo

START_SECONDS = 180


@dataclass(frozen=True)
class Server:
    """A page that is being served.

    Attributes:
        url: Where.
        pid: Its process.
        places: The folder in which it makes its own for visitors' files.
        models: Folders of the three models it offers, by name.
        log: What it says on standard error.
    """

    url: str
    pid: int
    places: Path
    models: dict[str, Path]
    log: Path

    def files(self) -> list[Path]:
        """Files of visitors and of the page on disk now."""
        # Unlike rglob, walk passes over folders that are removed while it looks.
        return [Path(place) / name for place, _, names in os.walk(self.places) for name in names]

    def status(self, field: str) -> int:
        """A number of ``/proc/PID/status``."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise LookupError(field)


def make_models(folder: Path) -> dict[str, Path]:
    """Save a model with gates, one without and one with a distribution, whose colours are seen."""
    torch.manual_seed(8)
    models = {}
    for name, architecture, config in (
        ("first", "attention-unet", {"widths": (4, 8, 8)}),
        ("second", "unet", {"widths": (4, 8, 8)}),
        ("vivid", "lite-unet", {"widths": (4, 4, 8, 8), "head": "classes"}),
    ):
        generator = colorzoo.create_model(architecture, **config)
        layers = generator.head.to_logits if name == "vivid" else generator.head
        with torch.no_grad():
            for parameter in layers.parameters():
                parameter.mul_(40 if name != "vivid" else 8)
        settings = colorzoo.ImageSettings(working_size=32)
        models[name] = colorzoo.save(generator, folder / name, image=settings)
    return models


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Run ``colorzoo demo`` on a free port until the block ends; it must then end well."""
    models = make_models(folder / "models")
    places = folder / "places"
    places.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(places),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    log = folder / "log"
    command = [sys.executable, "-m", "colorzoo", "demo", *map(str, models.values())]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
            url = process.stdout.readline().strip() if ready and process.stdout else ""
            assert url.startswith("http://127.0.0.1:"), log.read_text()
            assert log.read_text() == ""
            yield Server(url, process.pid, places, models, log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0, log.read_text()
            left = [str(path.relative_to(places)) for path in places.rglob("colorzoo*")]
            assert left == [], left
            assert not any(path.is_file() for path in places.rglob("*"))  # gradio makes folders
        finally:
            process.kill()
