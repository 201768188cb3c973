"""FID and LPIPS: distances by networks whose weights are fetched when they are first used.

The only file that imports ``torchmetrics``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from colorzoo.errors import ColorzooError, ConfigError, MissingDependencyError
from colorzoo.metrics.table import Pixels, register_metric

if TYPE_CHECKING:
    import torch


@register_metric(
    "lpips",
    heading="LPIPS",
    short="LPIPS",
    meaning="distance of AlexNet's features",
    digits=".3f",
    better="↓",
    main=True,
    library="torchmetrics",
)
class Lpips:
    """LPIPS (Zhang et al. 2018, arXiv:1801.03924) by AlexNet, for each photo.

    Args:
        device: Where the network runs.

    Raises:
        MissingDependencyError: A library that ``torchmetrics`` needs is not installed.
        ColorzooError: The network's weights cannot be fetched.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.network = _build(_make_lpips).to(device)

    def add(self, picture: Pixels, truth: Pixels) -> float | None:
        """Return the distance of one picture."""
        import torch

        with torch.inference_mode():
            pixels, true_pixels = _to_tensor(picture, self.device), _to_tensor(truth, self.device)
            return float(self.network(pixels / 255.0, true_pixels / 255.0))

    def overall(self) -> float | None:
        """Return None: each picture has its own."""


@register_metric(
    "fid",
    heading="FID",
    short="FID",
    meaning="distance of two sets of photos in Inception's features; only for equal counts",
    digits=".2f",
    better="↓",
    main=True,
    library="torchmetrics",
)
class Fid:
    """FID (Heusel et al. 2017, arXiv:1706.08500) by Inception features of 2048 numbers.

    It compares whole sets of photos and is only comparable between sets of the same number, best
    above 2048.

    Args:
        device: Where the network runs.

    Raises:
        MissingDependencyError: A library that ``torchmetrics`` needs is not installed.
        ColorzooError: The network's weights cannot be fetched.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.distance = _build(_make_fid).to(device)

    def add(self, picture: Pixels, truth: Pixels) -> float | None:
        """Take in one picture, which has no number of its own."""
        import torch

        with torch.inference_mode():
            self.distance.update(_to_tensor(picture, self.device), real=False)
            self.distance.update(_to_tensor(truth, self.device), real=True)
        return None

    def overall(self) -> float | None:
        """Return the distance over all processes.

        Raises:
            ConfigError: There are fewer than two pictures.
        """
        try:
            return float(self.distance.compute())
        except RuntimeError as error:
            if "More than one sample" not in str(error):
                raise
            raise ConfigError(
                "FID needs at least two photos. Give more, or leave FID out."
            ) from error


def _to_tensor(picture: Pixels, device: torch.device) -> torch.Tensor:
    """Return (1, 3, H, W) uint8."""
    import torch

    return torch.from_numpy(picture.rgb.transpose(2, 0, 1).copy())[None].to(device)


def _make_fid() -> Any:
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance(feature=2048)


def _make_lpips() -> Any:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)


def _build(make: Callable[[], Any]) -> Any:
    """Make a metric; what it lacks or cannot fetch becomes one clear error."""
    try:
        return make()
    except ImportError as error:
        library = error.name or "torchmetrics[image]"
        raise MissingDependencyError(library, extra="metrics", purpose="FID or LPIPS") from error
    except (OSError, RuntimeError) as error:  # no network, or what arrived is not what was asked
        raise ColorzooError(
            "The network that FID or LPIPS compares pictures with cannot be fetched: "
            f"{type(error).__name__}: {error}. Check the connection and the room on the disk, or "
            "leave FID and LPIPS out."
        ) from error
