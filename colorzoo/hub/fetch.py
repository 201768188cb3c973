"""Models from the Hub into its own cache on this disk, each file checked against its hash."""

from __future__ import annotations

import re
import time
from pathlib import Path

from colorzoo.errors import HubError
from colorzoo.files import file_hash
from colorzoo.hub.client import LIBRARY, Access, explain, make_client, status_of, without_bars
from colorzoo.hub.declared import Declaration, ask, note, recall, remove, verify
from colorzoo.modelfolder.facts import FACTS_FILE
from colorzoo.modelfolder.format import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from colorzoo.version import __version__

# The card tells which package brings an architecture; nothing else of a repository is fetched.
FETCHED_FILES = (CONFIG_FILE, WEIGHTS_FILE, FACTS_FILE, CARD_FILE)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]*")
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
        folder = _snapshot(repo, revision, access)
        known = recall(folder)
        if known is not None and _is_complete(folder, known):
            return folder, known
    declared = None if access.local_files_only else _ask(repo, revision, access)
    if declared is not None:
        folder = _snapshot(repo, declared.commit, access)
        if not _is_complete(folder, declared):
            _check_names(repo, shown, declared, folder, access)
            folder = _download(repo, shown, revision, access)
            if folder.name != declared.commit:  # the repository changed since it was asked
                declared = _ask(repo, folder.name, access)
        if declared is not None:
            note(declared, folder)
            return folder, declared
    folder = _download(repo, shown, revision, access)
    return folder, recall(folder)


def _snapshot(repo: str, commit: str, access: Access) -> Path:
    """Return where the client keeps the files of a commit."""
    return access.cache / f"models--{repo.replace('/', '--')}" / "snapshots" / commit


def _is_complete(folder: Path, declared: Declaration) -> bool:
    return all((folder / name).is_file() for name in FETCHED_FILES if declared.find(name))


def _ask(repo: str, revision: str | None, access: Access) -> Declaration | None:
    """Return what the Hub says; None where it cannot be reached, and the cache has to do."""
    try:
        return ask(repo, revision, access)
    except HubError:
        raise
    except Exception:  # noqa: BLE001  # the download meets the same fault, and explains it
        return None


def _check_names(
    repo: str, shown: str, declared: Declaration, folder: Path, access: Access
) -> None:
    """Refuse a server whose ETags are paths: the client names the files of its cache by them.

    Raises:
        HubError: An ETag could lead out of the cache.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    for name in FETCHED_FILES:
        if declared.find(name) is None or (folder / name).is_file():
            continue
        url = hf_hub_url(repo, name, revision=declared.commit)
        try:
            etag = get_hf_file_metadata(url, token=access.token, library_name=LIBRARY).etag
        except Exception:  # noqa: BLE001  # the download meets the same fault, and explains it
            return
        if etag is not None and not _FILE_NAME.fullmatch(etag):
            raise HubError(
                f"The server names the content of {name} of {shown} by {etag!r}, which is no hash "
                "and could lead out of the cache, so nothing is fetched from it. Check HF_ENDPOINT."
            )


def _download(repo: str, shown: str, revision: str | None, access: Access) -> Path:
    """Run the client, again after a fault of the Hub's own (5xx)."""
    from huggingface_hub import snapshot_download

    for pause in (1, 2, None):
        try:
            with without_bars():
                folder = snapshot_download(
                    repo,
                    revision=revision,
                    allow_patterns=list(FETCHED_FILES),
                    cache_dir=access.cache,
                    local_files_only=access.local_files_only,
                    token=access.token,
                    library_name=LIBRARY,
                    library_version=__version__,
                )
        except Exception as error:  # the client lets errors of the network library under it through
            if pause is None or (status_of(error) or 0) < 500:
                raise HubError(
                    explain(error, shown, local_files_only=access.local_files_only)
                ) from error
            time.sleep(pause)
        else:
            break
    return Path(folder)


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
