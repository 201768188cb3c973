"""What the page does with pictures, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from demo_server import make_models
from PIL import Image

import colorzoo

pytest.importorskip("gradio", reason="the page needs the extra 'demo'")
from colorzoo.demos.backend import DemoBackend
from colorzoo.demos.visitor_files import VisitorFiles
from colorzoo.demos.wishes import Look, Stroke, Wishes


@pytest.fixture
def backend(tmp_path: Path) -> DemoBackend:
    (tmp_path / "files").mkdir()
    models = make_models(tmp_path / "models")
    return DemoBackend([str(models["vivid"])], VisitorFiles(tmp_path / "files"), device="cpu")


@pytest.fixture
def passes(backend: DemoBackend) -> Iterator[list[int]]:
    """One for each time that the network ran."""
    runs: list[int] = []
    layer = backend.colorizer("vivid").predictor.generator.head.to_logits  # all go through it
    hook = layer.register_forward_hook(lambda *_: runs.append(1))
    yield runs
    hook.remove()


def test_the_network_runs_once_whatever_is_tried_with_a_picture(
    backend: DemoBackend, passes: list[int], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.effect_noise((160, 120), 40).save(photo)
    look = Look("vivid")
    first = backend.show(photo, look)
    assert len(passes) == 1
    assert len(backend.others(photo, look)) == 5
    seen = {first.after.read_bytes()}
    for change in ({"vividness": 1.0}, {"saturation": 0.5}, {"alternative": 2}, {"doubt": True}):
        again = backend.show(photo, replace(look, **change), first.before)
        assert again.before == first.before  # nor is the grey picture made again
        seen.add(again.after.read_bytes())
    backend.color(photo, look)
    backend.likely_colors(photo, look, 60, 80)
    backend.sketch(photo, look, Wishes((Stroke(((60, 80),), "#aa5533", 4),)))
    assert len(seen) == 5
    assert len(passes) == 1

    other = photo.with_name("other.png")
    Image.effect_noise((160, 120), 20).save(other)
    backend.show(other, look)
    assert len(passes) == 2


def test_warming_up_runs_the_network_and_leaves_nothing(
    backend: DemoBackend, passes: list[int], tmp_path: Path
) -> None:
    assert "one guess" not in backend.card("vivid")
    backend.warm_up()
    assert len(passes) == 1
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_a_model_that_fails_is_left_to_tell_its_visitors(
    backend: DemoBackend, tmp_path: Path
) -> None:
    layer = backend.colorizer("vivid").predictor.generator.head.to_logits
    with torch.no_grad():
        layer.weight.fill_(float("nan"))
    backend.warm_up()
    photo = tmp_path / "photo.png"
    Image.new("L", (40, 30), 70).save(photo)
    with pytest.raises(colorzoo.TensorError):
        backend.show(photo, Look("vivid"))


def test_a_card_shows_the_numbers_of_the_facts(tmp_path: Path) -> None:
    folder = make_models(tmp_path)["first"]
    facts = {
        "format": 1,
        "about": {
            "description": "A model for tests.",
            "license": "apache-2.0",
            "recipe": "None.",
            "data": {"name": "nothing", "terms": "none"},
            "limits": [],
        },
        "architecture": "attention-unet",
        "parameters": 1_234_567,
        "macs": 1,
        "working_size": 32,
        "sha256": "0" * 64,
        "evaluation": {
            "protocol": "colorzoo-1",
            "data": "photos",
            "photos": 7,
            "broken": 0,
            "metrics": {"psnr": {"mean": 23.456, "std": 1.0}, "mae": {"mean": 14.3}},
            "grey": {"psnr": {"mean": 22.0, "std": 1.0}},
            "truth": {},
        },
    }
    (folder / "facts.json").write_text(json.dumps(facts))
    (tmp_path / "files").mkdir()
    backend = DemoBackend([str(folder)], VisitorFiles(tmp_path / "files"))
    line, lacks = backend.card("first").split("\n\n")
    assert line == "A model for tests. · apache-2.0"
    assert lacks.startswith("This model makes one guess: it has no other colours")
    table = backend.table()
    assert "| Model | Architecture | Parameters | PSNR, dB ↑ | MAE ↓ |" in table
    assert "| first | attention-unet | 1.2 M | 23.46 | 14.30 |" in table
    assert str(tmp_path) not in table
