"""The methods of a colorizer that write files: folders, pages and films in colour, its network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from colorzoo.errors import ConfigError
from colorzoo.options import ColorizeOptions, Depth
from colorzoo.pictures.opening import local_path

if TYPE_CHECKING:
    from PIL import Image

    from colorzoo.colorizer import Colorizer
    from colorzoo.export import ExportReport
    from colorzoo.hints import Hints
    from colorzoo.jobs.directions import ShotLook
    from colorzoo.jobs.files import FolderReport
    from colorzoo.jobs.video import VideoOptions, VideoReport
    from colorzoo.pictures.read import PictureSource
    from colorzoo.predictors.onnx import Precision
    from colorzoo.progress import OnProgress


class JobMethods:
    """What :class:`colorzoo.colorizer.Colorizer`, its only subclass, does with files."""

    @property
    def _colorizer(self) -> Colorizer:
        return cast("Colorizer", self)

    def folder(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        recursive: bool = True,
        overwrite: bool = False,
        saturation: float = 1.0,
        vividness: float | None = None,
        working_size: int | None = None,
        batch_size: int = 8,
        depth: Depth = "auto",
        restore_tones: bool = False,
        denoise: bool = False,
        all_pages: bool = False,
        hints: str | os.PathLike[str] | None = None,
        reference: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> FolderReport:
        """Colour the pictures of a folder into another, which mirrors its tree.

        A bad file does not stop the others, and no input is ever overwritten.

        Args:
            source: Folder of pictures.
            target: Folder for the results, also inside ``source``; .gif and the like become .png.
            recursive: Take subfolders too.
            overwrite: Replace what is there, instead of skipping it or, if another's, refusing it.
            saturation: As in calling the colorizer.
            vividness: As in calling the colorizer.
            working_size: As in calling the colorizer.
            batch_size: Pictures read and coloured together.
            depth: As in calling the colorizer.
            restore_tones: As in calling the colorizer.
            denoise: As in calling the colorizer.
            all_pages: Colour every page of a TIFF, not the first alone.
            hints: Folder of files of hints: of ``a/b.jpg`` ``a/b.json`` or a layer ``a/b.png``.
            reference: File of a picture in colour, for all of them to take colours from.
            on_progress: Called with how many are done and ``failed`` (:mod:`colorzoo.progress`).

        Raises:
            PictureError: ``source`` is no folder or is ``target``, or the reference has no colours.
            ConfigError: An option is out of range, or a file of hints belongs to no picture.
        """
        from colorzoo.jobs.files import colorize_folder

        return colorize_folder(
            self._colorizer,
            local_path(source),
            local_path(target),
            ColorizeOptions(
                *(saturation, working_size, batch_size, depth, restore_tones, denoise, all_pages),
                vividness=vividness,
                reference=local_path(reference) if reference is not None else None,
            ),
            hints=hints,
            recursive=recursive,
            overwrite=overwrite,
            on_progress=on_progress,
        )

    def pages(
        self,
        source: PictureSource,
        *,
        saturation: float = 1.0,
        vividness: float | None = None,
        working_size: int | None = None,
        batch_size: int = 8,
        depth: Depth = "auto",
        restore_tones: bool = False,
        denoise: bool = False,
    ) -> Iterator[Image.Image]:
        """Colour all pages of a TIFF, or frames of an animation, as they are asked for.

        ``colorzoo.write_pages(colorizer.pages("scan.tif"), "scan-color.tif")`` never holds more
        than a batch of them.

        Args:
            source: As in calling the colorizer; what holds one picture gives that one.
            saturation: As in calling the colorizer.
            vividness: As in calling the colorizer.
            working_size: As in calling the colorizer.
            batch_size: Pages read and coloured together.
            depth: As in calling the colorizer.
            restore_tones: As in calling the colorizer.
            denoise: As in calling the colorizer.

        Returns:
            What calling the colorizer gives, of each page when it is asked for.

        Raises:
            PictureError: The file, or the page whose turn it is, cannot be read.
            ConfigError: One of the options is out of range.
        """
        from colorzoo.jobs.pages import color_pages

        options = ColorizeOptions(
            saturation, working_size, batch_size, depth, restore_tones, denoise, vividness=vividness
        )
        return (image for _, image in color_pages(self._colorizer, source, options))

    def video(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        video: VideoOptions | None = None,
        *,
        looks: Sequence[ShotLook] = (),
        hints: Mapping[int, Hints] | None = None,
        reference: PictureSource | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        working_size: int | None = None,
        batch_size: int = 8,
        overwrite: bool = False,
        resume: bool = False,
        on_progress: OnProgress | None = None,
    ) -> VideoReport:
        """Colour a film (see :func:`colorzoo.jobs.video.colorize_video`; extra ``video``).

        Args:
            source: The film, or a folder of pictures, its frames in the order of their names.
            target: Where the coloured one goes: .mp4, .m4v, .mov or .mkv, or a folder of pictures.
            video: How steady, how encoded, how much of it.
            looks: Shots that are coloured otherwise.
            hints: Colours for places of frames, by the frames' numbers from 0. They follow what
                moves, to the end of the shot.
            reference: A picture in colour to take colours from.
            saturation: As in calling the colorizer.
            vividness: As in calling the colorizer.
            working_size: As in calling the colorizer.
            batch_size: Frames that are predicted together.
            overwrite: Replace ``target``, and what an earlier job left half done.
            resume: Go on where an earlier job with the same settings was stopped.
            on_progress: Told how many frames are done.

        Returns:
            What became of it.

        Raises:
            VideoError: The film cannot be read or the target not written.
            ConfigError: An option is out of range, or hints do not fit the film.
            PictureError: The reference cannot be read, or has no colours.
            MissingDependencyError: The extra ``video`` is not installed.
        """
        from colorzoo.jobs.video import colorize_video

        return colorize_video(
            self._colorizer,
            local_path(source),
            local_path(target),
            ColorizeOptions(saturation, working_size, batch_size, vividness=vividness),
            video,
            looks=looks,
            hints=hints,
            reference=reference,
            overwrite=overwrite,
            resume=resume,
            on_progress=on_progress,
        )

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        precision: Precision = "float32",
        overwrite: bool = False,
    ) -> ExportReport:
        """Write its network as an ONNX file, once it is proven to give what torch gives.

        Args:
            path: The file to write; it ends in .onnx.
            precision: What weights are stored in: ``"float16"`` halves the file, and is computed in
                float32; ``"int8"`` quarters it and loses more.
            overwrite: Replace a file that is there.

        Returns:
            What was written, and how far its colours are from those of torch.

        Raises:
            ConfigError: There is no network to export, or an option is wrong.
            MissingDependencyError: The extra ``onnx`` is not installed.
            WeightsError: The file cannot be written, or is there already.
            TensorError: The exported network gives something else than torch.
        """
        colorizer = self._colorizer
        if colorizer.model is None:
            raise ConfigError(
                f"{colorizer.name!r} has no network that torch runs and exports. Give a model, "
                "such as lite-unet-gan; 'colorzoo list' shows them."
            )
        from colorzoo.export import export_onnx

        return export_onnx(
            colorizer.predictor,
            local_path(path),
            model=colorizer.model,
            precision=precision,
            overwrite=overwrite,
        )
