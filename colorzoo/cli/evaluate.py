"""``colorzoo evaluate``: models measured on photos whose colours are known."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from colorzoo.cli._names import MODEL_NAME
from colorzoo.metrics.table import PROTOCOL


@click.command("evaluate")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", type=MODEL_NAME)
@click.option(
    "--data",
    required=True,
    metavar="SOURCE",
    help="Photos: a folder, a .tar file or a pattern of such, or hf://datasets/owner/name.",
)
@click.option("--split", default="test", show_default=True, help="Split of a Hub data set.")
@click.option("--column", help="Image column of a Hub data set, if it has several.")
@click.option("--limit", type=click.IntRange(min=1), help="Use the first so many photos.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Photos coloured at once.",
)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    help="Write pictures to this file: grey, each model's, truth.",
)
@click.option("--device", default="auto", show_default=True, help="As in cpu, cuda, cuda:1, mps.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=(PROTOCOL,),
    show_default=True,
    metavar="NAME",
    help="What to measure; colorzoo-1 is all of the protocol. May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with each photo's values.")
def command(
    names: tuple[str, ...],
    data: str,
    split: str,
    column: str | None,
    limit: int | None,
    batch_size: int,
    sheet: Path | None,
    device: str,
    metrics: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure models on photos whose colours are known.

    By the protocol colorzoo-1. NAME is a name from 'colorzoo list', a folder as in ./folder, or
    owner/repo on the Hub. The table has a row for grey, a legend, and published figures of other
    photos below it. Several processes share the work under
    'accelerate launch -m colorzoo evaluate ...'.

    Metrics beside those of the protocol: lpips and fid (extra 'metrics'), and those of plug-ins.
    """
    from colorzoo.cli._progress import progress_bar
    from colorzoo.evaluation.evaluate import evaluate
    from colorzoo.processes import Processes

    with progress_bar("evaluating") as bar:
        report = evaluate(
            names,
            data,
            split=split,
            column=column,
            limit=limit,
            batch_size=batch_size,
            sheet=sheet,
            device=device,
            metrics=metrics,
            on_progress=bar,
        )
    processes = Processes()
    processes.close()
    if not processes.is_main:
        return
    for fault in report.broken:
        click.echo(f"left out: {fault}", err=True)
    # A file or a pipe gets whole lines, whatever COLUMNS says.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(report.to_json() if as_json else report.to_text(width))
