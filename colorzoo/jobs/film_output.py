"""Films written through PyAV: segments that are encoded, and the film they are joined to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from colorzoo.errors import VideoError, did_you_mean
from colorzoo.jobs.film import FULL_RANGE, Film, Frame, import_av, open_film, video_of

Codec = Literal["h264", "h265", "av1", "prores", "ffv1"]

# Steps of the quantizer by which colour is finer than these codecs have it: coarse colours flicker
# from frame to frame. A film grows by 7 %.
_FINER: Final = -4

# Encoder and options of each codec. Without B-frames packets leave in the order of their times, so
# segments are joined by copying packets, none of whose times has to be changed.
_ENCODERS: Final[dict[Codec, tuple[str, dict[str, str]]]] = {
    "h264": (
        "libx264",
        {"crf": "18", "preset": "medium", "bf": "0", "x264-params": f"chroma-qp-offset={_FINER}"},
    ),
    "h265": (
        "libx265",
        {
            "crf": "20",
            "preset": "fast",
            "x265-params": f"bframes=0:log-level=1:cbqpoffs={_FINER}:crqpoffs={_FINER}",
        },
    ),
    "av1": ("libsvtav1", {"crf": "30", "preset": "8", "svtav1-params": "pred-struct=1"}),
    "prores": ("prores_ks", {"profile": "3"}),
    "ffv1": ("ffv1", {"level": "3"}),
}
CONTAINERS: Final[dict[str, tuple[Codec, ...]]] = {
    ".mp4": ("h264", "h265", "av1"),
    ".m4v": ("h264", "h265"),
    ".mov": ("h264", "h265", "prores"),
    ".mkv": ("h264", "h265", "av1", "prores", "ffv1"),
}
"""Which codecs each kind of file can hold, the first being the one it gets if none is named."""

# What holds a segment must keep every frame's time exactly, in the film's own time base.
_SEGMENT_FORMATS: Final[dict[Codec, str]] = {"prores": "mov"}
_SEGMENT_FORMAT: Final = "nut"
_LIMITED_RANGE: Final = 1  # AVCOL_RANGE_MPEG
_BT709: Final = 1  # the same number for matrix, primaries and transfer


class SegmentWriter:
    """Encodes some frames of a film to a file of their own; a context manager.

    Args:
        path: The file.
        film: Whose times, aspect, rotation and range the frames have.
        codec: How they are encoded.
    """

    def __init__(self, path: Path, film: Film, codec: Codec) -> None:
        self._film = film
        self._codec = codec
        self._turns = film.rotation // 90
        self._container: Any = import_av().open(
            os.fspath(path), "w", format=_SEGMENT_FORMATS.get(codec, _SEGMENT_FORMAT)
        )
        encoder, options = _ENCODERS[codec]
        self._stream = self._container.add_stream(encoder, rate=film.rate, options=dict(options))
        self._format = ""
        self._shape: Any = None  # the graph that tells frames the shape of their pixels

    def write(self, image: Image.Image, frame: Frame) -> None:
        """Encode one finished frame, upright, at its time; all of one size."""
        av = import_av()
        pixels = np.asarray(image.convert("RGB"))
        stored = np.ascontiguousarray(np.rot90(pixels, -self._turns))
        if not self._format:
            self._format = self._set_up(*stored.shape[:2])
        encoded = av.VideoFrame.from_ndarray(stored, format="rgb24").reformat(
            format=self._format,
            dst_colorspace="ITU709",
            dst_color_range="JPEG" if self._film.full_range else "MPEG",
        )
        encoded.pts, encoded.time_base = frame.time, self._film.time_base
        if self._shape is not None:
            self._shape.push(encoded)
            encoded = self._shape.pull()
        self._container.mux(self._stream.encode(encoded))

    def _set_up(self, height: int, width: int) -> str:
        """Tell the encoder of the frames to come, and return the pixel format it takes."""
        context = self._stream.codec_context
        context.height, context.width = height, width
        context.pix_fmt = _pixel_format(self._codec, height, width)
        context.time_base = self._film.time_base
        context.sample_aspect_ratio = self._film.aspect
        # The range is the film's own; the colours are ours, and are told as BT.709.
        context.color_range = FULL_RANGE if self._film.full_range else _LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        if self._codec == "ffv1" and self._film.aspect != 1:
            # It takes the shape from each frame, and Matroska is not told otherwise.
            self._shape = import_av().filter.Graph()
            source = self._shape.add_buffer(
                width=width, height=height, format=context.pix_fmt, time_base=self._film.time_base
            )
            self._shape.link_nodes(
                source,
                self._shape.add("setsar", str(self._film.aspect)),
                self._shape.add("buffersink"),
            ).configure()
        context.flags |= import_av().codec.context.Flags.global_header
        return str(context.pix_fmt)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        try:
            if fault is None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()


def join(
    segments: Sequence[Path], film: Film, target: Path, *, shortened: bool = False
) -> list[str]:
    """Put segments one after another into a film, with the other streams of the source.

    Nothing is encoded again: packets are copied.

    Args:
        segments: Files of :class:`SegmentWriter`, in order.
        film: The source, whose sound, subtitles, chapters and metadata go along.
        target: The file to write, by its suffix.
        shortened: End with the last picture, whatever sound is left.

    Returns:
        Notes on streams that the target cannot hold.
    """
    av = import_av()
    notes: list[str] = []
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(av.open(os.fspath(target), "w", format=_muxer(target)))
        first = stack.enter_context(av.open(os.fspath(segments[0])))
        video = out.add_stream_from_template(first.streams.video[0], opaque=True)
        video.time_base = film.time_base
        video.sample_aspect_ratio = film.aspect
        if film.rotation:
            video.set_display_rotation(film.rotation)
        others: Iterator[Any] = iter(())
        copied: dict[int, Any] = {}
        if film.files is None:
            source = stack.enter_context(open_film(film.path))
            out.metadata.update(source.metadata)
            if source.chapters():
                out.set_chapters(source.chapters())
            own = video_of(source, film.path)
            video.metadata.update(own.metadata)
            copied, notes = _add_streams(out, source, own, target.suffix)
            others = _packets_of(source, [source.streams[index] for index in copied])
        _interleave(out, video, segments, others, copied, shortened=shortened)
    return notes


def _add_streams(out: Any, source: Any, own: Any, suffix: str) -> tuple[dict[int, Any], list[str]]:
    """Add to a film the sound and the subtitles of another.

    Returns:
        The new stream for the number of each old one, and notes on those that are left out.
    """
    copied: dict[int, Any] = {}
    notes: list[str] = []
    for stream in source.streams:
        if stream is own or stream.type not in ("audio", "subtitle"):
            continue
        try:
            copied[stream.index] = out.add_stream_from_template(stream, opaque=True)
            copied[stream.index].metadata.update(stream.metadata)
        except (ValueError, import_av().error.FFmpegError):
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            notes.append(f"{suffix} cannot hold its {stream.type} ({codec}); .mkv can")
    return copied, notes


def _interleave(
    out: Any,
    video: Any,
    segments: Sequence[Path],
    others: Iterator[Any],
    copied: dict[int, Any],
    *,
    shortened: bool,
) -> None:
    """Write the packets of pictures and of the other streams in the order of their times."""
    pictures = _segment_packets(segments)
    picture, other = next(pictures, None), next(others, None)
    while picture is not None:
        if other is None or _seconds(picture) <= _seconds(other):
            picture.stream = video
            out.mux_one(picture)
            picture = next(pictures, None)
        else:
            other.stream = copied[other.stream.index]
            out.mux_one(other)
            other = next(others, None)
    while other is not None and not shortened:
        other.stream = copied[other.stream.index]
        out.mux_one(other)
        other = next(others, None)


def _segment_packets(segments: Sequence[Path]) -> Iterator[Any]:
    for path in segments:
        with import_av().open(os.fspath(path)) as container:
            yield from _packets_of(container, container.streams.video[:1])


def _packets_of(container: Any, streams: Sequence[Any]) -> Iterator[Any]:
    for packet in container.demux(streams) if streams else ():
        if packet.dts is not None:  # the last one only says that there are no more
            yield packet


def _seconds(packet: Any) -> Fraction:
    return Fraction(packet.dts * packet.time_base)


def check_target(target: Path, codec: Codec | None) -> Codec | None:
    """Return the codec for a film, None for a folder of frames.

    Raises:
        VideoError: The target is neither, or does not go with the codec.
    """
    suffix = target.suffix.lower()
    if target.is_dir() or not suffix:
        if codec is not None:
            raise VideoError(
                f"{target} is a folder of pictures, which need no {codec}. Leave codec out, or "
                f"give the film a name that ends in {', '.join(CONTAINERS)}."
            )
        return None
    if suffix not in CONTAINERS:
        raise VideoError(
            f"Cannot write {target}: {suffix!r} is no film format that colorzoo "
            f"writes.{did_you_mean(suffix, CONTAINERS)} Use one of {', '.join(CONTAINERS)}, or a "
            "name without a dot for a folder of frames."
        )
    chosen = codec or CONTAINERS[suffix][0]
    if chosen not in CONTAINERS[suffix]:
        raise VideoError(
            f"A {suffix} file cannot hold {chosen}; it holds {', '.join(CONTAINERS[suffix])}. "
            "Choose another codec, or give the film a name that ends in .mkv."
        )
    return chosen


def _pixel_format(codec: Codec, height: int, width: int) -> str:
    if codec == "ffv1":
        return "bgr0"  # RGB as it is: without loss
    if codec == "prores":
        return "yuv422p10le"
    # Chroma at half the size needs even sides.
    return "yuv420p" if height % 2 == 0 and width % 2 == 0 else "yuv444p"


def _muxer(target: Path) -> str:
    return {".mkv": "matroska", ".mov": "mov"}.get(target.suffix.lower(), "mp4")
