"""What was predicted once and finished in many ways; vividness, alternatives, doubt."""

from __future__ import annotations

import dataclasses
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
from colorzoo.predictor import Floats
from colorzoo.predictors.distribution import choose_alternatives, uncertainty_of
from colorzoo.predictors.network import NetworkPredictor

CELLS = color_cells().numpy()
BLUE, RED, GREEN = (
    int(np.linalg.norm(CELLS - np.array(color), axis=1).argmin())
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


def sky_and_dress() -> Floats:
    """Logits of a picture whose upper half is blue, and whose lower is red or green."""
    shares = np.full((len(CELLS), 16, 16), 1e-5, np.float32)
    shares[BLUE, :8] = 1.0
    shares[RED, 8:] = 0.6
    shares[GREEN, 8:] = 0.4
    return np.log(shares)


def test_alternatives_differ_where_there_is_a_choice_and_nowhere_else() -> None:
    chosen = choose_alternatives(sky_and_dress(), CELLS, count=4, seed=0)
    likeliest = [one.argmax(axis=0) for one in chosen]
    assert all((one[:7] == BLUE).all() for one in likeliest)
    of_dress = [set(one[9:].flatten().tolist()) for one in likeliest]
    assert all(len(colors) == 1 for colors in of_dress), "a dress has one colour"
    assert {color for colors in of_dress for color in colors} == {RED, GREEN}


def test_alternatives_follow_from_the_seed() -> None:
    logits = sky_and_dress()
    first, same = (choose_alternatives(logits, CELLS, count=3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first, same)
    (kinds,) = zip(
        *(choose_alternatives(logits, CELLS, count=1, seed=seed) for seed in range(12)), strict=True
    )
    assert len({one.argmax(axis=0).tobytes() for one in kinds}) > 1


def test_uncertainty_is_entropy_from_none_to_all() -> None:
    shares = np.zeros((len(CELLS), 1, 3), np.float32)
    shares[RED, :, 0] = 1.0
    shares[[RED, GREEN], :, 1] = 0.5
    shares[..., 2] = 1.0 / len(CELLS)
    sure, two, all_alike = uncertainty_of(shares)[0].tolist()
    assert (sure, all_alike) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert two == pytest.approx(np.log(2) / np.log(len(CELLS)))


def test_a_draft_is_finished_as_calling_the_colorizer_does(
    colorizer: Colorizer, picture: Image.Image
) -> None:
    hints = colorzoo.Hints.from_points([(20, 30, "red"), (35, 100, "teal")], radius=3)
    reference = Image.new("RGB", (40, 30), "navy")
    reference.paste("tomato", (0, 0, 20, 30))
    wishes = (
        {},
        {"vividness": 1.0, "saturation": 1.3},
        {"hints": hints, "saturation": 0.4},
        {"hints": hints, "vividness": 0.9, "reference": reference},
    )
    wide = picture.resize((300, 40))  # longer than what is seen at full working size
    expected = [[colorizer(one, **each) for each in wishes] for one in (picture, wide)]
    drafts = [colorizer.draft(one) for one in (picture, wide)]
    runs: list[int] = []
    layer = colorizer.predictor.generator.head.to_logits  # type: ignore[attr-defined]  # all pass it
    hook = layer.register_forward_pre_hook(lambda *_: runs.append(1))
    colorizer.draft(picture)
    assert runs == [1]
    for draft, images in zip(drafts, expected, strict=True):
        for each, image in zip(wishes, images, strict=True):
            finished = np.asarray(draft.finish(**each)).astype(int)
            assert np.abs(finished - np.asarray(image)).max() <= 1
    hook.remove()
    assert runs == [1]


def test_a_small_finish_shows_the_same_picture(colorizer: Colorizer, picture: Image.Image) -> None:
    picture = Image.merge("LA", (picture, picture.rotate(180)))
    draft = colorizer.draft(picture)
    hints = colorzoo.Hints.from_points([(45, 70, "red")], radius=9)
    whole, small = (draft.finish(hints=hints, longest=side) for side in (None, 70))
    assert (whole.size, small.size, small.mode) == ((140, 90), (70, 45), "RGBA")
    difference = np.asarray(whole.resize((70, 45)).convert("RGB")).astype(int)
    difference -= np.asarray(small.convert("RGB"))
    assert np.abs(difference).mean() < 6
    red = np.asarray(small)[22, 35].astype(int)
    assert red[0] > red[1] + 30
    assert draft.uncertainty(longest=70).shape == (45, 70)
    assert draft.finish(longest=1000).size == (140, 90)
    with pytest.raises(ConfigError, match="longest must be a whole number"):
        draft.finish(longest=0)


def test_alternatives_are_drafts(colorizer: Colorizer, picture: Image.Image) -> None:
    first, second = colorizer.draft(picture).alternatives(2, seed=3)
    calm, vivid = (np.asarray(first.finish(vividness=each)).astype(int) for each in (0.0, 1.0))
    assert np.abs(vivid - calm).mean() > 1.0
    assert np.abs(np.asarray(second.finish(vividness=0.0)).astype(int) - calm).mean() > 1.0
    assert "Draft" in repr(first)


def test_likely_colors_are_those_of_the_place() -> None:
    predictor = NetworkPredictor(
        colorzoo.create_model("lite-unet", widths=(4, 4, 8, 8), head="classes"), working_size=64
    )
    colorizer = Colorizer(predictor)
    draft = colorizer.draft(Image.new("L", (128, 128), 120))
    prediction = dataclasses.replace(draft.prediction, logits=sky_and_dress())
    draft = colorzoo.Draft(colorizer, draft.picture, prediction)
    assert draft.has_distribution
    (blue, *_), (red, green, *_) = (draft.likely_colors(row, 60, 3) for row in (5, 120))
    assert blue[2] > max(blue[:2]) + 60
    assert red[0] > max(red[1:]) + 60
    assert green[1] > green[0] + 60
    with pytest.raises(ConfigError, match="Row 128, column 0 lies outside the picture"):
        draft.likely_colors(128, 0)


def test_a_draft_of_what_has_no_distribution(picture: Image.Image) -> None:
    colorizer = colorizer_with("ab")
    draft = colorizer.draft(picture)
    assert not draft.has_distribution
    hints = colorzoo.Hints.from_points([(20, 30, "red")])
    for given in ({}, {"hints": hints}):
        expected = np.asarray(colorizer(picture, **given)).astype(int)
        assert np.abs(np.asarray(draft.finish(**given)).astype(int) - expected).max() <= 1
    with pytest.raises(ConfigError, match="does not take vividness"):
        draft.finish(vividness=0.5)
    levin, picture = colorzoo.load("levin"), picture.resize((48, 32))
    draft = levin.draft(picture)
    np.testing.assert_array_equal(draft.finish(hints=hints), levin(picture, hints=hints))
    with pytest.raises(ConfigError, match="'levin' needs hints"):
        draft.finish()


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
