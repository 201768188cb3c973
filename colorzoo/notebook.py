"""What a notebook shows of pictures and tables: HTML that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from PIL import Image

SIDE: Final = 480
"""Longest side in pixels at which a picture is shown: a notebook keeps all that it shows."""

_QUALITY: Final = 90
_LEAST: Final = 180  # pixels; narrower than that a picture goes to the next line
_GAP: Final = 8  # pixels


def preview(image: Image.Image) -> Image.Image:
    """Return a small RGB or RGBA copy of a picture, with nothing of its metadata."""
    height, width = fitted(image.height, image.width)
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.info.clear()
    return small


def figures(pictures: Iterable[tuple[str, Image.Image]]) -> str:
    """Return HTML that shows previews beside each other, each with its caption below.

    They become smaller before one of them goes to the next line: before and after are compared.
    """
    given = list(pictures)
    shown = "".join(
        f'<figure style="margin:0"><img src="{_data_url(image)}" alt="{html.escape(caption)}" '
        f'style="max-width:100%"><figcaption>{html.escape(caption)}</figcaption></figure>'
        for caption, image in given
    )
    widths = [image.width for _, image in given]
    least = min(_LEAST, max(widths, default=_LEAST))
    return (
        f'<div style="display:grid;gap:{_GAP}px;max-width:{sum(widths) + _GAP * len(widths)}px;'
        f'grid-template-columns:repeat(auto-fit,minmax({least}px,1fr))">{shown}</div>'
    )


def png(image: Image.Image) -> bytes:
    """Return a preview as the PNG file that a front end without HTML shows."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def facts(title: str, values: Mapping[str, object]) -> str:
    """Return HTML of a title and what is known under it; None is left out."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(key)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for key, value in values.items()
        if value is not None
    )
    return f"<table><caption>{html.escape(title)}</caption>{rows}</table>"


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return HTML of a table, its first column to the left and numbers to the right."""

    def line(tag: str, cells: Sequence[str]) -> str:
        sides = ["left", *("right" for _ in cells[1:])]
        joined = "".join(
            f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        return f"<tr>{joined}</tr>"

    body = "".join(line("td", row) for row in rows)
    return (
        f"<table><caption>{html.escape(title)}</caption><thead>{line('th', headings)}</thead>"
        f"<tbody>{body}</tbody></table>"
    )


def fitted(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) in pixels at which a picture of such a size is shown."""
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _data_url(image: Image.Image) -> str:
    """Return the picture itself as an address: JPEG, or PNG where it is transparent."""
    if image.mode == "RGB":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY)
        kind, content = "jpeg", file.getvalue()
    else:
        kind, content = "png", png(image)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
