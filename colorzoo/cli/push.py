"""``colorzoo push``: models to the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorzoo.cli._output import print_push
from colorzoo.cli._progress import progress_bar
from colorzoo.errors import ColorzooError
from colorzoo.files import replace_text
from colorzoo.schema import to_dict

if TYPE_CHECKING:
    from colorzoo.hub.upload import PushInfo

_FOLDER = click.Path(path_type=Path)


@click.command("push")
@click.argument("folder", type=_FOLDER, required=False)
@click.argument("repo", required=False)
@click.option("--all", "zoo", type=_FOLDER, help="Publish every model in this folder instead.")
@click.option("--namespace", help="User or organization that --all publishes under.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--revision", help="Branch to commit to.")
@click.option("--message", help="Title of the commit.")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing.")
@click.option("--overwrite-card", is_flag=True, help="Replace a README that was edited by hand.")
@click.option("--pin", is_flag=True, help="Note commit and hash in each FOLDER/pin.json.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
def command(
    folder: Path | None,
    repo: str | None,
    zoo: Path | None,
    namespace: str | None,
    private: bool,
    revision: str | None,
    message: str | None,
    create_pr: bool,
    overwrite_card: bool,
    pin: bool,
    dry_run: bool,
) -> None:
    """Publish the model FOLDER as REPO (owner/name) on the Hub.

    FOLDER needs facts.json, which 'colorzoo card' writes, or a README.md that states a licence.
    The token is taken from 'hf auth login' or HF_TOKEN.
    """
    from colorzoo.hub.publish import push

    failed = False
    for source, name in _plan(folder, repo, zoo, namespace):
        try:
            with progress_bar("sending") as bar:
                info = push(
                    source,
                    name,
                    private=private,
                    revision=revision,
                    create_pr=create_pr,
                    commit_message=message,
                    overwrite_card=overwrite_card,
                    dry_run=dry_run,
                    on_progress=bar,
                )
        except ColorzooError as error:
            if zoo is None:
                raise
            click.secho(f"error: {source}: {error}", fg="red", err=True)
            failed = True
            continue
        print_push(info)
        if pin and info.commit:
            _write_pin(source, info)
    if failed:
        click.get_current_context().exit(1)


def _plan(
    folder: Path | None, repo: str | None, zoo: Path | None, namespace: str | None
) -> list[tuple[Path, str]]:
    """Pair each folder with its repository."""
    from colorzoo.modelfolder.format import CONFIG_FILE, WEIGHTS_FILE

    if zoo is None:
        if folder is None or repo is None or namespace is not None:
            raise click.UsageError("Give FOLDER and REPO, or --all FOLDER and --namespace NAME.")
        return [(folder, repo)]
    if folder is not None or namespace is None:
        raise click.UsageError("--all FOLDER goes with --namespace NAME and nothing before it.")
    folders = sorted(path.parent for path in zoo.glob(f"*/{CONFIG_FILE}"))
    if not folders:
        raise click.UsageError(f"{zoo} holds no model folders.")
    here = [path for path in folders if (path / WEIGHTS_FILE).is_file()]
    for path in folders:
        if path not in here:
            click.echo(f"left out: {path} holds no {WEIGHTS_FILE}", err=True)
    return [(path, f"{namespace}/{path.name}") for path in here]


def _write_pin(folder: Path, info: PushInfo) -> None:
    from colorzoo.files import file_hash
    from colorzoo.modelfolder.format import WEIGHTS_FILE
    from colorzoo.zoo.catalog import PIN_FILE, Pin

    pin = Pin(repo=info.repo, revision=str(info.commit), sha256=file_hash(folder / WEIGHTS_FILE))
    path = folder / PIN_FILE
    replace_text(path, json.dumps(to_dict(pin), indent=2) + "\n")
    click.echo(f"wrote {path}", err=True)
