"""The Hub's client: who is asking, with what token, and what its errors mean."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from colorzoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LIBRARY: Final = "colorzoo"
"""Who is asking, as the Hub is told with each request."""

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_WRITING: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the Hub's files are come by.

    Attributes:
        cache_dir: Where they are kept; the Hub client's own cache if None.
        local_files_only: Take them only from there.
        token: Access token for the Hub.
        verify: Refuse files of which no hash is known.
    """

    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    token: str | None = None
    verify: bool = True

    @property
    def cache(self) -> Path:
        """The folder of the cache."""
        from huggingface_hub import constants

        return Path(self.cache_dir or constants.HF_HUB_CACHE).expanduser().resolve()


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Keep the client from drawing progress bars until the block ends: a library draws none."""
    from huggingface_hub import constants
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented as lying there
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    # Set either way in the environment, it cannot be changed and is what the user wants.
    settled = constants.HF_HUB_DISABLE_PROGRESS_BARS is not None
    if settled or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def make_client(token: str | None) -> HfApi:
    """Return a client of the Hub that says who is asking."""
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name=LIBRARY, library_version=__version__)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error of the client, if there is one."""
    for cause in _causes(error):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def explain(error: Exception, shown: str, *, local_files_only: bool = False) -> str:
    """Say what went wrong with the Hub, and what to do.

    Args:
        error: What the client raised.
        shown: The repository, as the user wrote it.
        local_files_only: Whether the network was left alone.
    """
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return f"The Hub has no such revision: {shown}. Give a branch, a tag or a commit of it."
    status = status_of(error)
    if isinstance(error, errors.GatedRepoError):
        status = 403
    if isinstance(error, errors.RepositoryNotFoundError) and status != 403:
        status = status or 401
        return _explain_missing(shown, status)
    if status is not None and status >= 400:
        return _explain_status(error, shown, status)
    disk = next((cause for cause in _causes(error) if _is_of_disk(cause)), None)
    if disk is not None:
        return _explain_disk(disk, shown)
    if isinstance(error, errors.LocalEntryNotFoundError):
        reason = (
            "Load it once with local_files_only=False while there is a network."
            if local_files_only
            else f"The Hub cannot be reached ({type(error.__cause__).__name__}): check the "
            "network, and that HF_HUB_OFFLINE is not set."
        )
        return f"{shown} is not in the cache on this disk. {reason}"
    *_, root = _causes(error)
    return f"{shown}: {type(root).__name__}: {root}. Check the name and the network, try again."


def _explain_missing(shown: str, status: int) -> str:
    return (
        f"The Hub has no repository {shown}, or it is private and the token is missing or wrong "
        f"({status}). Check the spelling; for a private one pass token=... or log in with: "
        "hf auth login"
    )


def _explain_status(error: Exception, shown: str, status: int) -> str:
    if status == 401:
        return _explain_missing(shown, status)
    if status == 403:
        return (
            f"The Hub refuses access to {shown} (403). Accept its terms on its page if it has "
            "some, and use a token that may do this: token=... or: hf auth login"
        )
    if status == 404:
        return (
            f"The Hub answers that something of {shown} is not there (404). Check the name; if "
            "HF_ENDPOINT is set, check that it is the address of a Hub."
        )
    if status == 429:
        return (
            f"The Hub has had too many requests from here (429) to give {shown}. Wait "
            f"{_pause_of(error)}; with a token it allows more: hf auth login"
        )
    if status >= 500:
        return f"The Hub has a fault of its own ({status}) for {shown}. Try again in a while."
    return f"The Hub refuses the request for {shown} ({status}): {error}. Update colorzoo."


def _pause_of(error: Exception) -> str:
    for cause in _causes(error):
        headers = getattr(getattr(cause, "response", None), "headers", None)
        seconds = headers.get("Retry-After", "") if headers is not None else ""
        if seconds.isdecimal():
            return f"{seconds} seconds"
    return "a few minutes"


def _is_of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _NO_ROOM | _NO_WRITING


def _explain_disk(error: BaseException, shown: str) -> str:
    place = getattr(error, "filename", None)
    where = f" ({place})" if place else ""
    if getattr(error, "errno", None) in _NO_ROOM:
        return (
            f"The disk of the Hub's cache{where} has no room for {shown}: {error}. Make room, or "
            "keep the files elsewhere: cache_dir=... or the variable HF_HOME."
        )
    return (
        f"The Hub's cache{where} cannot be written to, so {shown} is not fetched: {error}. Keep "
        "the files elsewhere: cache_dir=... or the variable HF_HOME."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return an error and what it came from, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__
