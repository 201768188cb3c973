import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from colorzoo import chroma, color
from colorzoo.errors import ConfigError, TensorError
from colorzoo.pictures import strips

Floats = NDArray[np.float32]


def noise(*shape: int, seed: int = 0) -> Floats:
    """Numbers of a normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def grain(*shape: int, seed: int = 1) -> Floats:
    """Lightness, 0..100."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32) * np.float32(100)


def shrink(planes: Floats, size: tuple[int, int], mode: str = "bicubic") -> Floats:
    """Resize by torch, which shares no code with what is tested."""
    tensor = torch.from_numpy(planes)[None]
    return F.interpolate(tensor, size=size, mode=mode, antialias=mode == "bicubic")[0].numpy()


def shapes(height: int, width: int) -> tuple[Floats, Floats]:
    """Lightness (H, W) and ab (2, H, W) of coloured discs on a ramp, their edges together."""
    y, x = np.mgrid[:height, :width]
    lightness = 30.0 + 20.0 * x / width
    ab = np.stack((np.full((height, width), 5.0), np.full((height, width), -10.0)))
    for row, column, step in ((0.3, 0.3, 35.0), (0.7, 0.6, -25.0), (0.4, 0.8, 45.0)):
        inside = (y - row * height) ** 2 + (x - column * width) ** 2 < (0.17 * height) ** 2
        lightness[inside] += step
        ab[:, inside] += np.array([[step], [0.8 * step]])
    return lightness.astype(np.float32), ab.astype(np.float32)


@pytest.mark.parametrize(
    ("small", "full"),
    [((20, 31), (90, 140)), ((40, 30), (17, 9)), ((1, 1), (5, 4)), ((3, 50), (2, 99))],
)
def test_strips_change_nothing(
    small: tuple[int, int], full: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ab, guide, lightness = noise(2, *small) * 30, grain(*small), grain(*full, seed=2)
    whole = chroma.upsample(ab, guide, lightness)
    monkeypatch.setattr(strips, "STRIP_PIXELS", 3 * full[1])
    assert whole.shape == (2, *full)
    assert np.abs(chroma.upsample(ab, guide, lightness) - whole).max() < 2e-3
    np.testing.assert_array_equal(chroma.upsample(ab, guide, guide), ab)  # it is there already


def test_flat_lightness_leaves_plain_cubic_interpolation() -> None:
    ab = noise(2, 12, 17) * 30
    guide, lightness = (np.full(size, 50, dtype=np.float32) for size in ((12, 17), (70, 80)))
    flat = chroma.upsample(ab, guide, lightness)
    assert np.abs(flat - shrink(ab, (70, 80))).max() < 1e-3


def test_constant_chroma_stays_constant() -> None:
    ab = np.array([20.0, -30.0], dtype=np.float32)[:, None, None]
    full = chroma.upsample(np.broadcast_to(ab, (2, 9, 9)), grain(9, 9), grain(60, 61))
    assert full.shape == (2, 60, 61)
    assert np.abs(full - ab).max() < 1e-3


def test_edges_bleed_less_than_with_interpolation_alone() -> None:
    lightness, truth = shapes(240, 320)
    ab, guide = shrink(truth, (30, 40)), shrink(lightness[None], (30, 40))[0]
    along_edges = np.abs(chroma.upsample(ab, guide, lightness) - truth).mean()
    assert along_edges < 0.75 * np.abs(shrink(ab, (240, 320), "bilinear") - truth).mean()


def test_wild_chroma_does_not_move_lightness() -> None:
    lightness = grain(120, 130)
    ab = (grain(2, 20, 22) - 50) * 4
    guide = shrink(lightness[None], (20, 22))[0]
    strips = [s for _, s in chroma.srgb_strips(ab, guide, (120, 130), lambda a, b: lightness[a:b])]
    rgb = np.concatenate(strips).transpose(2, 0, 1) / 255
    difference = np.abs(color.srgb_to_lightness(rgb)[0] - lightness)
    assert difference.mean() < 0.15
    assert difference.max() < 0.5


def test_no_chroma_is_exactly_grey() -> None:
    lightness, none = grain(50, 60), np.zeros((2, 8, 9), dtype=np.float32)
    strips = chroma.srgb_strips(none, grain(8, 9), (50, 60), lambda a, b: lightness[a:b])
    pixels = np.concatenate([strip for _, strip in strips])
    assert np.array_equal(pixels, np.broadcast_to(pixels[..., :1], pixels.shape))


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_PIXELS", 300)
    monkeypatch.setattr(strips, "processors", lambda: threads)
    ab, guide, lightness = noise(2, 9, 9) * 30, grain(9, 9), grain(90, 60)
    seen: set[int] = set()

    def rows(start: int, stop: int) -> Floats:
        seen.add(threading.get_ident())
        time.sleep(0.01)  # else one thread may do it all before another is there
        return lightness[start:stop]

    expected = color.lab_to_srgb8(lightness, chroma.upsample(ab, guide, lightness))
    parts = list(chroma.srgb_strips(ab, guide, (90, 60), rows))
    assert [start for start, _ in parts] == list(range(0, 90, 5))
    pixels = np.concatenate([part for _, part in parts]).astype(int)
    assert np.abs(pixels - expected.astype(int)).max() <= 1
    assert len(seen) == threads


def test_a_fault_in_a_thread_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "processors", lambda: 2)

    def fails(start: int, stop: int) -> Floats:
        raise OSError(f"rows {start} to {stop}")

    with pytest.raises(OSError, match="rows 0"):
        list(chroma.srgb_strips(noise(2, 4, 4), grain(4, 4), (9, 9), fails))


@pytest.mark.parametrize(("told", "most"), [("1", 1), ("2,1", 2), ("", 999), ("many", 999)])
def test_processors_are_no_more_than_the_environment_says(
    told: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert 1 <= strips.processors() <= most


def test_saturation_scales_chroma() -> None:
    ab = noise(2, 4, 4)
    assert np.array_equal(chroma.saturate(ab, 1.0), ab)
    assert np.array_equal(chroma.saturate(ab, 0), ab * 0)
    for factor in (1.5, np.float32(1.5), np.float64(1.5)):
        stronger = chroma.saturate(ab, factor)
        assert np.array_equal(stronger, ab * 1.5)
        assert stronger.dtype == np.float32
    assert np.array_equal(chroma.saturate(ab, np.int64(2)), ab * 2)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf"), True, "1", None])
def test_bad_saturation_is_refused(factor: float) -> None:
    with pytest.raises(ConfigError, match="saturation"):
        chroma.saturate(noise(2, 1, 1), factor)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(TensorError, match="agree"):
        chroma.upsample(noise(2, 4, 4), grain(4, 5), grain(8, 8))
    with pytest.raises(TensorError, match=r"\(H, W\)"):
        chroma.upsample(noise(2, 4, 4), grain(4, 4), grain(1, 8, 8))
