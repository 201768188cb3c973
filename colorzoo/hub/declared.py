"""What the Hub says of its files, and whether those on this disk are what it says."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorzoo.errors import ConfigError, HubError
from colorzoo.files import file_hash, replace_text
from colorzoo.hub.client import Access, make_client
from colorzoo.schema import from_dict, read_json, to_dict

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_HASH = re.compile(r"[0-9a-f]{40}")
_NOTES = "colorzoo"


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """What the Hub says of one file.

    Attributes:
        name: Its name in the repository.
        size: In bytes.
        sha256: Of its content, for large files.
        blob_id: SHA-1 under which git knows its content, for small ones.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    blob_id: str | None = None

    @property
    def hash(self) -> str | None:
        """SHA-256 (64 digits) or git's SHA-1 (40) of its content, or None where none is told."""
        return next((told for told in (self.sha256, self.blob_id) if told and is_hash(told)), None)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the Hub says of the files of one commit.

    Attributes:
        commit: The full commit.
        files: All files of the repository.
    """

    commit: str
    files: tuple[DeclaredFile, ...]

    def find(self, name: str) -> DeclaredFile | None:
        """Return what it says of a file, or None where it knows of no such file."""
        return next((file for file in self.files if file.name == name), None)


def ask(repo: str, revision: str | None, access: Access) -> Declaration:
    """Ask the Hub for the commit behind a revision and for its files.

    Raises:
        HubError: The Hub's answer names no commit.
        Exception: Whatever the client raises.
    """
    info = make_client(access.token).model_info(repo, revision=revision, files_metadata=True)
    if info.sha is None or not _GIT_HASH.fullmatch(info.sha):
        raise HubError(f"The Hub names {info.sha!r} as the commit of {repo}, which is none.")
    return Declaration(info.sha, tuple(map(_declared, info.siblings or [])))


def note(declaration: Declaration, folder: Path) -> None:
    """Keep a declaration beside a snapshot, for loads without a network."""
    path = _note_of(folder)
    with contextlib.suppress(OSError):  # a cache that cannot be written to holds all it will hold
        path.parent.mkdir(exist_ok=True)
        replace_text(path, json.dumps(to_dict(declaration)) + "\n")


def recall(folder: Path) -> Declaration | None:
    """Return what was noted of a snapshot, or None where nothing is, or the note is damaged."""
    with contextlib.suppress(ConfigError):
        path = _note_of(folder)
        return from_dict(Declaration, read_json(path), where=str(path)) if path.exists() else None
    return None


def verify(path: Path, declared: DeclaredFile | None, shown: str, access: Access) -> None:
    """Check that a file of a snapshot lies in the cache, and is what the Hub says of it.

    Args:
        path: The file.
        declared: What the Hub says; without it, the hash counts that the cache names the file by.
        shown: The repository, as the user wrote it.
        access: Where the cache is, and whether a file without any hash is taken.

    Raises:
        HubError: It is not; what is damaged is removed.
    """
    content = path.resolve()
    if not content.is_relative_to(access.cache):
        raise HubError(
            f"{path.name} of {shown} leads out of the cache, to {content}, so it is not used. The "
            "server or somebody on this machine means harm; do not use that repository."
        )
    in_name = content.name if is_hash(content.name) else None
    expected = (declared.hash if declared else None) or in_name
    if expected is None:
        if access.verify:
            raise HubError(unverifiable(path.name, shown))
        return
    given = file_hash(path, git=len(expected) == 40)
    sized = declared is None or declared.size in (None, path.stat().st_size)
    if given != expected or not sized:
        raise HubError(
            f"{path.name} of {shown} is not what the Hub has: its hash is {given}, not {expected}. "
            f"It was damaged on its way or on this disk{remove(path)}"
        )


def unverifiable(name: str, shown: str) -> str:
    """Say that nobody knows the hash of a file, and what to do."""
    return (
        f"Nobody says what hash {name} of {shown} has, so nothing tells whether it came whole. "
        "Load it once with a network from the Hub itself, or take it as it is with verify=False."
    )


def is_hash(name: str) -> bool:
    """Tell whether a name is a SHA-256 or SHA-1 in hexadecimal, and so no path either."""
    return bool(_SHA256.fullmatch(name) or _GIT_HASH.fullmatch(name))


def remove(path: Path) -> str:
    """Remove a file from the cache: its name in the snapshot, and what that leads to.

    Returns:
        What became of it and what to do, for the end of a message.
    """
    content = path.resolve()
    try:
        for place in (path, content):
            place.unlink(missing_ok=True)
    except OSError as error:
        return (
            f", and cannot be removed ({error.strerror}). Remove {content}, or keep the files "
            "elsewhere with cache_dir=..."
        )
    return ", and is now removed; load the model again."


def _declared(file: RepoSibling) -> DeclaredFile:
    lfs: Mapping[str, object] | None = file.lfs
    sha256 = lfs.get("sha256") if lfs else None
    return DeclaredFile(
        name=file.rfilename,
        size=file.size,
        sha256=sha256 if isinstance(sha256, str) else None,
        # git knows a large file by a pointer to it, whose hash tells nothing of the content.
        blob_id=None if lfs else file.blob_id,
    )


def _note_of(folder: Path) -> Path:
    """Return where what the Hub said of a snapshot is noted, beside all snapshots."""
    return folder.parent.parent / _NOTES / f"{folder.name}.json"
