"""Metrics against scikit-image called directly, and against cases worked out by hand."""

from __future__ import annotations

import math

import forked
import numpy as np
import pytest
from conftest import Run
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import color as skimage_color
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorzoo.errors import TensorError, UnknownNameError
from colorzoo.metrics import pixelwise
from colorzoo.metrics.table import METRICS, measure


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
    numbers = measure(picture, truth)
    lab, true_lab = skimage_color.rgb2lab(picture), skimage_color.rgb2lab(truth)
    off = np.abs(np.round(lab) - np.round(true_lab))
    assert numbers["psnr"] == pytest.approx(
        peak_signal_noise_ratio(truth, picture, data_range=255), abs=1e-9
    )
    assert numbers["ssim"] == structural_similarity(
        truth, picture, win_size=7, data_range=255, channel_axis=-1
    )
    assert numbers["delta_e2000"] == pytest.approx(
        skimage_color.deltaE_ciede2000(true_lab, lab).mean(), abs=1e-9
    )
    assert numbers["mae"] == np.abs(picture.astype(int) - truth.astype(int)).mean()
    assert numbers["accuracy_5"] == np.mean(np.all(off <= (5, 11, 11), axis=-1))
    assert numbers["accuracy_2"] == np.mean(np.all(off <= (2, 4.4, 4.4), axis=-1))
    assert numbers["accuracy_ab_5"] == np.mean(np.all(off[..., 1:] <= 11, axis=-1))
    assert numbers["accuracy_2"] <= numbers["accuracy_5"] <= numbers["accuracy_ab_5"]


def test_equal_pictures_are_perfect() -> None:
    truth = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    numbers = measure(truth.copy(), truth)
    assert numbers.pop("colorfulness") > 0
    assert numbers.pop("colorfulness_abs") > 0
    assert numbers == {
        "mae": 0.0,
        "accuracy_5": 1.0,
        "accuracy_2": 1.0,
        "accuracy_ab_5": 1.0,
        "psnr": pixelwise.PSNR_CEILING,
        "ssim": pytest.approx(1.0, abs=1e-12),
        "delta_e2000": 0.0,
        "delta_colorfulness": 0.0,
    }


def test_known_differences() -> None:
    truth = flat(100, 100, 100)
    numbers = measure(flat(110, 90, 100), truth)
    assert numbers["mae"] == pytest.approx(20 / 3)
    assert numbers["psnr"] == pytest.approx(10 * math.log10(255**2 / (200 / 3)))
    assert numbers["delta_colorfulness"] == pytest.approx(0.3 * 20)


def test_accuracy_thresholds_are_inclusive_and_on_rounded_values() -> None:
    truth = np.zeros((1, 4, 3))
    picture = np.array([[[5.4, 0, 0], [5.6, 0, 0], [0, 11.4, -11.4], [0, 0, 11.6]]])
    assert pixelwise.accuracy(picture, truth, percent=5) == 0.5
    assert pixelwise.accuracy(picture, truth, percent=5, lightness=False) == 0.75
    assert pixelwise.accuracy(picture, truth, percent=2) == 0.0
    assert pixelwise.accuracy(np.full((1, 1, 3), 2.4), np.zeros((1, 1, 3)), percent=2) == 1.0


def test_colorfulness_by_hand() -> None:
    def both(picture: NDArray[np.uint8]) -> tuple[float, float]:
        numbers = measure(picture, picture, ("colorfulness", "colorfulness_abs"))
        return numbers["colorfulness"], numbers["colorfulness_abs"]

    assert both(flat(77, 77, 77)) == (0.0, 0.0)
    red = flat(255, 0, 0)
    assert both(red)[0] == pytest.approx(0.3 * math.hypot(255, 127.5))
    # Half red, half green: signed red against green averages to 0 and spreads by 255.
    halves = flat(255, 0, 0)
    halves[4:] = (0, 255, 0)
    signed, absolute = both(halves)
    assert signed == pytest.approx(255 + 0.3 * 127.5)
    assert absolute == pytest.approx(0.3 * math.hypot(255, 127.5))


@pytest.mark.parametrize(
    ("picture", "truth", "message"),
    [
        (flat(1, 2, 3), flat(1, 2, 3, side=9), r"truth's shape \(9, 9, 3\), not \(8, 8, 3\)"),
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
        measure(picture, truth)


def test_the_table_says_what_is_measured_and_how_it_is_shown() -> None:
    protocol = [row.name for row in METRICS.chosen(("colorzoo-1",))]
    assert protocol == [
        "mae",
        "accuracy_5",
        "accuracy_2",
        "accuracy_ab_5",
        "psnr",
        "ssim",
        "delta_e2000",
        "colorfulness",
        "colorfulness_abs",
        "delta_colorfulness",
    ]
    assert [row.name for row in METRICS.chosen(("ssim", "mae"))] == ["mae", "ssim"]
    assert list(measure(flat(1, 2, 3), flat(1, 2, 4), ("psnr",))) == ["psnr"]
    psnr = METRICS.get("psnr")
    assert (psnr.full_heading, psnr.short) == ("PSNR, dB ↑", "PSNR dB")
    assert psnr.show({"mean": 20.126, "std": 3.0}, spread=True) == "20.13 ± 3.00"
    assert psnr.show({"mean": 20.126}, spread=True) == "20.13"
    assert METRICS.get("delta_colorfulness").show({"mean": 2.0, "std": 3.0}, spread=True) == (
        "+2.0 ± 3.0"
    )
    assert all(METRICS.get(name).meaning for name in METRICS.names())
    with pytest.raises(UnknownNameError, match="no metric called 'psrn'.* Did you mean 'psnr'"):
        METRICS.chosen(("psrn",))


def test_the_table_is_read_without_the_libraries_that_compute(run_python: Run) -> None:
    heavy = ("torch", "numpy", "skimage", "torchmetrics")
    code = (
        "import sys; from colorzoo.metrics.table import METRICS; "
        "print([row.full_heading for row in METRICS.shown(['psnr', 'fid'])], "
        f"[name for name in {heavy} if name in sys.modules])"
    )
    assert run_python("-c", code).stdout == "['PSNR, dB ↑', 'FID ↓'] []\n"


def test_a_metric_without_its_library_says_which_extra_brings_it() -> None:
    code = (
        "import sys\n"
        "import numpy as np; from colorzoo.metrics.table import measure\n"
        "sys.modules['skimage'] = None\n"
        "picture = np.zeros((8, 8, 3), np.uint8)\n"
        "print(measure(picture, picture, ('mae', 'psnr')))\n"
        "try: measure(picture, picture)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    first, second = forked.run("-c", code).stdout.splitlines()
    assert first == "{'mae': 0.0, 'psnr': 100.0}"
    assert second.startswith("MissingDependencyError The metric 'ssim' needs the library 'skimage'")
    assert second.endswith("pip install 'colorzoo[metrics]'")
