"""All pages of one TIFF to another that has as many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from colorzoo.errors import ColorzooError, ConfigError
from colorzoo.interrupt import StoppedError
from colorzoo.jobs.batches import explain_failure
from colorzoo.options import ColorizeOptions
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource, read_pages
from colorzoo.pictures.write import write_pages

if TYPE_CHECKING:
    from colorzoo.colorizer import Colorizer


def color_pages(
    colorizer: Colorizer, source: PictureSource, options: ColorizeOptions
) -> Iterator[tuple[Picture, Image.Image]]:
    """Colour all pages of a TIFF, or frames of an animation, a batch at a time.

    Yields:
        Each page as it was read and as it has become.

    Raises:
        PictureError: The file, or the page whose turn it is, cannot be read.
        TensorError: The predictor's numbers overflow.
        ConfigError: The predictor does not take what is given, or lacks what it needs.
    """
    pages = read_pages(source)
    while batch := list(islice(pages, options.batch_size)):
        predictions = colorizer.predict_pictures(batch, options)
        for page, prediction in zip(batch, predictions, strict=True):
            yield page, colorizer.finish(page, prediction, options.saturation, options.depth)


def color_paged_file(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions,
    *,
    should_stop: Callable[[], bool],
) -> tuple[str | None, tuple[str, ...]]:
    """Colour a TIFF of several pages; the new one is seen whole or not at all.

    Returns:
        Why it failed, None if it did not; and what a person should know of its pages.

    Raises:
        StoppedError: ``should_stop`` has become true; nothing is written then.
        ConfigError: The predictor does not take what is given, or lacks what it needs.
    """
    notes: list[str] = []

    def images() -> Iterator[Image.Image]:
        pairs = color_pages(colorizer, source, options)
        for number, (page, image) in enumerate(pairs, start=1):
            if should_stop():
                raise StoppedError
            notes.extend(f"page {number}: {note}" for note in page.notes)
            yield image

    try:
        write_pages(images(), target)
    except (ConfigError, StoppedError):  # the first is the fault of what was asked for
        raise
    except ColorzooError as error:
        return str(error), tuple(notes)
    except Exception as error:  # noqa: BLE001  # a predictor may be anybody's code
        return explain_failure(error, str(source)), tuple(notes)
    return None, tuple(notes)
