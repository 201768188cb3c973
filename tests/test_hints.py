"""What a user adds to a picture: hints and references, from where they are made to the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hint_pictures import chroma_of, lab_of_color, waves
from PIL import ExifTags, Image

import colorzoo
from colorzoo import Hints, color
from colorzoo.cli import commands
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ColorzooError, ConfigError, PictureError
from colorzoo.hints import Hint, resize_hints
from colorzoo.predictor import Floats, Guidance, Guide


@pytest.mark.parametrize("size", [(90, 120), (700, 300), (20, 16), (5, 400)])
@pytest.mark.parametrize("name", ["network", "levin", "yatziv"])
def test_hinted_pixels_have_the_colour_of_the_hint(
    name: str, size: tuple[int, int], vivid_colorizer: Colorizer
) -> None:
    used = vivid_colorizer if name == "network" else colorzoo.load(name, device="cpu")
    height, width = size
    # Weak colours, which every lightness of the picture can have.
    points = [
        (1, 1, (140, 125, 110)),
        (height - 2, width - 3, (110, 125, 140)),
        (height // 2, width // 2, (128, 128, 128)),
    ]
    image = used(waves(height, width), hints=Hints.from_points(points, radius=1))
    assert image.size == (width, height)
    result = chroma_of(image)
    for row, column, given in points:
        near = result[:, row - 1 : row + 2, column]
        assert (near - lab_of_color(*given)[:, None]).abs().max() < 2.0


def test_one_hint_mends_its_neighbourhood_and_the_rest_stays(vivid_colorizer: Colorizer) -> None:
    grey = waves(320, 320)
    plain = chroma_of(vivid_colorizer(grey))
    hints = Hints.from_points([(40, 40, "#a06060")])
    change = (chroma_of(vivid_colorizer(grey, hints=hints)) - plain).norm(dim=0)
    assert change[36:45, 36:45].mean() > 8.0
    assert change[250:, 250:].mean() < 0.25 * change[30:60, 30:60].mean()


def test_a_grey_hint_says_that_there_is_no_colour(vivid_colorizer: Colorizer) -> None:
    grey = waves(64, 64)
    assert chroma_of(vivid_colorizer(grey))[:, 30, 30].norm() > 3.0
    layer = np.zeros((64, 64, 4), dtype=np.uint8)
    layer[20:40, 20:40] = (128, 128, 128, 255)
    image = vivid_colorizer(grey, hints=Hints.from_layer(layer))
    assert chroma_of(image)[:, 20:40, 20:40].abs().max() < 0.5


def test_no_hints_change_nothing(vivid_colorizer: Colorizer) -> None:
    grey = waves(40, 50)
    plain = np.asarray(vivid_colorizer(grey))
    assert np.array_equal(np.asarray(vivid_colorizer(grey, hints=Hints.from_points([]))), plain)


def test_hints_follow_saturation(vivid_colorizer: Colorizer) -> None:
    hints = Hints.from_points([(20, 20, (150, 120, 110))])
    none = vivid_colorizer(waves(40, 40), hints=hints, saturation=0)
    assert chroma_of(none).abs().max() < 0.01


def test_the_later_of_two_hints_counts_and_points_may_lie_at_the_border() -> None:
    placed = Hints.from_points([(0, 0, "red"), (0, 1, (0, 0, 255))], radius=1).place(4, 4)
    pixels = dict(zip(zip(placed.rows, placed.columns, strict=True), placed.chroma.T, strict=True))
    assert sorted(pixels) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert np.allclose(pixels[0, 0], lab_of_color(0, 0, 255), atol=0.01)
    assert np.allclose(pixels[1, 0], lab_of_color(255, 0, 0), atol=0.01)


def test_only_opaque_pixels_of_a_layer_bind() -> None:
    layer = np.full((6, 6, 4), 200, dtype=np.uint8)
    layer[..., 3] = 254
    layer[2, 3, 3] = 255
    placed = Hints.from_layer(Image.fromarray(layer)).place(6, 6)
    assert (placed.rows.tolist(), placed.columns.tolist()) == ([2], [3])


def test_hints_live_in_the_upright_picture(vivid_colorizer: Colorizer) -> None:
    image = Image.fromarray(waves(30, 60))
    image.getexif()[ExifTags.Base.Orientation] = 6  # upright it is 60 high and 30 wide
    hints = Hints.from_points([(55, 3, (150, 120, 110))], radius=1)
    result = chroma_of(vivid_colorizer(image, hints=hints))
    assert (result[:, 55, 3] - lab_of_color(150, 120, 110)).abs().max() < 2.0


def test_small_hints_survive_the_way_to_working_size() -> None:
    for at in range(0, 4000, 157):
        placed = Hints.from_points([(at, at, "teal")], radius=0).place(4000, 4000)
        chroma, mask = placed.resized(32, 32)
        assert mask.sum() == 1
        assert np.abs(chroma[0][:, mask[0, 0]].T - lab_of_color(0, 128, 128).numpy()).max() < 0.01


def test_resizing_hints_takes_the_mean_of_those_that_are_joined() -> None:
    chroma = np.arange(8, dtype=np.float32).reshape(2, 1, 4)
    mask = np.array([[True, True, False, True]])
    small, hinted = resize_hints(chroma, mask, (1, 2))
    assert small.tolist() == [[[0.5, 3.0]], [[4.5, 7.0]]]
    assert hinted.tolist() == [[True, True]]
    large, hinted = resize_hints(chroma, mask, (2, 8))
    assert hinted[1].tolist() == [True] * 4 + [False] * 2 + [True] * 2
    assert large[0, 1, [0, 1, 2, 7]].tolist() == [0.0, 0.0, 1.0, 3.0]


def test_a_layer_is_opened_as_a_picture_alone(tmp_path: Path) -> None:
    """What Pillow would hand to Ghostscript is no layer, whatever it is called."""
    page = tmp_path / "layer.png"
    page.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    with pytest.raises(PictureError, match="layer.png"):
        Hints.from_file(page)


def test_points_and_layers_go_to_files_and_back(tmp_path: Path) -> None:
    points = Hints.from_points([(3, 4, "sienna"), (5, 6, (1, 2, 3))], radius=4)
    points.to_file(tmp_path / "hints.json")
    assert Hints.from_file(tmp_path / "hints.json").points == points.points
    written = json.loads((tmp_path / "hints.json").read_text())
    assert written["hints"][0] == {"row": 3, "column": 4, "color": "#a0522d", "radius": 4}
    layer = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    Hints.from_layer(layer).to_file(tmp_path / "hints.png")
    back = Hints.from_file(tmp_path / "hints.png").layer
    assert back is not None
    assert np.array_equal(back, layer)


def test_a_list_takes_one_entry_a_picture(vivid_colorizer: Colorizer) -> None:
    pictures = [waves(40, 40), waves(40, 40), waves(50, 60)]
    hints = [
        Hints.from_points([(20, 20, (150, 120, 110))]),
        None,
        Hints.from_points([(1, 1, "red")]),
    ]
    together = vivid_colorizer(pictures, hints=hints)
    for image, picture, own in zip(together, pictures, hints, strict=True):
        alone = np.asarray(vivid_colorizer(picture, hints=own)).astype(int)
        assert np.abs(np.asarray(image).astype(int) - alone).max() <= 1


class Takes:
    """A predictor that says what it was given."""

    name = "takes"
    working_size = 16
    device = "cpu"
    parameters = 0

    def __init__(self, *guides: Guide) -> None:
        self.accepts: frozenset[Guide] = frozenset(guides)
        self.needs = self.accepts
        self.seen: list[Guidance | None] = []

    def to(self, device: str) -> None:
        pass

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        self.seen.append(guidance)
        return np.zeros((len(lightness), 2, *lightness.shape[2:]), dtype=np.float32)


def test_guidance_comes_at_working_size_in_lab_units() -> None:
    predictor = Takes("hints", "reference")
    reference = np.tile(np.uint8([200, 40, 40]), (64, 48, 1))
    hints = Hints.from_points([(0, 0, (200, 40, 40))], radius=0)
    Colorizer(predictor)(waves(32, 64), hints=hints, reference=reference)
    (guidance,) = predictor.seen
    assert guidance is not None
    assert guidance.hint_mask is not None
    assert guidance.hint_chroma is not None
    assert guidance.reference is not None
    assert guidance.hint_mask.shape == (1, 1, 16, 32)
    assert np.argwhere(guidance.hint_mask).tolist() == [[0, 0, 0, 0]]
    assert guidance.reference.shape == (1, 3, 21, 16)
    truth = color.srgb_to_lab(np.array([200, 40, 40]).reshape(3, 1, 1) / 255)[:, 0, 0]
    assert np.abs(guidance.hint_chroma[0, :, 0, 0] - truth[1:]).max() < 0.01
    assert np.abs(guidance.reference.mean(axis=(0, 2, 3)) - truth).max() < 0.1


def test_one_reference_serves_a_list() -> None:
    predictor = Takes("reference")
    reference = np.tile(np.uint8([200, 40, 40]), (20, 20, 1))
    Colorizer(predictor)([waves(16, 16), waves(16, 16), waves(32, 16)], reference=reference)
    shapes = [guidance.reference.shape for guidance in predictor.seen if guidance]  # type: ignore[union-attr]
    assert shapes == [(2, 3, 16, 16), (1, 3, 16, 16)]


def test_the_command_line_takes_hints_and_a_reference(model_folder: Path, tmp_path: Path) -> None:
    Image.fromarray(waves(40, 60)).save(tmp_path / "grey.png")
    Image.fromarray(np.tile(np.uint8([200, 40, 40]), (20, 20, 1))).save(tmp_path / "red.png")
    hints = Hints.from_points([(20, 30, (150, 120, 110))])
    hints.to_file(tmp_path / "hints.json")
    reference, out = tmp_path / "red.png", tmp_path / "out.png"
    command = ["colorize", str(tmp_path / "grey.png"), "-o", str(out), "--device", "cpu"]
    command += ["--model", str(model_folder), "--hints", str(tmp_path / "hints.json")]
    command += ["--reference", str(reference)]
    result = CliRunner().invoke(commands, command)
    assert result.exit_code == 0, result.output
    alone = colorzoo.load(model_folder, device="cpu")(
        tmp_path / "grey.png", hints=hints, reference=reference
    )
    assert np.array_equal(np.asarray(Image.open(out)), np.asarray(alone))
    again = CliRunner().invoke(commands, [*command[:-2], "--hints", str(tmp_path / "hints.json")])
    assert "there already, coloured with reference" in again.output


def test_the_command_line_colours_by_a_method(tmp_path: Path) -> None:
    Image.fromarray(waves(40, 60)).save(tmp_path / "a.png")
    Image.fromarray(waves(40, 60)).save(tmp_path / "b.png")
    layer = np.zeros((40, 60, 4), dtype=np.uint8)
    layer[10:20, 10:20] = (150, 120, 110, 255)
    Image.fromarray(layer).save(tmp_path / "layer.png")
    command = ["colorize", str(tmp_path / "a.png"), "-o", str(tmp_path / "o.png")]
    command += ["--model", "levin", "--device", "cpu"]
    given = ["--hints", str(tmp_path / "layer.png")]
    result = CliRunner().invoke(commands, [*command, *given])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "o.png") as image:
        chroma = chroma_of(image).mean((1, 2))
    assert (chroma - lab_of_color(150, 120, 110)).abs().max() < 3.0
    lacking = CliRunner().invoke(commands, [*command, "--overwrite"])
    assert isinstance(lacking.exception, ConfigError)
    assert "'levin' needs hints" in str(lacking.exception)
    several = [*command[:2], str(tmp_path / "b.png"), "-o", str(tmp_path / "out"), *given]
    result = CliRunner().invoke(commands, several)
    assert result.exit_code == 2
    assert "--hints are for one picture, and PATH has 2" in result.output


Bad = tuple[Callable[[], object], type[ColorzooError], str]

RED: list[tuple[int, int, str]] = [(1, 1, "red")]


def hint_file(**changes: object) -> str:
    """Return a file of one hint, with something wrong in it."""
    entry = {"row": 1, "column": 2, "color": "red"} | changes
    return json.dumps({"format": 1, "hints": [entry]})


BAD_POINTS: list[tuple[object, int, str]] = [
    ([(32, 0, "red")], 2, r"row 32, column 0, outside the picture, whose rows are 0 to 31"),
    ([(0, -1, "red")], 2, "outside the picture"),
    ([(10**30, 0, "red")], 2, "outside the picture"),
    ([(0, 0, "sienn")], 2, r"no colour 'sienn'\. Did you mean 'sienna'"),
    ([(0, 0, "x" * 9999)], 2, r"^There is no colour 'x+\.\.\.x+'\.[^x]+$"),
    ([(0, 0, "#12")], 2, "no colour '#12'"),
    ([(0, 0, (1, 2, 300))], 2, "0 to 255, not"),
    ([(0, 0, (0.5, 0.5, 0.5))], 2, "0 to 255, not"),
    ([(0, 0, (True, False, True))], 2, "0 to 255, not"),
    ([(0, 0, None)], 2, "0 to 255, not None"),
    ([(0, 0, "#11223344")], 2, "A colour must be"),
    ([(0.5, 0, "red")], 2, "whole numbers of pixels, not 0.5"),
    ([(float("nan"), 0, "red")], 2, "whole numbers of pixels, not nan"),
    ([(0, float("inf"), "red")], 2, "whole numbers of pixels, not inf"),
    ([(0, 0)], 2, r"must be \(row, column, color\)"),
    ((0, 0, "red"), 2, r"must be \(row, column, color\).* not 0"),
    (None, 2, r"made of a list of \(row, column, color\).* not of None"),
    (RED, -1, "radius of a hint is a whole number of pixels, 0 or more, not -1"),
    (RED, 1.5, "radius of a hint .* not 1.5"),  # type: ignore[list-item]
    (RED, float("nan"), "radius of a hint .* not nan"),  # type: ignore[list-item]
]

BAD_FILES: list[tuple[str, str | bytes, type[ColorzooError], str]] = [
    ("broken.json", '{"format": 1, "hints": [', ConfigError, "is not valid JSON"),
    ("bytes.json", b"\xff\xfe\x80", ConfigError, "is not valid JSON"),
    ("list.json", "[1, 2]", ConfigError, "must be a table"),
    ("lacks.json", '{"format": 1, "hints": [{"row": 1}]}', ConfigError, "lacks the key 'column'"),
    ("more.json", hint_file(size=3), ConfigError, "unknown key 'size'"),
    ("new.json", '{"format": 2, "hints": []}', ConfigError, "format must be 1, not 2"),
    ("text.json", hint_file(row="1"), ConfigError, "row must be of type int, not '1'"),
    (
        "nan.json",
        hint_file(column=float("nan")),
        ConfigError,
        "column must be of type int, not nan",
    ),
    ("negative.json", hint_file(radius=-1), ConfigError, r"negative.json: The radius .* not -1"),
    ("name.json", hint_file(color="sienn"), ConfigError, "name.json: There is no colour 'sienn'"),
    ("words.txt", "20 30 red", PictureError, "Cannot read the layer of hints .*words.txt"),
    ("text.png", "no picture", PictureError, "Cannot read the layer of hints .*text.png"),
]


@pytest.mark.parametrize(("points", "radius", "message"), BAD_POINTS)
def test_bad_points_are_refused(
    points: Any, radius: int, message: str, vivid_colorizer: Colorizer
) -> None:
    with pytest.raises(ConfigError, match=message):
        vivid_colorizer(waves(32, 32), hints=Hints.from_points(points, radius=radius))


@pytest.mark.parametrize(("name", "content", "error", "message"), BAD_FILES)
def test_bad_files_of_hints_are_refused(
    name: str, content: str | bytes, error: type[ColorzooError], message: str, tmp_path: Path
) -> None:
    """By Python and by the command line, in the same words and before anything is loaded."""
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error, match=message) as caught:
        Hints.from_file(file)
    grey, out = tmp_path / "grey.png", tmp_path / "out.png"
    Image.fromarray(waves(16, 16)).save(grey)
    command = ["colorize", str(grey), "-o", str(out), "--model", "levin", "--hints", str(file)]
    result = CliRunner().invoke(commands, command)
    assert str(result.exception) == str(caught.value)
    assert not out.exists()


def test_what_cannot_be_used_is_one_clear_error(vivid_colorizer: Colorizer, tmp_path: Path) -> None:
    colorizer = vivid_colorizer
    hints, grey = Hints.from_points(RED), waves(32, 32)
    layer = Hints.from_layer(np.zeros((5, 6, 4), dtype=np.uint8))
    none = Hints.from_points([])
    levin, welsh = (colorzoo.load(name, device="cpu") for name in ("levin", "welsh"))
    orange = np.tile(np.uint8([200, 120, 40]), (9, 9, 1))
    Image.new("RGB", (4, 4)).save(tmp_path / "opaque.png")
    cases: list[Bad] = [
        (lambda: colorizer(grey, hints=layer), ConfigError, r"layer of hints is 6 x 5 .* 32 x 32"),
        (lambda: colorizer(grey, hints=[hints]), ConfigError, "must be made by colorzoo.Hints"),  # type: ignore[list-item]
        (lambda: colorizer([grey], hints=hints), ConfigError, "Hints belong to one picture"),
        (lambda: colorizer([grey], hints=[hints, None]), ConfigError, "For 1 pictures hints must"),
        (lambda: colorizer([grey], reference=[]), ConfigError, "For 1 pictures reference must"),
        (lambda: colorizer(grey, reference=grey), PictureError, "is grey, so there are no"),
        (
            lambda: colorizer(grey, reference=colorzoo.read(orange)),
            PictureError,
            "was read without its colours. Give its path, or .* keep_color=True",
        ),
        (lambda: colorizer(grey, reference=tmp_path / "no.jpg"), PictureError, "no.jpg"),
        (lambda: Hints.from_points([], radius=-1), ConfigError, "radius of a hint"),
        (lambda: Hints([(1, 1, "red")]), ConfigError, "Not a Hint"),  # type: ignore[list-item]
        (lambda: Hint(1, 1, (1, 2, 3), -4), ConfigError, "radius of a hint .* not -4"),
        (lambda: Hints.from_layer(np.zeros((5, 6, 3), np.uint8)), ConfigError, "must be RGBA"),
        (lambda: Hints.from_layer(np.zeros((5, 6, 4))), ConfigError, "must be RGBA.* not float64"),
        (lambda: Hints.from_file(tmp_path / "no.json"), PictureError, "no.json does not exist"),
        (lambda: Hints.from_file(tmp_path), PictureError, "is a folder, not a file"),
        (lambda: Hints.from_file(None), PictureError, "of type NoneType"),  # type: ignore[arg-type]
        (
            lambda: Hints.from_file(tmp_path / "opaque.png"),
            ConfigError,
            "opaque.png: A layer of hints must be RGBA.* not RGB",
        ),
        (lambda: hints.to_file(tmp_path / "hints.png"), ConfigError, "to a .json file"),
        (lambda: layer.to_file(tmp_path / "no" / "l.png"), ConfigError, "Cannot write"),
        (lambda: levin(grey), ConfigError, "'levin' needs hints"),
        (lambda: welsh(grey), ConfigError, "'welsh' needs reference"),
        (lambda: levin(grey, hints=none), ConfigError, "'levin' colours by hints, and these hold"),
        (lambda: levin(grey, hints=hints, reference=orange), ConfigError, "not take reference"),
        (lambda: welsh(grey, hints=hints, reference=orange), ConfigError, "does not take hints"),
        (lambda: Colorizer(Takes("hints"))(grey), ConfigError, "'takes' needs hints"),
        (
            lambda: Colorizer(Takes("hints"))(grey, hints=hints, reference=np.eye(4)),
            PictureError,
            "is grey",
        ),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()


def test_a_radius_beyond_the_picture_paints_it_all() -> None:
    placed = Hints.from_points([(3, 4, "red"), (3, 4, "blue")], radius=10**12).place(8, 9)
    assert len(placed.rows) == 72
    assert np.allclose(placed.chroma.T, lab_of_color(0, 0, 255), atol=0.01)  # the later one
