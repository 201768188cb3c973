"""The training loop: photos in, a model folder out, through Accelerate from one process to many."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorzoo.data.loader import LoaderSettings, make_loader, make_stream_loader
from colorzoo.data.photos import Batch, Sizes
from colorzoo.data.sources import PhotoSource, open_source
from colorzoo.data.streaming import open_hub_stream
from colorzoo.errors import TrainingError
from colorzoo.models.base import Generator
from colorzoo.models.build import create_model, create_network
from colorzoo.registry import DISCRIMINATORS
from colorzoo.training.accelerator import make_accelerator
from colorzoo.training.checkpoints import Checkpoints
from colorzoo.training.config import TrainingConfig, check_same_draws, load_config, write_config
from colorzoo.training.ema import MovingAverage
from colorzoo.training.health import Health
from colorzoo.training.interrupt import Interrupt
from colorzoo.training.logbook import Logbook, plot_metrics
from colorzoo.training.networks import (
    check_sizes,
    load_first_weights,
    make_features,
)
from colorzoo.training.objective import (
    discriminator_step_loss,
    generator_step_losses,
    scale_photos,
)
from colorzoo.training.progress import Clock, Progress
from colorzoo.training.release import check_warmup, mix_in, write_model
from colorzoo.training.schedule import learning_rate_share
from colorzoo.training.skipped import Skipped
from colorzoo.training.validation import open_validation

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)

_STOP_EVERY = 10  # steps between the moments at which several processes agree whether to stop

Watch = Callable[[int, Mapping[str, float]], None]
"""Is told the step and the numbers of each validation; what it raises ends the run there."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run left behind.

    Attributes:
        folder: The run folder.
        model: The model folder inside it, ready for :func:`colorzoo.load`; None if the run was
            stopped before its last step.
        steps: Optimizer steps taken in all.
        last: The last numbers that were logged.
        signal: The signal that stopped the run, or 0.
    """

    folder: Path
    model: Path | None
    steps: int
    last: dict[str, float]
    signal: int = 0


def train(
    config: TrainingConfig | str | Path, *, resume: bool = False, watch: Watch | None = None
) -> TrainingResult:
    """Train a generator and write it as a model folder.

    SIGINT and SIGTERM end the run after the step in hand, with a checkpoint.

    Args:
        config: All settings, or the TOML file that holds them.
        resume: Go on from the newest checkpoint in the run folder.
        watch: Called after each validation with the step and its numbers; what it raises ends the
            run there.

    Raises:
        ConfigError: A setting is wrong, or asks for what this machine has not.
        DataError: No photos are where the config says.
        TrainingError: The run folder holds a run already, there is nothing to resume, the disk is
            full, or a loss is no longer finite.
        MissingDependencyError: The extra ``train`` is not installed.
    """
    settings = config if isinstance(config, TrainingConfig) else load_config(config)
    return Trainer(settings, resume=resume).fit(watch)


class Trainer:
    """One training run: networks, optimizers, data and where they stand.

    Args:
        config: All settings.
        resume: Go on from the newest checkpoint in the run folder.
    """

    def __init__(self, config: TrainingConfig, *, resume: bool = False) -> None:
        self.config = config
        data, run = config.data, config.run
        self.folder = Path(run.folder).expanduser()
        self.checkpoints = Checkpoints(self.folder / "checkpoints", keep=run.keep_checkpoints)
        found = self.checkpoints.latest()
        if found and not resume:
            raise TrainingError(
                f"{self.folder} holds a run already, at step {found[0]}. Resume it with --resume, "
                "or choose another run.folder."
            )
        if resume and not found:
            raise TrainingError(
                f"{self.folder} holds no checkpoint to resume from. Start without --resume."
            )
        self.source: PhotoSource | None = None
        if not data.streaming:
            self.source = open_source(data.train, split=data.split, column=data.column)
        model, critic = config.model, config.discriminator
        torch.manual_seed(run.seed)
        generator = create_model(model.name, model.config)
        torch.manual_seed(run.seed + 1)
        discriminator = create_network(DISCRIMINATORS, critic.name, critic.config)
        check_sizes(generator, data)
        if not found:
            load_first_weights(generator, config.model.weights)
        self.accelerator = make_accelerator(config)
        self._prepare(generator, discriminator)
        device = self.accelerator.device
        self.features = make_features(device) if config.loss.perceptual_weight > 0 else None
        self.validation = open_validation(data, device)
        self.step = 0
        rank = self.accelerator.process_index
        self.skipped = Skipped(self.source, title=data.train, rank=rank)
        self.health = Health(self.accelerator, self.checkpoints)
        if found:
            check_same_draws(config, self.folder / "config.toml")
            self.step = self.checkpoints.load(self.accelerator, *found, self._photos_per_step)
            self._check_resumable()

    def fit(self, watch: Watch | None = None) -> TrainingResult:
        """Run the loop to the last step, or to a signal, and write what came of it.

        Raises:
            TrainingError: The run folder cannot be written, or a loss is no longer finite.
        """
        try:
            return self._run(watch)
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise TrainingError(
                f"The run folder {self.folder} cannot be written: {error.strerror}. Its last "
                "checkpoint is whole; free some space and resume."
            ) from error

    def _run(self, watch: Watch | None) -> TrainingResult:
        run = self.config.run
        if self.accelerator.is_main_process:
            write_config(self.config, self.folder / "config.toml")
        self.logbook = Logbook(self.folder, self.accelerator, step=self.step)
        last: dict[str, float] = {}
        visible = self.accelerator.is_main_process
        batches = iter(self._make_loader())
        with Interrupt() as interrupt, Progress(run.steps, self.step, visible=visible) as progress:
            clock = Clock(self.step)
            while self.step < run.steps:
                losses = self._take_step(batches)
                self.step += 1
                progress.advance()
                if self._mixes_warmup and self.step == self.config.loss.warmup_steps:
                    self._check_health()
                    self._write_model(self.folder / "warmup")
                final = self.step == run.steps or self._should_stop(interrupt)
                if final or self.step % run.log_every == 0:
                    self.health.check_losses()
                    last |= self._log(losses, clock.rate(self.step) * self._photos_per_step)
                    progress.show(last)
                if final or self.step % run.checkpoint_every == 0:
                    self._check_health()
                    self.checkpoints.save(self.accelerator, self.step, self._photos_per_step)
                if final:
                    break
                if run.validate_every and self.step % run.validate_every == 0:
                    last |= self._validate(watch)
                    clock = Clock(self.step)
        model = None
        if self.step == run.steps:
            model = self.folder / "model"
            last |= self._release(model, watch)
        self.accelerator.end_training()
        return TrainingResult(self.folder, model, self.step, last, interrupt.number)

    def _check_resumable(self) -> None:
        if self.step > self.config.run.steps:
            raise TrainingError(
                f"The run in {self.folder} is at step {self.step} already, past run.steps = "
                f"{self.config.run.steps}. Set run.steps higher, or take its older checkpoint."
            )
        if self._mixes_warmup and self.step >= self.config.loss.warmup_steps:
            check_warmup(self.folder / "warmup")

    @property
    def _adversarial(self) -> bool:
        """Whether the discriminator takes part in the coming step."""
        loss = self.config.loss
        return loss.objective == "adversarial" and self.step >= loss.warmup_steps

    @property
    def _mixes_warmup(self) -> bool:
        loss = self.config.loss
        return loss.objective == "adversarial" and loss.warmup_share > 0

    @property
    def _photos_per_step(self) -> int:
        processes = self.accelerator.num_processes
        return self.config.data.batch_size * self.config.run.accumulation * int(processes)

    def _prepare(self, generator: Generator[Any], discriminator: nn.Module) -> None:
        """Hand the networks and their optimizers to the accelerator.

        The bare networks are kept too: the average follows the generator's weights, and the
        generator's own step goes past the discriminator's DDP wrapper, which must see one forward
        for each backward.
        """
        optimizer, device = self.config.optimizer, self.accelerator.device
        layout = torch.channels_last if self.config.run.channels_last else torch.contiguous_format
        for network in (generator, discriminator):
            network.to(device=device, memory_format=layout)  # type: ignore[call-overload]  # missing in torch's stubs
        self.average = MovingAverage(generator, optimizer.ema)
        self.bare_generator, self.bare_discriminator = generator, discriminator
        self.generator, self.discriminator, self.generator_adam, self.discriminator_adam = (
            self.accelerator.prepare(
                generator,
                discriminator,
                self._make_adam(generator, optimizer.learning_rate),
                self._make_adam(discriminator, optimizer.discriminator_learning_rate),
            )
        )
        self.accelerator.register_for_checkpointing(self.average)

    def _make_adam(self, network: nn.Module, rate: float) -> torch.optim.Adam:
        fused = self.accelerator.device.type in ("cpu", "cuda", "mps")
        return torch.optim.Adam(
            network.parameters(), lr=rate, betas=self.config.optimizer.betas, fused=fused
        )

    def _make_loader(self) -> Any:
        """Return the loader of the draws that this process still has to make."""
        data, run = self.config.data, self.config.run
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        start = self.step * self._photos_per_step
        early = self.config.loss.warmup_steps * self._photos_per_step
        share = 1 if self.source else int(processes)  # each process draws a stream of its own
        settings = LoaderSettings(
            sizes=Sizes(data.size, early=data.warmup_size, draws=early // share),
            batch_size=data.batch_size,
            workers=data.workers,
            augmentation=data.augmentation(),
            min_colorfulness=data.min_colorfulness,
            seed=run.seed,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        if self.source is None:
            stream = open_hub_stream(
                data.train,
                split=data.split,
                column=data.column,
                seed=run.seed,
                rank=rank,
                processes=processes,
            )
            return make_stream_loader(stream, settings, start=start // share, rank=rank)
        stop = run.steps * self._photos_per_step
        loader = make_loader(self.source, settings, start=start, stop=stop)
        # Batches are dealt out to the processes; the tensors are moved in the step itself.
        return self.accelerator.prepare_data_loader(loader, device_placement=False)

    def _take_step(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """Take one optimizer step, of as many batches as are accumulated; return mean losses."""
        self._set_learning_rates()
        sums: dict[str, Tensor] = {}
        for _ in range(self.config.run.accumulation):
            batch = next(batches)
            self.skipped.note(batch)
            with self.accelerator.accumulate(self.generator, self.discriminator):
                losses = self._take_batch(batch)
            for name, value in losses.items():
                share = value.detach() / self.config.run.accumulation
                sums[name] = sums[name] + share if name in sums else share
        self.average.update(self.bare_generator)
        self.health.note(self.step + 1, sums)
        return sums

    def _take_batch(self, batch: Batch) -> dict[str, Tensor]:
        """Update the discriminator, then the generator, on one batch."""
        loss = self.config.loss
        rgb = batch.rgb.to(self.accelerator.device, non_blocking=True)
        photos = scale_photos(rgb, noise=self.config.data.noise)
        fake = self.generator(photos.noisy)
        if not self._adversarial:
            losses = generator_step_losses(None, photos, fake, loss, features=self.features)
            self._update(losses["generator"], self.generator, self.generator_adam)
            return losses
        of_discriminator = discriminator_step_loss(self.discriminator, photos, fake, loss)
        self._update(of_discriminator, self.discriminator, self.discriminator_adam)
        self.bare_discriminator.requires_grad_(False)
        losses = generator_step_losses(
            self.bare_discriminator, photos, fake, loss, features=self.features
        )
        self._update(losses["generator"], self.generator, self.generator_adam)
        self.bare_discriminator.requires_grad_(True)
        return {**losses, "discriminator": of_discriminator}

    def _update(self, loss: Tensor, network: nn.Module, adam: Any) -> None:
        self.accelerator.backward(loss)
        if self.config.optimizer.clip and self.accelerator.sync_gradients:
            # Of this optimizer alone: Accelerate's own clipping unscales all, which fp16 forbids.
            self.accelerator.unscale_gradients(adam)
            nn.utils.clip_grad_norm_(network.parameters(), self.config.optimizer.clip)
        adam.step()
        adam.zero_grad()

    def _set_learning_rates(self) -> None:
        optimizer = self.config.optimizer
        share = learning_rate_share(self.step, self.config.run.steps, optimizer)
        for adam, rate in (
            (self.generator_adam, optimizer.learning_rate),
            (self.discriminator_adam, optimizer.discriminator_learning_rate),
        ):
            for group in adam.param_groups:
                group["lr"] = rate * share

    def _should_stop(self, interrupt: Interrupt) -> bool:
        """Tell whether a signal has come to any of the processes."""
        if self.accelerator.num_processes == 1:
            return interrupt.number != 0
        if self.step % _STOP_EVERY:
            return False
        if interrupt.number:
            self.accelerator.set_trigger()
        return bool(self.accelerator.check_trigger())

    def _log(self, losses: dict[str, Tensor], rate: float) -> dict[str, float]:
        """Write the mean losses of all processes, and how many photos any has passed over."""
        numbers = {
            name: float(self.accelerator.reduce(value, reduction="mean"))
            for name, value in losses.items()
        }
        numbers |= {
            "photos": self.step * self._photos_per_step,
            "learning_rate": self.generator_adam.param_groups[0]["lr"],
            "photos_per_second": rate,
            **self.skipped.counts(),
        }
        self.logbook.write(self.step, numbers)
        return numbers

    def _validate(self, watch: Watch | None) -> dict[str, float]:
        """Measure and draw what the averaged generator makes of the validation photos."""
        if self.validation is None or not self.accelerator.is_main_process:
            return {}
        numbers = self.validation.measure(self.average.module)
        self.logbook.write(self.step, numbers)
        sheet = self.folder / "samples" / f"step-{self.step:06d}.png"
        self.validation.draw(self.average.module, sheet)
        if watch:
            watch(self.step, numbers)
        return numbers

    def _release(self, target: Path, watch: Watch | None) -> dict[str, float]:
        """Write the averaged weights as a model folder, a plot of the numbers and a last sheet.

        Returns:
            What the validation found of the released weights.
        """
        if self._mixes_warmup and self.step > self.config.loss.warmup_steps:
            mix_in(self.average.module, self.folder / "warmup", self.config.loss.warmup_share)
        validated = self._validate(watch) if self.config.run.validate_every else {}
        self._write_model(target)
        if self.accelerator.is_main_process:
            plot_metrics(self.folder, self.folder / "loss.png")
            if self.validation:
                self.validation.draw(self.average.module, self.folder / "sheet.png")
        self.accelerator.wait_for_everyone()
        return validated

    def _write_model(self, target: Path) -> None:
        if self.accelerator.is_main_process:
            photos = self.step * self._photos_per_step
            write_model(self.average.module, target, self.config, steps=self.step, photos=photos)

    def _check_health(self) -> None:
        self.health.check_losses()
        networks = (self.bare_generator, self.bare_discriminator, self.average.module)
        self.health.check_weights(self.step, networks)
