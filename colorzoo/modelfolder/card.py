"""What the card of a model folder says, as far as it is read without the Hub's client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from colorzoo.modelfolder.format import CARD_FILE

# The card may be anybody's: one line of metadata each, and the first paragraph below the heading.
_METADATA = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_LICENSE = re.compile(r"^license: *['\"]?([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
_LICENSE_NAME = re.compile(r"^license_name: *['\"]?([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
_PARAGRAPH = re.compile(r"^# [^\n]+\n+([^\n#!|<][^\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CardSummary:
    """What a card says in short.

    Attributes:
        description: Its first paragraph's first line, or None.
        license: Licence of the weights as the card writes it, or None.
    """

    description: str | None
    license: str | None


def read_card(folder: Path) -> CardSummary:
    """Return what the card of a model folder says; nothing where there is none."""
    path = folder / CARD_FILE
    if not path.is_file():
        return CardSummary(None, None)
    text = path.read_text(encoding="utf-8", errors="replace")
    metadata = _METADATA.match(text)
    head = metadata[1] if metadata else ""
    license = _LICENSE_NAME.search(head) or _LICENSE.search(head)
    paragraph = _PARAGRAPH.search(text)
    return CardSummary(
        description=paragraph[1].strip() if paragraph else None,
        license=license[1] if license else None,
    )
