"""The classical methods, against small cases that are solved by hand or densely."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

import colorzoo
from colorzoo import color
from colorzoo.cli import commands
from colorzoo.colorizer import Colorizer
from colorzoo.errors import (
    ColorzooError,
    ConfigError,
    PictureError,
    RegistrationError,
    UnknownNameError,
)
from colorzoo.methods.distances import NONE, distances, label_colors
from colorzoo.methods.mending import mend
from colorzoo.methods.samples import jittered_places
from colorzoo.methods.spreading import spread
from colorzoo.methods.welsh import Welsh, WelshConfig
from colorzoo.methods.yatziv import YatzivConfig
from colorzoo.predictor import Guidance
from colorzoo.registry import METHODS
from colorzoo.testing import ContractError, check_method

Floats = NDArray[np.float64]


def dense_spread(lightness: Floats, values: Floats, fixed: NDArray[np.bool_]) -> Floats:
    """Levin's equations written out pixel by pixel, and solved densely."""
    height, width = lightness.shape
    padded = np.pad(lightness, 1, mode="edge")
    matrix, given = np.eye(lightness.size), np.zeros((lightness.size, len(values)))
    for row in range(height):
        for column in range(width):
            at = row * width + column
            if fixed[row, column]:
                given[at] = values[:, row, column]
                continue
            variance = max(padded[row : row + 3, column : column + 3].var(), 0.02)
            weights = {}
            for other in np.ndindex(height, width):
                near = max(abs(other[0] - row), abs(other[1] - column)) == 1
                if near:
                    change = lightness[row, column] - lightness[other]
                    weights[other] = np.exp(-(change**2) / (2 * variance))
            for other, weight in weights.items():
                matrix[at, other[0] * width + other[1]] = -weight / sum(weights.values())
    return np.linalg.solve(matrix, given).T.reshape(values.shape)


@pytest.mark.parametrize("shape", [(9, 7), (1, 6), (5, 1), (2, 2)])
def test_spreading_solves_the_equations_of_the_paper(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    lightness = rng.random(shape) * 4.0  # so alike that no weight is cut off
    fixed = rng.random(shape) < 0.15
    fixed[0, 0] = True
    values = rng.normal(size=(2, *shape)) * 40.0
    result = spread(lightness, values, fixed)
    assert np.allclose(result, dense_spread(lightness, values, fixed), atol=1e-8)
    assert np.array_equal(result[:, fixed], values[:, fixed])


def test_on_a_flat_line_colour_is_a_straight_line() -> None:
    values, fixed = np.zeros((2, 1, 11)), np.zeros((1, 11), dtype=bool)
    fixed[0, [0, 10]] = True
    values[:, 0, 10] = (50.0, -20.0)
    result = spread(np.full((1, 11), 60.0), values, fixed)
    assert np.allclose(result[0, 0], np.linspace(0, 50, 11))
    assert np.allclose(result[1, 0], np.linspace(0, -20, 11))


def test_drawn_pixels_solve_their_own_equation() -> None:
    values, fixed = np.array([[[0.0, 8.0]]]), np.array([[True, False]])
    # (1 + 3) U = 1 * 0 + 3 * 8
    assert spread(np.zeros((1, 2)), values, fixed, 3.0)[0, 0, 1] == pytest.approx(6.0)


def halves(width: int = 40, height: int = 24) -> NDArray[np.uint8]:
    """A dark half and a light one, with a little texture."""
    grey = np.full((height, width), 70, dtype=np.uint8)
    grey[:, width // 2 :] = 190
    grey[::3] += 2
    return grey


def lab_of(image: object) -> torch.Tensor:
    pixels = torch.from_numpy(np.asarray(image)[..., :3].copy()).permute(2, 0, 1)
    return color.srgb_to_lab(pixels / 255.0)


@pytest.mark.parametrize("name", ["levin", "yatziv"])
def test_colour_fills_its_half_and_stops_at_the_edge(name: str) -> None:
    hints = colorzoo.Hints.from_points([(12, 8, (110, 60, 60)), (12, 32, (150, 190, 230))])
    result = lab_of(colorzoo.load(name, device="cpu")(halves(), hints=hints))
    warm, cold = result[1:, :, :18], result[1:, :, 22:]
    assert (warm - warm[:, 12, 8][:, None, None]).abs().max() < 4.0
    assert (cold - cold[:, 12, 10][:, None, None]).abs().max() < 4.0
    assert (warm.mean((1, 2)) - cold.mean((1, 2))).abs().max() > 20.0


def test_intrinsic_distances_are_those_of_the_shortest_paths() -> None:
    rng = np.random.default_rng(1)
    lightness = rng.random((8, 9)) * 100.0
    labels = np.full((8, 9), NONE, dtype=np.int32)
    labels[0, 0], labels[7, 3], labels[2, 8], labels[7, 8] = 0, 1, 2, 1
    full = np.full((72, 72), np.inf)
    for row, column in np.ndindex(8, 9):
        for other_row, other_column in np.ndindex(8, 9):
            length = np.hypot(row - other_row, column - other_column)
            if 0 < length < 2:
                change = abs(lightness[row, column] - lightness[other_row, other_column])
                full[row * 9 + column, other_row * 9 + other_column] = change + 0.3 * length
    graph = np.where(np.isinf(full), 0.0, full)
    result = distances(lightness, labels, 0.3)
    for label in range(3):
        starts = np.flatnonzero(labels.ravel() == label)
        expected = dijkstra(graph, indices=starts, min_only=True).reshape(8, 9)
        assert np.allclose(result[label], expected, atol=1e-4)


def test_far_labels_are_not_followed_everywhere() -> None:
    labels = np.full((4, 120), NONE, dtype=np.int32)
    labels[2, 5::10] = np.arange(12)
    result = distances(np.zeros((4, 120)), labels, 1.0)
    assert np.isfinite(result[0, :, :20]).all()
    assert np.isinf(result[0, :, 60:]).all()
    assert np.isfinite(result.min(axis=0)).all()


def test_colours_that_are_alike_share_a_label() -> None:
    chroma, mask = np.zeros((2, 1, 4)), np.array([[True, True, True, False]])
    chroma[0, 0] = (10.0, 10.2, 40.0, 99.0)
    labels, colors = label_colors(chroma, mask)
    assert labels.tolist() == [[0, 0, 1, NONE]]
    assert colors.tolist() == [[pytest.approx(10.1), 0.0], [40.0, 0.0]]
    many = np.random.default_rng(0).random((2, 40, 40)) * 100
    labels, colors = label_colors(many, np.ones((40, 40), dtype=bool))
    assert 30 < len(colors) <= 256
    assert labels.max() == len(colors) - 1


def test_yatziv_blends_by_the_power_of_the_distance() -> None:
    lightness = np.full((1, 1, 1, 5), 50, dtype=np.float32)
    mask = np.array([[[[True, False, False, False, True]]]])
    chroma = np.zeros((1, 2, 1, 5), dtype=np.float32)
    chroma[0, 0, 0, 4] = 90.0
    spec = METHODS.get("yatziv")
    result = spec.build(YatzivConfig(power=2.0)).predict(lightness, Guidance(chroma, mask))
    # One step from grey, three from 90: (1/9) / (1/9 + 1) of 90.
    assert result[0, 0, 0].tolist() == pytest.approx([0.0, 9.0, 45.0, 81.0, 90.0], abs=0.01)


def test_welsh_copies_the_colour_of_what_is_as_light() -> None:
    reference = np.zeros((30, 30, 3), dtype=np.uint8)
    reference[:, :15], reference[:, 15:] = (120, 40, 30), (170, 200, 240)
    colorizer = colorzoo.load("welsh", device="cpu")
    result = lab_of(colorizer(halves(), reference=reference))
    truth = lab_of(reference)
    for here, there in (
        (result[1:, :, :17], truth[1:, 0, 0]),
        (result[1:, :, 23:], truth[1:, 0, -1]),
    ):
        assert (here.mean((1, 2)) - there).abs().max() < 6.0
    again = colorizer(halves(), reference=reference)
    assert np.array_equal(np.asarray(again), np.asarray(colorizer(halves(), reference=reference)))


def test_swatches_say_where_colours_come_from() -> None:
    reference = np.zeros((20, 40, 3), dtype=np.uint8)
    reference[:, :20], reference[:, 20:] = (150, 80, 80), (80, 80, 150)
    left, right = (0.0, 0.0, 1.0, 0.4), (0.0, 0.6, 1.0, 1.0)
    crossed = WelshConfig(swatches=((left, right), (right, left)))
    result = lab_of(Colorizer(Welsh(crossed))(halves(), reference=reference))
    assert result[2, :, :14].mean() < -15.0  # the dark half is blue
    assert result[1, :, 26:].mean() > 8.0  # the light half is red


def test_samples_lie_one_in_each_cell() -> None:
    places = jittered_places(60, 90, 150, seed=0)
    cells = {(int(place) // 90 // 6, int(place) % 90 // 6) for place in places}
    assert len(places) == len(cells) == 150
    assert not np.array_equal(places, jittered_places(60, 90, 150, seed=1))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (lambda: YatzivConfig(power=7.0), r"power must be in 1\.\.6"),
        (lambda: YatzivConfig(step=0.0), "step must be more than 0"),
        (lambda: WelshConfig(samples=0), "samples must be 1 or more"),
        (
            lambda: WelshConfig(swatches=(((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)),)),
            "is no box",
        ),
    ],
)
def test_settings_out_of_range_are_refused(config: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "given", "error", "message"),
    [
        ("levin", {}, ConfigError, "'levin' needs hints"),
        ("levin", {"hints": colorzoo.Hints.from_points([])}, ConfigError, "these hold none"),
        ("welsh", {}, ConfigError, "'welsh' needs reference"),
        ("welsh", {"reference": halves()}, PictureError, "is grey, so there are no colours"),
        (
            "welsh",
            {"hints": colorzoo.Hints.from_points([(1, 1, "red")]), "reference": np.eye(3)},
            PictureError,
            "is grey",
        ),
        (
            "yatziv",
            {
                "hints": colorzoo.Hints.from_points([(1, 1, "red")]),
                "reference": np.tile(np.uint8([200, 10, 10]), (9, 9, 1)),
            },
            ConfigError,
            "'yatziv' does not take reference; it takes hints",
        ),
    ],
)
def test_a_method_says_what_it_lacks(
    name: str, given: dict[str, object], error: type[ColorzooError], message: str
) -> None:
    with pytest.raises(error, match=message):
        colorzoo.load(name, device="cpu")(halves(), **given)  # type: ignore[call-overload]


def test_a_method_is_loaded_by_name_and_has_no_weights() -> None:
    colorizer = colorzoo.load("levin", device="cpu")
    assert (colorizer.name, colorizer.predictor.parameters) == ("levin", 0)
    assert colorizer.accepts == {"hints"}
    for option in ({"dtype": "float16"}, {"revision": "main"}):
        with pytest.raises(ConfigError, match="'levin' is a method"):
            colorzoo.load("levin", device="cpu", **option)  # type: ignore[arg-type]


def test_a_misspelt_method_is_suggested() -> None:
    with pytest.raises(UnknownNameError, match="no model called 'levni'.* Did you mean 'levin'"):
        colorzoo.load("levni", device="cpu")


def test_methods_are_listed() -> None:
    result = CliRunner().invoke(commands, ["list", "--json"])
    methods = {info["name"]: info for info in json.loads(result.output)["methods"]}
    assert methods["levin"]["parameters"] == 0
    assert methods["levin"]["needs"] == ["hints"]
    table = CliRunner().invoke(commands, ["list", "w*"]).output
    assert "  welsh   reference   Apache-2.0  Welsh, Ashikhmin" in table
    assert "levin" not in table


def test_the_contract_finds_what_is_wrong() -> None:
    class Forgetful(Welsh):
        def predict(self, lightness, guidance=None):  # type: ignore[no-untyped-def]
            shape = (len(lightness), 2, *lightness.shape[2:])
            return np.random.default_rng().random(shape, dtype=np.float32)

    METHODS.register("forgetful", config=WelshConfig)(Forgetful)
    try:
        with pytest.raises(ContractError, match="gives something else the second time"):
            check_method("forgetful")
    finally:
        del METHODS._entries["forgetful"]
    with pytest.raises(RegistrationError, match="'levin' is already registered"):
        METHODS.register("levin", config=WelshConfig)(Forgetful)
    assert check_method("levin") is None


def test_many_hints_tell_what_becomes_of_their_like() -> None:
    """A chequered board, grey as predicted: hints on some squares tell of the others."""
    squares = np.indices((8, 8)).sum(axis=0) % 2
    lightness = np.kron(30.0 + 45.0 * squares, np.ones((12, 12))).astype(np.float32)
    colors = np.where(squares == 1, np.array([25.0, 5.0])[:, None, None], -15.0)
    chroma = np.kron(colors, np.ones((1, 12, 12))).astype(np.float32)
    predicted = np.zeros((2, 96, 96), dtype=np.float32)
    mask = np.zeros((96, 96), dtype=np.bool_)
    mask[5::24, 5::24] = mask[17::24, 5::24] = True  # every second column of squares has none
    mended = mend(lightness, predicted, chroma, mask)
    assert np.array_equal(mended[:, mask], chroma[:, mask])
    hidden = chroma[:, :, 12:24], mended[:, :, 12:24]
    assert np.abs(hidden[0] - hidden[1]).mean() < 0.4 * np.abs(hidden[0]).mean()
    # Hints that agree with the prediction change nothing.
    assert np.abs(mend(lightness, chroma, chroma, mask) - chroma).max() < 1e-4
