"""What the page does with pictures: the limits and the results."""

from __future__ import annotations

import contextlib
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from PIL import Image

import colorzoo

from .admission import MAX_BATCH_BYTES
from .models import ShownModels
from .pictures import (
    EXAMPLES,
    LONGEST_SHOWN,
    free_name,
    mark,
    read_picture,
    readable,
    suffix_of,
    suffix_to_show,
    tint,
)
from .recent import Recent
from .visitor_files import RefusedError, VisitorFiles
from .wishes import ALTERNATIVES, Batch, Coloring, Look, Sketch, Wishes

MAX_FILES: Final = 50
"""Pictures that come in at once."""

MAX_ARCHIVE_BYTES: Final = 400_000_000
"""Of the ZIP of several pictures."""

_PICTURES_BYTES: Final = 256_000_000  # of pictures in memory, for visitors who try this and that
_PREDICTIONS_BYTES: Final = 128_000_000  # the same; one with its alternatives takes 20 MB
_THUMBNAIL: Final = 1024  # longer side in pixels of pictures that are only looked at
_TILE: Final = 240  # the same, of alternatives in a row


class DemoBackend(ShownModels):
    """The models, and what can be done with a visitor's pictures.

    Attributes:
        files: Where files for visitors are written.
        seconds: What one picture takes at present.

    Args:
        names: What ``colorzoo.load`` takes.
        files: Where files for visitors are written.
        device: As for ``colorzoo.load``.
        dtype: As for ``colorzoo.load``.

    Raises:
        colorzoo.ColorzooError: There is no model, or the first one cannot be loaded.
    """

    def __init__(
        self,
        names: Sequence[str],
        files: VisitorFiles,
        *,
        device: str = "auto",
        dtype: str | None = None,
    ) -> None:
        self.files = files
        self.seconds = 1.0
        super().__init__(names, device=device, dtype=dtype)
        self._pictures = Recent[Path, colorzoo.Picture](_PICTURES_BYTES, _bytes_of)
        self._predictions = Recent[tuple[Path, str, int | None], colorzoo.Prediction](
            _PREDICTIONS_BYTES, _bytes_of_prediction
        )

    def end(self, session: str | None) -> None:
        """Forget a visitor who has left."""
        self.files.end(session)
        self._pictures.keep(Path.exists)
        self._predictions.keep(lambda key: key[0].exists())

    def warm_up(self) -> None:
        """Colour an example for nobody: the first picture loads libraries and starts threads.

        What that takes, the first visitor need not wait for. Nothing of it stays on disk.
        """
        with contextlib.suppress(colorzoo.ColorzooError):  # a visitor of this model is told
            result = self.show(EXAMPLES[0], Look(self.labels[0]))
            self.files.remove(result.before, result.after)

    def show(self, path: Path, look: Look, before: Path | None = None) -> Coloring:
        """Colour one picture to look at, no larger than a screen.

        What was read and predicted of a picture lately is used again, so that another saturation
        or vividness takes only the last step.

        Args:
            path: The picture.
            look: How.
            before: Its grey version, where there is one already.
        """
        started = time.perf_counter()
        picture = self._picture(path)
        prediction = self._prediction(path, look)
        shown = self.finish(picture, prediction, look, longest=LONGEST_SHOWN)
        if look.doubt and prediction.logits is not None:
            shown = tint(shown, self.doubt(picture, prediction, look.model, LONGEST_SHOWN))
        suffix = suffix_to_show(shown)
        with self.files.new_folder() as folder:
            if before is None or not before.exists():
                before = colorzoo.write(
                    self._grey(picture, prediction, look.model), folder / f"before{suffix}"
                )
            after = colorzoo.write(shown, folder / f"after{suffix}")
        seconds = time.perf_counter() - started
        self.seconds += 0.2 * (seconds - self.seconds)  # a mean that follows what is asked lately
        size = f"{picture.width} x {picture.height} pixels"
        note = f"{size}, {look.model}, {seconds:.2f} s"
        return Coloring(path, before, after, note, look.alternative)

    def color(self, path: Path, look: Look, wishes: Wishes | None = None) -> Path:
        """Colour one picture at its own size, into a file of the format that came in."""
        picture = self._picture(path)
        hints, reference = (wishes or Wishes()).read()
        colored = self.finish(picture, self._prediction(path, look), look, hints, reference)
        with self.files.new_folder() as folder:
            name = f"{path.stem}-color{suffix_of(path, picture)}"
            return colorzoo.write(colored, folder / name)

    def others(self, path: Path, look: Look) -> list[Path]:
        """Return small pictures of the likeliest colours and of the alternatives, if it has any."""
        picture = self._picture(path)
        numbers = [None, *range(ALTERNATIVES)]
        looks = [replace(look, alternative=number, doubt=False) for number in numbers]
        if self._prediction(path, looks[0]).logits is None:
            return []
        with self.files.new_folder() as folder:
            return [
                colorzoo.write(
                    self.finish(picture, self._prediction(path, each), each, longest=_TILE),
                    folder / f"other-{number}.png",
                )
                for number, each in enumerate(looks)
            ]

    def sketch(self, path: Path, look: Look, wishes: Wishes) -> Sketch:
        """Show a picture in grey with a visitor's hints on it, and in the colours they give it."""
        picture = self._picture(path)
        prediction = self._prediction(path, look)
        hints, reference = wishes.read()
        colored = self.finish(picture, prediction, look, hints, reference, LONGEST_SHOWN)
        grey = self._grey(picture, prediction, look.model)
        marked = mark(grey, wishes.strokes, grey.width / picture.width)
        suffix = suffix_to_show(colored)
        with self.files.new_folder() as folder:
            file = None
            if hints is not None:
                file = folder / f"{path.stem}-hints.json"
                hints.to_file(file)
            return Sketch(
                colorzoo.write(marked, folder / f"marked{suffix}"),
                colorzoo.write(colored, folder / f"shown{suffix}"),
                file,
                (picture.height, picture.width),
            )

    def likely_colors(self, path: Path, look: Look, row: int, column: int) -> list[str]:
        """Return colours that a place could have, as ``#rrggbb``; none where the model has none."""
        prediction = self._prediction(path, look)
        if prediction.logits is None:
            return []
        return self.suggest(self._picture(path), prediction, look.model, (row, column))

    def color_many(
        self,
        paths: Sequence[Path],
        look: Look,
        on_step: Callable[[int], None],
    ) -> Batch:
        """Colour several pictures into a ZIP; what cannot be coloured is reported.

        Args:
            paths: The pictures.
            look: How.
            on_step: Called with the number of pictures done so far.
        """
        _check_batch(paths)
        previews: list[tuple[Path, str]] = []
        failed: dict[str, str] = {}
        with self.files.new_folder() as folder:
            archive = folder / "colored.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
                for number, path in enumerate(paths):
                    on_step(number)
                    try:
                        if archive.stat().st_size > MAX_ARCHIVE_BYTES:
                            raise RefusedError(f"{path.name} had no room in the ZIP.")
                        picture = read_picture(path)
                        prediction = self.predict(picture, look.model)
                        colored = self.finish(picture, prediction, look)
                        suffix = suffix_of(path, picture)
                        written = colorzoo.write(colored, folder / f"{number}{suffix}")
                    except (colorzoo.ColorzooError, RefusedError) as error:
                        failed[free_name(path.name, failed)] = readable(error, path)
                        continue
                    name = free_name(f"{path.stem}-color{suffix}", bundle.namelist())
                    bundle.write(written, name)
                    written.unlink()
                    colored.thumbnail((_THUMBNAIL, _THUMBNAIL))
                    shown = suffix_to_show(colored)
                    preview = colorzoo.write(colored, folder / f"preview-{number}{shown}")
                    previews.append((preview, name))
            if not previews:
                raise RefusedError("None could be coloured. " + " ".join(failed.values()))
        return Batch(archive, previews, failed)

    def attention(self, path: Path, label: str) -> list[tuple[Path, str]]:
        """Return the picture under each attention map, coarsest first, with its size and range."""
        picture = self._picture(path)
        maps = colorzoo.attention_maps(self.colorizer(label), picture)
        grey = self._grey(picture, self._prediction(path, Look(label)), label, _THUMBNAIL)
        overlays = []
        with self.files.new_folder() as folder:
            for number, found in enumerate(maps, start=1):
                low, high = float(found.min()), float(found.max())
                file = colorzoo.write(tint(grey, found), folder / f"gate-{number}.jpg")
                caption = f"{found.shape[1]} x {found.shape[0]}: {low:.0%} to {high:.0%}"
                overlays.append((file, caption))
        return overlays

    def _picture(self, path: Path) -> colorzoo.Picture:
        return self._pictures.get(path, lambda: read_picture(path))

    def _prediction(self, path: Path, look: Look) -> colorzoo.Prediction:
        """Return what was predicted, once, of a picture that was read."""
        picture, label, number = self._picture(path), look.model, look.alternative
        own = self._predictions.get((path, label, None), lambda: self.predict(picture, label))
        if number is None:
            return own

        def vary() -> colorzoo.Prediction:
            others = self.vary(picture, own, label)
            for each, other in enumerate(others):
                self._predictions.put((path, label, each), other)
            return others[number]

        return self._predictions.get((path, label, number), vary)

    def _grey(
        self,
        picture: colorzoo.Picture,
        prediction: colorzoo.Prediction,
        label: str,
        longest: int = LONGEST_SHOWN,
    ) -> Image.Image:
        """Return a picture in grey, as browsers show it."""
        return self.finish(picture, prediction, Look(label, saturation=0.0), longest=longest)


def _check_batch(paths: Sequence[Path]) -> None:
    if not paths:
        raise RefusedError("There are no pictures yet. Add some first.")
    if len(paths) > MAX_FILES:
        raise RefusedError(
            f"{len(paths)} pictures are too many; at most {MAX_FILES} are taken at once."
        )
    size = sum(path.stat().st_size for path in paths)
    if size > MAX_BATCH_BYTES:
        raise RefusedError(
            f"The pictures have {size / 1e6:.0f} MB together; at most "
            f"{MAX_BATCH_BYTES / 1e6:.0f} MB are taken at once."
        )


def _bytes_of(picture: colorzoo.Picture) -> int:
    parts = (picture.codes, picture.table, picture.alpha)
    return sum(part.nbytes for part in parts if part is not None)


def _bytes_of_prediction(prediction: colorzoo.Prediction) -> int:
    parts = (prediction.chroma, prediction.lightness, prediction.logits)
    return sum(part.nbytes for part in parts if part is not None)
