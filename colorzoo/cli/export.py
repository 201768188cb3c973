"""``colorzoo export``: a model to an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from colorzoo.cli._names import MODEL_NAME
from colorzoo.cli._output import show_bytes


@click.command("export")
@click.argument("name", type=MODEL_NAME)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write; it ends in .onnx.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="What weights are stored in; int8 loses some of the colours.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def command(name: str, out: Path, precision: str, overwrite: bool) -> None:
    """Write the model NAME as an ONNX file for any picture size.

    Lightness goes in, ab comes out, in Lab units. What the file gives is compared with what torch
    gives, and the difference is told. 'colorzoo colorize --model ./FILE.onnx' runs it.
    """
    from colorzoo.loading import load
    from colorzoo.predictors.onnx import Precision

    report = load(name, device="cpu").export(
        out, precision=cast(Precision, precision), overwrite=overwrite
    )
    click.echo(report.path)
    click.echo(
        f"{show_bytes(report.size)} in {report.precision}, opset {report.opset}; differs from "
        f"torch by {report.mean_difference:.2g} Lab units on average, "
        f"{report.largest_difference:.2g} at most, on soft noise",
        err=True,
    )
