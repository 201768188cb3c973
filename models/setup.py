"""Gathers what the package holds from the repository around it; an sdist has it gathered."""

import shutil
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGE = HERE / "colorzoo_models"
FEATURES = "efficientnet_lite2"


def gather() -> None:
    """Copy the models that colorzoo does not carry, and what says under which licence."""
    for old in PACKAGE.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    for name in (ROOT / "colorzoo" / "zoo" / "apart.txt").read_text(encoding="utf-8").split():
        shutil.copytree(ROOT / "hub_cards" / name, PACKAGE / name)
    for suffix in ("md", "safetensors"):
        shutil.copy(ROOT / "colorzoo" / "features" / f"{FEATURES}.{suffix}", PACKAGE)
    shutil.copy(ROOT / "colorzoo" / "version.py", PACKAGE)
    shutil.copy(ROOT / "LICENSE", HERE)


if (ROOT / "hub_cards").is_dir():
    gather()

setup(
    packages=["colorzoo_models"],
    package_data={
        "colorzoo_models": [
            "*.md",
            "*.safetensors",
            *(f"*/*.{suffix}" for suffix in ("md", "json", "toml", "jpg", "safetensors")),
        ]
    },
    include_package_data=False,
)
