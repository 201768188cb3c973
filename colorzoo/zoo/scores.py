"""How numbers of models are shown, in reports and on cards, and those others have published."""

from __future__ import annotations

from typing import NamedTuple


class Score(NamedTuple):
    """How a metric is shown.

    Attributes:
        key: Its name in reports and facts.
        short: Heading in a terminal.
        heading: Heading on a card.
        digits: Format of its numbers.
        better: An arrow to where better is, or nothing.
        spread: Whether short tables show its deviation over photos too.
    """

    key: str
    short: str
    heading: str
    digits: str
    better: str = ""
    spread: bool = False

    def show(self, statistic: dict[str, float] | None, *, spread: bool) -> str:
        """Return ``{"mean": ..., "std": ...}`` as text, with its deviation if there is one."""
        if statistic is None:
            return ""
        mean = format(statistic["mean"], self.digits)
        if not spread or "std" not in statistic:
            return mean
        return f"{mean} ± {statistic['std']:{self.digits.lstrip('+')}}"


SCORES = (
    Score("mae", "MAE", "MAE", ".2f", "↓"),
    Score("accuracy_5", "acc@5%", "accuracy@5%", ".3f", "↑"),
    Score("accuracy_2", "acc@2%", "accuracy@2%", ".3f", "↑"),
    Score("accuracy_ab_5", "ab@5%", "accuracy of ab@5%", ".3f", "↑"),
    Score("psnr", "PSNR dB", "PSNR, dB", ".2f", "↑", spread=True),
    Score("ssim", "SSIM", "SSIM", ".3f", "↑", spread=True),
    Score("delta_e2000", "ΔE2000", "ΔE2000", ".2f", "↓"),
    Score("colorfulness", "CF", "colourfulness", ".1f"),
    Score("colorfulness_abs", "CFabs", "colourfulness, absolute", ".1f"),
    Score("delta_colorfulness", "ΔCF", "colourfulness minus truth's", "+.1f"),
    Score("lpips", "LPIPS", "LPIPS", ".3f", "↓"),
    Score("fid", "FID", "FID", ".2f", "↓"),
)
"""Every metric, in the order of the tables."""

PUBLISHED_ON = "published for the Flickr2K test split, other photos, 256 x 256"


def _published(
    mae: float, accuracy: float, psnr: tuple[float, float], ssim: tuple[float, float]
) -> dict[str, dict[str, float]]:
    return {
        "mae": {"mean": mae},
        "accuracy_5": {"mean": accuracy},
        "psnr": {"mean": psnr[0], "std": psnr[1]},
        "ssim": {"mean": ssim[0], "std": ssim[1]},
    }


PUBLISHED = {
    "Unet": _published(15.7048, 0.6181, (21.0652, 2.8775), (0.8960, 0.0575)),
    "ResUnet": _published(13.7539, 0.6780, (22.4598, 3.6226), (0.9253, 0.0522)),
    "DenseUnet": _published(16.0282, 0.6117, (20.9791, 3.0603), (0.9074, 0.0477)),
    "AttentionUnet": _published(12.1038, 0.6899, (23.2658, 3.2792), (0.9347, 0.0394)),
    "CNN": _published(14.9176, 0.5933, (21.8557, 2.5316), (0.9103, 0.0423)),
}
"""Table 1 of the report that this zoo follows, by model."""
