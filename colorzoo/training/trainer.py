"""The training loop: photos in, a model folder out, through Accelerate from one process to many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from colorzoo.interrupt import Interrupt
from colorzoo.progress import OnProgress
from colorzoo.training.accelerator import end, make_accelerator
from colorzoo.training.batches import TrainingPhotos
from colorzoo.training.checkpoints import Checkpoints
from colorzoo.training.config import TrainingConfig
from colorzoo.training.config_file import check_goes_on, write_config
from colorzoo.training.failures import explained_failures
from colorzoo.training.health import Health
from colorzoo.training.lock import RunLock, check_free
from colorzoo.training.logbook import Logbook, Means, plot_metrics
from colorzoo.training.networks import Networks
from colorzoo.training.objective import LossSetup, make_losses
from colorzoo.training.pace import Pace
from colorzoo.training.phases import ON_LOGITS
from colorzoo.training.prior import set_prior
from colorzoo.training.release import check_end_of_phase, mix_in, write_model
from colorzoo.training.schedule import learning_rate_share
from colorzoo.training.state import RunState
from colorzoo.training.step import OptimizerStep
from colorzoo.training.validation import open_validation

_STOP_EVERY = 10
"""Steps between the moments at which several processes agree whether to stop."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run left behind.

    Attributes:
        folder: The run folder.
        model: The model folder inside it, ready for :func:`colorzoo.load`; None if the run was
            stopped before its last step.
        steps: Optimizer steps taken in all.
        last: The last numbers that were logged.
        signal: The signal that stopped the run, or None.
    """

    folder: Path
    model: Path | None
    steps: int
    last: dict[str, float]
    signal: int | None = None


def train(
    config: TrainingConfig | str | Path,
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> TrainingResult:
    """Train a generator and write it as a model folder.

    SIGINT and SIGTERM end the run after the step in hand, with a checkpoint.

    Args:
        config: All settings, or the TOML file that holds them.
        resume: Go on from the newest checkpoint in the run folder.
        on_progress: Called after each step with the steps done, those of all phases, and the latest
            numbers: losses, ``photos_per_second``, ``epoch``, those of the last validation such as
            ``val_psnr``, and after a few steps ``seconds_left``. What it raises ends the run there.

    Raises:
        ConfigError: A setting is wrong, or asks for what this machine has not.
        DataError: No photos are where the config says, or too many cannot be used.
        TrainingError: The run folder holds a run already or another process works in it, there is
            nothing to resume, the disk or memory is full, or a loss is no longer finite.
        MissingDependencyError: The extra ``train`` is not installed.
    """
    settings = config if isinstance(config, TrainingConfig) else TrainingConfig.from_file(config)
    return Trainer(settings, resume=resume).fit(on_progress)


class Trainer:
    """One training run, and where it stands.

    Args:
        config: All settings.
        resume: Go on from the newest checkpoint in the run folder.

    Attributes:
        config: All settings.
        folder: The run folder.
        step: Optimizer steps taken.
        accelerator: What the processes of the run share.
        networks: Generator, discriminator, average and their optimizers.
        photos: Where batches come from.
        optimizer_step: Takes steps with the networks.
        phase: The phase of the coming step.
        state: What checkpoints hold.
        numbers: The latest numbers by name, as ``on_progress`` gets them.
    """

    def __init__(self, config: TrainingConfig, *, resume: bool = False) -> None:
        self.config = config
        self.folder = Path(config.run.folder).expanduser()
        self.checkpoints = Checkpoints(
            self.folder / "checkpoints", keep=config.run.keep_checkpoints
        )
        check_free(self.folder)
        last = self.checkpoints.to_go_on_from(resume=resume)
        self.photos = TrainingPhotos(config)
        self.networks = Networks(config, fresh=last is None)
        names = dict.fromkeys(name for phase in config.phase for name in phase.weights)
        if last is None and not ON_LOGITS.isdisjoint(names):
            set_prior(self.networks.generator, self.photos.source, seed=config.run.seed)
        self.accelerator = make_accelerator(config)
        self.networks.place(self.accelerator)
        device = self.accelerator.device
        setup = LossSetup(config, device, self.networks.generator, self.photos.source)
        losses = make_losses(names, setup)
        self.optimizer_step = OptimizerStep(config, self.accelerator, self.networks, losses)
        self.validation = open_validation(config, device)
        self.health = Health(self.accelerator, self.checkpoints)
        self.state = RunState(self.accelerator, self.networks, self.photos)
        self.numbers: dict[str, float] = {}
        self.step = 0
        if last:
            written = TrainingConfig.from_file(self.folder / "config.toml")
            check_goes_on(written, config, self.folder, step=last.step)
            self.checkpoints.load(last, self.state, photos_per_step=self.photos_per_step)
            self.step = last.step
            in_last = config.phase_at(last.step)[0] == len(config.phase) - 1
            if in_last and config.phase[-1].mix:
                check_end_of_phase(self._end_of_phase(len(config.phase) - 2))
        self.begin_phase()

    @property
    def photos_per_step(self) -> int:
        """Photos that all processes together take in one optimizer step."""
        processes = int(self.accelerator.num_processes)
        return self.config.data.batch_size * self.config.run.accumulation * processes

    def fit(self, on_progress: OnProgress | None = None) -> TrainingResult:
        """Run the loop to the last step, or to a signal, and write what came of it.

        Args:
            on_progress: As of :func:`train`.

        Raises:
            TrainingError: Another process works in the run folder, it cannot be written, memory ran
                out, or a loss is no longer finite.
        """
        is_main = self.accelerator.is_main_process
        if on_progress is None or not is_main:
            on_progress = _ignore
        with explained_failures(self.folder), RunLock(self.folder, held=is_main):
            return self._run(on_progress)

    def _run(self, on_progress: OnProgress) -> TrainingResult:
        run, steps = self.config.run, self.config.steps
        if self.accelerator.is_main_process:
            write_config(self.config, self.folder / "config.toml")
        self.logbook = Logbook(self.folder, self.accelerator, step=self.step)
        on_progress(self.step, steps, self.numbers)
        with Interrupt() as interrupt:
            pace, means = Pace(self.step), Means()
            while self.step < steps:
                means.add(self.take_step())
                final = self.step == steps or self._should_stop(interrupt)
                if final or self.step % run.log_every == 0:
                    self._log(means.take(), pace.rate(self.step) * self.photos_per_step)
                if self.step == self.phase_end < steps:
                    self._check_health()
                    self._write_model(self._end_of_phase(self.phase_number))
                if final or self.step % run.checkpoint_every == 0:
                    self._save()
                if final:
                    break
                if run.validate_every and self.step % run.validate_every == 0:
                    self._validate()
                    pace.skip(self.step)
                if self.step == self.phase_end:
                    self.begin_phase()
                left = pace.seconds_left(self.step, steps)
                told = {} if left is None else {"seconds_left": left}
                on_progress(self.step, steps, {**self.numbers, **told})
        model = None
        if self.step == steps:
            model = self._release()
            on_progress(self.step, steps, self.numbers)
        end(self.accelerator)
        return TrainingResult(self.folder, model, self.step, self.numbers, interrupt.number)

    def begin_phase(self) -> None:
        """Set up the phase of the coming step: what is frozen, at what size, which draws."""
        number, begin = self.config.phase_at(self.step)
        self.phase_number, self.phase = number, self.config.phase[number]
        self.phase_begin, self.phase_end = begin, begin + self.phase.steps
        self.networks.begin(self.phase)
        self.photos.start(
            self.accelerator,
            size=self.phase.size or self.config.data.size,
            start=self.step * self.photos_per_step,
            stop=self.phase_end * self.photos_per_step,
        )

    def take_step(self) -> dict[str, Tensor]:
        """Take one optimizer step; return mean losses by name."""
        batches = self.photos.take()
        optimizer, step, steps = self.config.optimizer, self.step, self.config.steps
        if optimizer.schedule == "phase":
            step, steps = step - self.phase_begin, self.phase.steps
        rate = learning_rate_share(step, steps, optimizer)
        losses = self.optimizer_step.take(batches, self.phase, rate=rate)
        self.step += 1
        self.health.note(self.step, losses)
        return losses

    def _should_stop(self, interrupt: Interrupt) -> bool:
        """Tell whether a signal has come to any of the processes."""
        if self.accelerator.num_processes == 1:
            return interrupt.number is not None
        if self.step % _STOP_EVERY:
            return False
        if interrupt.number is not None:
            self.accelerator.set_trigger()
        return bool(self.accelerator.check_trigger())

    def _log(self, losses: dict[str, Tensor], rate: float) -> None:
        """Write the mean losses of all processes since the last line, and what photos they took."""
        self.health.check_losses()
        numbers = {
            name: float(self.accelerator.reduce(value, reduction="mean"))
            for name, value in losses.items()
        }
        numbers |= {
            "photos": self.step * self.photos_per_step,
            **self.photos.epochs(self.step * self.photos_per_step),
            "learning_rate": self.networks.learning_rate,
            "photos_per_second": rate,
            **self.photos.skipped.counts(),
        }
        self.logbook.write(self.step, numbers)
        self.numbers = {**self.numbers, **numbers}

    def _save(self) -> None:
        """Write a checkpoint of a run that is sound."""
        self._check_health()
        self.checkpoints.save(
            self.accelerator, self.state, step=self.step, photos_per_step=self.photos_per_step
        )

    def _check_health(self) -> None:
        self.health.check_losses()
        self.health.check_weights(self.step, [*self.networks.all(), self.networks.average.module])

    def _validate(self) -> None:
        """Measure and draw what the averaged generator makes of the validation photos."""
        if self.validation is None or not self.accelerator.is_main_process:
            return
        numbers = self.validation.measure(self.networks.average.module)
        self.logbook.write(self.step, numbers)
        sheet = self.folder / "samples" / f"step-{self.step:06d}.png"
        self.validation.draw(self.networks.average.module, sheet)
        self.logbook.show(self.step, sheet)
        self.numbers = {**self.numbers, **numbers}

    def _release(self) -> Path:
        """Write the averaged weights as a model folder, a plot of the numbers and a last sheet."""
        average, target = self.networks.average.module, self.folder / "model"
        if self.phase.mix:
            mix_in(average, self._end_of_phase(self.phase_number - 1), self.phase.mix)
        if self.config.run.validate_every:
            self._validate()
        self._write_model(target)
        if self.accelerator.is_main_process:
            plot_metrics(self.folder, self.folder / "loss.png")
            if self.validation:
                self.validation.draw(average, self.folder / "sheet.png")
        self.accelerator.wait_for_everyone()
        return target

    def _write_model(self, target: Path) -> None:
        if self.accelerator.is_main_process:
            photos = self.step * self.photos_per_step
            average = self.networks.average.module
            write_model(average, target, self.config, steps=self.step, photos=photos)

    def _end_of_phase(self, number: int) -> Path:
        """Return the model folder of the weights at a phase's end."""
        return self.folder / "phases" / str(number)


def _ignore(done: int, total: int | None, numbers: object) -> None:
    """Take progress and do nothing with it."""
