"""Files from the Hub into places that are chosen here, whatever the server answers.

The client's own downloads name the files of the cache after the server's ETags, which it asks for
each time anew; a server that means harm can so make it write anywhere. Here only what was declared
once names a file, and only where it is a hash.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO, Final

from colorzoo.files import file_hash, replace_text, replacing
from colorzoo.hub.client import LIBRARY, Access, without_bars
from colorzoo.hub.declared import DeclaredFile
from colorzoo.version import __version__

DEFAULT_BRANCH: Final = "main"


def download(
    repo: str, name: str, file: BinaryIO, *, revision: str, token: str | None, kind: str = "model"
) -> None:
    """Write a file of the Hub into an open one; a connection that breaks is taken up again.

    Args:
        repo: ``owner/name``.
        name: Of the file in the repository.
        file: Open for writing and reading, and empty.
        revision: Full commit.
        token: Access token, which is sent to the Hub alone and to no host it redirects to.
        kind: ``"model"``, ``"dataset"`` or ``"space"``.

    Raises:
        Exception: Whatever the client raises.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented as lying there
        build_hf_headers,
    )

    with without_bars():
        http_get(
            hf_hub_url(repo, name, repo_type=kind, revision=revision),
            file,
            headers=build_hf_headers(
                token=token, library_name=LIBRARY, library_version=__version__
            ),
        )


def snapshot_folder(repo: str, commit: str, access: Access) -> Path:
    """Return where the client keeps the files of a commit."""
    return _storage(repo, access) / "snapshots" / commit


def download_to_cache(repo: str, commit: str, declared: DeclaredFile, access: Access) -> None:
    """Fetch a file to where the client keeps it: the content by its hash, and a link by its name.

    Args:
        repo: ``owner/name``.
        commit: The full commit.
        declared: What the Hub says of the file. Without a hash its content is named otherwise, so
            that nobody takes the name for one.
        access: Cache and token.

    Raises:
        OSError: The cache cannot be written to.
        Exception: Whatever the client raises.
    """
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented as lying there
        WeakFileLock,
    )

    storage, hash = _storage(repo, access), declared.hash
    link = storage / "snapshots" / commit / declared.name
    for folder in (storage / "blobs", link.parent, locks := access.cache / ".locks" / storage.name):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(locks / f"{hash or declared.name}.lock"):
        content = storage / "blobs" / (hash or f"unverified-{secrets.token_hex(16)}")
        if link.is_file():
            return  # another process was quicker
        if hash is None or not content.is_file() or file_hash(content, git=len(hash) == 40) != hash:
            with replacing(content) as file:
                download(repo, declared.name, file, revision=commit, token=access.token)
        _link(link, content)


def note_branch(repo: str, revision: str | None, commit: str, access: Access) -> None:
    """Note where a branch or tag stands, as the client does, for loads without a network."""
    path = _storage(repo, access) / "refs" / (revision or DEFAULT_BRANCH)
    with contextlib.suppress(OSError):  # a cache that cannot be written to holds all it will hold
        if revision != commit and not (path.is_file() and path.read_text() == commit):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, commit)


def _storage(repo: str, access: Access) -> Path:
    return access.cache / f"models--{repo.replace('/', '--')}"


def _link(link: Path, content: Path) -> None:
    """Make a link in a snapshot, or a copy where the system allows none."""
    beside = link.with_name(f".{secrets.token_hex(8)}.part")
    try:
        beside.symlink_to(Path("..", "..", "blobs", content.name))
    except OSError:  # Windows lets only some accounts make links
        shutil.copyfile(content, beside)
    beside.replace(link)
