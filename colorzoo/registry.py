"""Registries: how architectures, and what else plug-ins may bring, get their names.

A :class:`Registry` knows three kinds of entries and imports none of them before it is asked for:

- built-ins: each public module of one package is one entry, ``attention_unet.py`` is
  ``attention-unet``;
- plug-ins: entry points of one group, declared by other installed packages;
- entries registered by hand with a decorator.

Only the standard library is used here, so listing names is fast and needs no torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points, packages_distributions
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from colorzoo.errors import ColorzooError, RegistrationError, UnknownNameError, did_you_mean


def plugin_folders(group: str) -> list[Path]:
    """Return the folders of the packages that entry points of a group name, by their names.

    None of their code is imported; an entry point whose package is gone is left out.
    """
    places = []
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        top = point.value.partition(".")[0]  # of a package inside another, that one is imported
        spec = importlib.util.find_spec(top)
        if spec is not None:
            rest = point.value.split(".")[1:]
            places += [Path(at, *rest) for at in spec.submodule_search_locations or ()]
    return list(dict.fromkeys(place for place in places if place.is_dir()))


class NamedEntry(Protocol):
    """What a registry has to know of an entry."""

    @property
    def name(self) -> str:
        """Under which it is found."""

    @property
    def origin(self) -> str:
        """Name of the package that brought it."""

    @property
    def place(self) -> str:
        """Module and name of its code, for messages."""


Entry = TypeVar("Entry", bound=NamedEntry)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a registry knows of one entry.

    Attributes:
        name: Lower-case slug, such as ``attention-unet``.
        build: The class; called with one config it makes the module.
        config: Frozen dataclass with a classmethod ``tiny()``.
        license: SPDX identifier of the code's licence.
        paper: Author, year and identifier of the work it follows.
        origin: Name of the package that brought it.
    """

    name: str
    build: type[Any]
    config: type[Any]
    license: str
    paper: str
    origin: str

    @property
    def place(self) -> str:
        """Module and name of the class."""
        return f"{self.build.__module__}.{self.build.__qualname__}"

    def distribution(self) -> str | None:
        """Return what pip calls the package that brought it; None for colorzoo or no package."""
        own = __name__.partition(".")[0]
        names = [] if self.origin == own else packages_distributions().get(self.origin, [])
        return names[0] if names else None


class Registry(Generic[Entry]):
    """A set of named entries, each found without importing it.

    Args:
        kind: What an entry is called in messages, such as ``"architecture"``.
        decorator: What registers one, as its users write it.
        package: Package whose public modules are the built-in entries, or None.
        group: Entry-point group in which other packages announce theirs, or None.
        shared: Public modules of the package that are no entries but what entries share.
        separator: What may stand between the words of a name.
    """

    def __init__(
        self,
        kind: str,
        *,
        decorator: str,
        package: str | None = None,
        group: str | None = None,
        shared: frozenset[str] = frozenset(),
        separator: str = "-",
    ) -> None:
        self.kind = kind
        self.decorator = decorator
        self.package = package
        self.group = group
        self.shared = shared
        self.separator = separator
        self._entries: dict[str, Entry] = {}

    def names(self) -> list[str]:
        """Return every known name, sorted; nothing is imported for it."""
        return sorted({*self._entries, *self._builtin_modules(), *self._plugins()})

    def get(self, name: str) -> Entry:
        """Return the entry called ``name``, importing its module if need be.

        Raises:
            UnknownNameError: No entry has that name.
            RegistrationError: Two packages claim the name, or the one that does is broken.
        """
        plugins = self._plugins().get(name, [])
        builtin = self._builtin_modules().get(name)
        claims = [describe_entry_point(plugin) for plugin in plugins]
        if builtin:
            claims.append("colorzoo itself")
        if len(claims) > 1:
            raise RegistrationError(
                f"The {self.kind} {name!r} is claimed by {' and by '.join(claims)}. "
                "Uninstall one of them, or ask its author for another name."
            )
        if name not in self._entries:
            if builtin:
                importlib.import_module(builtin)
            elif plugins:
                self._load_plugin(plugins[0])
            else:
                known = self.names()
                raise UnknownNameError(
                    f"There is no {self.kind} called {name!r}.{did_you_mean(name, known)} "
                    f"Known: {', '.join(known)}."
                )
        if name not in self._entries:
            raise RegistrationError(
                f"{claims[0]} promises the {self.kind} {name!r} but registers nothing of that "
                f"name. Its module must call @{self.decorator}({name!r}, ...)."
            )
        return self._entries[name]

    def broken_plugins(self) -> dict[str, str]:
        """Load every plug-in and return ``{name: what went wrong}`` for those that fail."""
        problems = {}
        for name in self._plugins():
            try:
                self.get(name)
            except ColorzooError as error:
                problems[name] = str(error)
        return problems

    def _add(self, entry: Entry) -> None:
        words = entry.name.split(self.separator)
        if not all(word.isascii() and word.isalnum() for word in words) or not (
            entry.name.islower()
        ):
            example = self.separator.join(("two", "words"))
            raise RegistrationError(
                f"{entry.name!r} is no good {self.kind} name: use lower-case letters, digits "
                f"and single {self.separator!r}, as in {example!r}."
            )
        taken = self._entries.get(entry.name)
        if taken:
            raise RegistrationError(
                f"The {self.kind} {entry.name!r} is already registered by {taken.origin} "
                f"({taken.place}); {entry.origin} ({entry.place}) must choose another name."
            )
        self._entries[entry.name] = entry

    def _builtin_modules(self) -> dict[str, str]:
        """Map each built-in name to its module, read off the file names of the package."""
        if self.package is None:
            return {}
        root = Path(__file__).parent.joinpath(*self.package.split(".")[1:])
        return {
            module.name.replace("_", self.separator): f"{self.package}.{module.name}"
            for module in pkgutil.iter_modules([str(root)])
            if not module.name.startswith("_") and module.name not in self.shared
        }

    def _plugins(self) -> dict[str, list[EntryPoint]]:
        if self.group is None:
            return {}
        points: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            if point not in points.setdefault(point.name, []):
                points[point.name].append(point)
        return points

    def _load_plugin(self, point: EntryPoint) -> None:
        try:
            point.load()
        except ColorzooError:
            raise
        except Exception as error:  # whatever a stranger's import does must stay theirs
            raise RegistrationError(
                f"{describe_entry_point(point)} promises the {self.kind} {point.name!r} but fails "
                f"on import: {type(error).__name__}: {error}. Update or uninstall that package."
            ) from error


class ModuleRegistry(Registry[Spec]):
    """A registry of classes that are made with one config: torch modules, and methods."""

    def register(
        self,
        name: str,
        *,
        config: type[Any],
        license: str = "Apache-2.0",
        paper: str = "",
    ) -> Callable[[type[Any]], type[Any]]:
        """Return a class decorator that adds the class under ``name``.

        Args:
            name: Lower-case slug of letters, digits and single hyphens.
            config: Frozen dataclass with a classmethod ``tiny()``; the class takes one of it and
                keeps it as ``self.config``.
            license: SPDX identifier of the code's licence.
            paper: Author, year and identifier of the work it follows.

        Raises:
            RegistrationError: The name is malformed or taken, or ``config`` has no ``tiny()``.
        """

        def decorate(build: type[Any]) -> type[Any]:
            if not callable(getattr(config, "tiny", None)):
                raise RegistrationError(
                    f"The config {config.__qualname__} of {name!r} has no classmethod tiny(); the "
                    "tests and previews need one that makes a very small module."
                )
            spec = Spec(
                name=name,
                build=build,
                config=config,
                license=license,
                paper=paper,
                origin=build.__module__.partition(".")[0],
            )
            self._add(spec)
            return build

        return decorate

    def spec_of(self, module: object) -> Spec:
        """Return the entry that ``module`` is an instance of.

        Raises:
            RegistrationError: Its class was never registered.
        """
        for spec in self._entries.values():
            if type(module) is spec.build:
                return spec
        raise RegistrationError(
            f"{type(module).__qualname__} is not a registered {self.kind}. "
            f"Decorate the class with @{self.decorator}(name, config=...)."
        )


def describe_entry_point(point: EntryPoint) -> str:
    """Return ``package 1.2.3`` for messages about an entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


ARCHITECTURES = ModuleRegistry(
    "architecture",
    decorator="colorzoo.register",
    package="colorzoo.models",
    group="colorzoo.architectures",
    shared=frozenset({"base", "build"}),
)
DISCRIMINATORS = ModuleRegistry(
    "discriminator",
    decorator="DISCRIMINATORS.register",
    package="colorzoo.discriminators",
    group="colorzoo.discriminators",
)
METHODS = ModuleRegistry(
    "method",
    decorator="colorzoo.register_method",
    package="colorzoo.methods",
    group="colorzoo.methods",
    shared=frozenset({"base", "spreading", "distances", "mending", "samples"}),
)
register = ARCHITECTURES.register
list_architectures = ARCHITECTURES.names
register_method = METHODS.register
list_methods = METHODS.names
