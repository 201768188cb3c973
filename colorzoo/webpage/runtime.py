"""onnxruntime-web, which runs the network in a browser: one version, known by its hash."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from colorzoo.errors import ConfigError

PACKAGE: Final = "onnxruntime-web"
VERSION: Final = "1.30.0"
INTEGRITY: Final = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJm"
    "g8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
"""Of the archive, as npm's lock files write it."""

ARCHIVE: Final = f"{PACKAGE}-{VERSION}.tgz"
"""What npm calls the archive."""

_GLUE: Final = "ort-wasm-simd-threaded"
KINDS: Final = {
    "wasm": ("ort.wasm.min.mjs", f"{_GLUE}.mjs", f"{_GLUE}.wasm"),
    "jspi": ("ort.jspi.min.mjs", f"{_GLUE}.jspi.mjs", f"{_GLUE}.jspi.wasm"),
    "asyncify": ("ort.webgpu.min.mjs", f"{_GLUE}.asyncify.mjs", f"{_GLUE}.asyncify.wasm"),
}
"""Files of each build: script, what ties it to the binary, and the binary. The first is for the
processor; the others also know the GPU, ``jspi`` in browsers whose WebAssembly can wait for it."""


def unpack_runtime(target: Path, archive: Path | None = None) -> None:
    """Write the files of :data:`KINDS` into a folder, as :func:`name_of` calls them.

    Args:
        target: The folder; it is made.
        archive: The package as ``npm pack`` gives it; fetched by npm if left out.

    Raises:
        ConfigError: It cannot be fetched or read, or is another one.
    """
    with tempfile.TemporaryDirectory() as name:
        path = _fetch(Path(name)) if archive is None else archive
        _check(path)
        target.mkdir()
        wanted = {f"package/dist/{name}": name for kind in KINDS.values() for name in kind}
        # In the archive's own order: to go back in it is to unpack it anew.
        with tarfile.open(path, "r|gz") as package:
            for member in package:
                source = package.extractfile(member) if member.name in wanted else None
                if source is not None:
                    with (target / name_of(wanted[member.name])).open("wb") as file:
                        shutil.copyfileobj(source, file)


def name_of(member: str) -> str:
    """Return what a file is called in the page: some servers do not know what .mjs is."""
    return member.replace(".mjs", ".js")


def _fetch(folder: Path) -> Path:
    wanted = f"{PACKAGE}@{VERSION}"
    advice = f"Or fetch it elsewhere, by 'npm pack {wanted}', and give it by --runtime {ARCHIVE}."
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError(f"There is no npm to fetch {wanted} with. Install Node.js. {advice}")
    command = [npm, "pack", wanted, "--pack-destination", str(folder), "--loglevel=error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    path = folder / ARCHIVE
    if done.returncode or not path.is_file():
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        raise ConfigError(f"npm cannot fetch {wanted}: {lines[0]}. {advice}")
    return path


def _check(path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}: {error.strerror}. Give the archive that 'npm pack "
            f"{PACKAGE}@{VERSION}' writes."
        ) from error
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
    if integrity != INTEGRITY:
        raise ConfigError(
            f"{path} is not the {ARCHIVE} that is meant: its hash is {integrity}, not {INTEGRITY}. "
            f"Fetch it again, by 'npm pack {PACKAGE}@{VERSION}'."
        )
