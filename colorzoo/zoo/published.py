"""Numbers that others have published, for orientation beside those of this zoo."""

from __future__ import annotations

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
