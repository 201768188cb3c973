"""One optimizer step: a discriminator update where there is one, and a generator update."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from colorzoo.data.photos import Batch
from colorzoo.training.config import TrainingConfig
from colorzoo.training.hints import draw_hints
from colorzoo.training.losses import discriminator_loss
from colorzoo.training.networks import Networks
from colorzoo.training.objective import Loss, StepView, scale_photos, weigh_losses
from colorzoo.training.phases import Phase

if TYPE_CHECKING:
    from accelerate import Accelerator


class OptimizerStep:
    """Takes steps with the networks of a run, on the losses of the phase in hand.

    Args:
        config: All settings.
        accelerator: Scales losses and shares gradients.
        networks: What is trained.
        losses: The losses of all phases, by name.
    """

    def __init__(
        self,
        config: TrainingConfig,
        accelerator: Accelerator,
        networks: Networks,
        losses: dict[str, Loss],
    ) -> None:
        self.config = config
        self.accelerator = accelerator
        self.networks = networks
        self.losses = losses

    def take(self, batches: list[Batch], phase: Phase, *, rate: float) -> dict[str, Tensor]:
        """Take one step of as many batches as are accumulated.

        Args:
            batches: As many as the config accumulates.
            phase: Which losses count; the networks have begun it.
            rate: Share of the full learning rates.

        Returns:
            Mean losses by name, scalars on the device.
        """
        self.networks.set_learning_rates(rate)
        sums: dict[str, Tensor] = {}
        for batch in batches:
            with self.accelerator.accumulate(*self.networks.wrapped()):
                losses = self._take_batch(batch, phase)
            for name, value in losses.items():
                share = value.detach() / len(batches)
                sums[name] = sums[name] + share if name in sums else share
        self.networks.average.update(self.networks.generator)
        return sums

    def _take_batch(self, batch: Batch, phase: Phase) -> dict[str, Tensor]:
        """Update the discriminator, where the phase has one, then the generator."""
        networks, loss = self.networks, self.config.loss
        rgb = batch.rgb.to(self.accelerator.device, non_blocking=True)
        data = self.config.data
        photos = scale_photos(rgb, noise=data.noise, tone=data.tone)
        if networks.generator.takes_hints:
            photos = replace(photos, hints=draw_hints(photos.chroma))
        view = StepView(photos, networks.predict(photos))
        if networks.discriminator is None or not phase.adversarial:
            losses = weigh_losses(self.losses, phase.weights, view)
            self._update(losses["generator"], networks.generator, networks.generator_adam)
            return losses
        real, fake = networks.judge_both(photos, view.chroma.detach())
        of_discriminator = discriminator_loss(
            real, fake, kind=loss.adversarial, real_label=loss.real_label
        )
        self._update(of_discriminator, networks.discriminator, networks.discriminator_adam)
        with networks.discriminator_held():
            view = replace(view, fake_logits=networks.judge_fake(photos, view.chroma))
            losses = weigh_losses(self.losses, phase.weights, view)
            self._update(losses["generator"], networks.generator, networks.generator_adam)
        return {**losses, "discriminator": of_discriminator}

    def _update(self, loss: Tensor, network: nn.Module, adam: Any) -> None:
        self.accelerator.backward(loss)
        if self.config.optimizer.clip and self.accelerator.sync_gradients:
            # Of this optimizer alone: Accelerate's own clipping unscales all, which fp16 forbids.
            self.accelerator.unscale_gradients(adam)
            nn.utils.clip_grad_norm_(network.parameters(), self.config.optimizer.clip)
        adam.step()
        adam.zero_grad()
