"""Vividness, other colourings as likely, and where colours are a guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import colorzoo
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError
from colorzoo.models._heads import color_cells
from colorzoo.options import ColorizeOptions
from colorzoo.predictors.distribution import choose_alternatives, uncertainty_of
from colorzoo.predictors.network import NetworkPredictor

CELLS = color_cells()
BLUE, RED, GREEN = (
    int((CELLS - torch.tensor(color)).norm(dim=1).argmin())
    for color in ([10.0, -50.0], [60.0, 40.0], [-50.0, 40.0])
)


def colorizer_with(head: str) -> Colorizer:
    torch.manual_seed(0)
    generator = colorzoo.create_model("lite-unet", widths=(4, 4, 8, 8), head=head)
    generator.load_state_dict(
        {
            name: value * (8.0 if "to_logits" in name else 1.0)
            for name, value in generator.state_dict().items()
        }
    )
    return Colorizer(NetworkPredictor(generator, name=f"a-model-with-{head}", working_size=64))


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return colorizer_with("classes")


@pytest.fixture
def picture() -> Image.Image:
    rows, columns = np.mgrid[0:90, 0:140]
    return Image.fromarray(((rows * 3 + columns * 5) % 256).astype(np.uint8))


def sky_and_dress() -> torch.Tensor:
    """Distributions of a picture whose upper half is blue, and whose lower is red or green."""
    shares = torch.full((1, len(CELLS), 16, 16), 1e-5)
    shares[:, BLUE, :8] = 1.0
    shares[:, RED, 8:] = 0.6
    shares[:, GREEN, 8:] = 0.4
    return shares / shares.sum(dim=1, keepdim=True)


def test_alternatives_differ_where_there_is_a_choice_and_nowhere_else() -> None:
    chosen = choose_alternatives(sky_and_dress(), CELLS, count=4, seed=0)
    torch.testing.assert_close(chosen.sum(dim=1), torch.ones(4, 16, 16))
    likeliest = chosen.argmax(dim=1)
    assert (likeliest[:, :7] == BLUE).all()
    of_dress = [set(one[9:].flatten().tolist()) for one in likeliest]
    assert all(len(colors) == 1 for colors in of_dress), "a dress has one colour"
    assert {color for colors in of_dress for color in colors} == {RED, GREEN}


def test_alternatives_follow_from_the_seed() -> None:
    shares = sky_and_dress()
    first, same = (choose_alternatives(shares, CELLS, count=3, seed=5) for _ in range(2))
    assert torch.equal(first, same)
    seeds = [choose_alternatives(shares, CELLS, count=1, seed=s).argmax(dim=1) for s in range(12)]
    assert not all(torch.equal(seeds[0], other) for other in seeds)


def test_uncertainty_is_entropy_from_none_to_all() -> None:
    shares = torch.zeros(1, len(CELLS), 1, 3)
    shares[:, RED, :, 0] = 1.0
    shares[:, [RED, GREEN], :, 1] = 0.5
    shares[..., 2] = 1.0 / len(CELLS)
    sure, two, all_alike = uncertainty_of(shares)[0, 0, 0].tolist()
    assert (sure, all_alike) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert two == pytest.approx(np.log(2) / np.log(len(CELLS)))


def test_a_colorizer_gives_alternatives_and_uncertainty(
    colorizer: Colorizer, picture: Image.Image
) -> None:
    pictures = colorizer.alternatives(picture, n=3, seed=1)
    assert [one.size for one in pictures] == [picture.size] * 3
    again = colorizer.alternatives(picture, n=3, seed=1)
    pixels = [np.asarray(one).astype(int) for one in pictures]
    assert all(np.array_equal(a, np.asarray(b)) for a, b in zip(pixels, again, strict=True))
    assert np.abs(pixels[0] - pixels[1]).mean() > 1.0
    unsure = colorizer.uncertainty(picture)
    assert unsure.shape == (90, 140)
    assert unsure.dtype == np.float32
    assert 0.0 <= unsure.min() < unsure.max() <= 1.0


def test_vividness_changes_pictures_folders_and_command_line_alike(
    colorizer: Colorizer, picture: Image.Image, tmp_path: Path
) -> None:
    def strength(image: Image.Image) -> float:
        return float(np.asarray(image.convert("RGB")).astype(int).std(axis=2).mean())

    calm, vivid = (colorizer(picture, vividness=value) for value in (0.0, 1.0))
    assert strength(vivid) > 1.2 * strength(calm)
    assert np.array_equal(np.asarray(colorizer(picture)), np.asarray(calm))
    several = colorizer([picture, picture], vividness=1.0)
    # Two at once may round another way than one alone.
    assert np.abs(np.asarray(several[1]).astype(int) - np.asarray(vivid)).max() <= 1
    (tmp_path / "in").mkdir()
    picture.save(tmp_path / "in" / "one.png")
    colorizer.folder(tmp_path / "in", tmp_path / "out", vividness=1.0)
    with Image.open(tmp_path / "out" / "one.png") as written:
        assert np.array_equal(np.asarray(written), np.asarray(vivid))


def test_models_without_a_distribution_say_so(picture: Image.Image) -> None:
    without = colorizer_with("ab")
    with pytest.raises(ConfigError, match="'a-model-with-ab' does not take vividness"):
        without(picture, vividness=0.5)
    with pytest.raises(ConfigError, match="'a-model-with-ab' predicts ab at once"):
        without.alternatives(picture)
    with pytest.raises(ConfigError, match="'a-model-with-ab' predicts ab at once"):
        without.uncertainty(picture)


@pytest.mark.parametrize("vividness", [-0.1, 1.1, float("nan"), True, "much"])
def test_vividness_lies_between_0_and_1(vividness: float) -> None:
    with pytest.raises(ConfigError, match="vividness must be a number from 0"):
        ColorizeOptions(vividness=vividness)


@pytest.mark.parametrize(("n", "seed", "message"), [(0, 0, "n must be"), (2, -1, "seed must be")])
def test_how_many_and_which_are_checked(
    n: int, seed: int, message: str, colorizer: Colorizer, picture: Image.Image
) -> None:
    with pytest.raises(ConfigError, match=message):
        colorizer.alternatives(picture, n, seed=seed)
