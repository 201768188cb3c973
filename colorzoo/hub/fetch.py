"""Models from the Hub into its own cache on this disk, each file checked against its hash."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo.errors import HubError
from colorzoo.files import file_hash
from colorzoo.modelfolder.facts import FACTS_FILE
from colorzoo.modelfolder.format import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from colorzoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# The card tells which package brings an architecture; nothing else of a repository is fetched.
FETCHED_FILES = (CONFIG_FILE, WEIGHTS_FILE, FACTS_FILE, CARD_FILE)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_HASH = re.compile(r"[0-9a-f]{40}")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the Hub's files are come by.

    Attributes:
        cache_dir: Where they are kept; the Hub client's own cache if None.
        local_files_only: Take them only from there.
        token: Access token for the Hub.
    """

    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    token: str | None = None


def fetch(repo: str, access: Access, *, revision: str | None, sha256: str | None = None) -> Path:
    """Fetch the files of a model, all of one commit, and return the folder they lie in.

    Args:
        repo: ``owner/name``.
        access: Cache and token.
        revision: Branch, tag or commit; the default branch if None.
        sha256: What the weights must have, in hexadecimal; None takes what the Hub says of them.

    Raises:
        HubError: The repository cannot be fetched, is no colorzoo model, or a file is not what
            its hash says; such a file is removed from the cache.
    """
    shown = f"{repo}@{revision}" if revision else repo
    if revision and (".." in revision or revision.startswith("/") or "\\" in revision):
        raise HubError(f"{revision!r} is no revision. Give a branch, a tag or a commit of {repo}.")
    folder = _download(repo, shown, revision, access)
    for file_name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / file_name).is_file():
            pickles = _describe_pickles(repo, folder.name, access)
            raise HubError(
                f"The Hub repository {shown} holds no {file_name}, so it is not a colorzoo model "
                f"or is only partly in the cache.{pickles} Give a repository that colorzoo "
                "published."
            )
    for path in sorted(folder.iterdir()):
        if path.name in FETCHED_FILES:
            _verify(path, shown)
    if sha256 is not None:
        _verify_pin(folder / WEIGHTS_FILE, sha256, shown)
    return folder


def _download(repo: str, shown: str, revision: str | None, access: Access) -> Path:
    """Run the client, again after a fault of the Hub's own (5xx)."""
    from huggingface_hub import snapshot_download

    for pause in (1, 2, None):
        try:
            folder = snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(FETCHED_FILES),
                cache_dir=None if access.cache_dir is None else Path(access.cache_dir),
                local_files_only=access.local_files_only,
                token=access.token,
                library_name="colorzoo",
                library_version=__version__,
            )
        except Exception as error:  # the client lets errors of the network library under it through
            if pause is None or (_status(error) or 0) < 500:
                raise HubError(
                    explain(error, shown, local_files_only=access.local_files_only)
                ) from error
            time.sleep(pause)
        else:
            break
    return Path(folder)


def _verify(path: Path, shown: str) -> None:
    """Compare a file of the cache with the hash that the cache names it by.

    Where the cache has no links (Windows without the right to make them) it keeps no hash.
    """
    expected = path.resolve().name
    if _SHA256.fullmatch(expected):
        found = file_hash(path)
    elif _GIT_HASH.fullmatch(expected):
        found = file_hash(path, git=True)
    else:
        return
    if found != expected:
        _remove(path)
        raise HubError(
            f"{path.name} of {shown} is not what the Hub has: its hash is {found}, not {expected}. "
            "It was damaged on its way or on this disk, and is now removed; load the model again."
        )


def _verify_pin(path: Path, expected: str, shown: str) -> None:
    found = file_hash(path)
    if found != expected:
        _remove(path)
        raise HubError(
            f"{path.name} of {shown} is not the file that this zoo pins: its SHA-256 is {found}, "
            f"not {expected}. It is not used. Update colorzoo, or report it if that does not help."
        )


def _remove(path: Path) -> None:
    """Remove a file from the cache: its name in the snapshot, and what that leads to."""
    content = path.resolve()
    path.unlink(missing_ok=True)
    content.unlink(missing_ok=True)


def _describe_pickles(repo: str, commit: str, access: Access) -> str:
    """Return a sentence on pickled weights in a repository, or nothing if it has none."""
    if access.local_files_only:
        return ""
    try:
        names = make_client(access.token).list_repo_files(repo, revision=commit)
    except Exception as error:  # the client lets errors of the network library under it through
        raise HubError(f"{repo} is only partly there. {explain(error, repo)}") from error
    pickles = [name for name in names if name.lower().endswith(_PICKLES)]
    if not pickles:
        return ""
    return (
        f" It holds pickled weights ({', '.join(pickles[:3])}), which can run code and are never "
        "loaded."
    )


def make_client(token: str | None) -> HfApi:
    """Return a client of the Hub that says who is asking."""
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name="colorzoo", library_version=__version__)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status behind an error of the client, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        status = getattr(getattr(seen, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        seen = seen.__cause__
    return None


def explain(error: Exception, shown: str, *, local_files_only: bool = False) -> str:
    """Say what went wrong with the Hub, and what to do.

    Args:
        error: What the client raised.
        shown: The repository, as the user wrote it.
        local_files_only: Whether the network was left alone.
    """
    from huggingface_hub import errors

    status = _status(error)
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return (
            f"The Hub refuses access to {shown} (403). Accept its terms on its page if it has "
            "some, and use a token that may do this: token=... or: hf auth login"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"The Hub has no such revision: {shown}. Give a branch, a tag or a commit of it."
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        return (
            f"The Hub has no repository {shown}, or it is private and the token is missing or "
            f"wrong ({status or 404}). Check the spelling; for a private one pass token=... or log "
            "in with: hf auth login"
        )
    if status is not None and status >= 500:
        return f"The Hub has a fault of its own ({status}) for {shown}. Try again in a while."
    if isinstance(error, errors.LocalEntryNotFoundError):
        reason = (
            "Load it once with local_files_only=False while there is a network."
            if local_files_only
            else f"The Hub cannot be reached ({type(error.__cause__).__name__}): check the "
            "network, and that HF_HUB_OFFLINE is not set."
        )
        return f"{shown} is not in the cache on this disk. {reason}"
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    return f"{shown}: {type(root).__name__}: {root}. Check the name and the network, try again."
