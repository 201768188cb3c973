"""``colorzoo push-space``: the demo to the Hub, as a Gradio Space."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from colorzoo.cli._output import print_push
from colorzoo.cli.demo import make_space


@click.command("push-space")
@click.argument("repo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="What to publish; the page of colorzoo demo if left out.",
)
@click.option("--private", is_flag=True, help="Make a new Space private.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
def command(repo: str, folder: Path | None, private: bool, dry_run: bool) -> None:
    """Publish the demo on the Hub, as the Space REPO.

    REPO is owner/name of a Gradio Space.

    A colorzoo that came from a package index is installed from there on the Space; any other one is
    sent along. The token is taken from 'hf auth login' or HF_TOKEN.
    """
    from colorzoo.hub.publish import push_space

    with tempfile.TemporaryDirectory() as name:
        if folder is None:
            folder = Path(name) / "space"
            make_space(folder, repo.partition("/")[0])
        print_push(push_space(folder, repo, private=private, dry_run=dry_run))
