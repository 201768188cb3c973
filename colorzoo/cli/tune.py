"""``colorzoo tune``: a search for better settings."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("tune")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    required=True,
    help="Runs of the search in all, those of earlier calls included.",
)
@click.pass_context
def command(ctx: click.Context, recipe: Path, trials: int) -> None:
    """Search better settings for training, with Optuna.

    RECIPE is a TOML file whose table [tune] says what to try.

    The search is kept in the recipe's run folder and goes on when it is started again.

    Prints the best settings as TOML; best.toml in the run folder has all, for 'colorzoo train'.
    """
    from colorzoo.training.config_file import settings_text
    from colorzoo.training.tune import tune

    result = tune(recipe, trials=trials, report=lambda line: click.echo(line, err=True))
    counts = ", ".join(f"{count} {how}" for how, count in sorted(result.runs.items()))
    click.echo(f"runs: {counts or 'none ended'}", err=True)
    if result.best:
        click.echo(settings_text(result.best.settings), nl=False)
        click.echo(f"best: {result.best.value:g}, colorzoo train {result.best.config}", err=True)
    if result.signal is not None:
        click.echo("stopped; the same command goes on", err=True)
        ctx.exit(128 + result.signal)
