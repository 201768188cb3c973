"""``colorzoo demo``: the page in a browser, served from this machine."""

from __future__ import annotations

import importlib
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import click

import colorzoo
from colorzoo.errors import ConfigError, MissingDependencyError
from colorzoo.zoo.folders import zoo_folder


@click.command("demo")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(min=1, max=65535),
    help="Port to listen on; the first free one from 7860 if left out.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
def command(
    names: tuple[str, ...], host: str, port: int | None, device: str, open_browser: bool
) -> None:
    """Serve a page on which photographs are coloured.

    NAME is a model of the zoo or a folder; without one, the page offers the whole zoo. The page's
    address goes to stdout; Ctrl-C ends it.
    """
    if find_spec("gradio") is None:
        raise MissingDependencyError("gradio", extra="demo", purpose="The page")
    sys.path.insert(0, str(demos_folder()))  # as Python itself does for a script, as on a Space
    page = importlib.import_module("app")
    try:
        page.launch(
            names,
            host=host,
            port=port,
            device=device,
            open_browser=open_browser,
            on_ready=click.echo,
        )
    except OSError as error:
        raise ConfigError(
            f"The page cannot be served on {host}, port {port or 'any from 7860'}: {error} "
            "Give another --host or --port."
        ) from error


def make_space(folder: Path) -> None:
    """Write what a Space needs to run the page: its files, and beside them colorzoo itself."""
    without = shutil.ignore_patterns(".*", "__pycache__", "__init__.py")
    shutil.copytree(demos_folder(), folder, ignore=without)
    package = Path(colorzoo.__file__).parent
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "colorzoo", ignore=without)
    shutil.copytree(
        zoo_folder(), folder / "colorzoo" / "zoo" / "models", ignore=without, dirs_exist_ok=True
    )


def demos_folder() -> Path:
    """Return the folder of the page.

    An installed colorzoo carries it as the package ``colorzoo.demos``; in a clone it is ``demos``
    beside the package.
    """
    package = Path(colorzoo.__file__).parent
    installed = package / "demos"
    return installed if installed.is_dir() else package.parent / "demos"
