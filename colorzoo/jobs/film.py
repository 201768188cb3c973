"""Films, read through PyAV or from folders of pictures: what they are, and their frames."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from colorzoo.errors import MissingDependencyError, VideoError
from colorzoo.jobs.plan import list_pictures
from colorzoo.pictures.formats import READABLE_SUFFIXES
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read

if TYPE_CHECKING:
    from types import ModuleType

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

# Demuxers of films and moving pictures; playlists, which name other files, are not among them.
_DEMUXERS: Final = ",".join(
    (
        *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpeg", "mpegts", "mpegvideo", "flv"),
        *("asf", "ogg", "gif", "apng", "dv", "mxf", "ivf", "h264", "hevc", "m4v", "nut", "rm"),
        *("obu", "av1", "yuv4mpegpipe", "webp_anim"),
    )
)
_SAFE: Final = {"protocol_whitelist": "file", "format_whitelist": _DEMUXERS}
_RATE: Final = 24.0
FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG


@dataclass(frozen=True, slots=True)
class Film:
    """What a film is, as far as its file says.

    Attributes:
        path: The file, or the folder of its pictures.
        height: Rows of its frames as they are stored.
        width: Columns of its frames as they are stored.
        rotation: Degrees, a multiple of 90, by which frames are turned counter-clockwise to be
            upright.
        rate: Frames a second on average.
        time_base: Seconds of one unit of a frame's time.
        aspect: Width of a pixel over its height.
        full_range: Whether its samples use all values.
        deep: Whether a sample has more than 8 bits.
        seconds: How long it says it is; None where it does not.
        notes: What a person should know.
        files: The pictures of a folder, one a frame; None for a file.
    """

    path: Path
    height: int
    width: int
    rotation: int
    rate: Fraction
    time_base: Fraction
    aspect: Fraction
    full_range: bool
    deep: bool
    seconds: float | None
    notes: tuple[str, ...]
    files: tuple[Path, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a film.

    Attributes:
        index: Its number, from 0.
        time: When it is shown, in units of the film's time base.
        image: (H, W, 3) RGB, upright, or the file of a picture: what
            :func:`colorzoo.pictures.read.read` takes.
        interlaced: Whether it is two half pictures of different times.
    """

    index: int
    time: int
    image: Pixels | Path
    interlaced: bool


def import_av() -> ModuleType:
    """Return PyAV.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("av", extra="video", purpose="Colouring films") from error
    # Errors are raised; what a codec mutters beside them is not for the user.
    av.logging.set_level(None)
    os.environ.setdefault("SVT_LOG", "1")  # libsvtav1 has a voice of its own; 1 is errors alone
    return av


def probe(path: Path, rate: float | None = None, max_pixels: int | None = None) -> Film:
    """Look at a film without decoding it in full.

    Args:
        path: A film, or a folder of pictures, which are its frames in the order of their names.
        rate: Frames a second of a folder; 24 if None.
        max_pixels: Refuse a film whose frames have more of them, before one is decoded.

    Raises:
        VideoError: It is missing, no film, too large, or has no pictures in it; or a rate is given
            for a film that has one of its own.
        PictureError: The first picture of a folder cannot be read.
        MissingDependencyError: PyAV is not installed.
    """
    if path.is_dir():
        return _probe_folder(path, _RATE if rate is None else rate, max_pixels)
    if rate is not None:
        raise VideoError(f"{path} has a rate of its own; leave rate out. Only folders take one.")
    with open_film(path) as container:
        stream = video_of(container, path)
        _check_size(path, stream.height, stream.width, max_pixels)
        first = next(_decoded(container, stream), None)
        if first is None:
            raise VideoError(
                f"{path} has no frame that can be decoded. Get the file anew from where it came."
            )
        _check_size(path, first.height, first.width, max_pixels)  # which the file did not tell
        notes = []
        if any(component.is_alpha for component in first.format.components):
            notes.append("its transparency is left out")
        deep = max(component.bits for component in first.format.components) > 8
        own_rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        return Film(
            path=path,
            height=first.height,
            width=first.width,
            rotation=int(first.rotation) % 360,
            rate=own_rate,
            time_base=Fraction(stream.time_base or 1 / own_rate),
            aspect=Fraction(stream.sample_aspect_ratio or 1),
            full_range=int(first.color_range) == FULL_RANGE or "yuvj" in first.format.name,
            deep=deep,
            seconds=_length(container, stream),
            notes=tuple(notes),
        )


def small_frames(film: Film, *, side: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Yield number, time and a small grey picture (h, w) of every frame, shorter side ``side``."""
    scale = side / min(film.height, film.width)
    height, width = (max(1, round(length * scale)) for length in (film.height, film.width))
    if film.files is not None:
        for index, file in enumerate(film.files):
            lightness = _read_alike(file, film).resized_lightness(height, width)
            yield index, index, np.rint(lightness * 2.55).astype(np.uint8)
        return
    for index, (time, frame) in enumerate(_timed(film)):
        small = frame.reformat(format="gray", height=height, width=width)
        yield index, time, small.to_ndarray()


def read_frames(
    film: Film, wanted: Sequence[range], *, deinterlace: bool = False
) -> Iterator[Frame]:
    """Decode a film and yield the frames that are wanted.

    Args:
        film: The film.
        wanted: Numbers of frames, in rising order.
        deinterlace: Make whole pictures of interlaced ones (bwdif).
    """
    if film.files is not None:
        for index in (index for span in wanted for index in span if index < len(film.files)):
            yield Frame(index, index, film.files[index], False)
        return
    name = "rgb48le" if film.deep else "rgb24"
    spans = iter(wanted)
    span = next(spans, None)
    for index, (time, frame) in enumerate(_timed(film, deinterlace=deinterlace)):
        while span is not None and index >= span.stop:
            span = next(spans, None)
        if span is None:
            return
        if index >= span.start:
            pixels: Pixels = frame.to_ndarray(format=name)
            upright: Any = np.ascontiguousarray(np.rot90(pixels, film.rotation // 90))
            yield Frame(index, time, upright, bool(frame.interlaced_frame))


def _check_size(path: Path, height: int, width: int, max_pixels: int | None) -> None:
    if max_pixels is not None and height * width > max_pixels:
        raise VideoError(
            f"The frames of {path.name} are {width} x {height} pixels (width x height); at most "
            f"{max_pixels / 1e6:.1f} million are taken. Scale it down, or allow more."
        )


def _probe_folder(folder: Path, frames_a_second: float, max_pixels: int | None) -> Film:
    """Look at a folder of pictures."""
    files = sorted(list_pictures(folder, recursive=False), key=_natural)
    if not files:
        raise VideoError(f"There are no pictures in {folder}. Give a film, or a folder of frames.")
    rate = Fraction(frames_a_second).limit_denominator(1001)  # 24000/1001 of 23.976
    first = read(files[0], max_pixels=max_pixels)
    return Film(
        path=folder,
        height=first.height,
        width=first.width,
        rotation=0,
        rate=rate,
        time_base=Fraction(1) / rate,
        aspect=Fraction(1),
        full_range=False,
        deep=first.bit_depth > 8,
        seconds=float(len(files) / rate),
        notes=(),
        files=tuple(files),
    )


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Return what orders names as people count: frame-9 comes before frame-10."""
    parts = re.findall(r"(\d+)|(\D+)", file.name)
    return [(int(number), "") if number else (-1, text) for number, text in parts], file.name


def _read_alike(file: Path, film: Film) -> Picture:
    """Read a picture of a folder, whose pictures must all be of one size."""
    picture = read(file)
    if (picture.height, picture.width) != (film.height, film.width):
        raise VideoError(
            f"{file} is {picture.width} x {picture.height} pixels, but the first of its folder "
            f"{film.width} x {film.height} (width x height). The frames of a film are of one size: "
            "scale them, or colour them one by one with: colorzoo colorize"
        )
    return picture


@contextlib.contextmanager
def open_film(path: Path) -> Iterator[Any]:
    """Give the container of a film that lies on this disk and names no other file.

    Raises:
        VideoError: It is missing, or no film.
    """
    av = import_av()
    if not path.is_file():
        raise VideoError(f"{path} does not exist. Give a film, or a folder of frames.")
    try:
        container = av.open(os.fspath(path), options=dict(_SAFE))
    except (av.error.FFmpegError, ValueError, OSError) as error:
        if path.suffix.lower() in READABLE_SUFFIXES - {".gif"}:
            raise VideoError(
                f"{path} is a picture, not a film. Colour it with: colorzoo colorize {path}"
            ) from error
        raise VideoError(
            f"{path} is not a film that can be read: {getattr(error, 'strerror', error)}. Give an "
            "MP4, MOV, MKV, AVI, WebM, MPEG or GIF file, whole."
        ) from error
    with container:
        yield container


def video_of(container: Any, path: Path) -> Any:
    """Return the stream of moving pictures; a cover of an album is none."""
    for stream in container.streams.video:
        if not stream.disposition & import_av().stream.Disposition.attached_pic:
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise VideoError(f"{path} has no pictures in it, only {kinds}. Give a film.")


def _length(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames that can be decoded; damaged ones are passed over.

    A film that was cut off ends where it was, with the frames that the decoder still holds.
    """
    stream.thread_type = "AUTO"
    invalid = import_av().error.InvalidDataError
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except invalid:
            packet = None
        try:
            yield from stream.decode(packet)
        except invalid:
            continue
        except EOFError:  # the decoder was emptied already
            return
        if packet is None:
            return


def _timed(film: Film, *, deinterlace: bool = False) -> Iterator[tuple[int, Any]]:
    """Yield the time and the decoded picture of every frame, times rising."""
    with open_film(film.path) as container:
        stream = video_of(container, film.path)
        step = max(1, round(1 / (film.rate * film.time_base)))
        last: int | None = None
        frames = _decoded(container, stream)
        for frame in _deinterlaced(frames, stream) if deinterlace else frames:
            # Filters count time in units of their own.
            time = frame.pts
            if deinterlace and time is not None:
                time = round(time * frame.time_base / film.time_base)
            if time is None or (last is not None and time <= last):  # damaged, or not told
                time = 0 if last is None else last + step
            last = time
            yield time, frame


def _deinterlaced(frames: Iterator[Any], stream: Any) -> Iterator[Any]:
    av = import_av()
    graph = av.filter.Graph()
    source = graph.add_buffer(template=stream)
    sieve = graph.add("bwdif", "mode=send_frame")
    sink = graph.add("buffersink")
    source.link_to(sieve)
    sieve.link_to(sink)
    graph.configure()
    for frame in frames:
        graph.push(frame)
        with contextlib.suppress(av.error.BlockingIOError):
            yield graph.pull()
    graph.push(None)
    with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield graph.pull()
