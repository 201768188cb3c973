"""``colorzoo card``: cards and the README's table, written or checked."""

from __future__ import annotations

from pathlib import Path

import click

from colorzoo.errors import ConfigError
from colorzoo.files import replace_text
from colorzoo.hub.names import is_slug
from colorzoo.modelfolder.format import CARD_FILE
from colorzoo.zoo.cards import is_edited, render_readme, render_zoo_card
from colorzoo.zoo.catalog import model_names
from colorzoo.zoo.folders import zoo_folder


@click.command("card")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", "mode", flag_value="check", help="Only tell what is out of date.")
@click.option("--write", "mode", flag_value="write", help="Write what is out of date.")
@click.option(
    "--readme",
    type=click.Path(path_type=Path),
    help="A README whose table of models is meant too.",
)
@click.option("--overwrite-card", is_flag=True, help="Replace cards that were edited by hand too.")
def command(
    names: tuple[str, ...], mode: str | None, readme: Path | None, overwrite_card: bool
) -> None:
    """Print, check or write the card of each model NAME, from its facts.json.

    NAME is a model of the zoo or a folder as in ./folder; with none, all models of the zoo are
    meant. Exits with 1 when --check finds something out of date.
    """
    folders = [zoo_folder() / name if is_slug(name) else Path(name) for name in names]
    if not names:
        folders = [zoo_folder() / name for name in model_names()]
    texts = {folder / CARD_FILE: render_zoo_card(folder) for folder in folders}
    if readme is not None:
        texts[readme] = render_readme(readme)
    if mode is None:
        click.echo("".join(texts.values()), nl=False)
        return
    stale = {path: text for path, text in texts.items() if _read(path) != text}
    for path, text in stale.items():
        if mode == "write":
            _write(path, text, force=overwrite_card or path == readme)
        click.echo(f"{'wrote' if mode == 'write' else 'out of date:'} {path}", err=True)
    if stale and mode == "check":
        click.get_current_context().exit(1)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _write(path: Path, text: str, *, force: bool) -> None:
    there = _read(path)
    if there is not None and is_edited(there) and not force:
        raise ConfigError(
            f"{path} was edited by hand and is left as it is. Replace it with --overwrite-card, or "
            "put what is new in it into about.toml."
        )
    try:
        replace_text(path, text)
    except OSError as error:
        raise ConfigError(f"Cannot write {path}: {error.strerror}.") from error
