import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import vivid_generator
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor, nn

import colorzoo
from colorzoo import color
from colorzoo.colorizer import Colorizer
from colorzoo.devices import has_bfloat16
from colorzoo.errors import (
    ColorzooError,
    ConfigError,
    HubError,
    RegistrationError,
    TensorError,
    UnknownNameError,
)
from colorzoo.pictures.write import write
from colorzoo.predictor import Floats, Guidance, Guide
from colorzoo.predictors.network import NetworkPredictor
from colorzoo.prepare import working_shape


@pytest.fixture
def generator() -> nn.Module:
    """A network that a test may change, as that of ``vivid_colorizer`` is for none."""
    return vivid_generator()


def grey(width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    waves = 127.5 + 80 * np.sin(x / 9) + 40 * np.cos(y / 7 + x / 31)
    return waves.clip(0, 255).astype(np.uint8)


def lightness_of(image: Image.Image) -> Tensor:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1) / 255
    return color.srgb_to_lightness(rgb)[0]


def colourfulness(image: Image.Image) -> float:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1) / 255
    return color.srgb_to_lab(rgb)[1:].square().sum(0).sqrt().mean().item()


SIZES = [(1, 1), (1, 500), (500, 1), (7, 3), (513, 97), (33, 32), (3000, 40), (31, 400)]


@pytest.mark.parametrize("size", SIZES)
def test_the_output_has_its_own_size_and_lightness(
    size: tuple[int, int], vivid_colorizer: Colorizer
) -> None:
    pixels = grey(*size)
    image = vivid_colorizer(pixels)
    assert image.size == size
    assert image.mode == "RGB"
    difference = (lightness_of(image) - lightness_of(Image.fromarray(pixels))).abs()
    assert difference.mean() < 0.3
    assert difference.max() < 1.0


def test_the_output_has_colour_and_saturation_scales_it(vivid_colorizer: Colorizer) -> None:
    pixels = grey(120, 90)
    assert colourfulness(vivid_colorizer(pixels)) > 3.0
    weak = colourfulness(vivid_colorizer(pixels, saturation=0.1))  # all of it is in the gamut
    twice = colourfulness(vivid_colorizer(pixels, saturation=0.2))
    assert twice == pytest.approx(2 * weak, rel=0.1)
    none = np.asarray(vivid_colorizer(pixels, saturation=0))
    assert np.array_equal(none, np.repeat(pixels[..., None], 3, axis=2))


def test_a_batch_is_its_pictures_one_by_one(vivid_colorizer: Colorizer) -> None:
    sizes = [(64, 48), (40, 30), (48, 64), (80, 60), (200, 21)]
    several = [grey(*size) for size in sizes]
    for batch_size in (1, 2, 8):
        together = vivid_colorizer(several, batch_size=batch_size)
        for image, pixels in zip(together, several, strict=True):
            alone = np.asarray(vivid_colorizer(pixels)).astype(int)
            assert np.abs(np.asarray(image).astype(int) - alone).max() <= 1
    assert vivid_colorizer([]) == []


def test_the_kind_of_input_makes_no_difference(vivid_colorizer: Colorizer, tmp_path: Path) -> None:
    pixels = grey(50, 40)
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    expected = np.asarray(vivid_colorizer(pixels))
    kinds = [tmp_path / "grey.png", str(tmp_path / "grey.png"), Image.fromarray(pixels)]
    kinds.append(colorzoo.read(tmp_path / "grey.png"))
    for image in vivid_colorizer([*kinds, pixels.astype(np.uint16) * 257, pixels / 255]):
        assert np.abs(np.asarray(image).astype(int) - expected).max() <= 1


def test_alpha_orientation_and_profile_come_through(vivid_colorizer: Colorizer) -> None:
    image = Image.fromarray(grey(40, 30)).convert("RGBA")
    image.putalpha(Image.fromarray(grey(40, 30)[::-1]))
    image.getexif()[ExifTags.Base.Orientation] = 6
    image.getexif()[ExifTags.Base.Artist] = "Anna"
    image.info["icc_profile"] = b"broken"
    coloured = vivid_colorizer(image)
    assert coloured.mode == "RGBA"
    assert coloured.size == (30, 40)
    turned = image.getchannel("A").transpose(Image.Transpose.ROTATE_270)
    assert coloured.getchannel("A").tobytes() == turned.tobytes()
    kept = Image.Exif()
    kept.load(coloured.info["exif"])
    assert dict(kept) == {ExifTags.Base.Artist: "Anna"}
    assert coloured.info["icc_profile"]
    assert image.size == (40, 30)


def test_sepia_keeps_its_lightness(vivid_colorizer: Colorizer) -> None:
    sepia = grey(60, 50)[..., None] * np.array([1.0, 0.8, 0.6]) / 255
    image = vivid_colorizer(sepia)
    before = torch.from_numpy(sepia.transpose(2, 0, 1))
    difference = lightness_of(image) - color.srgb_to_lightness(before)[0]
    assert difference.abs().mean() < 0.3


def test_notes_are_logged(
    vivid_colorizer: Colorizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [Image.fromarray(grey(20, 20)), Image.fromarray(grey(20, 20)[::-1])]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    vivid_colorizer(tmp_path / "film.gif")
    assert "film.gif: it holds several pictures" in caplog.text


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (8, 8), (33, 17)])
def test_predict_gives_chroma_at_the_size_it_gets(
    size: tuple[int, int], vivid_colorizer: Colorizer
) -> None:
    lightness = torch.rand(2, 1, *size) * 100
    before = lightness.clone()
    ab = vivid_colorizer.predict(lightness)
    assert ab.shape == (2, 2, *size)
    assert ab.dtype == torch.float32
    assert ab.abs().max() <= 110
    assert torch.equal(lightness, before)
    alone = vivid_colorizer.predict(lightness[1:])
    torch.testing.assert_close(ab[1:], alone, atol=1e-3, rtol=0)
    ab.add_(1.0)  # no tensor of inference mode: it may be used further
    array = vivid_colorizer.predict(lightness.double().numpy()[..., ::-1].copy()[..., ::-1])
    assert array.dtype == np.float32
    assert np.abs(array + 1 - ab.numpy()).max() < 1e-4


def test_predict_pads_and_does_not_squash(vivid_colorizer: Colorizer, generator: nn.Module) -> None:
    lightness = torch.rand(1, 1, 16, 24) * 100
    generator.eval()
    with torch.no_grad():
        exact = generator(lightness / 50 - 1) * 110
    torch.testing.assert_close(vivid_colorizer.predict(lightness), exact, atol=1e-3, rtol=0)
    mirrored = torch.cat((lightness, lightness.flip(3)), dim=3)[..., :32]
    with torch.no_grad():
        padded = generator(mirrored / 50 - 1)[..., :25] * 110
    cut = vivid_colorizer.predict(mirrored[..., :25])
    assert cut.shape == (1, 2, 16, 25)
    assert (cut[..., :8] - padded[..., :8]).abs().mean() < 5.0


@pytest.mark.parametrize(
    ("lightness", "fault"),
    [
        (torch.rand(1, 8, 8), r"\(N, 1, H, W\)"),
        (torch.rand(1, 3, 8, 8), r"\(N, 1, H, W\)"),
        (torch.rand(0, 1, 8, 8), "none of them 0"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "uint8"),
        (torch.full((1, 1, 8, 8), 255.0), r"0\.\.100"),
        (torch.full((1, 1, 8, 8), -1.0), r"0\.\.100"),
        (torch.full((1, 1, 8, 8), torch.nan), "NaN"),
        (np.zeros((1, 1, 8, 8), dtype=np.uint8), "array or a tensor of floats, not uint8"),
        ([[50.0]], "array or a tensor of floats, not list"),
    ],
)
def test_predict_refuses_wrong_tensors(
    lightness: Tensor, fault: str, vivid_colorizer: Colorizer
) -> None:
    with pytest.raises(TensorError, match=fault):
        vivid_colorizer.predict(lightness)


def test_numbers_that_overflow_are_an_error(generator: nn.Module) -> None:
    with torch.no_grad():
        next(generator.parameters()).fill_(torch.inf)
    with pytest.raises(TensorError, match="finite"):
        Colorizer(NetworkPredictor(generator, device="cpu")).predict(torch.rand(1, 1, 8, 8))


def test_training_mode_never_leaks_in_or_out(generator: nn.Module) -> None:
    generator.train()
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    colorizer = Colorizer(NetworkPredictor(generator, device="cpu"))
    pixels = grey(40, 40)
    first = colorizer(pixels).tobytes()
    generator.train()
    assert colorizer(pixels).tobytes() == first
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_it_moves_between_devices(vivid_colorizer: Colorizer) -> None:
    assert vivid_colorizer.to("cpu") is vivid_colorizer
    assert vivid_colorizer.device == "cpu"
    with pytest.raises(ConfigError, match="cuda:99"):
        vivid_colorizer.to("cuda:99")


class Compass:
    """A predictor that is no network: it tells the user's hints, or a red for the reference."""

    name = "compass"
    working_size = 16
    device = "cpu"
    parameters = 0
    accepts: frozenset[Guide] = frozenset({"hints"})
    needs: frozenset[Guide] = frozenset({"hints"})

    def to(self, device: str) -> None:
        """Stay."""

    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats:
        assert guidance is not None
        assert guidance.hint_chroma is not None
        return guidance.hint_chroma


def test_guidance_is_what_a_predictor_takes_and_needs(vivid_colorizer: Colorizer) -> None:
    lightness = torch.full((1, 1, 4, 4), 50.0)
    hints = Guidance(hint_chroma=torch.ones(1, 2, 4, 4), hint_mask=torch.ones(1, 1, 4, 4) > 0)
    compass = Colorizer(Compass())
    assert torch.equal(compass.predict(lightness, hints), torch.ones(1, 2, 4, 4))
    with pytest.raises(ConfigError, match="'compass' needs hints: give hints="):
        compass.predict(lightness)
    with pytest.raises(ConfigError, match="'compass' does not take vividness; it takes hints"):
        compass.predict(lightness, Guidance(vividness=1.0))
    with pytest.raises(ConfigError, match="'unet' does not take vividness; it takes hints, ref"):
        vivid_colorizer.predict(lightness, Guidance(vividness=1.0))


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_half_precision_is_near(dtype: str | torch.dtype, generator: nn.Module) -> None:
    half = Colorizer(NetworkPredictor(copy.deepcopy(generator), device="cpu", dtype=dtype))
    assert next(half.predictor.generator.parameters()).dtype == torch.bfloat16
    lightness = torch.rand(1, 1, 32, 32) * 100
    full = Colorizer(NetworkPredictor(generator, device="cpu")).predict(lightness)
    ab = half.predict(lightness)
    assert ab.dtype == torch.float32
    assert (ab - full).abs().mean() < 3.0


@pytest.mark.parametrize(
    "values",
    [
        {"device": "gpu"},
        {"device": "cuda:99"},
        {"device": "meta"},
        {"device": 1.5},
        {"dtype": "float8"},
        {"dtype": "bfloat"},
        {"dtype": torch.int8},
        {"dtype": 16},
    ],
)
def test_unusable_devices_and_dtypes_are_refused(
    values: dict[str, str], generator: nn.Module
) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        NetworkPredictor(generator, **values)  # type: ignore[arg-type]  # on purpose


def test_unregistered_generators_are_refused() -> None:
    with pytest.raises(RegistrationError, match="Conv2d"):
        NetworkPredictor(nn.Conv2d(1, 2, 1))


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"saturation": -1}, ConfigError),
        ({"saturation": float("nan")}, ConfigError),
        ({"working_size": 0}, ConfigError),
        ({"working_size": 64.0}, ConfigError),
        ({"working_size": np.float32(64)}, ConfigError),
        ({"working_size": 4097}, ConfigError),
        ({"working_size": 2_000_000}, ConfigError),
        ({"batch_size": 0}, ConfigError),
        ({"batch_size": True}, ConfigError),
    ],
)
def test_bad_settings_are_refused_before_any_reading(
    values: dict[str, int], error: type[ColorzooError], vivid_colorizer: Colorizer, tmp_path: Path
) -> None:
    with pytest.raises(error, match=next(iter(values))):
        vivid_colorizer("missing.jpg", **values)
    with pytest.raises(error, match=next(iter(values))):
        vivid_colorizer.folder("missing", tmp_path, **values)  # type: ignore[arg-type]  # ints


def test_numbers_of_numpy_are_numbers(vivid_colorizer: Colorizer) -> None:
    plain = vivid_colorizer([grey(20, 20)], saturation=0.5, working_size=16, batch_size=2)[0]
    given = {"saturation": np.float32(0.5), "working_size": np.int64(16), "batch_size": np.int8(2)}
    (image,) = vivid_colorizer([grey(20, 20)], **given)  # type: ignore[arg-type]  # NumPy's own
    assert np.array_equal(np.asarray(image), np.asarray(plain))


def test_working_shape_keeps_the_aspect_and_caps_panoramas() -> None:
    assert working_shape(3000, 4000, 256) == (256, 341)
    assert working_shape(40, 30, 256) == (341, 256)
    assert working_shape(40, 3000, 256) == (14, 1024)
    assert working_shape(60000, 1, 256) == (1024, 1)


def test_load_gives_the_saved_colorizer(model_folder: Path) -> None:
    for name in (model_folder, str(model_folder)):
        colorizer = colorzoo.load(name, device="cpu")
        assert colorizer.working_size == 32
        assert not colorizer.predictor.generator.training
        assert colorizer(grey(30, 30)).size == (30, 30)


@pytest.mark.parametrize(
    ("load", "error"),
    [
        (lambda folder: colorzoo.load(folder, revision="main"), HubError),
        (lambda folder: colorzoo.load(folder, device="tpu?"), ConfigError),
        (lambda folder: colorzoo.load(folder, dtype="int4"), ConfigError),
        (lambda folder: colorzoo.load(folder / "missing"), ColorzooError),
        (lambda folder: colorzoo.load("no-such-model"), UnknownNameError),
        (lambda folder: colorzoo.load(None), UnknownNameError),
        (lambda folder: colorzoo.load(3), UnknownNameError),
    ],
)
def test_load_says_what_is_wrong(
    load: Callable[[Path], Colorizer], error: type[ColorzooError], model_folder: Path
) -> None:
    with pytest.raises(error):
        load(model_folder)


def test_written_colours_are_read_back(vivid_colorizer: Colorizer, tmp_path: Path) -> None:
    image = vivid_colorizer(grey(64, 50))
    with Image.open(write(image, tmp_path / "out.png")) as back:
        assert np.array_equal(np.asarray(back), np.asarray(image))


def test_auto_takes_bfloat16_where_there_are_instructions_for_it(generator: nn.Module) -> None:
    quick = has_bfloat16(torch.device("cpu"))
    predictor = NetworkPredictor(copy.deepcopy(generator), device="cpu", dtype="auto")
    assert predictor.dtype == (torch.bfloat16 if quick else torch.float32)
    assert f"torch.{Colorizer(predictor).dtype}" == str(predictor.dtype)
    assert colorzoo.load("welsh", dtype="auto").dtype == "float32"
    lightness = np.random.default_rng(0).random((1, 1, 32, 32), dtype=np.float32) * 100
    plain = NetworkPredictor(generator, device="cpu").predict(lightness)
    assert np.abs(predictor.predict(lightness) - plain).mean() < 3.0
    assert np.array_equal(plain, NetworkPredictor(generator, device="cpu").predict(lightness))
