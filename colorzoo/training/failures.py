"""What the machine may refuse while a run goes on, as errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from colorzoo.errors import TrainingError

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
_NO_MEMORY = ("not enough memory", "can't allocate memory")  # torch's words, on processors


@contextmanager
def explained_failures(folder: Path) -> Iterator[None]:
    """Turn a full disk and memory that ran out into one clear error.

    Args:
        folder: The run folder.

    Raises:
        TrainingError: It happened.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise TrainingError(
            f"The run folder {folder} cannot be written: {error.strerror}. Its last "
            "checkpoint is whole; free some space and resume."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0] or "none is left"
        raise TrainingError(
            f"Memory ran out: {reason}. Lower data.batch_size (and raise run.accumulation for it), "
            "the size of the squares or the widths of the network."
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(words in str(error) for words in _NO_MEMORY)
