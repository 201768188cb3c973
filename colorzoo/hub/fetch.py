"""Models from the Hub into its own cache on this disk, each file checked against its hash."""

from __future__ import annotations

import re
import time
from pathlib import Path

from colorzoo.errors import HubError
from colorzoo.files import file_hash
from colorzoo.hub.client import Access, explain, make_client, status_of
from colorzoo.hub.declared import (
    Declaration,
    DeclaredFile,
    ask,
    note,
    recall,
    remove,
    unverifiable,
    verify,
)
from colorzoo.hub.download import download_to_cache, note_branch, snapshot_folder
from colorzoo.modelfolder.facts import FACTS_FILE
from colorzoo.modelfolder.format import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE

# The card tells which package brings an architecture; nothing else of a repository is fetched.
FETCHED_FILES = (CONFIG_FILE, WEIGHTS_FILE, FACTS_FILE, CARD_FILE)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PAUSES = (1, 2, None)  # seconds between three tries
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


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
    folder, declared = _find(repo, shown, revision, access)
    for file_name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / file_name).is_file():
            pickles = _describe_pickles(repo, folder.name, access)
            raise HubError(
                f"The Hub repository {shown} holds no {file_name}, so it is not a colorzoo model "
                f"or is only partly in the cache.{pickles} Give a repository that colorzoo "
                "published."
            )
    _verify_all(folder, declared, shown, access)
    if sha256 is not None:
        _verify_pin(folder / WEIGHTS_FILE, sha256, shown)
    return folder


def _verify_all(folder: Path, declared: Declaration | None, shown: str, access: Access) -> None:
    """Raise one HubError that names every file that is not what it should be."""
    faults = []
    for path in sorted(folder.iterdir()):
        if path.name in FETCHED_FILES:
            try:
                verify(path, declared.find(path.name) if declared else None, shown, access)
            except HubError as error:
                faults.append(str(error))
    if faults:
        raise HubError(" ".join(faults))


def _find(
    repo: str, shown: str, revision: str | None, access: Access
) -> tuple[Path, Declaration | None]:
    """Return the folder of a model, downloaded if need be, and what the Hub says of its files."""
    if revision and _COMMIT.fullmatch(revision):  # a commit does not change: no need to ask again
        folder = snapshot_folder(repo, revision, access)
        known = recall(folder)
        if known is not None and not _missing(folder, known):
            return folder, known
    if access.local_files_only:
        try:
            folder = _cached(repo, revision, access)
        except Exception as error:  # the client refuses impossible names by errors of its own
            raise HubError(explain(error, shown, local_files_only=True)) from error
        return folder, recall(folder)
    declared = _ask(repo, shown, revision, access)
    if isinstance(declared, Path):
        return declared, recall(declared)
    folder = snapshot_folder(repo, declared.commit, access)
    for file in _missing(folder, declared):
        _download(repo, shown, declared.commit, file, access)
    note(declared, folder)
    note_branch(repo, revision, declared.commit, access)
    return folder, declared


def _missing(folder: Path, declared: Declaration) -> list[DeclaredFile]:
    """Return what a snapshot lacks of the files that are fetched."""
    files = (declared.find(name) for name in FETCHED_FILES)
    return [file for file in files if file and not (folder / file.name).is_file()]


def _ask(repo: str, shown: str, revision: str | None, access: Access) -> Declaration | Path:
    """Return what the Hub says, or where it gives no answer, what the cache holds instead.

    Raises:
        HubError: Neither is to be had.
    """
    from huggingface_hub.errors import LocalEntryNotFoundError, RevisionNotFoundError

    for pause in _PAUSES:
        try:
            return ask(repo, revision, access)
        except HubError:
            raise
        except RevisionNotFoundError as error:
            raise HubError(explain(error, shown)) from error
        except Exception as error:  # the client lets errors of the network library under it through
            try:
                return _cached(repo, revision, access)
            except LocalEntryNotFoundError as missing:
                missing.__cause__ = error
                unreachable = status_of(error) is None
                message = explain(missing if unreachable else error, shown)
            except Exception:  # noqa: BLE001  # an impossible name, of which the first error tells
                message = explain(error, shown)
            if pause is None or not _is_fault_of_hub(error):
                raise HubError(message) from error
            time.sleep(pause)
    raise AssertionError("the last pause is None")


def _cached(repo: str, revision: str | None, access: Access) -> Path:
    """Return the folder of a model in the cache; no server is asked."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            repo,
            revision=revision,
            allow_patterns=list(FETCHED_FILES),
            cache_dir=access.cache,
            local_files_only=True,
        )
    )


def _download(repo: str, shown: str, commit: str, file: DeclaredFile, access: Access) -> None:
    """Fetch one file into the cache, again after a fault of the Hub's own (5xx)."""
    if file.hash is None and access.verify:
        raise HubError(unverifiable(file.name, shown))
    for pause in _PAUSES:
        try:
            download_to_cache(repo, commit, file, access)
        except Exception as error:  # the client lets errors of the network library under it through
            if pause is None or not _is_fault_of_hub(error):
                raise HubError(explain(error, shown)) from error
            time.sleep(pause)
        else:
            return


def _is_fault_of_hub(error: BaseException) -> bool:
    return (status_of(error) or 0) >= 500


def _verify_pin(path: Path, expected: str, shown: str) -> None:
    given = file_hash(path)
    if given != expected:
        remove(path)
        raise HubError(
            f"{path.name} of {shown} is not the file that this zoo pins: its SHA-256 is {given}, "
            f"not {expected}. It is not used. Update colorzoo, or report it if that does not help."
        )


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
