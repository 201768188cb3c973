"""The colorizer: a predictor and everything between a picture and its colours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorzoo import notebook
from colorzoo.finishing import finish_picture
from colorzoo.hints import Hints, PlacedHints
from colorzoo.jobs.methods import JobMethods
from colorzoo.modelfolder.format import ImageSettings
from colorzoo.options import ColorizeOptions, Depth
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import PictureSource, read
from colorzoo.pictures.strips import in_order
from colorzoo.pictures.write import FinishedPictures
from colorzoo.predictor import (
    Floats,
    Guidance,
    Guide,
    Prediction,
    Predictor,
    add_vividness,
    as_array,
    check_guidance,
    join_guidance,
)
from colorzoo.predictors.guided import with_guides
from colorzoo.prepare import (
    batches,
    check_lightness,
    guidance_for,
    of_tensor,
    place_hints,
    read_added,
    read_noting,
    read_references,
    working_lightness,
)
from colorzoo.zoo.catalog import read_info

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from colorzoo.draft import Draft
    from colorzoo.modelfolder.model import Model


class Colorizer(JobMethods):
    """A predictor plus everything between a picture and a coloured picture.

    The output has the size and the lightness of the input; only its colours come from the
    predictor, which sees the picture with its shorter side at the working size.

    Args:
        predictor: What gives the colours, such as a
            :class:`~colorzoo.predictors.network.NetworkPredictor`.
        model: What it was loaded from, for :func:`colorzoo.save` and :func:`colorzoo.push`; made
            from the predictor if left out.

    Attributes:
        predictor: The same.
        model: The same; None for a predictor that is no network.
        guided: The predictor under what a user can add to any: hints and a reference.
    """

    def __init__(self, predictor: Predictor, model: Model | None = None) -> None:
        self.predictor = predictor
        self.model = model or _model_of(predictor)
        self.guided = with_guides(predictor)

    def __repr__(self) -> str:
        return (
            f"Colorizer({self.name!r}, working_size={self.working_size}, "
            f"parameters={self.predictor.parameters}, device={self.device!r})"
        )

    def _repr_html_(self) -> str:
        info = read_info(self.model.folder) if self.model and self.model.folder else None
        return notebook.facts(
            f"Colorizer {self.name!r}",
            {
                "what it is": info and info.description,
                "licence of the weights": info and info.license,
                "parameters": f"{self.predictor.parameters:,}",
                "working size": f"{self.working_size} pixels, shorter side",
                "device": f"{self.device}, {self.dtype}",
                "takes": ", ".join(sorted(self.accepts)) or "the picture alone",
            },
        )

    @property
    def name(self) -> str:
        """What its predictor is called."""
        return self.predictor.name

    @property
    def accepts(self) -> frozenset[Guide]:
        """What can be added to a picture; more than its predictor alone takes."""
        return self.guided.accepts

    @property
    def working_size(self) -> int:
        """Shorter side in pixels at which its predictor sees pictures best."""
        return self.predictor.working_size

    @property
    def device(self) -> str:
        """Where its predictor works: ``"cpu"``, ``"cuda:0"``, ``"mps"``."""
        return str(self.predictor.device)

    @property
    def dtype(self) -> str:
        """Precision of its network, ``"float32"`` where there is none to choose."""
        return str(getattr(self.predictor, "dtype", "float32")).removeprefix("torch.")

    @property
    def vividness(self) -> float | None:
        """Its own vividness, 0..1; None where it has no distribution over colours."""
        return getattr(self.predictor, "vividness", None)

    def to(self, device: str | torch.device) -> Colorizer:
        """Move it to a device, and return it.

        Raises:
            ConfigError: The device is unknown or not there.
        """
        self.predictor.to(str(device))
        return self

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a str is a Sequence too, but comes first
        self,
        pictures: PictureSource,
        *,
        hints: Hints | None = None,
        reference: PictureSource | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        working_size: int | None = None,
        batch_size: int = 8,
        depth: Depth = "auto",
        restore_tones: bool = False,
        denoise: bool = False,
    ) -> Image.Image: ...

    @overload
    def __call__(
        self,
        pictures: Sequence[PictureSource],
        *,
        hints: Hints | Sequence[Hints | None] | None = None,
        reference: PictureSource | Sequence[PictureSource | None] | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        working_size: int | None = None,
        batch_size: int = 8,
        depth: Depth = "auto",
        restore_tones: bool = False,
        denoise: bool = False,
    ) -> list[Image.Image]: ...

    def __call__(
        self,
        pictures: PictureSource | Sequence[PictureSource],
        *,
        hints: Hints | Sequence[Hints | None] | None = None,
        reference: PictureSource | Sequence[PictureSource | None] | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        working_size: int | None = None,
        batch_size: int = 8,
        depth: Depth = "auto",
        restore_tones: bool = False,
        denoise: bool = False,
    ) -> Image.Image | list[Image.Image]:
        """Colour one picture, or a list of them.

        Args:
            pictures: A path, bytes, a file object, a PIL picture, an array, or what
                :func:`colorzoo.read` returned; or a list or tuple of these. None is changed.
            hints: Colours for places of the picture; for a list of pictures a list of as many, None
                where a picture has none.
            reference: A picture in colour to take colours from; for a list of pictures one for all,
                or a list of as many, None where a picture has none.
            saturation: Strength of the colours; 0 is grey, 1 is what the predictor says.
            vividness: For models that predict a distribution over colours: 0 takes its mean, which
                is safe, 1 leans to likely and to rare colours, which is vivid; the model's own if
                left out.
            working_size: Shorter side of what the predictor sees, pixels; its own if left out. The
                longer side is held to four times that: a longer panorama is seen smaller.
            batch_size: Pictures of a list that go through the predictor at once; only those go
                together that look alike in size to it.
            depth: Bits of a sample in PNG and TIFF: 8, 16, or "auto", those of the input.
            restore_tones: Let the predictor see faded tones stretched; the picture keeps its own.
            denoise: Let the predictor see grain smoothed; the picture keeps it.

        Returns:
            RGB or RGBA of the input's own size, or a list of them. Each saves itself with its EXIF
            and profile, and as 16-bit PNG or TIFF if it has 16 bits.

        Raises:
            PictureError: A picture cannot be read.
            ConfigError: A number is out of range; a hint lies outside its picture; or the model
                does not take what is given, or lacks what it needs.
        """
        options = ColorizeOptions(
            saturation, working_size, batch_size, depth, restore_tones, denoise, vividness=vividness
        )
        several = isinstance(pictures, (list, tuple))
        sources: Sequence[PictureSource] = pictures if several else [pictures]  # type: ignore[assignment,list-item]  # a Sequence that is no list is left to read(), which says what is wrong
        read_pictures = [read_noting(source) for source in sources]
        placed = place_hints(hints, read_pictures, several=several)
        references = read_references(reference, len(read_pictures), several=several)
        predictions = self._predict_added(read_pictures, options, placed, references)
        pairs = zip(read_pictures, predictions, strict=True)
        finished = FinishedPictures(
            in_order(lambda pair: self.finish(*pair, saturation, depth), pairs)
        )
        return finished if several else finished[0]

    @overload
    def predict(self, lightness: Floats, guidance: Guidance | None = None) -> Floats: ...

    @overload
    def predict(self, lightness: Tensor, guidance: Guidance | None = None) -> Tensor: ...

    def predict(
        self, lightness: Floats | Tensor, guidance: Guidance | None = None
    ) -> Floats | Tensor:
        """Predict chroma from lightness, at the size it comes in.

        Args:
            lightness: (N, 1, H, W), an array or a tensor of any float type on any device, L in
                0..100.
            guidance: What the user adds, for predictors that take it.

        Returns:
            (N, 2, H, W) float32, a and b in Lab units: an array, or a tensor on the same device.

        Raises:
            TensorError: The shape, type or range is wrong, or the predictor's numbers overflow.
            ConfigError: The predictor does not take what is given, or lacks what it needs.
        """
        if hasattr(lightness, "detach"):
            return of_tensor(lightness, lambda array: self.predict(array, guidance))
        check_lightness(lightness)
        predictor = self.predictor if guidance is None else self.guided
        check_guidance(predictor, guidance)
        seen = np.ascontiguousarray(lightness, dtype=np.float32)
        return np.array(as_array(predictor.predict(seen, guidance)), dtype=np.float32)  # a copy

    def predict_pictures(
        self,
        pictures: Sequence[Picture],
        options: ColorizeOptions | None = None,
        guidance: Sequence[Guidance | None] | None = None,
        hints: Sequence[PlacedHints | None] | None = None,
    ) -> list[Prediction]:
        """Predict the chroma of pictures that were read, at working size.

        Args:
            pictures: What was read.
            options: Working size, size of a batch, vividness, and hints and a reference for all.
            guidance: What is added to each instead: a batch of one at its working size, or None.
            hints: Those of each picture, in place of those of the options; not with ``guidance``.

        Raises:
            TensorError: The predictor's numbers overflow.
            ConfigError: The predictor does not take what is given, or lacks what it needs.
        """
        options = options or ColorizeOptions()
        if guidance is None and (hints or options.hints or options.reference):
            for_all, references = read_added(options, pictures)
            return self._predict_added(pictures, options, hints or for_all, references)
        given = guidance or [None] * len(pictures)
        added = [add_vividness(one, options.vividness) for one in given]
        predictions: dict[int, Prediction] = {}
        size = options.working_size or self.working_size
        for batch, shape in batches(pictures, added, size, options.batch_size):
            own, seen = working_lightness([pictures[i] for i in batch], shape, options)
            predicted = self.predict(seen[:, None], join_guidance([added[i] for i in batch]))
            for index, ab, lightness in zip(batch, predicted, own, strict=True):
                predictions[index] = Prediction(ab, lightness)
        return [predictions[index] for index in range(len(pictures))]

    def _predict_added(
        self,
        pictures: Sequence[Picture],
        options: ColorizeOptions,
        hints: Sequence[PlacedHints | None],
        references: Sequence[Picture | None],
    ) -> list[Prediction]:
        """Predict under the hints and the reference of each picture, at their own sizes."""
        size = options.working_size or self.working_size
        guidance = [
            guidance_for(*given, size) for given in zip(pictures, hints, references, strict=True)
        ]
        predictions = self.predict_pictures(pictures, options, guidance)
        pairs = zip(predictions, hints, strict=True)
        return [dataclasses.replace(prediction, hints=own) for prediction, own in pairs]

    def draft(self, picture: PictureSource, *, working_size: int | None = None) -> Draft:
        """Predict a picture's colours once, to be finished in many ways.

        Args:
            picture: As in calling the colorizer.
            working_size: As in calling the colorizer.

        Returns:
            What finishes it: stronger or paler, safer or more vivid, with hints or a reference, in
            a smaller size to look at, or in other colours as likely.

        Raises:
            PictureError: The picture cannot be read.
            ConfigError: ``working_size`` is out of range.
            TensorError: The predictor's numbers overflow.
        """
        from colorzoo.draft import make_draft

        return make_draft(self, read(picture), working_size)

    def alternatives(
        self, picture: PictureSource, n: int = 4, *, seed: int = 0
    ) -> list[Image.Image]:
        """Colour a picture in other ways as likely.

        Args:
            picture: As in calling the colorizer.
            n: How many, 1 to 32.
            seed: Fixes which colours are taken.

        Returns:
            ``n`` RGB or RGBA pictures of the input's own size.

        Raises:
            PictureError: The picture cannot be read.
            ConfigError: The model has no distribution, or ``n`` or ``seed`` is out of range.
        """
        others = self.draft(picture).alternatives(n, seed=seed)
        return FinishedPictures(other.finish() for other in others)

    def uncertainty(self, picture: PictureSource) -> NDArray[np.float32]:
        """Tell where the colours are a guess: there a hint helps most.

        Args:
            picture: As in calling the colorizer.

        Returns:
            (height, width) float32, of the picture's own size: the entropy of the distribution
            as a share of the largest there is, from 0, sure, to 1, every colour as likely.

        Raises:
            PictureError: The picture cannot be read.
            ConfigError: The model has no distribution.
        """
        return self.draft(picture).uncertainty()

    def finish(
        self,
        picture: Picture,
        prediction: Prediction,
        saturation: float = 1.0,
        depth: Depth = "auto",
    ) -> Image.Image:
        """Join chroma of the working size with a picture's own lightness.

        Args:
            picture: What was read.
            prediction: What was predicted of it.
            saturation: As in calling the colorizer.
            depth: Bits of a sample; "auto" keeps those of the picture.

        Returns:
            8-bit RGB or RGBA of the picture's size, which saves as 16-bit PNG or TIFF if it has
            them (see :class:`colorzoo.pictures.write.FinishedPicture`).
        """
        return finish_picture(picture, prediction, saturation, depth)


def _model_of(predictor: Predictor) -> Model | None:
    """Return what is to be saved of a predictor that was not loaded; None if it is no network."""
    if not hasattr(predictor, "generator"):  # asked for first, as what follows needs torch
        return None
    from colorzoo.modelfolder.model import Model
    from colorzoo.predictors.network import NetworkPredictor

    if not isinstance(predictor, NetworkPredictor):
        return None
    image = ImageSettings(working_size=predictor.working_size)
    return Model(generator=predictor.generator, image=image, name=predictor.name)
