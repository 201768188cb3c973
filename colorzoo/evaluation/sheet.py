"""Sheets: pictures side by side with headings, to be looked at."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_GAP = 6
_HEADING = 22


def make_sheet(rows: list[list[Image.Image]], headings: list[str]) -> Image.Image:
    """Lay pictures out in rows under column headings.

    Args:
        rows: One list of pictures a row, all of the headings' length. All are fitted into the size
            of the first.
        headings: What each column shows.

    Returns:
        One RGB picture on white.
    """
    width, height = rows[0][0].size
    sheet = Image.new(
        "RGB",
        (len(headings) * (width + _GAP) + _GAP, len(rows) * (height + _GAP) + _GAP + _HEADING),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for column, heading in enumerate(headings):
        center = _GAP + column * (width + _GAP) + width // 2
        draw.text((center, _HEADING // 2 + 2), heading, fill="black", font=font, anchor="mm")
    for line, row in enumerate(rows):
        for column, picture in enumerate(row):
            fitted = picture.convert("RGB")
            fitted.thumbnail((width, height), Image.Resampling.LANCZOS)
            left = _GAP + column * (width + _GAP) + (width - fitted.width) // 2
            top = _HEADING + _GAP + line * (height + _GAP) + (height - fitted.height) // 2
            sheet.paste(fitted, (left, top))
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet, making its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
