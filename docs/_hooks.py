"""What MkDocs fills in while it builds: the table of models, from their facts."""

from __future__ import annotations

import re
from typing import Any

from colorzoo.zoo.cards import render_table
from colorzoo.zoo.catalog import list_models

_LINK = re.compile(r"\[([^\]]+)\]\(hub_cards/[^)]*\)")  # a card is no page of this site


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mark of a page by the table."""
    if "<!-- models -->" not in markdown:
        return markdown
    return markdown.replace("<!-- models -->", _LINK.sub(r"\1", render_table(list_models())))
