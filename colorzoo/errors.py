"""Every error colorzoo raises on purpose.

Each message says three things: what was given, what was expected, and what to do. Catch
:class:`ColorzooError` to catch them all.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final


class ColorzooError(Exception):
    """Base of all errors that colorzoo raises on purpose."""


class UnknownNameError(ColorzooError):
    """No architecture, discriminator or model has the name that was asked for."""


class RegistrationError(ColorzooError):
    """An architecture cannot be registered, or a plug-in does not register what it promised."""


class ConfigError(ColorzooError):
    """A config has an unknown or missing key, or a value of the wrong type or range."""


class PictureError(ColorzooError):
    """A picture cannot be read or written, or is not of a supported kind."""


class VideoError(ColorzooError):
    """A film cannot be read or written, or a job on one cannot go on."""


class TensorError(ColorzooError):
    """A tensor or array has the wrong shape, type or range."""


class WeightsError(ColorzooError):
    """A model folder is incomplete, or its weights do not fit its config."""


class DataError(ColorzooError):
    """Photos for training or evaluation cannot be found or read."""


class TrainingError(ColorzooError):
    """A training run cannot start or go on."""


class HubError(ColorzooError):
    """A model cannot be fetched from the Hub or published to it."""


class MissingDependencyError(ColorzooError):
    """An optional library is needed and not installed."""

    def __init__(self, library: str, *, extra: str | None, purpose: str) -> None:
        """Name the library, the extra of colorzoo that installs it if any, and what needs it."""
        wanted = library if extra is None else f"'colorzoo[{extra}]'"
        super().__init__(
            f"{purpose} needs the library {library!r}, which is not installed. "
            f"Install it with: pip install {wanted}"
        )
        self._rebuild = functools.partial(type(self), library, extra=extra, purpose=purpose)

    def __reduce__(self) -> tuple[Callable[[], MissingDependencyError], tuple[()]]:
        # Exceptions pickle by what their base was given, which here is the message alone.
        return self._rebuild, ()


LEFT_OUT: Final = ("torch", "scipy", "safetensors", "huggingface_hub")
"""Libraries that an installation for exported files alone does without."""


@contextlib.contextmanager
def needing(purpose: str) -> Iterator[None]:
    """Say what is to be done where a library is missing that exported files do not need.

    Args:
        purpose: What is done in the ``with`` block, the beginning of a sentence.

    Raises:
        MissingDependencyError: It imports such a library, which is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in LEFT_OUT:
            raise
        raise MissingDependencyError(library, extra=None, purpose=purpose) from error


_BESIDE: Final = 0.8
"""Share of the nearest name's likeness that another must have to be named beside it."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known names, or ``""`` if none is near.

    Initials are near too, as ``lr`` is to ``learning_rate``.
    """
    names = list(known)
    nearest = [name for name in names if len(given) > 1 and _initials(name) == given.lower()]
    if not nearest:
        nearest = difflib.get_close_matches(given, names, n=3, cutoff=0.55)
        enough = _BESIDE * max((_likeness(given, name) for name in nearest), default=0.0)
        nearest = [name for name in nearest if _likeness(given, name) >= enough]
    return f" Did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""


def _initials(name: str) -> str:
    return "".join(word[:1] for word in re.split("[_-]", name))


def _likeness(given: str, name: str) -> float:
    return difflib.SequenceMatcher(a=name, b=given).ratio()
