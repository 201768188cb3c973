"""Colours a folder of photographs, and its first picture in three ways: python album.py IN OUT."""

import sys
from pathlib import Path

import colorzoo


def color_album(album: Path, target: Path) -> list[str]:
    """Return the names of the pictures that could not be coloured."""
    colorizer = colorzoo.load(colorzoo.DEFAULT_MODEL)
    report = colorizer.folder(album, target, saturation=0.9)
    for number, picture in enumerate(colorizer.alternatives(report.done[0].source, 3)):
        picture.save(target / f"other-{number}.jpg")
    return [result.source.name for result in report.failed]


if __name__ == "__main__":
    sys.exit("\n".join(color_album(Path(sys.argv[1]), Path(sys.argv[2]))) or None)
