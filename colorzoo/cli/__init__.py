"""The command line: data on stdout, messages on stderr, one small file per command.

Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings

import click

import colorzoo
from colorzoo.errors import ColorzooError, did_you_mean, needing

# In the order of the help; a command that is not named here comes last.
_ORDER = (
    "colorize",
    "video",
    "list",
    "info",
    "train",
    "tune",
    "evaluate",
    "card",
    "export",
    "push",
    "page",
    "push-space",
    "demo",
    "doctor",
)


def _command_names() -> tuple[str, ...]:
    """Return the names of the files of this package: each is one command."""
    files = (module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))
    known = [name for name in files if not name.startswith("-")]
    return tuple(sorted(known, key=lambda name: (*_ORDER, name).index(name)))


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        # Once colorzoo.cli.list is imported, that module is what `list` means here.
        return [*_command_names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _command_names():
            return None
        module = importlib.import_module(f"colorzoo.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], _command_names()
        if not (name in known or name.startswith("-") or ctx.resilient_parsing):
            raise click.UsageError(f"There is no command {name!r}.{did_you_mean(name, known)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(colorzoo.__version__, prog_name="colorzoo")
def commands() -> None:
    """Colour grey photographs, and train and look after the models that do it."""


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    code = _run()
    if "accelerate" in sys.modules:  # otherwise it is the only process
        from colorzoo.processes import leave

        leave(code)
    sys.exit(code)


def _run() -> int:
    """Run the command line and return its exit code; what went wrong is told."""
    # Pillow warns of pictures that are large and still taken; those that are not are an error.
    warnings.filterwarnings("ignore", message=r"Image size \(\d+ pixels\) exceeds limit")
    try:
        with needing("This command"):
            code = commands.main(prog_name="colorzoo", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ColorzooError as error:
        message = str(error).replace("\n", " ")
        click.secho(f"error: {message}", fg="red", err=True)
        return 1
    return int(code or 0)
