import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from colorzoo import color
from colorzoo.errors import TensorError


def cube(steps: int) -> torch.Tensor:
    """The whole RGB cube in ``steps`` a side: (3, steps, steps * steps), 0..1."""
    axis = torch.linspace(0.0, 1.0, steps)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, steps, -1)


def oracle(rgb: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(rgb2lab(rgb.double().permute(1, 2, 0).numpy()).transpose(2, 0, 1))


def test_lab_of_the_whole_cube_agrees_with_scikit_image() -> None:
    rgb = cube(52)
    assert (color.srgb_to_lab(rgb) - oracle(rgb)).abs().max() < 1e-3


def test_srgb_of_the_whole_cube_agrees_with_scikit_image() -> None:
    lab = oracle(cube(52))
    expected = lab2rgb(lab.permute(1, 2, 0).numpy()).transpose(2, 0, 1)
    back = color.lab_to_srgb(lab.float())
    assert np.abs(back.numpy() - expected).max() < 1e-3 / 100
    assert (color.srgb_to_lab(back) - lab).abs().max() < 5e-3


def test_float64_is_kept_and_closer() -> None:
    rgb = cube(9).double()
    lab = color.srgb_to_lab(rgb)
    assert lab.dtype == torch.float64
    assert (lab - oracle(rgb)).abs().max() < 1e-9
    assert (color.lab_to_srgb(lab) - rgb).abs().max() < 1e-5


def test_a_batch_is_its_pictures() -> None:
    rgb = torch.rand(2, 5, 3, 4, 6)
    lab = color.srgb_to_lab(rgb)
    torch.testing.assert_close(lab[1, 3], color.srgb_to_lab(rgb[1, 3]), atol=1e-4, rtol=0)
    one = color.lab_to_srgb(lab[1, 3])
    torch.testing.assert_close(color.lab_to_srgb(lab)[1, 3], one, atol=1e-5, rtol=0)


def test_lightness_alone_is_the_same_lightness() -> None:
    rgb = cube(20)
    assert torch.equal(color.srgb_to_lightness(rgb), color.srgb_to_lab(rgb)[:1])


@pytest.mark.parametrize("gamut", ["clip", "desaturate"])
def test_gradients_are_finite_everywhere(gamut: color.Gamut) -> None:
    rgb = cube(6).requires_grad_()
    color.srgb_to_lab(rgb).sum().backward()
    assert rgb.grad is not None
    assert torch.isfinite(rgb.grad).all()
    lab = torch.cat((torch.zeros(3, 1, 4), torch.randn(3, 3, 4) * 100), dim=1).requires_grad_()
    color.lab_to_srgb(lab, gamut=gamut).sum().backward()
    assert lab.grad is not None
    assert torch.isfinite(lab.grad).all()


def test_a_grey_stays_grey() -> None:
    grey = torch.arange(256.0).expand(3, 1, 256) / 255
    assert color.srgb_to_lab(grey)[1:].abs().max() < 0.01


def test_desaturating_keeps_lightness_where_clipping_does_not() -> None:
    lab = torch.cat((torch.rand(1, 40, 50) * 100, (torch.rand(2, 40, 50) - 0.5) * 220))
    kept = color.srgb_to_lab(color.lab_to_srgb(lab, gamut="desaturate"))
    clipped = color.srgb_to_lab(color.lab_to_srgb(lab))
    assert (kept[0] - lab[0]).abs().max() < 0.02
    assert (clipped[0] - lab[0]).abs().max() > 5.0


def test_desaturating_leaves_colours_that_fit_alone() -> None:
    rgb = cube(12) * 0.9 + 0.05
    lab = color.srgb_to_lab(rgb)
    assert (color.lab_to_srgb(lab, gamut="desaturate") - rgb).abs().max() < 1e-5


def test_autocast_does_not_touch_colour() -> None:
    rgb = cube(10)
    outside = color.srgb_to_lab(rgb)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = color.srgb_to_lab(rgb)
        back = color.lab_to_srgb(inside)
    assert torch.equal(inside, outside)
    assert back.dtype == torch.float32
    assert torch.equal(back, color.lab_to_srgb(outside))


def test_scaling_is_that_of_pix2pix() -> None:
    values = torch.tensor([0.0, 50.0, 100.0])
    assert color.scale_lightness(values).tolist() == [-1.0, 0.0, 1.0]
    assert torch.equal(color.unscale_lightness(color.scale_lightness(values)), values)
    assert color.scale_chroma(torch.tensor([-110.0, 55.0])).tolist() == [-1.0, 0.5]
    assert color.unscale_chroma(torch.tensor([-1.0, 0.5])).tolist() == [-110.0, 55.0]


def noise(limit: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """L (90, 91) and ab (2, 90, 91) up to a limit."""
    random = np.random.default_rng(0)
    lightness = random.random((90, 91), dtype=np.float32) * np.float32(100)
    return lightness, (random.random((2, 90, 91), dtype=np.float32) - 0.5) * np.float32(2 * limit)


def test_arrays_and_tensors_get_the_same_colours() -> None:
    rgb = cube(30)
    for gamut in ("clip", "desaturate"):
        lab = color.srgb_to_lab(rgb.numpy())
        assert isinstance(lab, np.ndarray)
        assert lab.dtype == np.float32
        assert np.abs(lab - color.srgb_to_lab(rgb).numpy()).max() < 1e-4
        lab[1:] *= 1.5
        back = color.lab_to_srgb(lab, gamut=gamut)
        assert np.abs(
            back - color.lab_to_srgb(torch.from_numpy(lab), gamut=gamut).numpy()
        ).max() < (1e-5)
    assert np.array_equal(color.srgb_to_lightness(rgb.numpy()), color.srgb_to_lab(rgb.numpy())[:1])
    assert color.srgb_to_lab(rgb.double().numpy()).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_fast_way_to_lightness_is_the_exact_way(dtype: type[np.unsignedinteger]) -> None:
    levels = np.iinfo(dtype).max
    codes = np.random.default_rng(0).integers(0, levels + 1, (90, 91, 3))
    codes[:9] //= 20  # dark ones, where the curve is a line
    exact = color.srgb_to_lightness(codes.transpose(2, 0, 1) / levels)[0]
    fast = color.srgb_codes_to_lightness(codes.astype(dtype))
    assert fast.dtype == np.float32
    assert np.abs(fast - exact).max() < 1e-4


def test_strange_numbers_give_some_colour() -> None:
    lightness = np.array([[50.0, float("nan"), 1e30, -1e30]], dtype=np.float32)
    for value in (0.0, float("nan"), 1e38, -1e38):
        chroma = np.full((2, 1, 4), value, dtype=np.float32)
        assert color.lab_to_srgb8(lightness, chroma).shape == (1, 4, 3)
        assert color.lab_to_srgb16(lightness, chroma).shape == (1, 4, 3)


def test_the_fast_way_to_16_bit_is_the_exact_way_rounded() -> None:
    lightness, ab = noise(130.0)
    fast = color.lab_to_srgb16(lightness, ab).transpose(2, 0, 1).astype(np.float64)
    lab = np.concatenate((lightness[None], ab)).astype(np.float64)
    exact = color.lab_to_srgb(lab, gamut="desaturate") * 65535
    # Greys come out equal in all channels, for which the matrix' last digits are passed over.
    assert np.abs(fast - exact).max() < 0.002 * 65535
    assert np.abs(fast - exact).mean() < 1.0


def test_the_fast_way_to_8_bit_is_the_exact_way_rounded() -> None:
    lightness, ab = noise(130.0)
    fast = color.lab_to_srgb8(lightness, ab).transpose(2, 0, 1)
    exact = color.lab_to_srgb(np.concatenate((lightness[None], ab)), gamut="desaturate") * 255
    assert fast.dtype == np.uint8
    assert np.abs(fast - exact).max() < 0.75
    assert (fast == exact.round()).mean() > 0.99


def test_the_fast_way_gives_every_grey_back_exactly() -> None:
    codes = np.arange(256, dtype=np.uint8)
    grey = np.broadcast_to(codes / np.float32(255), (3, 1, 256))
    none = np.zeros((2, 1, 256), dtype=np.float32)
    back = color.lab_to_srgb8(color.srgb_to_lightness(grey)[0], none)
    assert np.array_equal(back[0], np.stack((codes,) * 3, axis=1))
    lightness, chroma = noise(0.0)
    between = color.lab_to_srgb8(lightness, chroma)
    assert np.array_equal(between[..., 0], between[..., 1])
    assert np.array_equal(between[..., 0], between[..., 2])


@pytest.mark.parametrize("convert", [color.srgb_to_lab, color.lab_to_srgb, color.srgb_to_lightness])
def test_wrong_tensors_are_refused(convert: object) -> None:
    assert callable(convert)
    with pytest.raises(TensorError, match="third axis"):
        convert(torch.rand(8, 8, 3))
    with pytest.raises(TensorError, match=r"\(3,\)"):
        convert(torch.rand(3))
    with pytest.raises(TensorError, match=r"torch\.uint8"):
        convert(torch.zeros(3, 4, 4, dtype=torch.uint8))
    with pytest.raises(TensorError, match="not uint8"):
        convert(np.zeros((3, 4, 4), dtype=np.uint8))
