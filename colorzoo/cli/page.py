"""``colorzoo page``: a page that colours in the browser, as a folder."""

from __future__ import annotations

from pathlib import Path

import click

from colorzoo.cli._names import MODEL_NAME
from colorzoo.cli._output import show_bytes
from colorzoo.cli.demo import demos_folder
from colorzoo.zoo.folders import DEFAULT_MODEL

runtime_option = click.option(
    "--runtime",
    type=click.Path(path_type=Path),
    help="onnxruntime-web as 'npm pack' gives it; fetched by npm if left out.",
)


@click.command("page")
@click.argument("name", type=MODEL_NAME, default=DEFAULT_MODEL)
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to write."
)
@runtime_option
@click.option("--overwrite", is_flag=True, help="Replace a page that is there.")
def command(name: str, out: Path, runtime: Path | None, overwrite: bool) -> None:
    """Write a page that colours on its visitors' own devices.

    The model NAME goes along as ONNX. Any web server can give out the folder, as in
    'python -m http.server --directory FOLDER'; 'colorzoo push-space --static' publishes such a
    page on the Hub.
    """
    from colorzoo.loading import load
    from colorzoo.webpage.build import write_page

    report = write_page(
        load(name, device="cpu"),
        out,
        demos=demos_folder(),
        runtime=runtime,
        overwrite=overwrite,
    )
    click.echo(report.folder)
    click.echo(
        f"{show_bytes(report.first_visit)} at the first visit without a GPU, of them "
        f"{show_bytes(report.export.size)} the model, which differs from torch by "
        f"{report.export.mean_difference:.2g} Lab units on average on soft noise",
        err=True,
    )
