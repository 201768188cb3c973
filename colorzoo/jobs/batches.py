"""The way of many pictures: read ahead on threads, predicted in batches, written on threads."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from PIL import Image

from colorzoo.errors import ColorzooError, ConfigError
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.picture import Picture
from colorzoo.predictor import Prediction

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer
    from colorzoo.hints import PlacedHints

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_THREADS = 8


class Task(ABC, Generic[Item, Result]):
    """What is done with each of many things; threads call it, one for a thing at a time."""

    @abstractmethod
    def read(self, item: Item) -> Picture | Result:
        """Read a picture, or say what becomes of what is not to be coloured.

        Raises:
            ColorzooError: It cannot be read.
        """

    def hints(self, item: Item, picture: Picture) -> PlacedHints | None:
        """Return hints of its own for a picture that was read, None if it has none.

        Raises:
            ColorzooError: They cannot be read, or do not fit the picture.
        """
        return None

    @abstractmethod
    def write(self, item: Item, image: Image.Image) -> None:
        """Write a finished picture.

        Raises:
            ColorzooError: It cannot be written.
        """

    @abstractmethod
    def result(
        self, item: Item, picture: Picture | None, reason: str | None, seconds: float
    ) -> Result:
        """Say what became of a thing.

        Args:
            item: The thing.
            picture: What was read; None if that failed.
            reason: Why it failed; None if it was written.
            seconds: How long it took, with its share of its batch.
        """


@dataclass(frozen=True, slots=True, eq=False)
class _Opened(Generic[Item]):
    """A thing with the picture that was read of it."""

    item: Item
    picture: Picture
    hints: PlacedHints | None
    seconds: float


def in_batches(
    colorizer: Colorizer,
    task: Task[Item, Result],
    items: Iterable[Item],
    options: ColorizeOptions,
    *,
    should_stop: Callable[[], bool],
) -> Generator[Result, None, None]:
    """Colour many things, and tell of each what became of it.

    At most two batches are held at once: the next is read while one is coloured and written.

    Args:
        colorizer: What colours them.
        task: How they are read and written.
        items: The things; the next are taken when a batch has been read.
        options: How they are coloured.
        should_stop: Asked before each picture is written; once true, no more are.

    Yields:
        One result each, in their order; of those that were not begun none.

    Raises:
        ConfigError: The predictor does not take what is given, or lacks what it needs.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(_threads()) as pool:

        def read_ahead() -> list[Future[_Opened[Item] | Result]]:
            chunk = list(islice(remaining, options.batch_size))
            return [pool.submit(_read, task, item) for item in chunk]

        ahead = read_ahead()
        try:
            while ahead and not should_stop():
                entries = [future.result() for future in ahead]
                ahead = read_ahead()
                yield from _finish(colorizer, task, entries, options, pool, should_stop)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _threads() -> int:
    """Return how many threads this process has for its pictures, of all those of the machine."""
    affinity = getattr(os, "sched_getaffinity", None)  # knows the limits of containers; Linux only
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    neighbours = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun and accelerate
    return max(1, min(_MOST_THREADS, processors // neighbours))


def _read(task: Task[Item, Result], item: Item) -> _Opened[Item] | Result:
    start = time.perf_counter()
    try:
        picture = task.read(item)
        if not isinstance(picture, Picture):
            return picture
        hints = task.hints(item, picture)
    except ColorzooError as error:
        return task.result(item, None, str(error), time.perf_counter() - start)
    return _Opened(item, picture, hints, time.perf_counter() - start)


def _finish(
    colorizer: Colorizer,
    task: Task[Item, Result],
    entries: list[_Opened[Item] | Result],
    options: ColorizeOptions,
    pool: ThreadPoolExecutor,
    should_stop: Callable[[], bool],
) -> Iterator[Result]:
    """Colour and write what was read; pass on what was not."""
    start = time.perf_counter()
    opened = [entry for entry in entries if isinstance(entry, _Opened)]
    predictions = iter(_predict(colorizer, opened, options))
    share = (time.perf_counter() - start) / max(1, len(opened))

    def write(entry: _Opened[Item], prediction: Prediction | str) -> Result | None:
        if should_stop():
            return None
        begun = time.perf_counter()
        reason = prediction if isinstance(prediction, str) else None
        if not isinstance(prediction, str):
            try:
                image = colorizer.finish(
                    entry.picture, prediction, options.saturation, options.depth
                )
                task.write(entry.item, image)
            except (ColorzooError, MemoryError, RuntimeError) as error:  # torch's: RuntimeError
                reason = _explain(error, entry.picture)
        seconds = entry.seconds + share + time.perf_counter() - begun
        return task.result(entry.item, entry.picture, reason, seconds)

    pending: list[Result | Future[Result | None]] = [
        pool.submit(write, entry, next(predictions)) if isinstance(entry, _Opened) else entry
        for entry in entries
    ]
    for outcome in pending:
        result = outcome.result() if isinstance(outcome, Future) else outcome
        if result is not None:
            yield result


def _predict(
    colorizer: Colorizer, opened: list[_Opened[Item]], options: ColorizeOptions
) -> list[Prediction | str]:
    """Predict, and where that fails, again by halves: only who is at fault is left without.

    Returns:
        For each picture its prediction, or the reason why there is none.
    """
    pictures = [entry.picture for entry in opened]
    hints = [entry.hints for entry in opened]
    try:
        # Hints of the options are for all, and then none has hints of its own.
        own = hints if any(hints) else None
        return list(colorizer.predict_pictures(pictures, options, hints=own))
    except ConfigError:  # the fault of what was asked for, not of a picture
        raise
    except Exception as error:  # noqa: BLE001  # a predictor may be anybody's code
        if len(pictures) < 2:
            return [_explain(error, picture) for picture in pictures]
    # Here the error is gone, and with it what its frames held of the device's memory.
    middle = len(pictures) // 2
    return _predict(colorizer, opened[:middle], options) + _predict(
        colorizer, opened[middle:], options
    )


def _explain(error: Exception, picture: Picture) -> str:
    """Say why one picture cannot be coloured."""
    if isinstance(error, ColorzooError):
        return str(error) if picture.name in str(error) else f"{picture.name}: {error}"
    pixels = f"{picture.height} x {picture.width} pixels (height x width)"
    return explain_failure(error, picture.name, pixels)


def explain_failure(error: Exception, name: str, pixels: str = "its pixels") -> str:
    """Say what an error of foreign code means for a picture of that name and size."""
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return (
            f"{name}: the memory does not suffice for {pixels}. Choose a smaller working size, or "
            "the device cpu."
        )
    return f"{name}: the predictor failed: {type(error).__name__}: {error}"
