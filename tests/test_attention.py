from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import colorzoo
from colorzoo.attention import has_attention_maps
from colorzoo.pictures.read import read


def colorizer_of(architecture: str, **values: object) -> colorzoo.Colorizer:
    torch.manual_seed(3)
    generator = colorzoo.create_model(architecture, widths=(4, 8, 8), **values)
    predictor = colorzoo.NetworkPredictor(generator, working_size=32, device="cpu")
    return colorzoo.Colorizer(predictor)


@pytest.mark.parametrize("gate", ["grid", "pixel"])
def test_maps_cover_the_picture_coarsest_first(gate: str) -> None:
    ramp = np.linspace(0, 255, 61 * 90).reshape(61, 90).astype(np.uint8)
    maps = colorzoo.attention_maps(colorizer_of("attention-unet", gate=gate), ramp)
    # 90 x 61 is seen as 47 x 32, rounded up to 48 x 32; the skips lie at a quarter and a half.
    assert [found.shape for found in maps] == [(8, 12), (16, 24)]
    for found in maps:
        assert found.dtype == np.float32
        assert 0 <= found.min() < found.max() <= 1


def test_maps_are_those_of_the_run_that_colours() -> None:
    """At a size that needs no rounding, they are what the generator itself says."""
    colorizer = colorizer_of("attention-unet")
    ramp = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    picture = read(ramp)
    scaled = torch.from_numpy(picture.lightness(0, 32))[None, None] / 50 - 1
    with torch.inference_mode():
        expected = colorizer.predictor.generator.forward_with_maps(scaled)[1]
    for found, wanted in zip(colorzoo.attention_maps(colorizer, ramp), expected, strict=True):
        np.testing.assert_allclose(found, wanted[0, 0].numpy(), atol=1e-4)


def test_a_generator_without_gates_says_so(tmp_path: Path) -> None:
    plain = colorizer_of("unet")
    assert not has_attention_maps(plain)
    assert has_attention_maps(colorizer_of("attention-unet"))
    with pytest.raises(colorzoo.ConfigError, match="'unet' has no attention maps"):
        colorzoo.attention_maps(plain, Image.new("L", (8, 8)))
    with pytest.raises(colorzoo.PictureError, match="Cannot read"):
        colorzoo.attention_maps(colorizer_of("attention-unet"), tmp_path / "none.jpg")
