"""Where the zoo's own files lie, and which of its models is meant when none is named."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from colorzoo.registry import plugin_folders

DEFAULT_MODEL = "lite-unet-gan"
"""The model of this zoo with the best numbers; the command line and the page start with it."""

GROUP: Final = "colorzoo.zoo"
"""Entry-point group of packages that hold models, one folder each, as ``colorzoo_models``."""


def zoo_folder() -> Path:
    """Return the folder that holds one folder per model that colorzoo itself carries.

    An installed colorzoo carries it as the package ``colorzoo.zoo.models``; in a clone, installed
    editable or not, it is ``hub_cards`` beside the package and holds all of them.
    """
    here = Path(__file__).resolve().parent  # a strict editable installation is made of links
    installed = here / "models"
    return installed if installed.is_dir() else here.parents[1] / "hub_cards"


def zoo_folders() -> list[Path]:
    """Return all folders of models: colorzoo's own, then those of other installed packages.

    Where two hold a model of the same name, the first counts: no package takes the place of a model
    of this zoo.
    """
    return [zoo_folder(), *plugin_folders(GROUP)]


def in_zoo(folder: Path, name: str) -> bool:
    """Tell whether a folder is what the bare name of a model stands for."""
    place = folder.resolve()
    return any(place == (zoo / name).resolve() for zoo in zoo_folders())
