"""Models and the demo to the Hub, each push as one commit or none."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from colorzoo.errors import ColorzooError, ConfigError, HubError
from colorzoo.files import file_hash
from colorzoo.hub.fetch import explain, make_client
from colorzoo.modelfolder.facts import (
    ABOUT_FILE,
    FACTS_FILE,
    About,
    Facts,
    check_facts,
    collect_facts,
    read_facts,
    render_facts,
)
from colorzoo.modelfolder.format import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, ImageSettings
from colorzoo.modelfolder.model import HoldsModel, Model, model_of
from colorzoo.modelfolder.weights import load_model, save
from colorzoo.models.base import Generator
from colorzoo.version import __version__
from colorzoo.zoo.cards import is_edited, license_of, render_card
from colorzoo.zoo.folders import zoo_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoSibling

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


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
class _Target:
    """Where a push goes, and how."""

    repo: str
    kind: Literal["model", "space"]
    private: bool
    revision: str | None
    create_pr: bool
    message: str
    overwrite_card: bool
    dry_run: bool


def push(
    model: Generator[Any] | HoldsModel | str | os.PathLike[str],
    repo_id: str,
    *,
    image: ImageSettings | None = None,
    about: About | None = None,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
    token: str | None = None,
    overwrite_card: bool = False,
    dry_run: bool = False,
) -> PushInfo:
    """Publish a model on the Hub: config, weights, facts, pictures and card, as one commit.

    Everything is put together in a temporary folder and loaded back from there first. What the Hub
    has already is not sent again; if that is all, there is no commit. Nothing is ever deleted.

    Args:
        model: A model folder, a Colorizer, or a generator.
        repo_id: ``owner/name``; made if it is not there.
        image: How pictures reach a generator, which does not know it by itself.
        about: What a person says of the model. If left out, it is taken from the ``facts.json``
            that the model came with; if given, facts are collected anew and hold no evaluation.
        private: Whether a new repository is private. An existing public one is then an error.
        revision: Branch to commit to; made if it is not there.
        create_pr: Open a pull request instead of committing to the main branch.
        commit_message: Title of the commit; one that names the model if left out.
        token: Access token for the Hub; the one of ``hf auth login`` or ``HF_TOKEN`` if left out.
        overwrite_card: Replace a README that was edited by hand, here or on the Hub. Otherwise
            the one here is published as it is, and the one on the Hub stays.
        dry_run: Only find out what would be sent.

    Raises:
        HubError: The model has no licence, or the Hub refuses or cannot be reached.
        WeightsError: The weights are missing, damaged, or not those that the facts tell of.
        ConfigError: ``config.json`` or ``facts.json`` is wrong, the model has no weights, or
            ``image`` is not given for a generator or given for something else.
    """
    target = _Target(
        repo=_check_repo(repo_id),
        kind="model",
        private=private,
        revision=revision,
        create_pr=create_pr,
        message=commit_message or f"{repo_id.partition('/')[2]}, by colorzoo {__version__}",
        overwrite_card=overwrite_card,
        dry_run=dry_run,
    )
    _check_image(model, image)
    if create_pr and revision:
        raise HubError("A pull request goes to the main branch; give no revision with create_pr.")
    with tempfile.TemporaryDirectory() as name:
        stage = Path(name) / repo_id.partition("/")[2]
        if isinstance(model, (str, os.PathLike)):
            _copy(Path(model).expanduser(), stage, (CONFIG_FILE, WEIGHTS_FILE))
            load_model(stage)
            _complete(Path(model).expanduser(), stage, target, about)
        else:
            save(model, stage, image=image)
            _compare(model_of(model), stage)
            _complete(stage, stage, target, about)
        return _send(stage, target, token)


def push_space(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    dry_run: bool = False,
) -> PushInfo:
    """Publish a folder as a Gradio Space, as one commit or none.

    Args:
        folder: Holds a README.md whose metadata say ``sdk: gradio`` and name the ``app_file``.
            Hidden files and ``__pycache__`` are left out.
        repo_id: ``owner/name``; made if it is not there.
        private: Whether a new Space is private. An existing public one is then an error.
        token: Access token for the Hub.
        dry_run: Only find out what would be sent.

    Raises:
        HubError: The folder is no Gradio Space, or the Hub refuses or cannot be reached.
    """
    source = Path(folder).expanduser()
    target = _Target(
        repo=_check_repo(repo_id),
        kind="space",
        private=private,
        revision=None,
        create_pr=False,
        message=f"space, by colorzoo {__version__}",
        overwrite_card=True,
        dry_run=dry_run,
    )
    _check_space(source)
    with tempfile.TemporaryDirectory() as name:
        stage = Path(name) / "space"
        shutil.copytree(source, stage, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        return _send(stage, target, token)


def _check_repo(repo_id: str) -> str:
    if not _REPO.fullmatch(repo_id):
        raise HubError(f"{repo_id!r} is no repository of the Hub. Give one as in 'owner/name'.")
    return repo_id


def _check_image(model: object, image: ImageSettings | None) -> None:
    """A generator alone does not tell at which size it sees pictures; all else does."""
    if isinstance(model, Generator) and image is None:
        raise ConfigError(
            "A generator does not say at which size it was trained. Give it with "
            "image=colorzoo.ImageSettings(working_size=...), or push a Colorizer or a folder."
        )
    if image is not None and not isinstance(model, Generator):
        raise ConfigError(
            "image= goes only with a generator; a folder and a Colorizer have their own. Leave it "
            "out, or save the model with it first."
        )


def _check_space(folder: Path) -> None:
    from huggingface_hub import SpaceCard

    path = folder / CARD_FILE
    if not path.is_file():
        raise HubError(f"{folder} has no {CARD_FILE}. Give the folder of a Space.")
    try:
        data = SpaceCard(path.read_text(encoding="utf-8")).data
    except Exception as error:  # of YAML and of the client; whatever it is, the card is at fault
        raise HubError(f"The metadata of {path} cannot be read: {error}. Mend them.") from error
    app = data.get("app_file")
    if data.get("sdk") != "gradio" or not isinstance(app, str):
        raise HubError(f"The metadata of {path} must say 'sdk: gradio' and name the 'app_file'.")
    if not (folder / app).is_file():
        raise HubError(f"{path} names the app {app!r}, which is not in {folder}.")


def _copy(source: Path, stage: Path, names: Sequence[str]) -> None:
    stage.mkdir(exist_ok=True)
    for name in names:
        try:
            shutil.copyfile(source / name, stage / name)
        except OSError as error:
            raise HubError(
                f"{source / name} cannot be read ({error.strerror}), so {source} is not published. "
                "Give a complete model folder."
            ) from error


def _complete(source: Path, stage: Path, target: _Target, about: About | None) -> None:
    """Put facts, pictures and card beside config and weights."""
    facts = collect_facts(stage, about) if about else read_facts(source)
    if facts:
        check_facts(stage, facts)
        (stage / FACTS_FILE).write_text(render_facts(facts), encoding="utf-8", newline="\n")
        _copy(source, stage, [name for name in facts.about.pictures if not (stage / name).exists()])
    card = _card(source, stage, facts, target)
    if license_of(card) is None:
        raise HubError(_no_license(source, stage))
    (stage / CARD_FILE).write_text(card, encoding="utf-8", newline="\n")


def _card(source: Path, stage: Path, facts: Facts | None, target: _Target) -> str:
    """Return the card written by hand, or else one written from the facts."""
    path = source / CARD_FILE
    written = path.read_text(encoding="utf-8") if path.is_file() else ""
    if written and is_edited(written) and not target.overwrite_card:
        return written
    if facts is None:
        raise HubError(_no_license(source, stage))
    name = target.repo.partition("/")[2]
    in_zoo = source.resolve() == (zoo_folder() / name).resolve()
    return render_card(facts, name=name, use=name if in_zoo else target.repo)


def _no_license(source: Path, stage: Path) -> str:
    if source == stage:
        return (
            "The model states no licence, so it is not published. Say with about=... what only a "
            f"person knows of it, or save it and write {ABOUT_FILE} into its folder."
        )
    return (
        f"{source} states no licence, so it is not published. Write {ABOUT_FILE} there with "
        "description, license, recipe, data and limits, and then run: "
        f"colorzoo card {source} --write"
    )


def _compare(model: Model, stage: Path) -> None:
    """Check that what would be published is the model that was given."""
    loaded = load_model(stage).generator.state_dict()
    storage: torch.dtype = getattr(torch, model.storage)
    for name, tensor in model.generator.state_dict().items():
        given = tensor.detach().to("cpu", storage if tensor.is_floating_point() else None)
        if not torch.equal(given.to(loaded[name].dtype), loaded[name]):
            raise HubError(
                f"The weight {name!r} comes back from its file as something else, so the model is "
                "not published. Store it with colorzoo.save and look at it."
            )


def _send(stage: Path, target: _Target, token: str | None) -> PushInfo:
    """Bring the Hub to what lies in ``stage``."""
    try:
        return _commit(make_client(token), stage, target)
    except ColorzooError:
        raise
    except Exception as error:  # the client lets errors of the network library under it through
        raise HubError(explain(error, target.repo)) from error


def _commit(api: HfApi, stage: Path, target: _Target) -> PushInfo:
    from huggingface_hub import CommitOperationAdd

    files = {
        path.relative_to(stage).as_posix(): path
        for path in sorted(stage.rglob("*"))
        if path.is_file()
    }
    head, there, has_branch = _look(api, target)
    changed = [name for name, path in files.items() if not _is_same(path, there.get(name))]
    kept = CARD_FILE in changed and CARD_FILE in there and not target.overwrite_card
    if kept and head:
        kept = is_edited(_read_card(api, target.repo, head))
    if kept:
        changed.remove(CARD_FILE)
    pull_request = None
    if target.dry_run:
        head = None
    else:
        if head is None:
            sdk = "gradio" if target.kind == "space" else None
            api.create_repo(
                target.repo, repo_type=target.kind, private=target.private, space_sdk=sdk
            )
        if target.revision and not has_branch:
            api.create_branch(target.repo, repo_type=target.kind, branch=target.revision)
        if changed:
            info = api.create_commit(
                target.repo,
                [CommitOperationAdd(name, files[name]) for name in changed],
                commit_message=target.message,
                repo_type=target.kind,
                revision=target.revision,
                create_pr=target.create_pr,
            )
            head, pull_request = info.oid, info.pr_url
    prefix = "spaces/" if target.kind == "space" else ""
    url = f"{api.endpoint}/{prefix}{target.repo}"
    return PushInfo(target.repo, url, tuple(changed), head, pull_request, kept)


def _look(api: HfApi, target: _Target) -> tuple[str | None, dict[str, RepoSibling], bool]:
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


def _read_card(api: HfApi, repo: str, commit: str) -> str:
    with tempfile.TemporaryDirectory() as cache:
        path = api.hf_hub_download(repo, CARD_FILE, revision=commit, cache_dir=cache)
        return Path(path).read_text(encoding="utf-8")
