"""Where the zoo's own files lie, and which of its models is meant when none is named."""

from __future__ import annotations

from pathlib import Path

DEFAULT_MODEL = "lite-unet-gan"
"""The model of this zoo with the best numbers; the command line and the page start with it."""


def zoo_folder() -> Path:
    """Return the folder that holds one folder per model of this zoo.

    An installed colorzoo carries it as the package ``colorzoo.zoo.models``; in a clone it is
    ``hub_cards`` beside the package.
    """
    here = Path(__file__).parent
    installed = here / "models"
    return installed if installed.is_dir() else here.parents[1] / "hub_cards"
