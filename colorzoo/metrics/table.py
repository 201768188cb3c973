"""The table of metrics: one row says how a metric is computed and how its numbers are shown.

A row is read without torch: cards, tables and legends need headings alone. The rows of colorzoo
stand beside their functions in :mod:`colorzoo.metrics.pixelwise` and
:mod:`colorzoo.metrics.perceptual`; other packages bring theirs with :func:`register_metric` and an
entry point of the group ``colorzoo.metrics``.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from colorzoo.errors import MissingDependencyError, TensorError
from colorzoo.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Picture8 = NDArray[np.uint8]
    Lab = NDArray[np.float64]

PROTOCOL: Final = "colorzoo-1"
"""Name of the rules of :func:`colorzoo.evaluate`; as a metric it stands for all of its own."""

_BUILTIN_MODULES: Final = ("colorzoo.metrics.pixelwise", "colorzoo.metrics.perceptual")


class Pixels:
    """One 8-bit sRGB picture to measure, its Lab worked out once however many metrics ask.

    Args:
        rgb: (H, W, 3) uint8 sRGB.

    Attributes:
        rgb: The same; not to be changed.

    Raises:
        TensorError: The array is of another shape or type.
    """

    def __init__(self, rgb: Picture8) -> None:
        if rgb.dtype != "uint8" or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise TensorError(
                f"A picture to measure must be uint8 of shape (H, W, 3), not {rgb.dtype} of shape "
                f"{rgb.shape}. Convert it to 8-bit sRGB first."
            )
        self.rgb = rgb

    @functools.cached_property
    def lab(self) -> Lab:
        """Its CIELAB (D65): (H, W, 3) float64."""
        import numpy as np

        from colorzoo import color

        lab = color.srgb_to_lab(self.rgb.transpose(2, 0, 1) / 255.0)
        return np.ascontiguousarray(lab.transpose(1, 2, 0))


class Collector(Protocol):
    """A metric that needs a network, or all pictures of a row before it knows its number.

    One is made for each row of an evaluation, before anything is coloured.
    """

    def __init__(self, device: torch.device) -> None: ...

    def add(self, picture: Pixels, truth: Pixels) -> float | None:
        """Take in a picture; return its own number, or None where it has none."""
        ...

    def overall(self) -> float | None:
        """Return the number of all pictures together, over all processes; None if none."""
        ...


Compute = Callable[[Pixels, Pixels], float]
Measure = TypeVar("Measure", bound=Compute | type[Collector])


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the table.

    Attributes:
        name: Its name in reports, facts and calls.
        heading: Heading on a card.
        short: Heading in a terminal.
        meaning: What the number is, its range and unit, for a legend.
        digits: Format of its numbers, as in ``".3f"``.
        better: An arrow to where better is, or None where neither way is.
        spread: Whether short tables show its deviation over photos too.
        main: Whether short tables show it at all.
        of_truth: Whether it tells of the picture alone, so that the truth has a number too.
        protocol: Whether the protocol ``colorzoo-1`` measures it.
        library: Module that it imports and that only the extra ``metrics`` installs, or None.
        compute: The number of one picture, called from several threads; None for a collector and
            for a metric that is only known by name.
        collector: Class of its collector, or None.
        origin: Name of the package that brought it.
    """

    name: str
    heading: str
    short: str
    meaning: str = ""
    digits: str = ".4g"
    better: Literal["↑", "↓"] | None = None
    spread: bool = False
    main: bool = False
    of_truth: bool = False
    protocol: bool = False
    library: str | None = None
    compute: Compute | None = None
    collector: type[Collector] | None = None
    origin: str = "colorzoo"

    @property
    def place(self) -> str:
        """Module and name of its code."""
        code: Any = self.compute or self.collector
        return f"{code.__module__}.{code.__qualname__}"

    @property
    def full_heading(self) -> str:
        """The heading on a card, with its arrow."""
        return f"{self.heading} {self.better}" if self.better else self.heading

    def show(self, statistic: Mapping[str, float] | None, *, spread: bool) -> str:
        """Return ``{"mean": ..., "std": ...}`` as text, with its deviation if there is one."""
        if statistic is None:
            return ""
        mean = format(statistic["mean"], self.digits)
        if not spread or "std" not in statistic:
            return mean
        return f"{mean} ± {statistic['std']:{self.digits.lstrip('+')}}"

    def check_library(self) -> None:
        """Raise a MissingDependencyError where the library that it needs is not installed."""
        if self.library is not None and find_spec(self.library) is None:
            raise MissingDependencyError(
                self.library, extra="metrics", purpose=f"The metric {self.name!r}"
            )


class MetricRegistry(Registry[Metric]):
    """The rows: those of colorzoo in their order, then those of others."""

    def register(
        self,
        name: str,
        *,
        heading: str,
        short: str | None = None,
        meaning: str = "",
        digits: str = ".4g",
        better: Literal["↑", "↓"] | None = None,
        spread: bool = False,
        main: bool = False,
        of_truth: bool = False,
        protocol: bool = False,
        library: str | None = None,
    ) -> Callable[[Measure], Measure]:
        """Return a decorator that adds a row for a function or a collector class.

        The function takes a :class:`Pixels` and its truth, of one shape, and returns a finite
        number; it is called from several threads. What needs a network, or all pictures together,
        is a class with the methods of :class:`Collector`. Arguments are those of :class:`Metric`;
        ``short`` is the heading if left out.

        Raises:
            RegistrationError: The name is malformed or taken.
        """

        def decorate(measure: Measure) -> Measure:
            metric = Metric(
                name=name,
                heading=heading,
                short=short or heading,
                meaning=meaning,
                digits=digits,
                better=better,
                spread=spread,
                main=main,
                of_truth=of_truth,
                protocol=protocol,
                library=library,
                compute=None if isinstance(measure, type) else measure,
                collector=measure if isinstance(measure, type) else None,
                origin=measure.__module__.partition(".")[0],
            )
            self._add(metric)
            return measure

        return decorate

    def names(self) -> list[str]:
        """Return every known name: built-in rows in their order, then the others sorted."""
        builtin = list(self._builtin_modules())
        return [*builtin, *sorted({*self._entries, *self._plugins()} - {*builtin})]

    def chosen(self, names: Iterable[str]) -> list[Metric]:
        """Return the rows to measure, in the table's order.

        Args:
            names: Names of metrics; ``"colorzoo-1"`` stands for all of that protocol.

        Raises:
            UnknownNameError: No row has one of the names.
            RegistrationError: The package that brings one is broken.
            MissingDependencyError: A library that one needs is not installed.
        """
        given = list(names)
        wanted = {name: self.get(name) for name in given if name != PROTOCOL}
        if PROTOCOL in given:
            wanted |= {row.name: row for row in self.of_protocol()}
        rows = [wanted[name] for name in self.names() if name in wanted]
        for row in rows:
            row.check_library()
        return rows

    def of_protocol(self) -> list[Metric]:
        """Return the rows that the protocol ``colorzoo-1`` measures."""
        return [row for row in map(self.get, self._builtin_modules()) if row.protocol]

    def shown(self, names: Iterable[str]) -> list[Metric]:
        """Return rows to show numbers under, in the table's order.

        A metric that no working package here brings has its bare name as its heading, so that
        reports and facts of other machines can be read.
        """
        known = self.names()
        given = set(names)
        ordered = [name for name in known if name in given] + sorted(given - {*known})
        broken = self.broken_plugins() if given - {*self._entries} else {}
        return [
            self.get(name)
            if name in known and name not in broken
            else Metric(name=name, heading=name, short=name)
            for name in ordered
        ]

    def _builtin_modules(self) -> dict[str, str]:
        """Map the name of each row of colorzoo to its module, in the table's order."""
        for module in _BUILTIN_MODULES:
            importlib.import_module(module)
        home_of = {row.name: row.place.rpartition(".")[0] for row in self._entries.values()}
        # Whoever imports one of the modules first must not change the order.
        return {
            name: module
            for module in _BUILTIN_MODULES
            for name, home in home_of.items()
            if home == module
        }


METRICS = MetricRegistry(
    "metric", decorator="colorzoo.register_metric", group="colorzoo.metrics", separator="_"
)
register_metric = METRICS.register


def measure(
    picture: Picture8, truth: Picture8, metrics: Iterable[str] = (PROTOCOL,)
) -> dict[str, float]:
    """Return metrics of one picture against its truth.

    Args:
        picture: (H, W, 3) uint8 sRGB.
        truth: The same shape and type.
        metrics: Names of metrics that one picture has a number of; by default all of the protocol
            ``colorzoo-1``.

    Raises:
        TensorError: A picture is of another shape or type, or too small for a metric.
        ColorzooError: A metric is unknown or broken, or lacks a library.
    """
    return measure_pair(Pixels(picture), Pixels(truth), METRICS.chosen(metrics))


def measure_pair(picture: Pixels, truth: Pixels, rows: Iterable[Metric]) -> dict[str, float]:
    """Return the numbers of those rows that are functions.

    Raises:
        TensorError: The two are of different shapes, or too small for a metric.
    """
    if picture.rgb.shape != truth.rgb.shape:
        raise TensorError(
            f"A picture must have its truth's shape {truth.rgb.shape}, not {picture.rgb.shape}."
        )
    return {row.name: row.compute(picture, truth) for row in rows if row.compute}
