import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from colorzoo import chroma, color
from colorzoo.errors import ConfigError, TensorError
from colorzoo.pictures import strips


def shrink(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(planes[None], size=size, mode="bicubic", antialias=True)[0]


def shapes(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Lightness (H, W) and ab (2, H, W) of coloured discs on a ramp, their edges together."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    lightness = 30.0 + 20.0 * x / width
    ab = torch.stack((torch.full((height, width), 5.0), torch.full((height, width), -10.0)))
    for row, column, step in ((0.3, 0.3, 35.0), (0.7, 0.6, -25.0), (0.4, 0.8, 45.0)):
        inside = (y - row * height) ** 2 + (x - column * width) ** 2 < (0.17 * height) ** 2
        lightness = torch.where(inside, lightness + step, lightness)
        ab = torch.where(inside, ab + torch.tensor([step, 0.8 * step])[:, None, None], ab)
    return lightness, ab


@pytest.mark.parametrize(
    ("small", "full"),
    [((20, 31), (90, 140)), ((40, 30), (17, 9)), ((1, 1), (5, 4)), ((3, 50), (2, 99))],
)
def test_strips_change_nothing(
    small: tuple[int, int], full: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ab, guide = torch.randn(2, *small) * 30, torch.rand(small) * 100
    lightness = torch.rand(full) * 100
    whole = chroma.upsample(ab, guide, lightness)
    monkeypatch.setattr(strips, "STRIP_PIXELS", 3 * full[1])
    assert whole.shape == (2, *full)
    torch.testing.assert_close(chroma.upsample(ab, guide, lightness), whole, atol=2e-3, rtol=0)


def test_flat_lightness_leaves_plain_cubic_interpolation() -> None:
    ab = torch.randn(2, 12, 17) * 30
    flat = chroma.upsample(ab, torch.full((12, 17), 50.0), torch.full((70, 80), 50.0))
    torch.testing.assert_close(flat, shrink(ab, (70, 80)), atol=1e-3, rtol=0)


def test_constant_chroma_stays_constant() -> None:
    ab = torch.tensor([20.0, -30.0])[:, None, None].expand(2, 9, 9)
    full = chroma.upsample(ab, torch.rand(9, 9) * 100, torch.rand(60, 61) * 100)
    torch.testing.assert_close(full, ab[:, :1, :1].expand(2, 60, 61), atol=1e-3, rtol=0)


def test_edges_bleed_less_than_with_interpolation_alone() -> None:
    lightness, truth = shapes(240, 320)
    ab, guide = shrink(truth, (30, 40)), shrink(lightness[None], (30, 40))[0]
    along_edges = (chroma.upsample(ab, guide, lightness) - truth).abs().mean()
    bilinear = F.interpolate(ab[None], size=(240, 320), mode="bilinear")[0]
    assert along_edges < 0.75 * (bilinear - truth).abs().mean()


def test_wild_chroma_does_not_move_lightness() -> None:
    lightness = torch.rand(120, 130) * 100
    ab = (torch.rand(2, 20, 22) - 0.5) * 400
    guide = shrink(lightness[None], (20, 22))[0]
    strips = [s for _, s in chroma.srgb_strips(ab, guide, (120, 130), lambda a, b: lightness[a:b])]
    rgb = torch.cat(strips).permute(2, 0, 1) / 255
    difference = (color.srgb_to_lightness(rgb)[0] - lightness).abs()
    assert difference.mean() < 0.15
    assert difference.max() < 0.5


def test_no_chroma_is_exactly_grey() -> None:
    lightness = torch.rand(50, 60) * 100
    strips = chroma.srgb_strips(
        torch.zeros(2, 8, 9), torch.rand(8, 9) * 100, (50, 60), lambda a, b: lightness[a:b]
    )
    pixels = torch.cat([strip for _, strip in strips])
    assert torch.equal(pixels, pixels[..., :1].expand(-1, -1, 3))


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_PIXELS", 300)
    ab, guide, lightness = (
        torch.randn(2, 9, 9) * 30,
        torch.rand(9, 9) * 100,
        torch.rand(90, 60) * 100,
    )
    seen: set[int] = set()

    def rows(start: int, stop: int) -> Tensor:
        seen.add(threading.get_ident())
        time.sleep(0.01)  # else one thread may do it all before another is there
        return lightness[start:stop]

    expected = color.lab_to_srgb8(lightness, chroma.upsample(ab, guide, lightness))
    torch.set_num_threads(threads)
    try:
        with strips.single_thread():
            parts = list(chroma.srgb_strips(ab, guide, (90, 60), rows))
    finally:
        torch.set_num_threads(1)
    assert [start for start, _ in parts] == list(range(0, 90, 5))
    found = torch.cat([part for _, part in parts]).int()
    assert (found - expected.int()).abs().max() <= 1
    assert len(seen) == threads


def test_a_fault_in_a_thread_comes_out() -> None:
    def fails(start: int, stop: int) -> Tensor:
        raise OSError(f"rows {start} to {stop}")

    torch.set_num_threads(2)
    try:
        with pytest.raises(OSError, match="rows 0"):
            list(chroma.srgb_strips(torch.zeros(2, 4, 4), torch.zeros(4, 4), (9, 9), fails))
    finally:
        torch.set_num_threads(1)


def test_saturation_scales_chroma() -> None:
    ab = torch.randn(2, 4, 4)
    assert torch.equal(chroma.saturate(ab, 1.0), ab)
    assert torch.equal(chroma.saturate(ab, 0), ab * 0)
    for factor in (1.5, np.float32(1.5), np.float64(1.5)):
        assert torch.equal(chroma.saturate(ab, factor), ab * 1.5)
    assert torch.equal(chroma.saturate(ab, np.int64(2)), ab * 2)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf"), True, "1", None])
def test_bad_saturation_is_refused(factor: float) -> None:
    with pytest.raises(ConfigError, match="saturation"):
        chroma.saturate(torch.zeros(2, 1, 1), factor)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(TensorError, match="agree"):
        chroma.upsample(torch.zeros(2, 4, 4), torch.zeros(4, 5), torch.zeros(8, 8))
    with pytest.raises(TensorError, match=r"\(H, W\)"):
        chroma.upsample(torch.zeros(2, 4, 4), torch.zeros(4, 4), torch.zeros(1, 8, 8))
