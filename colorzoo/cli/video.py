"""``colorzoo video``: a grey film in, a coloured film out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.cli._film import FrameHints, Seconds, read_looks
from colorzoo.cli._options import colorize_options, device_option, dtype_option, model_option
from colorzoo.cli._progress import progress_bar
from colorzoo.cli._shards import load_shared
from colorzoo.options import ColorizeOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colorzoo.colorizer import Colorizer
    from colorzoo.jobs.directions import ShotLook
    from colorzoo.jobs.video import VideoReport

_CODECS = ("h264", "h265", "av1", "prores", "ffv1")


@click.command("video")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Film to write (.mp4, .m4v, .mov, .mkv), or a folder for its frames; IN-color.mp4, of a "
    "folder IN-color, beside IN if left out.",
)
@model_option
@colorize_options
@click.option(
    "--steadiness",
    type=click.FloatRange(min=0.0, max=1.0),
    default=0.95,
    show_default=True,
    help="How much of the colours is carried on from frame to frame.",
)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Ask the model every so many frames; colours between are carried.",
)
@click.option("--codec", type=click.Choice(_CODECS), help="How it is encoded.")
@click.option("--deinterlace", is_flag=True, help="Make whole pictures of interlaced ones.")
@click.option("--compare", is_flag=True, help="Show grey and colour side by side.")
@click.option("--preview", type=Seconds(), help="Colour only the beginning, as in 10s.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames a second of a folder of pictures; 24 if left out.",
)
@click.option(
    "--contact-sheet",
    type=click.Path(path_type=Path),
    help="Write a picture of one coloured frame a shot, and no film.",
)
@click.option(
    "--shots",
    "shots_file",
    type=click.Path(path_type=Path),
    help="JSON file that gives shots a model, colours or a reference of their own.",
)
@click.option(
    "--hints",
    "hint_files",
    type=FrameHints(),
    multiple=True,
    help="Colours of places of a frame, as in 0:hints.json; they last to the end of its shot.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A picture in colour to take colours from.",
)
@device_option
@dtype_option
@click.option("--overwrite", is_flag=True, help="Replace OUT, and what was left half done.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run was stopped.")
def command(
    source: Path,
    out: Path | None,
    model: str,
    options: ColorizeOptions,
    steadiness: float,
    every: int,
    codec: str | None,
    deinterlace: bool,
    compare: bool,
    preview: float | None,
    rate: float | None,
    contact_sheet: Path | None,
    shots_file: Path | None,
    hint_files: tuple[tuple[int, Path], ...],
    reference: Path | None,
    device: str,
    dtype: str | None,
    overwrite: bool,
    resume: bool,
) -> None:
    """Colour the film IN, or a folder of its frames.

    A method needs more than the film: levin and yatziv --hints for each shot, welsh a --reference.

    Colours are steady within a shot; sound and subtitles are copied. A run that was stopped goes on
    with --resume. A file of shots reads {"shots": [{"at": 12.5, "saturation": 0.8}]}: at is a
    moment of the shot, seconds from the beginning; model, saturation, hints (for the frame of that
    moment) and reference are what it has of its own.

    Several processes share the shots under 'torchrun --nproc-per-node 2 -m colorzoo video ...'.
    """
    from colorzoo.hints import Hints
    from colorzoo.jobs.video import VideoOptions, colorize_video

    hints = {frame: Hints.from_file(file) for frame, file in hint_files}
    video = VideoOptions(steadiness, every, codec, deinterlace, compare, preview, rate)  # type: ignore[arg-type]  # codec is one of the choices
    colorizer, processes = load_shared(model, device, dtype)
    looks = read_looks(shots_file, colorizer.device, dtype) if shots_file else []
    if contact_sheet is not None:
        _write_sheet(colorizer, source, contact_sheet, options, looks, reference, preview)
        return
    target = out or _beside(source)
    with progress_bar("frames") as bar:
        report = colorize_video(
            *(colorizer, source, target, options, video),
            looks=looks,
            hints=hints,
            reference=reference,
            overwrite=overwrite,
            resume=resume,
            on_progress=bar,
        )
    processes.close()
    if processes.is_main:
        _tell(source, report)


def _beside(source: Path) -> Path:
    """Return where the coloured film goes unless one says."""
    place = source.resolve()
    return place.with_name(f"{place.name}-color" if place.is_dir() else f"{place.stem}-color.mp4")


def _write_sheet(
    colorizer: Colorizer,
    source: Path,
    target: Path,
    options: ColorizeOptions,
    looks: Sequence[ShotLook],
    reference: Path | None,
    seconds: float | None,
) -> None:
    """Write a contact sheet, and name it."""
    from colorzoo.jobs.contact import make_contact_sheet
    from colorzoo.jobs.video import counted

    plan = make_contact_sheet(
        *(colorizer, source, target, options), looks=looks, reference=reference, seconds=seconds
    )
    click.echo(target)
    click.echo(f"{counted(len(plan.shots), 'shot')}, {counted(plan.frames, 'frame')}", err=True)


def _tell(source: Path, report: VideoReport) -> None:
    """Name the film on stdout, and what a person should know of it on stderr."""
    for note in report.notes:
        click.echo(f"note: {source}: {note}", err=True)
    click.echo(report.target)
    click.echo(report.summary, err=True)
