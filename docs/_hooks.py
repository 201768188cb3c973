"""What MkDocs fills in while it builds: a picture, the table of models, links in docstrings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from colorzoo.zoo.cards import render_table
from colorzoo.zoo.catalog import list_models

_PICTURE = Path(__file__).parents[1] / "demos" / "before-after.jpg"
_LINK = re.compile(r"\[([^\]]+)\]\(hub_cards/[^)]*\)")  # a card is no page of this site
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):<code>(~?)([\w.]+)</code>")


def on_files(files: Files, config: Any) -> Files:
    """Add the picture of the README, which lies outside the folder of pages."""
    picture = File.generated(config, _PICTURE.name, abs_src_path=str(_PICTURE))
    files.append(picture)
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mark of a page by the table, and say where the picture is on the site."""
    markdown = markdown.replace(f"(../demos/{_PICTURE.name})", f"({_PICTURE.name})")
    if "<!-- models -->" not in markdown:
        return markdown
    return markdown.replace("<!-- models -->", _LINK.sub(r"\1", render_table(list_models())))


def on_page_content(html: str, **_: Any) -> str:
    """Make links of the roles in docstrings, as in :func:`colorzoo.load`, where they lead."""
    return _ROLE.sub(_link, html)


def _link(match: re.Match[str]) -> str:
    short, name = match.groups()
    shown = name.rpartition(".")[2] if short else name
    return f'<autoref optional identifier="{name}"><code>{shown}</code></autoref>'
