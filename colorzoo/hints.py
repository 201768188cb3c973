"""Colours given for places of a picture, and a reference picture to take colours from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shown
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from colorzoo import color
from colorzoo.errors import ConfigError, PictureError, did_you_mean
from colorzoo.files import replace_text
from colorzoo.pictures.opening import local_path, open_image
from colorzoo.schema import from_dict, read_json, to_dict

Color = str | Sequence[int]
"""``"#b5651d"``, a name of CSS as ``"sienna"``, or red, green and blue, 0..255 each."""

FORMAT: Final = 1
_OPAQUE: Final = 255


@dataclass(frozen=True, slots=True)
class Hint:
    """One colour for a disc of pixels.

    Attributes:
        row: Of its middle, in the upright picture's own pixels, 0 at the top.
        column: Of its middle, 0 at the left.
        color: Red, green and blue, 0..255. Only its a and b count: the picture keeps its lightness.
        radius: In pixels; 0 is one pixel alone.

    Raises:
        ConfigError: A number is none, or out of range.
    """

    row: int
    column: int
    color: tuple[int, int, int]
    radius: int = 2

    def __post_init__(self) -> None:
        for place in (self.row, self.column):
            if not _is_whole(place):
                raise ConfigError(
                    "The row and the column of a hint are whole numbers of pixels, not "
                    f"{shown(place)}. Round them."
                )
        _check_radius(self.radius)
        object.__setattr__(self, "color", _read_color(self.color))
        for name in ("row", "column", "radius"):
            object.__setattr__(self, name, int(getattr(self, name)))  # of a numpy integer


@dataclass(frozen=True, slots=True)
class _HintEntry:
    """A hint as it stands in a file."""

    row: int
    column: int
    color: str
    radius: int = 2


@dataclass(frozen=True, slots=True)
class _HintsFile:
    """What a .json file of hints holds."""

    format: int
    hints: tuple[_HintEntry, ...]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"format must be {FORMAT}, not {self.format}; update colorzoo.")


class Hints:
    """Colours for places of one picture, in that picture's own upright coordinates.

    Make them with :meth:`from_points`, :meth:`from_layer` or :meth:`from_file`. A grey colour is a
    hint too: it says that there is no colour here. Where two overlap, the later one counts.

    Attributes:
        points: Discs of one colour.
        layer: (H, W, 4) uint8 RGBA, or None; its opaque pixels are hints.

    Raises:
        ConfigError: A point is no :class:`Hint`.
    """

    def __init__(self, points: Iterable[Hint] = (), layer: NDArray[np.uint8] | None = None) -> None:
        self.points = tuple(points)
        self.layer = layer
        for point in self.points:
            if not isinstance(point, Hint):
                raise ConfigError(f"Not a Hint: {shown(point)}. Give it to Hints.from_points.")

    def __repr__(self) -> str:
        """Show how many they are, and a digest that is another for other hints."""
        kind = f"{len(self.points)} points" if self.layer is None else f"{self.layer.shape} layer"
        return f"<Hints: {kind}, {self.digest[:8]}>"

    @property
    def digest(self) -> str:
        """SHA-256 of what they say, in hexadecimal: the same for the same hints, everywhere."""
        points = [[hint.row, hint.column, *hint.color, hint.radius] for hint in self.points]
        content = hashlib.sha256(json.dumps(points).encode())
        if self.layer is not None:
            content.update(json.dumps(self.layer.shape).encode())
            content.update(self.layer.tobytes())
        return content.hexdigest()

    @classmethod
    def from_points(cls, points: Iterable[tuple[int, int, Color]], *, radius: int = 2) -> Hints:
        """Make hints of (row, column, colour).

        Args:
            points: Row and column in pixels, 0 at the top and at the left, and a colour:
                ``"#b5651d"``, a name such as ``"sienna"``, or ``(181, 101, 29)``.
            radius: Each is a disc of this many pixels around its place; 0 is one pixel alone.

        Raises:
            ConfigError: A point is no such triple, a colour is unknown, or ``radius`` is negative.
        """
        _check_radius(radius)
        if not isinstance(points, Iterable):
            raise ConfigError(
                "Hints are made of a list of (row, column, color), as in [(120, 80, '#b5651d')], "
                f"not of {shown(points)}."
            )
        return cls(_read_point(point, radius) for point in points)

    @classmethod
    def from_layer(cls, layer: Image.Image | NDArray[np.uint8]) -> Hints:
        """Make hints of a layer that was painted over the picture.

        Args:
            layer: RGBA of the picture's own size. Only fully opaque pixels are hints, so the soft
                edge of a brush is none.

        Raises:
            ConfigError: It is not RGBA of 8 bits.
        """
        pixels = np.array(layer)  # a copy
        if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
            mode = (
                layer.mode if isinstance(layer, Image.Image) else f"{pixels.dtype} {pixels.shape}"
            )
            raise ConfigError(
                f"A layer of hints must be RGBA, 8 bits each, not {mode}: its transparent pixels "
                "are where no colour is given. Save it with transparency, as a PNG."
            )
        pixels.setflags(write=False)
        return cls(layer=pixels)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Hints:
        """Read hints: points from a .json file as :meth:`to_file` writes it, a layer from others.

        Raises:
            ConfigError: The file's hints are not as they should be.
            PictureError: The file is missing, or is no picture.
        """
        path = local_path(path)
        if not path.is_file():
            what = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise PictureError(f"The file of hints {path} {what}. Check the path.")
        try:
            return cls._from_json(path) if path.suffix.lower() == ".json" else cls._from_image(path)
        except ConfigError as error:
            named = str(path) in str(error)
            raise error if named else ConfigError(f"{path}: {error}") from error

    @classmethod
    def _from_json(cls, path: Path) -> Hints:
        file = from_dict(_HintsFile, read_json(path), where=str(path))
        return cls(Hint(one.row, one.column, one.color, one.radius) for one in file.hints)  # type: ignore[arg-type]  # a name of a colour becomes the colour

    @classmethod
    def _from_image(cls, path: Path) -> Hints:
        try:
            with open_image(path) as image:
                transparent = image.has_transparency_data and image.mode != "RGBA"
                return cls.from_layer(image.convert("RGBA") if transparent else image)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise PictureError(
                f"Cannot read the layer of hints {path}: {error}. Give an RGBA picture of the "
                "photo's size, such as a PNG, or a .json file."
            ) from error

    def to_file(self, path: str | os.PathLike[str]) -> None:
        """Write points to a .json file, or a layer to a picture file with transparency (.png).

        Raises:
            ConfigError: The suffix does not fit, or the file cannot be written.
        """
        path = local_path(path)
        wanted = ".png" if self.layer is not None else ".json"
        if path.suffix.lower() != wanted:
            raise ConfigError(f"Hints of this kind are written to a {wanted} file, not to {path}.")
        try:
            if self.layer is not None:
                Image.fromarray(self.layer).save(path)
                return
            entries = tuple(
                _HintEntry(
                    hint.row, hint.column, "#{:02x}{:02x}{:02x}".format(*hint.color), hint.radius
                )
                for hint in self.points
            )
            replace_text(path, json.dumps(to_dict(_HintsFile(FORMAT, entries)), indent=2) + "\n")
        except OSError as error:
            raise ConfigError(f"Cannot write {path}: {error.strerror or error}.") from error

    def place(self, height: int, width: int) -> PlacedHints:
        """Return the pixels of a picture that they give a colour.

        Args:
            height: Of the upright picture.
            width: Of the upright picture.

        Raises:
            ConfigError: A hint lies outside the picture, or the layer has another size.
        """
        if self.layer is not None:
            return _place_layer(self.layer, height, width)
        return _place_points(self.points, height, width)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedHints:
    """The pixels of one picture that have a colour given.

    Attributes:
        height: Of the picture.
        width: Of the picture.
        rows: (n,) int64, of the hinted pixels, ascending.
        columns: (n,) int64.
        chroma: (2, n) float32, a and b in Lab units.
    """

    height: int
    width: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    chroma: NDArray[np.float32]

    def strip(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Return row less ``start``, column and chroma (2, n) of the hinted pixels of some rows."""
        first, last = np.searchsorted(self.rows, (start, stop))
        part = slice(int(first), int(last))
        return self.rows[part] - start, self.columns[part], self.chroma[:, part]

    def resized(self, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return chroma (1, 2, height, width) and mask (1, 1, height, width) at another size.

        Where pixels are joined, one hinted one among them is enough, so that small hints survive.
        """
        if height <= self.height and width <= self.width:
            rows = self.rows * height // self.height
            columns = self.columns * width // self.width
            small, hinted = _join(rows * width + columns, self.chroma, (height, width))
        else:
            full = np.zeros((2, self.height, self.width), dtype=np.float32)
            mask = np.zeros((self.height, self.width), dtype=np.bool_)
            full[:, self.rows, self.columns], mask[self.rows, self.columns] = self.chroma, True
            small, hinted = resize_hints(full, mask, (height, width))
        return small[None], hinted[None, None]

    def at_size(self, height: int, width: int) -> PlacedHints:
        """Return the hinted pixels of the same picture at another size."""
        chroma, mask = (part[0] for part in self.resized(height, width))
        rows, columns = np.nonzero(mask[0])
        return PlacedHints(height, width, rows, columns, chroma[:, rows, columns])


def resize_hints(
    chroma: NDArray[np.float32], mask: NDArray[np.bool_], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring hints to another size; where pixels are joined, the mean of the hinted ones counts.

    Args:
        chroma: (2, H, W) float32, read where ``mask`` is.
        mask: (H, W) bool.
        size: Height and width.

    Returns:
        Chroma (2, h, w) float32, 0 where there is no hint, and mask (h, w) bool.
    """
    height, width = size
    if height > mask.shape[0] or width > mask.shape[1]:
        rows = np.arange(height) * mask.shape[0] // height
        columns = np.arange(width) * mask.shape[1] // width
        return chroma[:, rows[:, None], columns], mask[rows[:, None], columns]
    rows, columns = np.nonzero(mask)
    places = rows * height // mask.shape[0] * width + columns * width // mask.shape[1]
    return _join(places, chroma[:, mask], size)


def _join(
    places: NDArray[np.int64], chroma: NDArray[np.float32], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the mean chroma (2, h, w) and the mask (h, w) of pixels at flat places (n,)."""
    count = size[0] * size[1]
    counts = np.bincount(places, minlength=count)
    sums = np.stack([np.bincount(places, weights=one, minlength=count) for one in chroma])
    means = (sums / np.maximum(counts, 1)).astype(np.float32)
    return means.reshape(2, *size), (counts > 0).reshape(size)


def _place_layer(layer: NDArray[np.uint8], height: int, width: int) -> PlacedHints:
    if layer.shape[:2] != (height, width):
        raise ConfigError(
            f"The layer of hints is {layer.shape[1]} x {layer.shape[0]} pixels and the picture "
            f"{width} x {height} (width x height, upright). Paint it on the picture's own size."
        )
    rows, columns = np.nonzero(layer[..., 3] == _OPAQUE)
    return PlacedHints(height, width, rows, columns, _chroma_of(layer[rows, columns, :3]))


def _place_points(points: Sequence[Hint], height: int, width: int) -> PlacedHints:
    numbers, places = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for number, hint in enumerate(points):
        if not (0 <= hint.row < height and 0 <= hint.column < width):
            raise ConfigError(
                f"A hint lies at row {hint.row}, column {hint.column}, outside the picture, whose "
                f"rows are 0 to {height - 1} and columns 0 to {width - 1}. Give (row, column, "
                "color) in the upright picture's own pixels."
            )
        rows = np.arange(max(0, hint.row - hint.radius), min(height, hint.row + hint.radius + 1))
        columns = np.arange(
            max(0, hint.column - hint.radius), min(width, hint.column + hint.radius + 1)
        )
        distances = (rows[:, None] - hint.row) ** 2 + (columns - hint.column) ** 2
        down, right = np.nonzero(distances <= hint.radius**2)
        places.append(rows[down] * width + columns[right])
        numbers.append(np.full(len(down), number))
    # The last of several hints for a pixel counts: unique keeps the first it meets.
    place, first = np.unique(np.concatenate(places)[::-1], return_index=True)
    colors = np.array([hint.color for hint in points], dtype=np.uint8).reshape(-1, 3)
    chroma = _chroma_of(colors)[:, np.concatenate(numbers)[::-1][first]]
    return PlacedHints(height, width, place // width, place % width, chroma)


def _chroma_of(colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a and b (2, n) of sRGB colours (n, 3)."""
    rgb = colors.T[:, None] / np.float32(255)
    return color.srgb_to_lab(rgb)[1:, 0]


def _read_point(point: object, radius: int) -> Hint:
    if not isinstance(point, (tuple, list)) or len(point) != 3:
        raise ConfigError(
            f"A hint must be (row, column, color), as in (120, 80, '#b5651d'), not {shown(point)}."
        )
    row, column, color = point
    return Hint(row, column, color, radius)


def _check_radius(radius: object) -> None:
    if not _is_whole(radius) or radius < 0:  # type: ignore[operator]  # a number here
        raise ConfigError(
            f"The radius of a hint is a whole number of pixels, 0 or more, not {shown(radius)}."
        )


def _read_color(given: object) -> tuple[int, int, int]:
    """Return red, green and blue of a colour as a user writes it."""
    if isinstance(given, str):
        try:
            channels: tuple[Any, ...] = ImageColor.getrgb(given)
        except ValueError as error:
            similar = did_you_mean(given.lower(), ImageColor.colormap)
            raise ConfigError(
                f"There is no colour {shown(given)}.{similar} Give '#b5651d', a name of CSS such "
                "as 'sienna', or (red, green, blue) of 0 to 255."
            ) from error
    else:
        channels = tuple(given) if isinstance(given, (tuple, list, np.ndarray)) else ()
    if len(channels) != 3 or not all(_is_whole(one) and 0 <= one <= 255 for one in channels):
        raise ConfigError(
            f"A colour must be '#b5651d', a name of CSS such as 'sienna', or (red, green, blue) of "
            f"0 to 255, not {shown(given)}."
        )
    red, green, blue = (int(value) for value in channels)
    return red, green, blue


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
