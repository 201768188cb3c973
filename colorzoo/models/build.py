"""From a name and a config to a network: the one place where networks are built."""

from __future__ import annotations

from typing import Any

from torch import nn

from colorzoo.errors import ConfigError, RegistrationError
from colorzoo.models.base import Generator
from colorzoo.registry import ARCHITECTURES, ModuleRegistry, Spec
from colorzoo.schema import from_dict, replace


def create_model(
    architecture: str, config: object | None = None, **config_values: object
) -> Generator[Any]:
    """Build a generator with random weights.

    Args:
        architecture: Name of an architecture; ``colorzoo.list_architectures()`` has them all.
        config: An instance of the architecture's config dataclass, or a dict of its values; the
            default config if left out.
        **config_values: Single values to set in the config, as in ``norm="instance"``.

    Returns:
        The generator in training mode.

    Raises:
        UnknownNameError: No architecture has that name.
        ConfigError: The config is of another class, or a key or value is wrong.
        RegistrationError: The architecture is no :class:`~colorzoo.models.base.Generator`.
    """
    return build_generator(ARCHITECTURES.get(architecture), config, **config_values)


def build_generator(
    spec: Spec, config: object | None = None, **config_values: object
) -> Generator[Any]:
    """Build the generator of a registry entry, as :func:`create_model` does."""
    generator = _build(spec, config, config_values)
    if not isinstance(generator, Generator):
        raise RegistrationError(
            f"The architecture {spec.name!r} of {spec.origin} is no Generator. Derive the class "
            "from colorzoo.Generator."
        )
    return generator


def create_network(registry: ModuleRegistry, name: str, config: object | None = None) -> nn.Module:
    """Build a network of any registry with random weights, as :func:`create_model` does."""
    return _build(registry.get(name), config, {})


def _build(spec: Spec, config: object | None, config_values: dict[str, object]) -> nn.Module:
    where = f"the config of {spec.name!r}"
    if config is None or isinstance(config, dict):
        chosen = from_dict(spec.config, config or {}, where=where)
    elif isinstance(config, spec.config):
        chosen = config
    else:
        raise ConfigError(
            f"{where} must be a {spec.config.__name__} or a dict, not a {type(config).__name__}."
        )
    network: nn.Module = spec.build(replace(chosen, config_values, where=where))
    return network
