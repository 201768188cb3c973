"""``colorzoo train``: a training run from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from colorzoo.cli._progress import ProgressBar, progress_bar

_SHOWN = ("epoch", "generator", "discriminator", "val_psnr", "photos_per_second")
_LONG = 2 * 3600.0  # seconds


def _print_example(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from colorzoo.training.example import example_text

        click.echo(example_text(), nl=False)
        ctx.exit()


class TrainingProgress:
    """Shows on a bar the numbers that matter, and says once how long the run will take.

    Args:
        bar: Where to.
    """

    def __init__(self, bar: ProgressBar) -> None:
        self.bar = bar
        self._told = False

    def __call__(self, done: int, total: int | None, numbers: Mapping[str, float]) -> None:
        """Take progress; see :data:`colorzoo.progress.OnProgress`."""
        self.bar(done, total, {name: numbers[name] for name in _SHOWN if name in numbers})
        if not self._told and "seconds_left" in numbers:
            self._told = True
            seconds = numbers["seconds_left"]
            self.bar.say(f"about {_show_time(seconds)} to go at the pace of the first steps")
            from colorzoo.devices import pick_device

            if seconds > _LONG and pick_device("auto").type == "cpu":
                self.bar.say(
                    "on a processor smaller squares (data.size) and networks (model.config) are "
                    "quicker; recipes/cpu has settings that take from half an hour to three hours"
                )


def _show_time(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute or less"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


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
        result = train(settings, resume=resume, on_progress=TrainingProgress(bar))
    processes = Processes()
    if processes.is_main:
        if result.model:
            click.echo(f"trained {result.steps} steps", err=True)
            click.echo(result.model)
        else:
            stopped = f"stopped at step {result.steps} of {settings.steps}"
            click.echo(f"{stopped}; go on with --resume", err=True)
    ctx.exit(128 + result.signal if result.signal is not None and not result.model else 0)
