"""The page's folder, put together: its own files, a model as ONNX, and what runs it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image

from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError
from colorzoo.export import ExportReport, public_name
from colorzoo.files import file_hash
from colorzoo.modelfolder.facts import read_facts
from colorzoo.webpage.runtime import KINDS, VERSION, name_of, unpack_runtime

_MARK: Final = "page.json"
_SUFFIXES: Final = (".html", ".css", ".js", ".svg", ".webmanifest")
_PROBE: Final = (16, 24)
_THUMBNAIL: Final = (320, 240)


@dataclass(frozen=True, slots=True)
class PageReport:
    """What became of a page.

    Attributes:
        folder: Where it lies.
        export: How the model was exported.
        first_visit: Bytes of all that a browser without a GPU fetches, uncompressed.
    """

    folder: Path
    export: ExportReport
    first_visit: int


def write_page(
    colorizer: Colorizer,
    folder: Path,
    *,
    demos: Path,
    owner: str | None = None,
    runtime: Path | None = None,
    overwrite: bool = False,
) -> PageReport:
    """Write a page that colours in the browser, for any web server.

    Args:
        colorizer: Its network goes along, with weights in 16 bits.
        folder: Where to write; it appears whole or not at all.
        demos: The folder of the demos, with ``browser/`` and ``examples/``.
        owner: Whose model it is on the Hub, for the card; None to name none.
        runtime: onnxruntime-web as ``npm pack`` gives it; fetched by npm if left out.
        overwrite: Replace a page that is there.

    Raises:
        ConfigError: There is something else at ``folder``, the colorizer has no network, or the
            runtime cannot be had.
        MissingDependencyError: The extra ``onnx`` is not installed.
        WeightsError: The folder cannot be written to.
    """
    _check_target(folder, overwrite)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
            stage = Path(name) / "page"
            stage.mkdir()
            report = colorizer.export(stage / "model.onnx", precision="float16")
            unpack_runtime(stage / "runtime", runtime)
            license = license_of(colorizer)
            _copy(demos, stage)
            _describe(stage, colorizer, license)
            _write_card(demos, stage, colorizer, license, owner)
            kept = _list_files(stage)
            if folder.exists():
                folder.rename(Path(name) / "before")
            stage.rename(folder)
    except OSError as error:
        raise ConfigError(
            f"Cannot write {folder}: {error.strerror or error}. Give a folder in one that can be "
            "written to."
        ) from error
    needed = [*kept, "model.onnx", *(f"runtime/{name_of(member)}" for member in KINDS["wasm"])]
    return PageReport(folder, report, sum((folder / n).stat().st_size for n in needed))


def _check_target(folder: Path, overwrite: bool) -> None:
    if not folder.parent.is_dir():
        raise ConfigError(f"There is no folder {folder.parent} for {folder.name}. Make it first.")
    if not folder.exists():
        return
    if not (folder / _MARK).is_file():
        raise ConfigError(f"{folder} is there already and is no such page. Give another name.")
    if not overwrite:
        raise ConfigError(f"{folder} is there already. Give another name, or --overwrite.")


def license_of(colorizer: Colorizer) -> str | None:
    """Return the licence of a colorizer's weights, as an SPDX identifier, if it is stated."""
    model = colorizer.model
    facts = read_facts(model.folder) if model and model.folder else None
    return facts.about.license if facts else None


def _copy(demos: Path, stage: Path) -> None:
    """Copy the page's own files, and the examples with small pictures of them."""
    source = demos / "browser"
    for path in sorted(source.iterdir()):
        if path.suffix in _SUFFIXES and path.is_file():
            shutil.copyfile(path, stage / path.name)
    shutil.copyfile(source / "runtime-license.txt", stage / "runtime" / "LICENSE")
    (stage / "examples" / "small").mkdir(parents=True)
    buttons = []
    for path in sorted((demos / "examples").glob("*.jpg")):
        shutil.copyfile(path, stage / "examples" / path.name)
        with Image.open(path) as image:
            image.thumbnail(_THUMBNAIL)
            image.save(stage / "examples" / "small" / path.name, quality=80)
        title = path.stem.replace("-", " ").capitalize()
        buttons.append(
            f'<button type="button" data-example="{escape(path.name)}">'
            f'<img src="examples/small/{escape(path.name)}" alt="{escape(title)}" loading="lazy">'
            "</button>"
        )
    index = stage / "index.html"
    text = index.read_text(encoding="utf-8")
    _write(index, text.replace("<!-- examples -->", "\n        ".join(buttons)))


def _describe(stage: Path, colorizer: Colorizer, license: str | None) -> None:
    """Write ``page.json``: what the page fetches, and how it knows that it computes rightly."""
    height, width = _PROBE
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    lightness = (7 * rows + 13 * columns) % 101
    chroma = colorizer.predict(lightness[None, None].float())
    values = {
        "name": public_name(colorizer.name),
        "license": license or "of unknown licence",
        "workingSize": colorizer.working_size,
        "vividness": colorizer.vividness,
        "model": _file(stage, "model.onnx"),
        "runtimes": {
            kind: {
                role: _file(stage, f"runtime/{name_of(member)}")
                for role, member in zip(("script", "glue", "binary"), members, strict=True)
            }
            for kind, members in KINDS.items()
        },
        "probe": {
            "size": _PROBE,
            "lightness": lightness.flatten().tolist(),
            "chroma": [round(value, 2) for value in chroma.flatten().tolist()],
        },
    }
    _write(stage / _MARK, json.dumps(values))


def _file(stage: Path, name: str) -> dict[str, Any]:
    path = stage / name
    return {"name": name, "size": path.stat().st_size, "sha256": file_hash(path)}


def _write_card(
    demos: Path, stage: Path, colorizer: Colorizer, license: str | None, owner: str | None
) -> None:
    card = (demos / "browser" / "space-card.md").read_text(encoding="utf-8")
    name = public_name(colorizer.name)
    values = {
        "license": (license or "other").lower(),
        "license_name": license or "not stated",
        "model": name if "/" in name else f"{owner}/{name}" if owner else "",
        "name": name,
        "version": VERSION,
    }
    _write(stage / "README.md", card.format(**values))


def _list_files(stage: Path) -> list[str]:
    """Write ``build.js``: the files that a browser keeps, and a version that changes with them."""
    paths = [path for path in sorted(stage.rglob("*")) if path.is_file()]
    names = [path.relative_to(stage).as_posix() for path in paths]
    # The service worker itself is kept by the browser; what is large is fetched as it is needed.
    apart = ("README.md", "sw.js", "model.onnx")
    kept = [name for name in names if name not in apart and not name.startswith("runtime/")]
    hashes = [file_hash(stage / name) for name in (*kept, "sw.js")]
    version = hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]
    values = json.dumps({"version": version, "files": kept}, indent=1)
    _write(stage / "build.js", f"self.KEPT = {values};\n")
    return kept


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
