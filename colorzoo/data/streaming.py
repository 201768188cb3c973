"""Photos of a data set on the Hugging Face Hub, stored on disk or streamed.

The only file that imports ``datasets``. Pictures stay encoded until a loader's worker decodes them.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from colorzoo.errors import DataError, MissingDependencyError
from colorzoo.pictures.opening import open_image

PREFIX = "hf://datasets/"
_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^\s@]+))?")
_BLOCK = 1000  # encoded pictures of a stream that are shuffled together


class HubSource:
    """The photos of a Hub data set, stored in the cache of ``datasets`` and read at random.

    Args:
        table: A ``datasets.Dataset``.
        column: Its image column; None finds the only one.
        title: What the data set is called in messages.
    """

    def __init__(self, table: Any, *, column: str | None, title: str) -> None:
        self.title = title
        self.column, self.table = _encoded(table, column, title)

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.table)

    def name(self, index: int) -> str:
        """Return ``data set[row]``."""
        return f"{self.title}[{index}]"

    def open(self, index: int) -> Image.Image:
        """Open the picture of row ``index``."""
        return _open(self.table[index][self.column])


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream stands after a row, in plain values.

    Attributes:
        epoch: How many times the data set has been read to its end.
        block: Number of the block in hand, counted in its epoch.
        state: The data set's own state before that block's first row; None before its first.
        taken: How many rows of the block have been given.
        row: Number of the row, counted from the beginning of the stream.
    """

    epoch: int
    block: int
    state: dict[str, Any] | None
    taken: int
    row: int


class HubStream:
    """The photos of a Hub data set in the order they arrive, shuffled block by block, without end.

    Blocks, and not a buffer that rolls on, let a stream go on after any row exactly: the data set
    goes back to the beginning of the block, and no further. While a block is given, the next one is
    read row by row.

    Args:
        table: A ``datasets.IterableDataset``.
        column: Its image column; None finds the only one.
        title: What the data set is called in messages.
        seed: Fixes the order.
        block: How many encoded pictures are shuffled together; twice as many are held in memory.
    """

    def __init__(
        self, table: Any, *, column: str | None, title: str, seed: int, block: int = _BLOCK
    ) -> None:
        self.title = title
        self.seed = seed
        self.block = block
        self.column, encoded = _encoded(table, column, title)
        # Of the data set's own shuffling only the order of its files, a few read in turn: with one
        # row in its buffer, its state tells exactly where it stands.
        self.table = encoded.shuffle(seed=seed, buffer_size=1)

    def rows(self, after: Position | None = None) -> Iterator[tuple[Position, Any]]:
        """Yield encoded pictures for ever, each with its place; :meth:`open` decodes one.

        Args:
            after: The place to go on after; None for the beginning.

        Raises:
            DataError: The data set holds no row.
        """
        last = after or Position(0, block=0, state=None, taken=0, row=-1)
        empty = after is None
        while True:
            for place, picture in self._epoch(last):
                empty, last = False, place
                yield place, picture
            if empty:
                raise DataError(f"{self.title} holds no photos.")
            last = Position(last.epoch + 1, block=0, state=None, taken=0, row=last.row)

    def open(self, picture: Any) -> Image.Image:
        """Open an encoded picture; raises OSError when it is none."""
        return _open(picture)

    def _epoch(self, after: Position) -> Iterator[tuple[Position, Any]]:
        """Yield what an epoch still has to give after a place."""
        self.table.set_epoch(after.epoch)
        self.table.load_state_dict(after.state)
        rows = _read(self.table)
        block, row, given, state = after.block, after.row, after.taken, after.state
        coming = list(islice(rows, self.block))
        while coming:
            current, coming = coming, []
            state_of_next = self.table.state_dict()
            order = np.random.default_rng((self.seed, after.epoch, block)).permutation(len(current))
            for taken, index in enumerate(map(int, order), start=1):
                coming.extend(islice(rows, 1))
                if taken > given:
                    row += 1
                    place = Position(after.epoch, block, state, taken, row)
                    yield place, current[index][self.column]
            block, given, state = block + 1, 0, state_of_next


def open_hub_source(text: str, *, split: str, column: str | None = None) -> HubSource:
    """Open a Hub data set, fetching it into the cache of ``datasets`` if need be.

    Args:
        text: ``hf://datasets/owner/name`` or ``hf://datasets/owner/name@revision``.
        split: Split of the data set.
        column: Its image column; None finds the only one.

    Raises:
        DataError: The data set cannot be fetched, or has no such split or image column.
        MissingDependencyError: ``datasets`` is not installed.
    """
    return HubSource(_load(text, split, streaming=False), column=column, title=text)


def open_hub_stream(
    text: str,
    *,
    split: str,
    column: str | None = None,
    seed: int = 0,
    rank: int = 0,
    processes: int = 1,
) -> HubStream:
    """Open one process's part of a Hub data set, to be read as it arrives.

    Args:
        text: As for :func:`open_hub_source`, and so are ``split``, ``column`` and the errors.
        split: Split of the data set.
        column: Its image column; None finds the only one.
        seed: Fixes the order.
        rank: Number of this process.
        processes: How many processes share the data set.
    """
    if not text.startswith(PREFIX):
        raise DataError(f"data.streaming needs a Hub data set {PREFIX}owner/name, not {text!r}.")
    table = _load(text, split, streaming=True)
    if processes > 1:
        from datasets.distributed import split_dataset_by_node

        table = split_dataset_by_node(table, rank=rank, world_size=processes)
    return HubStream(table, column=column, title=text, seed=seed)


def _load(text: str, split: str, *, streaming: bool) -> Any:
    match = _ID.fullmatch(text.removeprefix(PREFIX))
    if match is None:
        raise DataError(f"{text!r} must read {PREFIX}owner/name or {PREFIX}owner/name@revision.")
    try:
        import datasets
    except ImportError as error:
        raise MissingDependencyError(
            "datasets", extra="train", purpose=f"Reading {text}"
        ) from error
    try:
        return datasets.load_dataset(
            match["repo"], split=split, revision=match["revision"], streaming=streaming
        )
    except Exception as error:  # datasets raises its own, the Hub's and the network's errors
        raise DataError(
            f"{text} cannot be read with split {split!r}: {type(error).__name__}: {error}. "
            "Check its name, its splits, the network and, for a private one, `hf auth login`."
        ) from error


def _read(table: Any) -> Iterator[Any]:
    """Yield the rows of a stream from its state on.

    ``datasets`` warns that the pictures in a shuffle buffer are lost when a state is loaded, which
    is of no matter where the buffer holds one.
    """
    logger = logging.getLogger("datasets.iterable_dataset")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        rows = iter(table)
        first = list(islice(rows, 1))
    finally:
        logger.setLevel(before)
    yield from first
    yield from rows


def _encoded(table: Any, column: str | None, title: str) -> tuple[str, Any]:
    """Return the image column's name, and the table with that column alone and not decoded."""
    import datasets

    features = table.features or {}
    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    if column and column not in images:
        raise DataError(
            f"{title} has no image column {column!r}; it has: {', '.join(images) or 'none'}."
        )
    if not column and len(images) != 1:
        raise DataError(
            f"{title} has {len(images)} image columns ({', '.join(images) or 'none'}); "
            "name one in data.column."
        )
    chosen = column or images[0]
    return chosen, table.select_columns([chosen]).cast_column(chosen, datasets.Image(decode=False))


def _open(picture: Any) -> Image.Image:
    if picture is None:
        raise OSError("the row holds no picture")
    if picture["bytes"] is not None:
        return open_image(io.BytesIO(picture["bytes"]))
    path = picture["path"]
    if "://" not in path:
        return open_image(path)
    from datasets.download.streaming_download_manager import xopen

    with xopen(path, "rb") as file:  # a streamed folder or archive of pictures
        return open_image(io.BytesIO(file.read()))
