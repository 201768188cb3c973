"""Names of models on the command line, which a shell can complete."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from colorzoo.registry import ARCHITECTURES, METHODS
from colorzoo.zoo.catalog import model_names


class ModelName(click.ParamType[str]):
    """A model or method of the zoo, ``owner/repo`` on the Hub, or a folder; the first is completed.

    Args:
        architectures: Complete names of architectures too.
    """

    name = "name"

    def __init__(self, *, architectures: bool = False) -> None:
        self.architectures = architectures

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return what was typed; what it means is found out where it is used."""
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin with what is typed so far."""
        if incomplete.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="dir")]
        known = [*model_names(), *METHODS.names()]
        known += ARCHITECTURES.names() if self.architectures else []
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


MODEL_NAME = ModelName()
MODEL_OR_ARCHITECTURE = ModelName(architectures=True)
