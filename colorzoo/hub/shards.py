"""Archives of a data set on the Hub: which there are, fetched one by one, and sent in commits."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from colorzoo.errors import HubError
from colorzoo.files import file_hash, replacing
from colorzoo.hub.client import explain, make_client, status_of
from colorzoo.hub.download import download

PREFIX: Final = "hf://datasets/"
_ID: Final = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^\s@]+))?")
# Another process's commit came between, too many commits, or a fault of the Hub's own.
_TRY_AGAIN: Final = (409, 412, 429, 500, 502, 503, 504)
_PAUSES: Final = (1, 4, 15, 60, 240)  # seconds; the Hub counts commits by the hour


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set on the Hub at one commit.

    Attributes:
        repo: ``owner/name``.
        commit: The commit; None where there is no such repository yet.
        hashes: The hash of each file by its name: SHA-256 of large ones, git's of others.
        private: Whether it is; None where it is not known.
    """

    repo: str
    commit: str | None
    hashes: Mapping[str, str]
    private: bool | None = None


def look_up(name: str, *, missing_ok: bool = False) -> HubDataset:
    """Ask the Hub which files a data set holds now.

    Args:
        name: ``owner/name`` or ``owner/name@revision``, with or without ``hf://datasets/``.
        missing_ok: Take a repository that is not there for an empty one.

    Raises:
        HubError: The name is none, the Hub cannot be reached, or a file's name leads out of the
            repository.
    """
    match = _ID.fullmatch(name.removeprefix(PREFIX))
    if match is None:
        raise HubError(
            f"{name!r} is no data set of the Hub. Give one as in owner/name or "
            f"{PREFIX}owner/name@revision."
        )
    repo = match["repo"]
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = make_client(None).dataset_info(repo, revision=match["revision"], files_metadata=True)
    except RepositoryNotFoundError as error:
        if missing_ok:
            return HubDataset(repo, None, {})
        raise HubError(explain(error, name)) from error
    except Exception as error:  # the client lets errors of the network library under it through
        raise HubError(explain(error, name)) from error
    hashes = {}
    for file in info.siblings or []:
        path = PurePosixPath(file.rfilename)
        if path.is_absolute() or ".." in path.parts or "\\" in file.rfilename:
            raise HubError(f"{repo} holds a file called {file.rfilename!r}; nothing is fetched.")
        hashes[file.rfilename] = (file.lfs.sha256 if file.lfs else file.blob_id) or ""
    return HubDataset(repo, info.sha, hashes, info.private)


def fetch_file(data: HubDataset, name: str, folder: Path) -> Path:
    """Fetch one file into a folder, and check it against its hash.

    Raises:
        HubError: It cannot be fetched, or is not what the Hub says it is.
    """
    if data.commit is None:
        raise HubError(f"The Hub has no data set {data.repo}, so {name} cannot be fetched from it.")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as file:
            download(data.repo, name, file, revision=data.commit, token=None, kind="dataset")
    except Exception as error:  # the client lets errors of the network library under it through
        raise HubError(explain(error, f"{data.repo}/{name}")) from error
    expected = data.hashes[name]
    if file_hash(path, git=len(expected) == 40) != expected:
        path.unlink()
        raise HubError(
            f"{name} of {data.repo} is not what the Hub has: its hash is another. It was damaged "
            "on its way; run the same command again."
        )
    return path


def send_files(repo: str, files: Mapping[str, Path], message: str, *, private: bool) -> None:
    """Send files as one commit; the repository is made if it is not there.

    What another process's commit or the Hub's limits prevent is tried again, for minutes.

    Args:
        repo: ``owner/name``.
        files: Names in the repository, and the files here.
        message: The commit's.
        private: Whether a new repository is private.

    Raises:
        HubError: The Hub refuses or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd

    for pause in (*_PAUSES, None):
        # Made anew: the client marks as sent what a commit that then failed had uploaded.
        operations = [CommitOperationAdd(name, path) for name, path in files.items()]
        try:
            api = make_client(None)
            api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
            api.create_commit(repo, operations, commit_message=message, repo_type="dataset")
        except Exception as error:  # the client lets errors of the network library through
            if pause is None or status_of(error) not in _TRY_AGAIN:
                raise HubError(explain(error, repo)) from error
            time.sleep(pause)
        else:
            return
