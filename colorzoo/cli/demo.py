"""``colorzoo demo``: the page in a browser, served from this machine."""

from __future__ import annotations

import importlib.metadata
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

import colorzoo
from colorzoo.cli._options import device_option, dtype_option
from colorzoo.errors import MissingDependencyError
from colorzoo.zoo.folders import zoo_folders

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
@device_option
@dtype_option
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
def command(
    names: tuple[str, ...],
    host: str,
    port: int | None,
    device: str,
    dtype: str | None,
    open_browser: bool,
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
        dtype=dtype,
        open_browser=open_browser,
        on_ready=click.echo,
    )


def make_space(folder: Path, owner: str) -> None:
    """Write what a Space needs to run the page.

    A colorzoo that was installed from a package index is installed from there on the Space too, at
    its version; any other one is laid beside ``app.py``.

    Args:
        folder: Where to write; it must not be there yet.
        owner: Whose Space it is; the models that the Space names as its own are theirs.
    """
    folder.mkdir()
    demos = demos_folder()
    names = [f"{owner}/{info.name}" for info in colorzoo.list_models()]
    card = (demos / "README.md").read_text(encoding="utf-8")
    _write(folder / "README.md", card.replace("models: []", f"models: [{', '.join(names)}]"))
    _write(folder / "app.py", _APP)
    needed = (demos / "requirements.txt").read_text(encoding="utf-8")
    if is_from_index():
        needed = f"colorzoo=={colorzoo.__version__}\n{needed}"
    else:
        _copy_package(folder / "colorzoo")
    _write(folder / "requirements.txt", needed)


def is_from_index() -> bool:
    """Tell whether this colorzoo was installed by name from a package index.

    What came from a folder, an archive or a repository has a file that says so (PEP 610). A build
    leaves notes beside the sources that look like an installation but were never installed.
    """
    for distribution in importlib.metadata.distributions(name="colorzoo"):
        place = Path(str(distribution.locate_file("colorzoo/__init__.py")))
        is_this = place.is_file() and place.samefile(Path(colorzoo.__file__))
        if is_this and distribution.read_text("INSTALLER") is not None:
            return distribution.read_text("direct_url.json") is None
    return False


def _copy_package(target: Path) -> None:
    without = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(Path(colorzoo.__file__).parent, target, ignore=without)
    shutil.copytree(demos_folder(), target / "demos", ignore=without, dirs_exist_ok=True)
    for folder in reversed(zoo_folders()):  # colorzoo's own last: it counts where two have a name
        shutil.copytree(folder, target / "zoo" / "models", ignore=without, dirs_exist_ok=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def demos_folder() -> Path:
    """Return the folder of the page.

    An installed colorzoo carries it as the package ``colorzoo.demos``; in a clone it is ``demos``
    beside the package.
    """
    package = Path(colorzoo.__file__).parent
    installed = package / "demos"
    return installed if installed.is_dir() else package.parent / "demos"
