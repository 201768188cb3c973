"""Metrics against scikit-image called directly, and against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import color as skimage_color
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorzoo.errors import TensorError
from colorzoo.evaluation import metrics


def flat(*rgb: int, side: int = 8) -> NDArray[np.uint8]:
    return np.full((side, side, 3), rgb, dtype=np.uint8)


@pytest.fixture(params=["astronaut", "chelsea", "noise"])
def pair(request: pytest.FixtureRequest) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture and its truth: pale and blurred photos that come with scikit-image, and noise."""
    if request.param == "noise":
        noise = np.random.default_rng(3).integers(0, 256, (2, 40, 52, 3), dtype=np.uint8)
        return noise[0], noise[1]
    truth = Image.fromarray(getattr(data, request.param)()).resize((96, 64))
    picture = truth.filter(ImageFilter.GaussianBlur(1)).point(lambda value: 0.8 * value + 12)
    return np.array(picture), np.array(truth)


def test_metrics_agree_with_scikit_image(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    picture, truth = pair
    found = metrics.measure(picture, truth)
    lab, true_lab = skimage_color.rgb2lab(picture), skimage_color.rgb2lab(truth)
    off = np.abs(np.round(lab) - np.round(true_lab))
    assert found["psnr"] == pytest.approx(
        peak_signal_noise_ratio(truth, picture, data_range=255), abs=1e-9
    )
    assert found["ssim"] == structural_similarity(
        truth, picture, win_size=7, data_range=255, channel_axis=-1
    )
    assert found["delta_e2000"] == pytest.approx(
        skimage_color.deltaE_ciede2000(true_lab, lab).mean(), abs=1e-9
    )
    assert found["mae"] == np.abs(picture.astype(int) - truth.astype(int)).mean()
    assert found["accuracy_5"] == np.mean(np.all(off <= (5, 11, 11), axis=-1))
    assert found["accuracy_2"] == np.mean(np.all(off <= (2, 4.4, 4.4), axis=-1))
    assert found["accuracy_ab_5"] == np.mean(np.all(off[..., 1:] <= 11, axis=-1))
    assert found["accuracy_2"] <= found["accuracy_5"] <= found["accuracy_ab_5"]


def test_equal_pictures_are_perfect() -> None:
    truth = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    found = metrics.measure(truth.copy(), truth)
    assert metrics.psnr(truth, truth) == math.inf
    assert found.pop("colorfulness") == metrics.colorfulness(truth)
    assert found.pop("colorfulness_abs") == metrics.colorfulness_abs(truth)
    assert found == {
        "mae": 0.0,
        "accuracy_5": 1.0,
        "accuracy_2": 1.0,
        "accuracy_ab_5": 1.0,
        "psnr": metrics.PSNR_CEILING,
        "ssim": pytest.approx(1.0, abs=1e-12),
        "delta_e2000": 0.0,
        "delta_colorfulness": 0.0,
    }


def test_known_differences() -> None:
    truth = flat(100, 100, 100)
    found = metrics.measure(flat(110, 90, 100), truth)
    assert found["mae"] == pytest.approx(20 / 3)
    assert found["psnr"] == pytest.approx(10 * math.log10(255**2 / (200 / 3)))
    assert found["delta_colorfulness"] == pytest.approx(0.3 * 20)


def test_accuracy_thresholds_are_inclusive_and_on_rounded_values() -> None:
    truth = np.zeros((1, 4, 3))
    picture = np.array([[[5.4, 0, 0], [5.6, 0, 0], [0, 11.4, -11.4], [0, 0, 11.6]]])
    assert metrics.accuracy(picture, truth, percent=5) == 0.5
    assert metrics.accuracy(picture, truth, percent=5, lightness=False) == 0.75
    assert metrics.accuracy(picture, truth, percent=2) == 0.0
    assert metrics.accuracy(np.full((1, 1, 3), 2.4), np.zeros((1, 1, 3)), percent=2) == 1.0


def test_colorfulness_by_hand() -> None:
    assert metrics.colorfulness(flat(77, 77, 77)) == 0.0
    red = flat(255, 0, 0)
    assert metrics.colorfulness(red) == pytest.approx(0.3 * math.hypot(255, 127.5))
    # Half red, half green: signed red against green averages to 0 and spreads by 255.
    halves = flat(255, 0, 0)
    halves[4:] = (0, 255, 0)
    assert metrics.colorfulness(halves) == pytest.approx(255 + 0.3 * 127.5)
    assert metrics.colorfulness_abs(halves) == pytest.approx(0.3 * math.hypot(255, 127.5))


@pytest.mark.parametrize(
    ("picture", "truth", "message"),
    [
        (flat(1, 2, 3), flat(1, 2, 3, side=9), r"truth's shape \(9, 9, 3\), not uint8 of shape"),
        (flat(1, 2, 3) / 255.0, flat(1, 2, 3), "not float64"),
        (flat(1, 2, 3), flat(1, 2, 3)[..., 0], r"\(H, W, 3\), not uint8 of shape \(8, 8\)"),
        (flat(1, 2, 3), flat(1, 2, 3) / 255.0, "Convert it to 8-bit"),
        (flat(1, 2, 3, side=6), flat(1, 2, 3, side=6), "at least 7 x 7 pixels, not 6 x 6"),
    ],
)
def test_pictures_that_cannot_be_measured(
    picture: NDArray[np.uint8], truth: NDArray[np.uint8], message: str
) -> None:
    with pytest.raises(TensorError, match=message):
        metrics.measure(picture, truth)
