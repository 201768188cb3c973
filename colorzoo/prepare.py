"""What predictors see: pictures at working size, and what a user adds to them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from colorzoo.errors import ConfigError, PictureError, TensorError
from colorzoo.hints import Hints, PlacedHints
from colorzoo.options import ColorizeOptions
from colorzoo.pictures import tones
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource, read
from colorzoo.predictor import Floats, Guidance, as_array

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)

LONGEST: Final = 4
"""The longer side that a predictor sees is at most this many times the working size."""

_GREY: Final = 2.0
"""A picture whose strongest chroma is below this has no colour; in Lab units."""


def working_shape(height: int, width: int, working_size: int) -> tuple[int, int]:
    """Return height and width at which a predictor sees a picture.

    The shorter side becomes ``working_size`` and the aspect ratio is kept; when the longer side
    would pass four times ``working_size``, that is what it becomes.
    """
    scale = min(working_size / min(height, width), LONGEST * working_size / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def check_lightness(lightness: object) -> None:
    """Raise a TensorError unless it is an array (N, 1, H, W) of floats, L in 0..100."""
    if not isinstance(lightness, np.ndarray) or lightness.dtype.kind != "f":
        given = getattr(lightness, "dtype", type(lightness).__name__)
        raise TensorError(
            f"lightness must be an array or a tensor of floats, not {given}. Convert it first."
        )
    if lightness.ndim != 4 or lightness.shape[1] != 1 or 0 in lightness.shape:
        raise TensorError(
            f"lightness must have shape (N, 1, H, W) with none of them 0, not {lightness.shape}."
        )
    low, high = float(lightness.min()), float(lightness.max())
    if not (low >= -0.01 and high <= 100.01):
        raise TensorError(
            f"lightness lies in {low:.4g}..{high:.4g}, but CIELAB L lies in 0..100. "
            "Scale it, and replace NaN."
        )


def of_tensor(lightness: Any, predict: Callable[[Floats], Floats]) -> Tensor:
    """Return what is predicted of a tensor, as a tensor on the same device."""
    import torch

    if not lightness.is_floating_point():
        raise TensorError(f"lightness must be a tensor of floats, not {lightness.dtype}.")
    return torch.tensor(predict(as_array(lightness.float())), device=lightness.device)


def guidance_for(
    picture: Picture, hints: PlacedHints | None, reference: Picture | None, working_size: int
) -> Guidance | None:
    """Bring what a user adds to one picture to working size.

    Args:
        picture: What was read.
        hints: Placed on that picture.
        reference: What :func:`read_reference` read.
        working_size: Shorter side of what the predictor sees, pixels.

    Returns:
        A batch of one, or None if nothing is added.
    """
    chroma, mask, lab = None, None, None
    if hints is not None:
        chroma, mask = hints.resized(*working_shape(picture.height, picture.width, working_size))
    if reference is not None:
        shape = working_shape(reference.height, reference.width, working_size)
        planes = reference.resized_lightness(*shape)[None], reference.resized_chroma(*shape)
        lab = np.concatenate(planes)[None]
    guidance = Guidance(chroma, mask, lab)
    return guidance if guidance.given else None


def batches(
    pictures: Sequence[Picture],
    guidance: Sequence[Guidance | None],
    working_size: int,
    batch_size: int,
) -> Iterator[tuple[list[int], tuple[int, int]]]:
    """Group pictures that can go through a predictor together.

    Yields:
        Their indices, at most ``batch_size``, and their height and width at working size.
    """
    groups: dict[Hashable, list[int]] = {}
    shapes = [working_shape(one.height, one.width, working_size) for one in pictures]
    for index, (shape, added) in enumerate(zip(shapes, guidance, strict=True)):
        groups.setdefault((shape, added and added.kind), []).append(index)
    for members in groups.values():
        for start in range(0, len(members), batch_size):
            yield members[start : start + batch_size], shapes[members[0]]


def read_noting(source: PictureSource) -> Picture:
    """Read a picture, and log what a person should know of it."""
    picture = read(source)
    for note in picture.notes:
        _log.warning("%s: %s", picture.name, note)
    return picture


def read_reference(source: PictureSource) -> Picture:
    """Read a picture to take colours from.

    Raises:
        PictureError: It cannot be read, or has no colours.
    """
    picture = read(source, keep_color=True)
    if isinstance(source, Picture) and source.rgb is None:
        raise PictureError(
            f"The reference {picture.name} was read without its colours. Give its path, or what "
            "colorzoo.read(path, keep_color=True) returns."
        )
    height, width = min(picture.height, 256), min(picture.width, 256)
    if np.abs(picture.resized_chroma(height, width)).max() < _GREY:
        raise PictureError(
            f"The reference {picture.name} is grey, so there are no colours to take from it. Give "
            "a picture in colour."
        )
    return picture


def read_added(
    options: ColorizeOptions, pictures: Sequence[Picture]
) -> tuple[list[PlacedHints | None], list[Picture | None]]:
    """Return the hints and the reference of options for each of several pictures.

    Raises:
        ConfigError: A hint does not fit a picture.
        PictureError: The reference cannot be read, or has no colours.
    """
    hints = options.hints
    placed = [hints.place(picture.height, picture.width) if hints else None for picture in pictures]
    reference = read_reference(options.reference) if options.reference else None
    return placed, [reference] * len(pictures)


def place_hints(
    hints: Hints | Sequence[Hints | None] | None, pictures: Sequence[Picture], *, several: bool
) -> list[PlacedHints | None]:
    """Place hints on the pictures that they are for.

    Args:
        hints: For one picture, or one entry a picture.
        pictures: What was read.
        several: Whether a list of pictures was given.

    Raises:
        ConfigError: They are no hints, not as many as pictures, or do not fit their picture.
    """
    if hints is not None and several and isinstance(hints, Hints):
        raise ConfigError(
            "Hints belong to one picture. For a list of pictures give hints=[...], one entry a "
            "picture, None where a picture has none."
        )
    each = _one_each("hints", hints, len(pictures)) if several else [hints]
    for entry in each:
        if entry is not None and not isinstance(entry, Hints):
            raise ConfigError(
                f"hints must be made by colorzoo.Hints, not of type {type(entry).__name__}. Use "
                "Hints.from_points([(row, column, color), ...]), from_layer or from_file."
            )
    return [
        entry and entry.place(picture.height, picture.width)
        for entry, picture in zip(each, pictures, strict=True)
    ]


def read_references(
    reference: PictureSource | Sequence[PictureSource | None] | None, count: int, *, several: bool
) -> list[Picture | None]:
    """Read the reference of each picture; one for all of a list is read once.

    Raises:
        ConfigError: There are not as many references as pictures.
        PictureError: One cannot be read, or has no colours.
    """
    if reference is None:
        return [None] * count
    if several and isinstance(reference, (list, tuple)):
        each = _one_each("reference", reference, count)
        return [source if source is None else read_reference(source) for source in each]
    return [read_reference(reference)] * count  # type: ignore[arg-type]  # a list for one picture is left to read(), which says what is wrong


def _one_each(what: str, given: Any, count: int) -> Sequence[Any]:
    """Return what is given for each picture."""
    each = [None] * count if given is None else given
    if not isinstance(each, (list, tuple)) or len(each) != count:
        size = f"{len(each)} entries" if isinstance(each, (list, tuple)) else repr(each)
        raise ConfigError(
            f"For {count} pictures {what} must be a list of as many entries, None where a picture "
            f"has none, not {size}."
        )
    return each


def working_lightness(
    pictures: Sequence[Picture], shape: tuple[int, int], options: ColorizeOptions
) -> tuple[Floats, Floats]:
    """Return L at working size of pictures: their own, and what a predictor is to see of it.

    Args:
        pictures: What was read.
        shape: Height and width at which they are seen.
        options: Whether tones are restored and grain is smoothed for the predictor.

    Returns:
        Two of (N, h, w) float32, 0..100.
    """
    own = [picture.resized_lightness(*shape) for picture in pictures]
    seen = [
        tones.prepare(one, restore_tones=options.restore_tones, denoise=options.denoise)
        for one in own
    ]
    return np.stack(own), np.stack(seen)
