"""What pyproject.toml cannot say: which folders are packages of colorzoo once installed."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# The other models are the distribution of the folder models/.
APART = (HERE / "colorzoo" / "zoo" / "apart.txt").read_text(encoding="utf-8").split()
CARRIED = sorted(
    path.parent.name
    for path in HERE.glob("hub_cards/*/config.json")
    if path.parent.name not in APART
)

setup(
    packages=[
        *find_packages(include=["colorzoo", "colorzoo.*"]),
        "colorzoo.zoo.models",
        "colorzoo.demos",
    ],
    package_dir={"colorzoo.zoo.models": "hub_cards", "colorzoo.demos": "demos"},
    package_data={
        "colorzoo": ["py.typed"],
        # Those of EfficientNet-Lite2 only train, and are in colorzoo-models.
        "colorzoo.features": ["*.md", "squeezenet.safetensors"],
        "colorzoo.zoo": ["apart.txt"],
        "colorzoo.zoo.models": [
            "*.md",
            *(
                f"{name}/*.{suffix}"
                for name in CARRIED
                for suffix in ("md", "json", "toml", "jpg", "safetensors")
            ),
        ],
        "colorzoo.demos": ["*.css", "*.js", "*.md", "*.txt", "examples/*", "browser/*"],
    },
    include_package_data=False,
)
