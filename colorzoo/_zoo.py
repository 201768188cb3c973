"""Where the zoo's own files lie."""

from __future__ import annotations

from pathlib import Path

import colorzoo


def zoo_folder() -> Path:
    """Return the folder that holds one folder per model of this zoo.

    An installed colorzoo carries it as the package ``colorzoo.zoo``; in a clone it is
    ``hub_cards`` beside the package.
    """
    package = Path(colorzoo.__file__).parent
    installed = package / "zoo"
    return installed if installed.is_dir() else package.parent / "hub_cards"
