"""A reference for every model: what looks alike gives its colour, and the rest stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import colorzoo
from colorzoo import Hints, color
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError
from colorzoo.features.squeezenet import SqueezeNet
from colorzoo.features.squeezenet_arrays import features_of, imagenet_weights
from colorzoo.predictor import Guidance
from colorzoo.predictors.exemplar import ExemplarPredictor, match
from colorzoo.predictors.network import NetworkPredictor


def scene(seed: int) -> NDArray[np.uint8]:
    """A bright blue sky over a ground of rough orange stones."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((128, 160, 3))
    pixels[:60] = (150, 190, 235)
    stones = rng.random((17, 40))
    small = Image.fromarray((stones * 120).astype(np.uint8)).resize((160, 68))
    pixels[60:] = np.asarray(small)[..., None] / 120 * np.array([190, 110, 50]) + 20
    return pixels.clip(0, 255).astype(np.uint8)


def noise(seed: int) -> NDArray[np.uint8]:
    """Nothing that looks like the scene, all of it green."""
    levels = np.random.default_rng(seed).integers(0, 255, (128, 128, 1))
    return (levels * np.array([0.3, 1.0, 0.3])).astype(np.uint8)


def grey_of(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels).convert("L")


def chroma_of(image: object) -> Tensor:
    rgb = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
    return color.srgb_to_lab(rgb)[1:]


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    """A network that gives next to no colour."""
    torch.manual_seed(0)
    model = colorzoo.create_model("unet", widths=(4, 8, 8))
    return Colorizer(NetworkPredictor(model, working_size=128, device="cpu"))


def test_what_looks_alike_gives_its_colour(colorizer: Colorizer) -> None:
    truth = chroma_of(scene(1))
    result = chroma_of(colorizer(grey_of(scene(1)), reference=scene(2)))
    plain = chroma_of(colorizer(grey_of(scene(1))))
    assert (result - truth).norm(dim=0).mean() < 0.6 * (plain - truth).norm(dim=0).mean()
    assert result[1, :50].mean() < -8.0  # the sky is blue
    assert result[1, 70:].mean() > 8.0  # the stones are orange


def test_where_nothing_fits_the_network_decides(colorizer: Colorizer) -> None:
    plain = chroma_of(colorizer(grey_of(scene(1))))
    other = chroma_of(colorizer(grey_of(scene(1)), reference=noise(0)))
    alike = chroma_of(colorizer(grey_of(scene(1)), reference=scene(2)))
    assert (other - plain).norm(dim=0).mean() < 0.4 * (alike - plain).norm(dim=0).mean()


def test_strength_scales_what_is_taken(colorizer: Colorizer) -> None:
    base = colorizer.predictor
    random = np.random.default_rng(0)
    lightness = random.random((2, 1, 40, 56), dtype=np.float32) * 100
    reference = random.random((2, 3, 32, 48), dtype=np.float32) * 60
    guidance = Guidance(reference=reference)
    plain = base.predict(lightness)
    full = ExemplarPredictor(base).predict(lightness, guidance) - plain
    half = ExemplarPredictor(base, strength=0.5).predict(lightness, guidance) - plain
    assert np.abs(full).max() > 0.1
    assert np.abs(2 * half - full).max() < 1e-4
    assert np.array_equal(ExemplarPredictor(base).predict(lightness), plain)
    for strength in (-0.1, 1.1):
        with pytest.raises(ConfigError, match=r"strength must be in 0\.\.1"):
            ExemplarPredictor(base, strength=strength)


def test_hints_count_more_than_the_reference(colorizer: Colorizer) -> None:
    hints = Hints.from_points([(30, 30, (190, 150, 160))])
    result = colorizer(grey_of(scene(1)), reference=scene(2), hints=hints)
    wanted = color.srgb_to_lab(torch.tensor([190, 150, 160]).view(3, 1, 1) / 255)[1:, 0, 0]
    assert (chroma_of(result)[:, 30, 30] - wanted).abs().max() < 2.0


def test_matching_by_hand() -> None:
    here = [np.array([[[1.0, 0.0]], [[0.0, 1.0]]])]
    there = [np.array([[[0.0, 1.0, 0.0]], [[1.0, 0.0, 1.0]]])]
    lightness = np.array([[50.0, 40.0]])
    reference = np.array([[[60.0, 50.0, 60.0]], [[10.0, -30.0, 20.0]], [[0.0, 5.0, 0.0]]])
    matched, confidence = match(here, there, lightness, reference)
    assert np.abs(matched[:, 0] - [[-30.0, 15.0], [5.0, 0.0]]).max() < 0.01
    assert np.abs(confidence - [[1.0, 0.5]]).max() < 1e-3  # the second is brighter by 20
    assert match(here, [-there[0]], lightness, reference)[1].max() <= 1.0
    # One place of two finds its like, but hardly anything of the reference does.
    other = [np.array([[[1.0, -1.0, -1.0, -1.0]], [[0.0, -0.1, 0.1, 0.0]]])]
    assert match(here, other, lightness, np.ones((3, 1, 4)))[1].max() == 0.0


def test_features_by_numpy_are_those_of_the_network() -> None:
    network = SqueezeNet(in_channels=1)
    network.load_imagenet()
    picture = np.random.default_rng(0).random((48, 80), dtype=np.float32) * 2 - 1
    with torch.no_grad():
        expected = network(torch.from_numpy(picture)[None, None])
    for features, wanted in zip(features_of(picture, imagenet_weights(1)), expected, strict=True):
        assert features.shape == wanted.shape[1:]
        assert np.abs(features - wanted[0].numpy()).max() < 1e-4
