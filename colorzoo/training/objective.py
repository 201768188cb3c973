"""What the networks are trained on: a table of losses, and their weighted sum in one phase.

A loss of one's own is one function and one row, also from a script::

    from colorzoo.training.objective import LOSSES, LossSetup, StepView

    def make_grey_loss(setup: LossSetup):
        return lambda view: view.chroma.square().mean()

    LOSSES["grey"] = make_grey_loss        # in the config: losses = { pixel = 100.0, grey = 1.0 }
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from colorzoo.color import (
    lab_to_srgb,
    scale_chroma,
    scale_lightness,
    srgb_to_lab,
    unscale_chroma,
    unscale_lightness,
)
from colorzoo.errors import ConfigError, did_you_mean
from colorzoo.features.squeezenet import SqueezeNet
from colorzoo.models._heads import ClassHead, cell_weights
from colorzoo.models.base import Generator, has_distribution
from colorzoo.training.classes import class_loss, distillation_loss
from colorzoo.training.losses import generator_loss, perceptual_loss, pixel_loss
from colorzoo.training.phases import ADVERSARIAL, CLASSES, DISTILLATION
from colorzoo.training.teacher import load_teacher

if TYPE_CHECKING:
    from colorzoo.data.sources import PhotoSource
    from colorzoo.training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class ScaledPhotos:
    """A batch as the networks see it, all scaled to -1..1.

    Attributes:
        noisy: Lightness the generator gets (N, 1, H, W), with noise and another tone if asked for.
        lightness: True lightness (N, 1, H, W).
        chroma: True chroma (N, 2, H, W).
        hints: What stands beside lightness (N, 3, H, W); None for a generator that takes no hints.
    """

    noisy: Tensor
    lightness: Tensor
    chroma: Tensor
    hints: Tensor | None = None

    @property
    def seen(self) -> Tensor:
        """All that the generator gets: (N, 1, H, W), or (N, 4, H, W) with hints."""
        return self.noisy if self.hints is None else torch.cat((self.noisy, self.hints), dim=1)


class Prediction(NamedTuple):
    """What a generator gives for a batch while it is trained, in float32.

    A tuple, because the wrappers of several processes look for tensors in those.

    Attributes:
        chroma: (N, 2, H, W), scaled to -1..1; None where the losses of the phase look at the logits
            alone, for the mean of a distribution costs a tenth of a step.
        logits: (N, Q, h, w) over the cells of a generator that ends in a distribution; None of
            one that does not.
    """

    chroma: Tensor | None
    logits: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """What a loss sees of one batch.

    Attributes:
        photos: The truth.
        prediction: What the generator made of it.
        fake_logits: Logits of the predicted chroma, through which the generator is trained; None
            where no discriminator takes part.
    """

    photos: ScaledPhotos
    prediction: Prediction
    fake_logits: Tensor | None = None

    @property
    def chroma(self) -> Tensor:
        """The predicted chroma (N, 2, H, W), scaled to -1..1."""
        if self.prediction.chroma is None:
            raise RuntimeError("A phase on losses of logits alone predicts no chroma.")
        return self.prediction.chroma

    @property
    def logits(self) -> Tensor:
        """The logits (N, Q, h, w) of a generator that ends in a distribution."""
        if self.prediction.logits is None:
            raise RuntimeError("A generator with a distribution gives logits in training.")
        return self.prediction.logits


@dataclass(frozen=True, slots=True)
class LossSetup:
    """What a loss may need before the first step.

    Attributes:
        config: All settings of the run.
        device: Where the batches are.
        generator: The generator, bare.
        source: The photos; None for a stream.
    """

    config: TrainingConfig
    device: torch.device
    generator: Generator[Any]
    source: PhotoSource | None


Loss = Callable[[StepView], Tensor]
"""Gives a scalar, before its weight, in float32."""


def make_pixel_loss(setup: LossSetup) -> Loss:
    """Return the distance of predicted and true chroma."""
    loss = setup.config.loss
    return lambda view: pixel_loss(
        view.chroma, view.photos.chroma, kind=loss.pixel, emphasis=loss.emphasis
    )


def make_perceptual_loss(setup: LossSetup) -> Loss:
    """Return the distance in SqueezeNet's ImageNet features.

    Raises:
        WeightsError: The package's copy of them is absent or damaged.
    """
    network = SqueezeNet(in_channels=3)
    network.load_imagenet()
    network.to(setup.device).eval().requires_grad_(False)

    def compute(view: StepView) -> Tensor:
        with torch.no_grad():
            true = network(_to_rgb(view.photos.lightness, view.photos.chroma))
        features = network(_to_rgb(view.photos.lightness, view.chroma))
        return perceptual_loss(features, true)

    return compute


def make_adversarial_loss(setup: LossSetup) -> Loss:
    """Return how far the discriminator is from taking the prediction for a photo."""
    kind = setup.config.loss.adversarial

    def compute(view: StepView) -> Tensor:
        if view.fake_logits is None:
            raise RuntimeError("The adversarial loss is computed in phases that have it alone.")
        return generator_loss(view.fake_logits, kind=kind)

    return compute


def make_class_loss(setup: LossSetup) -> Loss:
    """Return the weighted cross-entropy of the generator's distribution (Zhang 2016).

    Raises:
        ConfigError: The generator has no distribution.
    """
    head = _classes_of(setup, CLASSES)

    def compute(view: StepView) -> Tensor:
        truth = unscale_chroma(view.photos.chroma)
        return class_loss(view.logits, truth, head.cells, _weights_of(head, setup))

    return compute


def make_distillation_loss(setup: LossSetup) -> Loss:
    """Return how far the generator's distribution is from that of a trained model.

    Raises:
        ConfigError: The generator has no distribution, or the teacher is none for it.
        UnknownNameError: No model has the teacher's name.
    """
    head, ask = _classes_of(setup, DISTILLATION), load_teacher(setup.config, setup.device)
    return lambda view: distillation_loss(
        view.logits, ask(view.photos.noisy), _weights_of(head, setup)
    )


def _classes_of(setup: LossSetup, loss: str) -> ClassHead:
    """Return the head of a generator that ends in classes, which the loss called ``loss`` needs."""
    if not has_distribution(setup.generator):
        raise ConfigError(
            f"The loss {loss!r} needs a distribution over colours, and this "
            f"{type(setup.generator).__name__} ends in ab. Set head = 'classes' in model.config."
        )
    return setup.generator.classes


def _weights_of(head: ClassHead, setup: LossSetup) -> Tensor:
    """Return the weight of each cell (Q,)."""
    # Anew each time: a checkpoint brings the prior only after the losses are made.
    loss = setup.config.loss
    return cell_weights(head.prior, evenness=loss.class_evenness, strength=loss.class_rarity)


LOSSES: dict[str, Callable[[LossSetup], Loss]] = {
    "pixel": make_pixel_loss,
    CLASSES: make_class_loss,
    DISTILLATION: make_distillation_loss,
    "perceptual": make_perceptual_loss,
    ADVERSARIAL: make_adversarial_loss,
}
"""The losses of the generator by their names in a phase's ``losses``."""


def make_losses(names: Iterable[str], setup: LossSetup) -> dict[str, Loss]:
    """Return the losses that a run uses, ready to be computed.

    Raises:
        ConfigError: A name is unknown.
    """
    losses = {}
    for name in names:
        if name not in LOSSES:
            raise ConfigError(
                f"There is no loss {name!r}.{did_you_mean(name, LOSSES)} Known: "
                f"{', '.join(LOSSES)}."
            )
        losses[name] = LOSSES[name](setup)
    return losses


def weigh_losses(
    losses: Mapping[str, Loss], weights: Mapping[str, float], view: StepView
) -> dict[str, Tensor]:
    """Return the losses that have a weight by name; their weighted sum is under ``"generator"``."""
    values = {name: losses[name](view) for name in weights}
    total = torch.stack([weights[name] * value for name, value in values.items()]).sum()
    return {**values, "generator": total}


def scale_photos(rgb: Tensor, *, noise: float = 0.0, tone: float = 0.0) -> ScaledPhotos:
    """Convert 8-bit RGB (N, 3, H, W) to scaled Lab, on the device the photos are on.

    Args:
        rgb: uint8.
        noise: Deviation of Gaussian noise on the generator's lightness, units of L.
        tone: How much its gamma, contrast and brightness vary from photo to photo, 0..1.
    """
    lab = srgb_to_lab(rgb.float() / 255.0)
    lightness = scale_lightness(lab[:, :1])
    seen = _vary_tone(lightness, tone) if tone > 0 else lightness
    if noise > 0:
        # Scaled lightness has 50 units of L to one of its own.
        seen = (seen + torch.randn_like(seen) * (noise / 50.0)).clamp(-1.0, 1.0)
    return ScaledPhotos(seen, lightness, scale_chroma(lab[:, 1:]))


def _vary_tone(lightness: Tensor, amount: float) -> Tensor:
    """Return lightness (N, 1, H, W) in -1..1 as other films and prints would show it.

    Each photo draws its own gamma, contrast (old prints have faded: more often less than more) and
    brightness.
    """
    gamma, contrast, brightness = lightness.new_empty(3, len(lightness), 1, 1, 1).uniform_(-1, 1)
    curve = ((lightness + 1.0) / 2.0) ** torch.exp(amount * gamma)
    stretched = (curve * 2.0 - 1.0) * (1.0 + amount * (0.7 * contrast - 0.3))
    toned: Tensor = stretched + 0.4 * amount * brightness
    return toned.clamp(-1.0, 1.0)


def _to_rgb(lightness: Tensor, chroma: Tensor) -> Tensor:
    """Return RGB (N, 3, H, W) in -1..1 of scaled lightness and chroma, differentiable."""
    lab = torch.cat((unscale_lightness(lightness), unscale_chroma(chroma)), dim=1)
    return lab_to_srgb(lab) * 2.0 - 1.0
