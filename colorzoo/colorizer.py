"""The colorizer: a generator and everything between a picture and its colours."""

from __future__ import annotations

import copy
import logging
import math
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, overload

import torch
from PIL import Image
from torch import Tensor, nn

from colorzoo import chroma, color
from colorzoo.devices import pick_device, pick_dtype
from colorzoo.errors import ConfigError, PictureError, TensorError
from colorzoo.hub.names import locate
from colorzoo.jobs.files import FileResult, FolderReport, identities, is_any_of, plan
from colorzoo.modelfolder.format import MAX_WORKING_SIZE
from colorzoo.modelfolder.weights import ImageSettings, load_model
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource, read
from colorzoo.pictures.strips import single_thread
from colorzoo.pictures.write import write
from colorzoo.registry import ARCHITECTURES

_log = logging.getLogger(__name__)

_LONGEST: Final = 4  # the longer side seen is at most this many times the working size


class Colorizer:
    """A generator plus everything between a picture and a coloured picture.

    The output has the size and the lightness of the input; only its colours come from the
    generator, which sees the picture with its shorter side at the working size.

    Args:
        generator: An architecture of the registry. A copy of it is taken, in eval mode, so
            training can go on with the original.
        settings: How pictures reach the generator; the default settings if left out.
        name: What to call it; the architecture's name if left out.
        device: ``"auto"`` (CUDA, else Apple's MPS, else the CPU) or a device of torch.
        dtype: Precision of the generator: ``"float32"`` (as None), ``"float16"``, ``"bfloat16"``
            or the torch.dtype. Colour is always converted in float32.

    Raises:
        ConfigError: The device or dtype is unknown or not there.
    """

    def __init__(
        self,
        generator: nn.Module,
        *,
        settings: ImageSettings | None = None,
        name: str | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype | None = None,
    ) -> None:
        spec = ARCHITECTURES.spec_of(generator)
        self.settings = settings or ImageSettings()
        self.name = name or spec.name
        self.device = pick_device(device)
        self.dtype = pick_dtype(dtype)
        self.size_multiple = spec.multiple_for(generator.config)
        self.generator = copy.deepcopy(generator).requires_grad_(False).eval()
        self.generator.to(device=self.device, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"Colorizer({self.name!r}, device={str(self.device)!r}, dtype={self.dtype})"

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a str is a Sequence too, but comes first
        self,
        pictures: PictureSource,
        *,
        saturation: float = 1.0,
        working_size: int | None = None,
        batch_size: int = 8,
    ) -> Image.Image: ...

    @overload
    def __call__(
        self,
        pictures: Sequence[PictureSource],
        *,
        saturation: float = 1.0,
        working_size: int | None = None,
        batch_size: int = 8,
    ) -> list[Image.Image]: ...

    def __call__(
        self,
        pictures: PictureSource | Sequence[PictureSource],
        *,
        saturation: float = 1.0,
        working_size: int | None = None,
        batch_size: int = 8,
    ) -> Image.Image | list[Image.Image]:
        """Colour one picture, or a list of them.

        Args:
            pictures: A path, a PIL picture or an array (see :func:`colorzoo.pictures.read`), or a
                list or tuple of these. None of them is changed.
            saturation: Strength of the colours; 0 is grey, 1 is what the generator says.
            working_size: Shorter side of what the generator sees, pixels; its own if left out. The
                longer side is held to four times that: a longer panorama is seen smaller.
            batch_size: Pictures of a list that go through the generator at once; only those go
                together that look alike in size to it.

        Returns:
            8-bit RGB or RGBA of the input's own size, or a list of them. EXIF and profile are in
            ``info``; :func:`colorzoo.pictures.write` saves them with the picture.

        Raises:
            PictureError: A picture cannot be read.
            ConfigError: ``saturation``, ``working_size`` or ``batch_size`` is out of range.
        """
        size = self._check(saturation, working_size, batch_size)
        if isinstance(pictures, (list, tuple)):
            read_pictures = [read(picture) for picture in pictures]
            return self._colorize(read_pictures, saturation, size, batch_size)
        return self._colorize([read(pictures)], saturation, size, batch_size)[0]  # type: ignore[arg-type]  # a Sequence that is no list is left to read(), which says what is wrong

    def predict(self, lightness: Tensor) -> Tensor:
        """Predict chroma from lightness, at the size it comes in.

        Sizes that the generator cannot take are filled up by mirroring, and cropped back.

        Args:
            lightness: (N, 1, H, W) of any float type on any device, L in 0..100.

        Returns:
            (N, 2, H, W) float32 on the same device, a and b in Lab units.

        Raises:
            TensorError: The shape, type or range is wrong, or the generator's numbers overflow.
        """
        _check_lightness(lightness)
        height, width = lightness.shape[-2:]
        self.generator.eval()
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            scaled = color.scale_lightness(lightness.to(self.device, torch.float32))
            rows = _mirrored(height, self.size_multiple, self.device)
            columns = _mirrored(width, self.size_multiple, self.device)
            filled = scaled.index_select(2, rows).index_select(3, columns)
            scaled_chroma = self.generator(filled.to(self.dtype))[..., :height, :width]
            predicted = color.unscale_chroma(scaled_chroma.float())
            if not torch.isfinite(predicted).all():
                raise TensorError(
                    f"The generator of {self.name!r} gave values that are not finite numbers in "
                    f"{self.dtype}. Use dtype='float32' or 'bfloat16'."
                )
        return predicted.to(lightness.device).clone()  # a plain tensor, not one of inference mode

    def finish(
        self, picture: Picture, small: Tensor, guide: Tensor, saturation: float = 1.0
    ) -> Image.Image:
        """Join chroma of the working size with a picture's own lightness.

        Args:
            picture: What was read.
            small: (2, h, w) float32, a and b in Lab units.
            guide: (h, w) float32, L of the picture at that size, 0..100.
            saturation: As in calling the colorizer.

        Returns:
            8-bit RGB or RGBA of the picture's size.
        """
        small, guide = small.to(self.device), guide.to(self.device)

        def lightness(start: int, stop: int) -> Tensor:
            return torch.from_numpy(picture.lightness(start, stop)).to(self.device)

        strips = chroma.srgb_strips(
            chroma.saturate(small, saturation), guide, (picture.height, picture.width), lightness
        )
        with torch.inference_mode(), single_thread():
            return picture.assemble((start, strip.cpu().numpy()) for start, strip in strips)

    def folder(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        recursive: bool = True,
        overwrite: bool = False,
        saturation: float = 1.0,
        working_size: int | None = None,
        batch_size: int = 8,
        on_result: Callable[[FileResult, int], None] | None = None,
    ) -> FolderReport:
        """Colour the pictures of a folder into another, which mirrors its tree.

        A bad file does not stop the others. At most two batches of pictures are held at once: the
        next is read while one is coloured. No input is ever overwritten.

        Args:
            source: Folder of pictures.
            target: Folder for the results; made if missing. It may lie inside ``source``. A suffix
                that cannot be written, such as .gif, becomes .png.
            recursive: Take subfolders too.
            overwrite: Colour again what is in ``target`` already; otherwise it is skipped.
            saturation: As in calling the colorizer.
            working_size: As in calling the colorizer.
            batch_size: Pictures read and coloured together.
            on_result: Called after each file with its result and the number of all files.

        Returns:
            What became of each file.

        Raises:
            PictureError: ``source`` is missing or no folder, or is the same as ``target``.
            ConfigError: ``saturation``, ``working_size`` or ``batch_size`` is out of range.
        """
        size = self._check(saturation, working_size, batch_size)
        pairs = plan(Path(source).expanduser(), Path(target).expanduser(), recursive=recursive)
        inputs = identities([path for path, _ in pairs])
        results = []
        chunks = [pairs[at : at + batch_size] for at in range(0, len(pairs), batch_size)]
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = [reader.submit(_read_all, chunk, inputs, overwrite) for chunk in chunks[:1]]
            for number in range(len(chunks)):
                entries = ahead.pop().result()
                ahead += [
                    reader.submit(_read_all, chunk, inputs, overwrite)
                    for chunk in chunks[number + 1 : number + 2]
                ]
                for result in self._finish_files(entries, saturation, size):
                    results.append(result)
                    if on_result:
                        on_result(result, len(pairs))
        return FolderReport(tuple(results))

    def _finish_files(
        self, entries: list[_Entry], saturation: float, working_size: int
    ) -> Iterator[FileResult]:
        """Colour and write what was read; pass on what was not."""
        pictures = [entry for entry in entries if not isinstance(entry, FileResult)]
        predicted = self._predict_all(
            [picture for _, _, picture in pictures], working_size, len(entries)
        )
        for entry in entries:
            if isinstance(entry, FileResult):
                yield entry
                continue
            source, target, picture = entry
            try:
                write(self.finish(picture, *predicted.pop(0), saturation), target)
            except PictureError as error:
                yield FileResult(source, target, "failed", str(error))
            else:
                yield FileResult(source, target, "done", notes=picture.notes)

    def _colorize(
        self, pictures: list[Picture], saturation: float, working_size: int, batch_size: int
    ) -> list[Image.Image]:
        for picture in pictures:
            for note in picture.notes:
                _log.warning("%s: %s", picture.name, note)
        predicted = self._predict_all(pictures, working_size, batch_size)
        return [
            self.finish(picture, *both, saturation)
            for picture, both in zip(pictures, predicted, strict=True)
        ]

    def _predict_all(
        self, pictures: list[Picture], working_size: int, batch_size: int
    ) -> list[tuple[Tensor, Tensor]]:
        """Return chroma (2, h, w) and lightness (h, w) at working size for each picture."""
        groups: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(pictures):
            shape = working_shape(picture.width, picture.height, working_size)
            groups.setdefault(shape, []).append(index)
        predicted: dict[int, tuple[Tensor, Tensor]] = {}
        for shape, members in groups.items():
            for at in range(0, len(members), batch_size):
                batch = members[at : at + batch_size]
                guides = torch.stack(
                    [torch.from_numpy(pictures[i].resized_lightness(*shape)) for i in batch]
                ).to(self.device)
                found = self.predict(guides[:, None])
                predicted.update(zip(batch, zip(found, guides, strict=True), strict=True))
        return [predicted[index] for index in range(len(pictures))]

    def _check(self, saturation: float, working_size: int | None, batch_size: int) -> int:
        """Check what was asked for, and return the working size."""
        chroma.check_saturation(saturation)
        _check_whole("batch_size", batch_size)
        size = self.settings.working_size if working_size is None else working_size
        return _check_whole("working_size", size, MAX_WORKING_SIZE)


_Entry = FileResult | tuple[Path, Path, Picture]


def load(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype | None = None,
    local_files_only: bool = False,
    token: str | None = None,
) -> Colorizer:
    """Load a model and return its colorizer.

    Args:
        name: A model of this zoo (``"squeeze-unet-gan"``), a repository on the Hub
            (``"owner/repo"`` or ``"owner/repo@revision"``), or a folder (``"./folder"`` or a
            :class:`pathlib.Path`).
        revision: Branch, tag or commit of the Hub repository.
        device: ``"auto"`` (CUDA, else Apple's MPS, else the CPU) or a device of torch.
        dtype: Precision of the generator, as in :class:`Colorizer`.
        local_files_only: Take a Hub repository only from the cache on this disk.
        token: Access token for the Hub, for private repositories.

    Raises:
        UnknownNameError: No model has that name.
        HubError: The repository cannot be fetched.
        ConfigError: The model's config, or the device or dtype, is wrong.
        WeightsError: The weights are missing, damaged or of another config.
    """
    chosen = pick_device(device), pick_dtype(dtype)  # a typing error fails before any download
    folder = locate(name, revision=revision, local_files_only=local_files_only, token=token)
    loaded = load_model(folder)
    title = loaded.name if isinstance(name, os.PathLike) else str(name)
    return Colorizer(
        loaded.model, settings=loaded.image, name=title, device=chosen[0], dtype=chosen[1]
    )


def working_shape(width: int, height: int, working_size: int) -> tuple[int, int]:
    """Return width and height at which a generator sees a picture.

    The shorter side becomes ``working_size`` and the aspect ratio is kept; when the longer side
    would pass four times ``working_size``, that is what it becomes.
    """
    scale = min(working_size / min(width, height), _LONGEST * working_size / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _read_all(
    pairs: list[tuple[Path, Path]], inputs: set[tuple[int, int]], overwrite: bool
) -> list[_Entry]:
    """Read pictures; what is not to be coloured comes as its result."""
    entries: list[_Entry] = []
    for source, target in pairs:
        if is_any_of(target, inputs):
            reason = f"{target} is one of the input pictures, which are never overwritten."
            entries.append(FileResult(source, target, "failed", reason))
        elif target.exists() and not overwrite:
            entries.append(FileResult(source, target, "skipped"))
        else:
            try:
                entries.append((source, target, read(source)))
            except PictureError as error:
                entries.append(FileResult(source, target, "failed", str(error)))
    return entries


def _check_whole(what: str, value: int, most: float = math.inf) -> int:
    """Return a whole number of 1 to ``most``, of Python or NumPy, as Python's own."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number <= most:
        bounds = "1 or more" if most == math.inf else f"1 to {most}"
        raise ConfigError(f"{what} must be a whole number, {bounds}, not {value!r}.")
    return number


def _check_lightness(lightness: object) -> None:
    if not isinstance(lightness, Tensor) or not lightness.is_floating_point():
        given = getattr(lightness, "dtype", type(lightness).__name__)
        raise TensorError(f"lightness must be a tensor of floats, not {given}. Convert it first.")
    if lightness.ndim != 4 or lightness.shape[1] != 1 or 0 in lightness.shape:
        raise TensorError(
            f"lightness must have shape (N, 1, H, W) with none of them 0, not "
            f"{tuple(lightness.shape)}."
        )
    low, high = (value.item() for value in lightness.aminmax())
    if not (low >= -0.01 and high <= 100.01):
        raise TensorError(
            f"lightness lies in {low:.4g}..{high:.4g}, but CIELAB L lies in 0..100. "
            "Scale it, and replace NaN."
        )


def _mirrored(length: int, multiple: int, device: torch.device) -> Tensor:
    """Return indices that fill an axis up to a multiple by mirroring it as often as need be."""
    padded = -(-length // multiple) * multiple
    index = torch.arange(padded, device=device) % (2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)
