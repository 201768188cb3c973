"""``colorzoo demo``: the page in a browser, served from this machine."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

import colorzoo
from colorzoo.errors import MissingDependencyError
from colorzoo.zoo.folders import zoo_folder

_APP: Final = '''"""What the Hub starts: the page of colorzoo."""

from colorzoo.demos.serve import launch

if __name__ == "__main__":
    launch()
'''


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

    NAME is a model of the zoo, owner/repo on the Hub, or a folder as in ./folder; without one, the
    page offers the whole zoo. The page's address goes to stdout; Ctrl-C ends it.
    """
    if find_spec("gradio") is None:
        raise MissingDependencyError("gradio", extra="demo", purpose="The page")
    from colorzoo.demos.serve import launch

    launch(
        names,
        host=host,
        port=port,
        device=device,
        open_browser=open_browser,
        on_ready=click.echo,
    )


def make_space(folder: Path) -> None:
    """Write what a Space needs to run the page: what the Hub starts, and beside it colorzoo."""
    demos, package = demos_folder(), Path(colorzoo.__file__).parent
    without = shutil.ignore_patterns(".*", "__pycache__")
    inside = folder / "colorzoo"
    shutil.copytree(package, inside, ignore=without)
    shutil.copytree(demos, inside / "demos", ignore=without, dirs_exist_ok=True)
    shutil.copytree(zoo_folder(), inside / "zoo" / "models", ignore=without, dirs_exist_ok=True)
    for name in ("README.md", "requirements.txt"):
        shutil.copy(demos / name, folder / name)
    (folder / "app.py").write_text(_APP, encoding="utf-8", newline="\n")


def demos_folder() -> Path:
    """Return the folder of the page.

    An installed colorzoo carries it as the package ``colorzoo.demos``; in a clone it is ``demos``
    beside the package.
    """
    package = Path(colorzoo.__file__).parent
    installed = package / "demos"
    return installed if installed.is_dir() else package.parent / "demos"
