"""Builds what a release consists of, checks it, and colours a picture with it.

python .ci/release.py            into dist/, in environments of its own, from the package index
python .ci/release.py --borrow   with the libraries of this environment: no download
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "demos" / "examples" / "migrant-mother.jpg"
MOST = 20_000_000
"""Bytes of colorzoo's wheel: what somebody fetches who wants to colour one picture."""

LICENSES = ("LICENSE", "LICENSES.md")


def main() -> None:
    """Build, check, install, colour; the first failure ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrow", action="store_true", help="take libraries from here")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--tag", help="what is released, as v1.2.3; must be the version")
    options = parser.parse_args()
    version = read_version()
    if options.tag and options.tag != f"v{version}":
        sys.exit(f"The tag {options.tag} is not that of version {version}.")
    for old in options.out.glob("colorzoo*"):
        old.unlink()
    isolation = ["--no-isolation"] if options.borrow else []
    with tempfile.TemporaryDirectory() as name:
        sources = copy_sources(Path(name) / "sources")
        for source in (sources, sources / "models"):
            run(sys.executable, "-m", "build", *isolation, "--outdir", options.out, source)
    built = sorted(options.out.glob("colorzoo*"))
    run(sys.executable, "-m", "twine", "check", "--strict", *built)
    code = options.out / f"colorzoo-{version}-py3-none-any.whl"
    models = options.out / f"colorzoo_models-{version}-py3-none-any.whl"
    check_contents(code, models, built)
    with tempfile.TemporaryDirectory() as name:
        python = make_environment(Path(name), borrow=options.borrow)
        color_a_picture(python, Path(name), code, models, borrow=options.borrow)
    for path in built:
        print(f"{path.stat().st_size / 1e6:6.1f} MB  {path}")


def copy_sources(target: Path) -> Path:
    """Copy what git knows of: notes of earlier builds would put more into the archives."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def read_version() -> str:
    """Return the version that the sources state."""
    names: dict[str, str] = {}
    exec((ROOT / "colorzoo" / "version.py").read_text(encoding="utf-8"), names)
    return names["__version__"]


def check_contents(code: Path, models: Path, built: list[Path]) -> None:
    """Exit unless the files hold what they must, and nothing else."""
    if len(built) != 4 or not {code, models} <= set(built):
        sys.exit(f"Two wheels and two archives of sources were to be built, not {built}.")
    if code.stat().st_size > MOST:
        sys.exit(f"{code} has {code.stat().st_size:,} bytes; it may have {MOST:,}.")
    apart = set((ROOT / "colorzoo" / "zoo" / "apart.txt").read_text(encoding="utf-8").split())
    zoo = {path.parent.name for path in ROOT.glob("hub_cards/*/model.safetensors")}
    for path in built:
        if path.suffix == ".gz":
            with tarfile.open(path) as sources:
                names = sources.getnames()
        else:
            with zipfile.ZipFile(path) as wheel:
                names = wheel.namelist()
        held = {Path(name).parent.name for name in names if name.endswith("/model.safetensors")}
        wanted = apart if path.name.startswith("colorzoo_models") else zoo - apart
        if held != wanted:
            sys.exit(f"{path} holds the models {held}; it must hold {wanted}.")
        check_names(path, names)


def check_names(path: Path, names: list[str]) -> None:
    """Exit where a licence is missing, or something lies there that nobody should get."""
    for license in LICENSES:
        if not any(Path(name).name == license for name in names):
            sys.exit(f"{path} lacks {license}.")
    strange = [
        name
        for name in names
        if {"tests", "__pycache__", "runs", ".venv"} & set(Path(name).parts)
        or Path(name).suffix in (".pyc", ".pt", ".pth", ".pkl", ".bin")
    ]
    if strange:
        sys.exit(f"{path} holds {', '.join(strange[:5])}.")


def make_environment(folder: Path, *, borrow: bool) -> Path:
    """Make an empty environment, or one that sees the libraries of this one; return its Python."""
    place = folder / "env"
    run(sys.executable, "-m", "venv", place)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    if borrow:
        # Only as places to import from: an editable colorzoo of this environment stays unseen.
        (site,) = place.glob("lib/python*/site-packages")
        here = [path for path in sys.path if path.endswith("-packages")]
        (site / "borrowed.pth").write_text("\n".join(here) + "\n", encoding="utf-8")
    return python


def color_a_picture(python: Path, folder: Path, code: Path, models: Path, *, borrow: bool) -> None:
    """Install the wheels one after the other, and colour a picture with a model of each."""
    without = ["--no-deps"] if borrow else []
    for wheel, model in ((code, "lite-unet-gan"), (models, "unet-gan")):
        run(python, "-m", "pip", "install", "--quiet", *without, wheel)
        out = folder / f"{model}.png"
        command = ("-m", "colorzoo", "colorize", PICTURE, "-o", out, "--model", model)
        run(python, *command, cwd=folder, env=offline())
        grey, color = Image.open(PICTURE).convert("RGB"), Image.open(out)
        pixels = np.asarray(color.convert("RGB"), dtype=int)
        if color.size != grey.size or np.ptp(pixels, axis=2).mean() < 2:
            sys.exit(f"{out} is no coloured picture of the size of {PICTURE}.")
    check = "import colorzoo, sys; sys.exit(not colorzoo.__file__.startswith(sys.prefix))"
    run(python, "-c", check, cwd=folder, env=offline())


def offline() -> dict[str, str]:
    """Return an environment in which no client reaches a network."""
    nowhere = "http://127.0.0.1:9"  # the port where nothing answers
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**kept, "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "HF_HUB_OFFLINE": "1"}


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command, saying which; exit where it fails."""
    print("$", *command, flush=True)
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, check=False)
    if done.returncode:
        sys.exit(f"This failed with {done.returncode}: {' '.join(map(str, command))}")


if __name__ == "__main__":
    main()
