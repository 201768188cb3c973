"""What a model's name means; its form alone decides, and no form falls back on another.

- ``squeeze-unet-gan``: a model of this zoo;
- ``owner/repo`` or ``owner/repo@revision``: a repository on the Hugging Face Hub;
- ``./folder``, ``../folder``, ``/folder``, ``~/folder`` or a :class:`pathlib.Path`: a folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from colorzoo.errors import HubError, UnknownNameError, did_you_mean
from colorzoo.hub.client import Access
from colorzoo.hub.fetch import fetch
from colorzoo.modelfolder.format import WEIGHTS_FILE
from colorzoo.registry import METHODS
from colorzoo.zoo.catalog import (
    ModelInfo,
    is_slug,
    model_folder,
    model_names,
    read_info,
    read_pin,
)

_HUB_NAME = re.compile(
    r"(?P<repo>[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)(@(?P<revision>[^\s@]+))?"
)
_HUB_ADDRESS = re.compile(
    r"(?:hf:/+|https?:/+(?:www\.)?huggingface\.co/)(?:models/)?(?P<repo>[\w.-]+/[\w.-]+)"
)


def locate(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    token: str | None = None,
    verify: bool = True,
) -> Path:
    """Return the folder of a model, fetching it first if the name is of a Hub repository.

    Args:
        name: A model of this zoo, a Hub repository or a folder; see the module's text.
        revision: Branch, tag or commit of the Hub repository; its default branch if left out.
        cache_dir: Where files from the Hub are kept; the Hub client's own cache if left out.
        local_files_only: Take a Hub repository only from the cache on this disk.
        token: Access token for the Hub, for private repositories.
        verify: Refuse files of the Hub of which no hash is known.

    Raises:
        UnknownNameError: The name is of no known form, or no model of this zoo has it.
        HubError: The repository cannot be fetched, or ``revision`` is given for a name that has
            none or states its own.
    """
    access = Access(
        cache_dir=cache_dir, local_files_only=local_files_only, token=token, verify=verify
    )
    if not isinstance(name, (str, os.PathLike)):
        raise UnknownNameError(
            "A model is named by a string or a path, as in 'squeeze-unet-gan' or './folder', "
            f"not by {name!r}."
        )
    if not isinstance(name, str) or is_path(name):
        _refuse_revision(name, revision)
        return Path(name).expanduser()
    if is_slug(name):
        _refuse_revision(name, revision)
        return _locate_in_zoo(name, access)
    match = _HUB_NAME.fullmatch(name)
    if match is None:
        raise UnknownNameError(
            f"{name!r} is not the name of a model.{_what_is_meant(name)} Give a model of this zoo "
            "as in 'squeeze-unet-gan', a Hub repository as in 'owner/repo' or "
            "'owner/repo@revision', or a folder as in './folder'."
        )
    if match["revision"] and revision:
        raise HubError(
            f"{name!r} names a revision and revision={revision!r} another; give only one."
        )
    try:
        return fetch(match["repo"], access, revision=match["revision"] or revision)
    except HubError as error:
        if Path(name).is_dir():
            raise HubError(f"{error} A folder is written ./{name}") from error
        raise


def model_info(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    local_files_only: bool = False,
    token: str | None = None,
) -> ModelInfo:
    """Return what is known of a model without loading it.

    Args:
        name: As for :func:`colorzoo.load`. A model of the Hub is fetched.
        revision: Branch, tag or commit of the Hub repository.
        local_files_only: Take a Hub repository only from the cache on this disk.
        token: Access token for the Hub, for private repositories.

    Raises:
        UnknownNameError: No model has that name.
        HubError: The repository cannot be fetched.
        ConfigError: ``config.json`` is absent, or it or ``facts.json`` is damaged.
    """
    info = read_info(
        locate(name, revision=revision, local_files_only=local_files_only, token=token)
    )
    if not isinstance(name, str) or is_path(name):
        return info
    return replace(info, name=name)  # the folder of a Hub repository is called after its commit


def is_path(name: str | os.PathLike[str]) -> bool:
    """Tell whether a name is that of a folder."""
    if not isinstance(name, str):
        return True
    separators = ("/", os.sep)
    starts = tuple(f"{dots}{separator}" for dots in (".", "..") for separator in separators)
    return name in (".", "..", "~") or name.startswith((*starts, "~/")) or Path(name).is_absolute()


def _what_is_meant(name: str) -> str:
    """Return advice on a name of no known form, or ``""``."""
    if page := _HUB_ADDRESS.match(name):
        return f" The Hub repository of that address is written '{page['repo']}'."
    if Path(name).suffix or "/" in name:
        return f" What lies on this disk is written './{name}'."
    return did_you_mean(re.sub("[_ ]", "-", name.lower()), [*model_names(), *METHODS.names()])


def _refuse_revision(name: str | os.PathLike[str], revision: str | None) -> None:
    if revision is not None:
        raise HubError(
            f"revision={revision!r} goes only with a Hub repository 'owner/repo', not with "
            f"{os.fspath(name)!r}; leave it out."
        )


def _locate_in_zoo(name: str, access: Access) -> Path:
    try:
        folder = model_folder(name)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error} A Hub repository is written 'owner/{name}'.") from error
    pin = None if (folder / WEIGHTS_FILE).exists() else read_pin(folder)
    if pin is None:
        return folder
    return fetch(pin.repo, access, revision=pin.revision, sha256=pin.sha256)
