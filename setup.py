"""What pyproject.toml cannot say: which folders are packages of colorzoo once installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["colorzoo", "colorzoo.*"]), "colorzoo.zoo", "colorzoo.demos"],
    package_dir={"colorzoo.zoo": "hub_cards", "colorzoo.demos": "demos"},
    package_data={
        "colorzoo": ["py.typed"],
        "colorzoo.zoo": [
            "*.md",
            *(f"*/*.{suffix}" for suffix in ("md", "json", "toml", "jpg", "safetensors")),
        ],
        "colorzoo.demos": ["*.css", "*.md", "*.txt", "examples/*"],
    },
    include_package_data=False,
)
