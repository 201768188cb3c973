"""FID and LPIPS: distances by networks whose weights are fetched when they are first used.

The only file that imports ``torchmetrics``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from colorzoo.errors import ColorzooError, ConfigError, MissingDependencyError
from colorzoo.evaluation.metrics import Picture8


class Perceptual:
    """FID and LPIPS of several rows of pictures, each against the same truths.

    FID (Heusel et al. 2017, arXiv:1706.08500) by Inception features of 2048 numbers; it compares
    whole sets of photos and is only comparable between sets of the same number, best above 2048.
    LPIPS (Zhang et al. 2018, arXiv:1801.03924) by AlexNet, for each photo.

    Args:
        rows: Names of the rows.
        fid: Measure FID.
        lpips: Measure LPIPS.
        device: Where the networks run.

    Raises:
        MissingDependencyError: ``torchmetrics`` or a library that it needs is not installed.
        ColorzooError: A network's weights cannot be fetched.
    """

    def __init__(
        self, rows: Sequence[str], *, fid: bool, lpips: bool, device: torch.device
    ) -> None:
        self.device = device
        self.fid: dict[str, Any] = {row: _build(_make_fid).to(device) for row in rows if fid}
        self.lpips: Any = _build(_make_lpips).to(device) if lpips else None

    @torch.inference_mode()
    def measure(self, row: str, picture: Picture8, truth: Picture8) -> dict[str, float]:
        """Take in one picture of a row, and return what is known for it alone: ``lpips``."""
        if not self.fid and self.lpips is None:
            return {}
        pixels, true_pixels = self._to_tensor(picture), self._to_tensor(truth)
        if self.fid:
            self.fid[row].update(pixels, real=False)
            self.fid[row].update(true_pixels, real=True)
        if self.lpips is None:
            return {}
        return {"lpips": float(self.lpips(pixels / 255.0, true_pixels / 255.0))}

    def overall(self, row: str) -> dict[str, float]:
        """Return what is known for a whole row: ``fid``, over all processes.

        Raises:
            ConfigError: The row has fewer than two pictures.
        """
        if not self.fid:
            return {}
        try:
            return {"fid": float(self.fid[row].compute())}
        except RuntimeError as error:
            if "More than one sample" not in str(error):
                raise
            raise ConfigError(
                "FID needs at least two photos. Give more, or leave FID out."
            ) from error

    def _to_tensor(self, picture: Picture8) -> Tensor:
        return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].to(self.device)


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
        raise MissingDependencyError(library, extra="fid", purpose="FID or LPIPS") from error
    except (OSError, RuntimeError) as error:  # no network, or what arrived is not what was asked
        raise ColorzooError(
            "The network that FID or LPIPS compares pictures with cannot be fetched: "
            f"{type(error).__name__}: {error}. Check the connection and the room on the disk, or "
            "leave FID and LPIPS out."
        ) from error
