"""Files to the Hub as one commit or none."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colorzoo.errors import ColorzooError, HubError
from colorzoo.files import file_hash
from colorzoo.hub.client import explain, make_client, status_of, without_bars
from colorzoo.hub.download import download
from colorzoo.modelfolder.format import CARD_FILE
from colorzoo.progress import OnProgress
from colorzoo.zoo.cards import is_edited

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi
    from huggingface_hub.hf_api import RepoSibling


@dataclass(frozen=True, slots=True)
class PushInfo:
    """What a push did, or would do.

    Attributes:
        repo: ``owner/name``.
        url: Page of the repository.
        files: What was committed, or would be; empty when the Hub has all of it already.
        commit: The commit that holds what was pushed; None for a dry run.
        pull_request: Page of the pull request, if one was asked for and made.
        kept_card: Whether a README on the Hub was left because it was edited by hand.
    """

    repo: str
    url: str
    files: tuple[str, ...]
    commit: str | None
    pull_request: str | None
    kept_card: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a push goes, and how.

    Attributes:
        repo: ``owner/name``.
        kind: What is made if it is not there.
        private: Whether a new one is private; an existing public one is then an error.
        revision: Branch to commit to; the main one if None.
        create_pr: Open a pull request instead.
        message: Title of the commit.
        overwrite_card: Replace a README that was edited by hand on the Hub.
        dry_run: Only find out what would be sent.
        sdk: What runs a new Space; None for a model.
    """

    repo: str
    kind: Literal["model", "space"]
    private: bool
    revision: str | None
    create_pr: bool
    message: str
    overwrite_card: bool
    dry_run: bool
    sdk: str | None = None


def send(
    stage: Path, target: Target, token: str | None, on_progress: OnProgress | None = None
) -> PushInfo:
    """Bring the Hub to what lies in ``stage``.

    Args:
        stage: Folder of all files that are to be there.
        target: Where to, and how.
        token: Access token for the Hub.
        on_progress: Told how many of the files that the Hub lacks are sent.

    Raises:
        HubError: The Hub refuses or cannot be reached.
    """
    from huggingface_hub import get_token

    try:
        with without_bars():
            return _commit(make_client(token), stage, target, on_progress)
    except ColorzooError:
        raise
    except Exception as error:  # the client lets errors of the network library under it through
        if status_of(error) == 401 and not (token or get_token()):
            raise HubError(
                f"{target.repo} cannot be published: not logged in. Log in with: hf auth login"
            ) from error
        raise HubError(explain(error, target.repo)) from error


def _commit(api: HfApi, stage: Path, target: Target, on_progress: OnProgress | None) -> PushInfo:
    files = {
        path.relative_to(stage).as_posix(): path
        for path in sorted(stage.rglob("*"))
        if path.is_file()
    }
    head, there, has_branch = _look(api, target)
    changed = [name for name, path in files.items() if not _is_same(path, there.get(name))]
    kept = CARD_FILE in changed and CARD_FILE in there and not target.overwrite_card
    if kept and head:
        kept = is_edited(_read_card(api, target, head))
    if kept:
        changed.remove(CARD_FILE)
    pull_request = None
    if target.dry_run:
        head = None
    else:
        if head is None:
            api.create_repo(
                target.repo, repo_type=target.kind, private=target.private, space_sdk=target.sdk
            )
        if target.revision and not has_branch:
            api.create_branch(target.repo, repo_type=target.kind, branch=target.revision)
        if changed:
            info = _upload(api, {name: files[name] for name in changed}, target, on_progress)
            head, pull_request = info.oid, info.pr_url
    prefix = "spaces/" if target.kind == "space" else ""
    url = f"{api.endpoint}/{prefix}{target.repo}"
    return PushInfo(target.repo, url, tuple(changed), head, pull_request, kept)


def _upload(
    api: HfApi, files: Mapping[str, Path], target: Target, on_progress: OnProgress | None
) -> CommitInfo:
    """Send files one after another, and then make all of them one commit."""
    from huggingface_hub import CommitOperationAdd

    additions = [CommitOperationAdd(name, path) for name, path in files.items()]
    for done, addition in enumerate(additions):
        if on_progress:
            on_progress(done, len(additions), {})
        # Large files alone: small ones are part of the commit itself.
        api.preupload_lfs_files(
            target.repo,
            [addition],
            repo_type=target.kind,
            revision=target.revision,
            create_pr=target.create_pr,
        )
    info = api.create_commit(
        target.repo,
        additions,
        commit_message=target.message,
        repo_type=target.kind,
        revision=target.revision,
        create_pr=target.create_pr,
    )
    if on_progress:
        on_progress(len(additions), len(additions), {})
    return info


def _look(api: HfApi, target: Target) -> tuple[str | None, dict[str, RepoSibling], bool]:
    """Return the Hub's last commit and its files, and whether the wanted branch is there.

    Where there is no repository yet: no commit and no files.
    """
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    describe = api.space_info if target.kind == "space" else api.model_info
    has_branch = True
    try:
        try:
            info = describe(target.repo, revision=target.revision, files_metadata=True)
        except RevisionNotFoundError:
            has_branch = False
            info = describe(target.repo, files_metadata=True)
    except RepositoryNotFoundError:
        return None, {}, False
    if target.private and not info.private:
        raise HubError(
            f"{target.repo} is there already and public, so nothing is pushed to it. Make it "
            "private in its settings on the Hub, or choose another name."
        )
    return info.sha, {file.rfilename: file for file in info.siblings or []}, has_branch


def _is_same(path: Path, there: RepoSibling | None) -> bool:
    if there is None:
        return False
    if there.lfs:
        return file_hash(path) == there.lfs.sha256
    return file_hash(path, git=True) == there.blob_id


def _read_card(api: HfApi, target: Target, commit: str) -> str:
    token = api.token if isinstance(api.token, str) else None
    card = io.BytesIO()
    download(target.repo, CARD_FILE, card, revision=commit, token=token, kind=target.kind)
    return card.getvalue().decode()
