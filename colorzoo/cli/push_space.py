"""``colorzoo push-space``: the demo to the Hub, as a Space."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from colorzoo.cli._names import MODEL_NAME
from colorzoo.cli._output import print_push
from colorzoo.cli.demo import demos_folder, make_space
from colorzoo.cli.page import runtime_option
from colorzoo.errors import HubError


@click.command("push-space")
@click.argument("repo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="What to publish; the page of colorzoo demo if left out.",
)
@click.option("--static", is_flag=True, help="The page that colours in its visitors' own browsers.")
@click.option("--model", type=MODEL_NAME, help="With --static: the model; the zoo's default.")
@runtime_option
@click.option("--private", is_flag=True, help="Make a new Space private.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
def command(
    repo: str,
    folder: Path | None,
    static: bool,
    model: str | None,
    runtime: Path | None,
    private: bool,
    dry_run: bool,
) -> None:
    """Publish the demo on the Hub, as the Space REPO.

    REPO is owner/name of a Space: one that runs Gradio, or with --static one of files alone, which
    costs nothing to run.

    A colorzoo that came from a package index is installed from there on a Space of Gradio; any
    other one is sent along. The token is taken from 'hf auth login' or HF_TOKEN.
    """
    from colorzoo.hub.publish import push_space

    if static and folder is not None:
        raise click.UsageError("--static makes the folder by itself. Give it, or --folder.")
    if not static and (model is not None or runtime is not None):
        raise click.UsageError("--model and --runtime go with --static alone.")
    owner = repo.partition("/")[0]
    with tempfile.TemporaryDirectory() as name:
        if folder is None:
            folder = Path(name) / "space"
            if static:
                _make_static(folder, owner, model, runtime)
            else:
                make_space(folder, owner)
        print_push(push_space(folder, repo, private=private, dry_run=dry_run))


def _make_static(folder: Path, owner: str, model: str | None, runtime: Path | None) -> None:
    from colorzoo.loading import load
    from colorzoo.webpage.build import license_of, write_page
    from colorzoo.zoo.folders import DEFAULT_MODEL

    name = model or DEFAULT_MODEL
    colorizer = load(name, device="cpu")
    if license_of(colorizer) is None:
        raise HubError(
            f"{name} states no licence, so its weights are not published. Write about.toml into "
            f"its folder, and then run: colorzoo card {name} --write"
        )
    write_page(colorizer, folder, demos=demos_folder(), owner=owner, runtime=runtime)
