"""``colorzoo video``: a grey film in, a coloured film out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.cli._options import colorize_options, device_option, model_option
from colorzoo.cli._progress import progress_bar
from colorzoo.cli._shards import load_shared
from colorzoo.errors import ConfigError
from colorzoo.options import ColorizeOptions

if TYPE_CHECKING:
    from colorzoo.jobs.directions import ShotLook
    from colorzoo.jobs.video import VideoReport

_CODECS = ("h264", "h265", "av1", "prores", "ffv1")


@dataclass(frozen=True, slots=True)
class _Shot:
    """One entry of a file of shots: ``at`` in seconds, and what is otherwise there."""

    at: float
    model: str | None = None
    saturation: float | None = None
    hints: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class _Shots:
    """What a file of shots holds."""

    shots: tuple[_Shot, ...]


class _Seconds(click.ParamType[float]):
    """A length of time: ``10``, ``10s`` or ``1:30``."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        minutes, _, seconds = str(value).removesuffix("s").rpartition(":")
        try:
            length = 60 * float(minutes or 0) + float(seconds)
        except ValueError:
            length = 0.0
        if not 0 < length < float("inf"):
            self.fail(f"{value!r} is no length of time; write 10s or 1:30.", param, ctx)
        return length


class _FrameHints(click.ParamType[tuple[int, Path]]):
    """Hints for a frame: ``120:hints.json``."""

    name = "frame:file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, Path]:
        frame, colon, file = str(value).partition(":")
        if not (colon and file and frame.isdecimal()):
            self.fail(
                f"{value!r} does not name a frame and its hints; write 0:hints.json, 0 being the "
                "number of the frame.",
                param,
                ctx,
            )
        return int(frame), Path(file)


@click.command("video")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Film to write: .mp4, .m4v, .mov or .mkv; IN-color.mp4 beside IN if left out.",
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
@click.option("--preview", type=_Seconds(), help="Colour only the beginning, as in 10s.")
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
    type=_FrameHints(),
    multiple=True,
    help="Colours of places of a frame, as in 0:hints.json; they last to the end of its shot.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A picture in colour to take colours from.",
)
@device_option
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
    contact_sheet: Path | None,
    shots_file: Path | None,
    hint_files: tuple[tuple[int, Path], ...],
    reference: Path | None,
    device: str,
    overwrite: bool,
    resume: bool,
) -> None:
    """Colour the film IN.

    Colours are steady within a shot; sound and subtitles are copied. A run that was stopped goes on
    with --resume. A file of shots reads {"shots": [{"at": 12.5, "saturation": 0.8}]}: at is a
    moment of the shot, seconds from the beginning; model, saturation, hints (for the frame of that
    moment) and reference are what it has of its own.

    Several processes share the shots under 'torchrun --nproc-per-node 2 -m colorzoo video ...'.
    """
    from colorzoo.hints import Hints
    from colorzoo.jobs.contact import make_contact_sheet
    from colorzoo.jobs.video import VideoOptions, colorize_video

    hints = {frame: Hints.from_file(file) for frame, file in hint_files}
    colorizer, processes = load_shared(model, device)
    looks = _read_looks(shots_file, str(colorizer.device)) if shots_file else []
    if contact_sheet is not None:
        plan = make_contact_sheet(
            *(colorizer, source, contact_sheet, options),
            looks=looks,
            reference=reference,
            seconds=preview,
        )
        click.echo(contact_sheet)
        click.echo(f"{len(plan.shots)} shots, {plan.frames} frames", err=True)
        return
    video = VideoOptions(steadiness, every, codec, deinterlace, compare, preview)  # type: ignore[arg-type]  # codec is one of the choices
    with progress_bar("frames") as bar:
        report = colorize_video(
            colorizer,
            source,
            out or source.with_name(f"{source.stem}-color.mp4"),
            options,
            video,
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


def _tell(source: Path, report: VideoReport) -> None:
    """Name the film on stdout, and what a person should know of it on stderr."""
    for note in report.notes:
        click.echo(f"note: {source}: {note}", err=True)
    click.echo(report.target)
    click.echo(
        f"{report.frames} frames in {len(report.shots)} shots, {report.seconds:.0f} s", err=True
    )


def _read_looks(path: Path, device: str) -> list[ShotLook]:
    """Read a file of shots, and load the models and hints it names; its paths start from it."""
    import colorzoo
    from colorzoo.hints import Hints
    from colorzoo.jobs.directions import ShotLook
    from colorzoo.schema import from_dict, read_json

    if not path.is_file():
        raise ConfigError(f"There is no file of shots {path}. Give a JSON file.")
    shots = from_dict(_Shots, read_json(path), where=str(path)).shots
    models = {shot.model for shot in shots if shot.model is not None}
    loaded = {name: colorzoo.load(name, device=device) for name in sorted(models)}
    return [
        ShotLook(
            shot.at,
            loaded[shot.model] if shot.model else None,
            shot.saturation,
            Hints.from_file(path.parent / shot.hints) if shot.hints else None,
            path.parent / shot.reference if shot.reference else None,
        )
        for shot in shots
    ]
