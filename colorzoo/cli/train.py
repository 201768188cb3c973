"""``colorzoo train``: a training run from a TOML file."""

from __future__ import annotations

from pathlib import Path

import click

from colorzoo.cli._progress import progress_bar


def _print_example(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from colorzoo.training.example import example_text

        click.echo(example_text(), nl=False)
        ctx.exit()


@click.command("train")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Set one value over the file's; may be given several times.",
)
@click.option("--resume", is_flag=True, help="Go on from the run folder's newest checkpoint.")
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_example,
    help="Print a config with all settings explained, and exit.",
)
@click.pass_context
def command(ctx: click.Context, config: Path, overrides: tuple[str, ...], resume: bool) -> None:
    """Train a model as the TOML file CONFIG says.

    SIGINT (Ctrl-C) and SIGTERM end the run after the step in hand, with a checkpoint.

    Prints the folder of the trained model, which 'colorzoo colorize --model' takes.
    """
    from colorzoo.training.config import TrainingConfig

    settings = TrainingConfig.from_file(config, list(overrides))
    # After the config, whose errors then come at once.
    from colorzoo.processes import Processes
    from colorzoo.training.trainer import train

    with progress_bar("training") as bar:
        result = train(settings, resume=resume, on_progress=bar)
    processes = Processes()
    if processes.is_main:
        if result.model:
            click.echo(f"trained {result.steps} steps", err=True)
            click.echo(result.model)
        else:
            stopped = f"stopped at step {result.steps} of {settings.steps}"
            click.echo(f"{stopped}; go on with --resume", err=True)
    code = 128 + result.signal if result.signal is not None and not result.model else 0
    processes.leave(code)
    ctx.exit(code)
