"""Photos of a data set on the Hugging Face Hub, stored on disk or streamed.

The only file that imports ``datasets``. Pictures stay encoded until a loader's worker decodes them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from PIL import Image

from colorzoo.errors import DataError, MissingDependencyError
from colorzoo.pictures.opening import open_image

PREFIX = "hf://datasets/"
_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^\s@]+))?")
_SHUFFLE_BUFFER = 1000  # encoded pictures held while streaming


class HubSource:
    """The photos of a Hub data set, stored in the cache of ``datasets`` and read at random.

    Args:
        table: A ``datasets.Dataset``.
        column: Its image column; empty finds the only one.
        title: What the data set is called in messages.
    """

    def __init__(self, table: Any, *, column: str, title: str) -> None:
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


class HubStream:
    """The photos of a Hub data set in the order they arrive, shuffled in a buffer, without end.

    Args:
        table: A ``datasets.IterableDataset``.
        column: Its image column; empty finds the only one.
        title: What the data set is called in messages.
        seed: Fixes the order.
    """

    def __init__(self, table: Any, *, column: str, title: str, seed: int) -> None:
        self.title = title
        self.column, encoded = _encoded(table, column, title)
        self.table = encoded.shuffle(seed=seed, buffer_size=_SHUFFLE_BUFFER)

    def pictures(self) -> Iterator[Any]:
        """Yield encoded pictures for ever; :meth:`open` decodes one.

        Raises:
            DataError: The data set holds no row.
        """
        epoch = 0
        while True:
            self.table.set_epoch(epoch)
            empty = True
            for row in self.table:
                empty = False
                yield row[self.column]
            if empty:
                raise DataError(f"{self.title} holds no photos.")
            epoch += 1

    def open(self, picture: Any) -> Image.Image:
        """Open an encoded picture; raises OSError when it is none."""
        return _open(picture)


def open_hub_source(text: str, *, split: str, column: str = "") -> HubSource:
    """Open a Hub data set, fetching it into the cache of ``datasets`` if need be.

    Args:
        text: ``hf://datasets/owner/name`` or ``hf://datasets/owner/name@revision``.
        split: Split of the data set.
        column: Its image column; empty finds the only one.

    Raises:
        DataError: The data set cannot be fetched, or has no such split or image column.
        MissingDependencyError: ``datasets`` is not installed.
    """
    return HubSource(_load(text, split, streaming=False), column=column, title=text)


def open_hub_stream(
    text: str, *, split: str, column: str = "", seed: int = 0, rank: int = 0, processes: int = 1
) -> HubStream:
    """Open one process's part of a Hub data set, to be read as it arrives.

    Args:
        text: As for :func:`open_hub_source`, and so are ``split``, ``column`` and the errors.
        split: Split of the data set.
        column: Its image column; empty finds the only one.
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


def _encoded(table: Any, column: str, title: str) -> tuple[str, Any]:
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
