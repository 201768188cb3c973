"""Models and the demo to the Hub, each push as one commit or none."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from colorzoo.errors import ConfigError, HubError
from colorzoo.hub.upload import PushInfo, Target, send
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
from colorzoo.modelfolder.tensors import storable
from colorzoo.modelfolder.weights import load_model, save
from colorzoo.models.base import Generator
from colorzoo.progress import OnProgress
from colorzoo.version import __version__
from colorzoo.zoo.cards import is_edited, license_of, render_card
from colorzoo.zoo.folders import in_zoo

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


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
    on_progress: OnProgress | None = None,
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
        on_progress: Told how many of the files that the Hub lacks are sent.

    Raises:
        HubError: The model has no licence, or the Hub refuses or cannot be reached.
        WeightsError: The weights are missing, damaged, or not those that the facts tell of.
        ConfigError: ``config.json`` or ``facts.json`` is wrong, the model has no weights, or
            ``image`` is not given for a generator or given for something else.
    """
    target = Target(
        repo=_check_repo(repo_id),
        kind="model",
        private=private,
        revision=revision,
        create_pr=create_pr,
        message=commit_message or f"{repo_id.partition('/')[2]}, by colorzoo {__version__}",
        overwrite_card=overwrite_card,
        dry_run=dry_run,
    )
    if create_pr and revision:
        raise HubError("A pull request goes to the main branch; give no revision with create_pr.")
    with tempfile.TemporaryDirectory() as name:
        stage = Path(name) / repo_id.partition("/")[2]
        source = _stage_weights(model, stage, image)
        _complete(source, stage, target, about)
        return send(stage, target, token, on_progress)


def push_space(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    dry_run: bool = False,
) -> PushInfo:
    """Publish a folder as a Space, as one commit or none.

    Args:
        folder: Holds a README.md whose metadata say ``sdk: gradio`` and name the ``app_file``, or
            ``sdk: static`` where it is a page. Hidden files and ``__pycache__`` are left out.
        repo_id: ``owner/name``; made if it is not there.
        private: Whether a new Space is private. An existing public one is then an error.
        token: Access token for the Hub.
        dry_run: Only find out what would be sent.

    Raises:
        HubError: The folder is no such Space, or the Hub refuses or cannot be reached.
    """
    source = Path(folder).expanduser()
    target = Target(
        repo=_check_repo(repo_id),
        kind="space",
        private=private,
        revision=None,
        create_pr=False,
        message=f"space, by colorzoo {__version__}",
        overwrite_card=True,
        dry_run=dry_run,
        sdk=_check_space(source),
    )
    with tempfile.TemporaryDirectory() as name:
        stage = Path(name) / "space"
        shutil.copytree(source, stage, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        return send(stage, target, token)


def _check_repo(repo_id: str) -> str:
    if not _REPO.fullmatch(repo_id):
        raise HubError(f"{repo_id!r} is no repository of the Hub. Give one as in 'owner/name'.")
    return repo_id


def _stage_weights(
    model: Generator[Any] | HoldsModel | str | os.PathLike[str],
    stage: Path,
    image: ImageSettings | None,
) -> Path:
    """Put config and weights into ``stage``; return where the rest of the model lies."""
    _check_image(model, image)
    if isinstance(model, (str, os.PathLike)):
        source = Path(model).expanduser()
        _copy(source, stage, (CONFIG_FILE, WEIGHTS_FILE))
        load_model(stage)
        return source
    save(model, stage, image=image)
    _compare(model_of(model), stage)
    return stage


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


def _check_space(folder: Path) -> str:
    """Return what runs a Space, if it is one."""
    from huggingface_hub import SpaceCard

    path = folder / CARD_FILE
    if not path.is_file():
        raise HubError(f"{folder} has no {CARD_FILE}. Give the folder of a Space.")
    try:
        data = SpaceCard(path.read_text(encoding="utf-8")).data
    except Exception as error:  # of YAML and of the client; whatever it is, the card is at fault
        raise HubError(f"The metadata of {path} cannot be read: {error}. Mend them.") from error
    sdk = data.get("sdk")
    app = data.get("app_file", "index.html" if sdk == "static" else None)
    if sdk not in ("gradio", "static") or not isinstance(app, str):
        raise HubError(
            f"The metadata of {path} must say 'sdk: gradio' and name the 'app_file', or say "
            "'sdk: static'."
        )
    if not (folder / app).is_file():
        raise HubError(f"{path} names the app {app!r}, which is not in {folder}.")
    return str(sdk)


def _copy(source: Path, stage: Path, names: Sequence[str]) -> None:
    stage.mkdir(exist_ok=True)
    if not source.is_dir():
        raise HubError(
            f"There is no folder {source}. Give a model folder, as in ./runs/first/model."
        )
    for name in names:
        try:
            shutil.copyfile(source / name, stage / name)
        except OSError as error:
            raise HubError(
                f"{source / name} cannot be read ({error.strerror}), so {source} is not published. "
                "Give a complete model folder."
            ) from error


def _complete(source: Path, stage: Path, target: Target, about: About | None) -> None:
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


def _card(source: Path, stage: Path, facts: Facts | None, target: Target) -> str:
    """Return the card written by hand, or else one written from the facts."""
    path = source / CARD_FILE
    written = path.read_text(encoding="utf-8") if path.is_file() else ""
    if written and is_edited(written) and not target.overwrite_card:
        return written
    if facts is None:
        raise HubError(_no_license(source, stage))
    name = target.repo.partition("/")[2]
    return render_card(facts, name=name, use=name if in_zoo(source, name) else target.repo)


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
    stored = storable(model.generator.state_dict(), getattr(torch, model.storage))
    for name, given in stored.items():
        if not torch.equal(given.to(loaded[name].dtype), loaded[name]):
            raise HubError(
                f"The weight {name!r} comes back from its file as something else, so the model is "
                "not published. Store it with colorzoo.save and look at it."
            )
