"""What pyproject.toml cannot say: which folders are packages of colorzoo once installed."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["colorzoo", "colorzoo.*"]),
        "colorzoo.zoo.models",
        "colorzoo.demos",
    ],
    package_dir={"colorzoo.zoo.models": "hub_cards", "colorzoo.demos": "demos"},
    package_data={
        "colorzoo": ["py.typed"],
        "colorzoo.features": ["*.md", "*.safetensors"],
        "colorzoo.zoo.models": [
            "*.md",
            *(f"*/*.{suffix}" for suffix in ("md", "json", "toml", "jpg", "safetensors")),
        ],
        "colorzoo.demos": ["*.css", "*.js", "*.md", "*.txt", "examples/*"],
    },
    include_package_data=False,
)
