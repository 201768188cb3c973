"""The networks of a run: bare, wrapped for the processes that share it, and averaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from colorzoo.errors import ConfigError
from colorzoo.features.widening import widen_all
from colorzoo.hub.names import locate
from colorzoo.modelfolder.weights import load_model
from colorzoo.models.base import Generator, has_distribution
from colorzoo.models.build import create_model, create_network
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS
from colorzoo.training.config import TrainingConfig
from colorzoo.training.ema import MovingAverage
from colorzoo.training.memory import build_within_memory
from colorzoo.training.objective import Prediction, ScaledPhotos
from colorzoo.training.phases import ON_LOGITS, Phase, is_part

if TYPE_CHECKING:
    from accelerate import Accelerator


class Networks:
    """Generator, discriminator where there is one, the generator's average, and their optimizers.

    Forward passes of a step go through the wrappers alone, so that whatever wraps a network
    (autocast, torch.compile, DistributedDataParallel) sees all of them.

    Args:
        config: All settings of the run.
        fresh: Whether the run starts now, and so from first weights.

    Attributes:
        generator: The bare generator.
        discriminator: The bare discriminator; None where no phase has an adversarial loss.
        average: The moving average of the generator, which is what a run releases.
        generator_adam: The generator's optimizer, of all its parameters through all phases.
        discriminator_adam: The discriminator's; None where there is no discriminator.
        learning_rate: The generator's at the last step, before a phase's shares for its modules.

    Raises:
        UnknownNameError: A network has an unknown name.
        ConfigError: A setting is wrong, or a phase freezes or slows down what is not there.
    """

    def __init__(self, config: TrainingConfig, *, fresh: bool) -> None:
        model, critic, run = config.model, config.discriminator, config.run
        self.config = config
        self.generator = build_within_memory(
            "model.config", lambda: create_model(model.name, model.config), seed=run.seed
        )
        check_sizes(self.generator, config)
        for phase in config.phase:
            _check_parts(self.generator, phase)
        self.discriminator: nn.Module | None = None
        if config.adversarial:
            self.discriminator = build_within_memory(
                "discriminator.config",
                lambda: create_network(DISCRIMINATORS, critic.name, critic.config),
                seed=run.seed + 1,
            )
        if fresh:
            load_first_weights(self.generator, model.weights)
        self.discriminator_adam: Any = None
        self.learning_rate = 0.0
        self._trainable = {n for n, p in self.generator.named_parameters() if p.requires_grad}
        # From the first phase on; a discriminator is wrapped in phases that train it alone.
        self._wrapped_generator: Any = None
        self._wrapped_discriminator: Any = None

    def place(self, accelerator: Accelerator) -> None:
        """Move the networks to the device of a run and make their optimizers there."""
        self.accelerator = accelerator
        layout = torch.channels_last if self.config.run.channels_last else torch.contiguous_format
        for network in self.all():
            network.to(device=accelerator.device, memory_format=layout)  # type: ignore[call-overload]  # missing in torch's stubs
        optimizer = self.config.optimizer
        self.average = MovingAverage(self.generator, optimizer.ema)
        self.generator_adam = accelerator.prepare_optimizer(
            self._make_adam(self._groups(), optimizer.weight_decay)
        )
        if self.discriminator is not None:
            weights = [{"params": list(self.discriminator.parameters())}]
            self.discriminator_adam = accelerator.prepare_optimizer(self._make_adam(weights, 0.0))

    def all(self) -> list[nn.Module]:
        """Return the bare networks that are trained."""
        return [self.generator, *([self.discriminator] if self.discriminator is not None else [])]

    def begin(self, phase: Phase) -> None:
        """Freeze what a phase freezes, and wrap the networks that it trains.

        They are wrapped anew for each phase, because DistributedDataParallel waits for the
        gradients of all parameters that wanted one when it was made. Nothing is kept for a backward
        pass of a frozen encoder: neither its parameters nor lightness want a gradient.
        """
        self.phase = phase
        self._wrapped_generator = self._wrapped_discriminator = None
        self.accelerator.free_memory()  # its references to the wrappers of the phase before
        for name, parameter in self.generator.named_parameters():
            parameter.requires_grad_(name in self._trainable and not phase.freezes(name))
        self.generator.train()
        for name, module in self.generator.named_modules():
            if phase.freezes(name):
                module.eval()  # batch norms keep their statistics, dropout lets all through
        self._wrapped_generator = self.accelerator.prepare_model(_Predict(self.generator, phase))
        if self.discriminator is not None and phase.adversarial:
            self.discriminator.train()
            self._wrapped_discriminator = self.accelerator.prepare_model(_Judge(self.discriminator))

    def wrapped(self) -> list[nn.Module]:
        """Return the wrappers of the networks that the phase trains."""
        both = (self._wrapped_generator, self._wrapped_discriminator)
        return [network for network in both if network is not None]

    def predict(self, photos: ScaledPhotos) -> Prediction:
        """Return what the generator makes of a batch, with a graph for its backward pass."""
        prediction: Prediction = self._wrapped_generator(photos.seen)
        return prediction

    def judge_both(self, photos: ScaledPhotos, chroma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the discriminator's logits of true and of generated chroma.

        One joined forward for one backward is safe under DistributedDataParallel with batch norm in
        every torch version; batch statistics then mix real and fake.
        """
        lightness = torch.cat((photos.lightness, photos.lightness))
        logits = self._wrapped_discriminator(lightness, torch.cat((photos.chroma, chroma)))
        real_logits, fake_logits = logits.chunk(2)
        return real_logits, fake_logits

    def judge_fake(self, photos: ScaledPhotos, chroma: Tensor) -> Tensor:
        """Return the logits of generated chroma, the same as the discriminator's own step sees.

        They reach back to the generator alone. Under batch norm that takes the real half beside
        them: alone, fakes would be normalized by their own statistics, and the discriminator that
        told them from real ones would find nothing odd.
        """
        # Without gradients to share out, or DistributedDataParallel would wait for some.
        judge = self._wrapped_discriminator
        with self.accelerator.no_sync(judge):
            if any(isinstance(module, nn.BatchNorm2d) for module in judge.modules()):
                return self.judge_both(photos, chroma)[1]
            logits: Tensor = judge(photos.lightness, chroma)
            return logits

    @contextmanager
    def discriminator_held(self) -> Iterator[None]:
        """Keep a backward pass through the discriminator from giving it gradients."""
        parameters = [] if self.discriminator is None else list(self.discriminator.parameters())
        wanting = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in wanting:
            parameter.requires_grad_(False)
        yield
        for parameter in wanting:
            parameter.requires_grad_(True)

    def set_learning_rates(self, share: float) -> None:
        """Set the learning rates of a step to a share of the full ones."""
        optimizer = self.config.optimizer
        self.learning_rate = share * (self.phase.learning_rate or optimizer.learning_rate)
        for group in self.generator_adam.param_groups:
            group["lr"] = self.learning_rate * self.phase.rate_of(group["example"])
        if self.discriminator_adam is not None:
            own = self.phase.discriminator_learning_rate
            for group in self.discriminator_adam.param_groups:
                group["lr"] = share * (own or optimizer.discriminator_learning_rate)

    def _groups(self) -> list[dict[str, Any]]:
        """Return the generator's parameters, those with the same rates in all phases together."""
        groups: dict[tuple[float, ...], dict[str, Any]] = {}
        for name, parameter in self.generator.named_parameters():
            rates = tuple(phase.rate_of(name) for phase in self.config.phase)
            group = groups.setdefault(rates, {"params": [], "example": name})
            group["params"].append(parameter)
        return list(groups.values())

    def _make_adam(self, groups: list[dict[str, Any]], decay: float) -> torch.optim.Optimizer:
        optimizer = self.config.optimizer
        kind = torch.optim.AdamW if optimizer.name == "adamw" else torch.optim.Adam
        fused = self.accelerator.device.type in ("cpu", "cuda", "mps")
        return kind(groups, lr=0.0, betas=optimizer.betas, weight_decay=decay, fused=fused)


class _Predict(nn.Module):
    """A generator as a step calls it, with what the losses of a phase look at."""

    def __init__(self, generator: Generator[Any], phase: Phase) -> None:
        super().__init__()
        self.generator = generator
        self.logits_alone = ON_LOGITS.issuperset(phase.weights)

    def forward(self, lightness: Tensor) -> Prediction:
        if has_distribution(self.generator):
            if self.logits_alone:
                return Prediction(None, self.generator.logits(lightness))
            return Prediction(*self.generator.forward_with_logits(lightness))
        return Prediction(self.generator(lightness))


class _Judge(nn.Module):
    """A discriminator as a step calls it."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, lightness: Tensor, chroma: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(torch.cat((lightness, chroma), dim=1))
        return logits


def load_first_weights(generator: Generator[Any], name: str | None) -> None:
    """Start from a model's weights, or from those the architecture itself may bring.

    Args:
        generator: Of random weights.
        name: The model as in :func:`colorzoo.load`, or None.

    Raises:
        ConfigError: The model is of another architecture or config.
    """
    if name is not None:
        loaded = load_model(locate(name)).generator
        weights, wanted = loaded.state_dict(), generator.state_dict()
        if generator.takes_hints and not loaded.takes_hints:
            weights = widen_all(weights, wanted)
        if type(loaded) is not type(generator) or _shapes(weights) != _shapes(wanted):
            raise ConfigError(
                f"model.weights = {name!r} has the config {loaded.config}, but model.name and "
                f"model.config say {generator.config}. Make them agree."
            )
        generator.load_state_dict(weights)
    else:
        generator.load_pretrained()


def check_sizes(generator: Generator[Any], config: TrainingConfig) -> None:
    """Raise a ConfigError unless a generator takes squares of the sides it is to be trained at."""
    multiple = generator.size_multiple
    name = ARCHITECTURES.spec_of(generator).name
    sizes = {f"phase.{number}.size": phase.size for number, phase in enumerate(config.phase)}
    if None in sizes.values():
        sizes["data.size"] = config.data.size
    for key, size in sizes.items():
        if size is not None and size % multiple:
            raise ConfigError(
                f"{key} is {size}, but {name!r} with this config needs a multiple of {multiple}."
            )


def _check_parts(generator: nn.Module, phase: Phase) -> None:
    """Raise a ConfigError if a phase speaks of modules that a generator has not."""
    names = [name for name, _ in generator.named_modules() if name]
    names += [name for name, _ in generator.named_parameters()]
    for key, parts in (("freeze", phase.freeze), ("rates", tuple(phase.rates))):
        for part in parts:
            if not any(is_part(name, part) for name in names):
                raise ConfigError(
                    f"phase.{key} names {part!r}, which {type(generator).__name__} has not. Its "
                    f"modules: {', '.join(name for name in names if '.' not in name)}."
                )
    if all(phase.freezes(name) for name, _ in generator.named_parameters()):
        raise ConfigError(
            f"phase.freeze = {list(phase.freeze)} leaves nothing of {type(generator).__name__} to "
            "train. Freeze less."
        )


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """Return the shape of each tensor by its name."""
    return {name: tensor.shape for name, tensor in weights.items()}
