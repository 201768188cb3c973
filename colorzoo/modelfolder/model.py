"""A model: a generator, and what a model folder says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from colorzoo.errors import ConfigError, RegistrationError
from colorzoo.modelfolder.format import ImageSettings
from colorzoo.models.base import Generator
from colorzoo.registry import ARCHITECTURES, Spec

StorageType = Literal["float32", "float16"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A generator and what is known of it, as a model folder holds them.

    Attributes:
        generator: An instance of a registered architecture.
        image: How pictures reach it.
        name: What it is called wherever it lies; None where nobody gave it such a name.
        training: What training noted of itself, as plain JSON values.
        storage: Type in which its floats are stored.
        folder: Where it was read; facts and pictures may lie there. None for one that was not.
    """

    generator: Generator[Any]
    image: ImageSettings
    name: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    storage: StorageType = "float32"
    folder: Path | None = None

    def __repr__(self) -> str:
        """Say what it is; every layer of the generator would fill the screen."""
        parameters = sum(parameter.numel() for parameter in self.generator.parameters())
        return (
            f"<Model {self.name!r}: {type(self.generator).__name__}, {parameters:,} parameters, "
            f"working size {self.image.working_size}, folder {str(self.folder)!r}>"
        )

    @property
    def spec(self) -> Spec:
        """What the registry knows of its architecture.

        Raises:
            RegistrationError: Its class is not registered.
        """
        return ARCHITECTURES.spec_of(self.generator)


@runtime_checkable
class HoldsModel(Protocol):
    """Whatever works with a model, such as a :class:`~colorzoo.colorizer.Colorizer`."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        ...

    @property
    def model(self) -> Model | None:
        """The model, or None if it works without one."""
        ...


def model_of(source: Generator[Any] | Model | HoldsModel) -> Model:
    """Return the model that is to be stored.

    A bare generator gets the default image settings.

    Raises:
        ConfigError: What is given works without weights.
        RegistrationError: It is neither a generator nor something that works with one.
    """
    if isinstance(source, Generator):
        return Model(generator=source, image=ImageSettings())
    if isinstance(source, Model):
        return source
    if not isinstance(source, HoldsModel):
        raise RegistrationError(
            f"{type(source).__qualname__} is not a registered architecture and no Colorizer. Give "
            "what colorzoo.load or colorzoo.create_model returns."
        )
    if source.model is None:
        raise ConfigError(
            f"{source.name!r} works without a model of its own, so there are no weights to store. "
            "Give a Colorizer of a model."
        )
    return source.model
