from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import colorzoo
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.read import read
from colorzoo.pictures.tones import noise_of, prepare, smoothed, stretched

Lightness = NDArray[np.float32]


def scene(height: int = 120, width: int = 160) -> Lightness:
    """A slope, a disc with a hard edge, and no noise: L of 0..100."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    disc = (y - height / 2) ** 2 + (x - width / 2) ** 2 < 900
    return np.where(disc, 90.0, 100.0 * x / width).astype(np.float32)


def noisy(deviation: float) -> Lightness:
    noise = np.random.default_rng(0).normal(0.0, deviation, scene().shape)
    return (scene() + noise).clip(0, 100).astype(np.float32)


def test_faded_tones_reach_from_black_to_white() -> None:
    faded = 45.0 + scene() * 0.4
    assert np.abs(stretched(faded.astype(np.float32)) - scene()).max() < 2.0


def test_full_tones_stay() -> None:
    assert np.abs(stretched(scene()) - scene()).max() < 1.0


@pytest.mark.parametrize("shade", [0.0, 30.0, 100.0])
def test_fog_stays_fog(shade: float) -> None:
    fog = (shade + scene() * 0.02).clip(0, 100).astype(np.float32)
    shown = stretched(fog)
    assert shown.dtype == np.float32
    assert np.ptp(shown) < 3.1 * 2.0
    assert np.abs(shown.mean() - fog.mean()) < 4.0
    flat = np.full((9, 9), shade, dtype=np.float32)
    assert np.array_equal(stretched(flat), flat)


@pytest.mark.parametrize("deviation", [1.0, 3.0, 8.0])
def test_noise_is_measured_and_smoothed_and_edges_stay(deviation: float) -> None:
    # Where the slope is near black or white, clipping takes a part of the noise.
    assert noise_of(noisy(deviation)) == pytest.approx(deviation, rel=0.2)
    before = np.abs(noisy(deviation) - scene())
    after = np.abs(smoothed(noisy(deviation)) - scene())
    assert after[10:50, 20:60].mean() < 0.5 * before[10:50, 20:60].mean()
    edge = smoothed(noisy(deviation))[60, [46, 54]]  # beside the rim of the disc
    assert edge[1] - edge[0] > 0.8 * (scene()[60, 54] - scene()[60, 46])


def test_clean_pictures_stay_nearly_as_they_are() -> None:
    assert noise_of(scene()) < 0.01
    assert np.abs(smoothed(scene()) - scene()).max() < 0.5
    assert noise_of(np.zeros((2, 9), dtype=np.float32)) == 0.0


def test_what_is_asked_for_is_done() -> None:
    picture = (40.0 + noisy(3.0) * 0.4).astype(np.float32)
    assert prepare(picture) is picture
    assert np.array_equal(prepare(picture, denoise=True), smoothed(picture))
    assert np.array_equal(prepare(picture, restore_tones=True), stretched(picture))
    both = prepare(picture, restore_tones=True, denoise=True)
    assert np.array_equal(both, stretched(smoothed(picture)))


def test_a_colorizer_shows_its_predictor_what_was_asked_for(
    model_folder: Path, tmp_path: Path
) -> None:
    colorizer = colorzoo.load(model_folder, device="cpu")
    faded = read((115 + 90 * noisy(3.0) / 100).astype(np.uint8))
    options = ColorizeOptions(restore_tones=True, denoise=True)
    (prediction,) = colorizer.predict_pictures([faded], options)
    own = faded.resized_lightness(*prediction.lightness.shape)
    assert np.array_equal(prediction.lightness, own)
    seen = prepare(own, restore_tones=True, denoise=True)
    expected = colorizer.predict(seen[None, None])[0]
    assert np.abs(prediction.chroma - expected).max() < 1e-4
    (plain,) = colorizer.predict_pictures([faded])
    assert not np.array_equal(plain.chroma, prediction.chroma)
    same = colorizer.finish(faded, prediction)
    (tmp_path / "in").mkdir()
    Image.fromarray((115 + 90 * noisy(3.0) / 100).astype(np.uint8)).save(tmp_path / "in" / "a.png")
    called = colorizer(tmp_path / "in" / "a.png", restore_tones=True, denoise=True, depth=16)
    assert np.array_equal(np.asarray(called), np.asarray(same))
    called.save(tmp_path / "called.png")
    assert read(tmp_path / "called.png").bit_depth == 16
    colorizer.folder(tmp_path / "in", tmp_path / "out", restore_tones=True, denoise=True)
    with Image.open(tmp_path / "out" / "a.png") as written:
        assert np.array_equal(np.asarray(written), np.asarray(same))
