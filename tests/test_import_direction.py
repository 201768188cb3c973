from __future__ import annotations

import ast
from pathlib import Path

import pytest
from conftest import ROOT

# A room may import what stands on lower floors, and nothing beside or above it.
FLOORS = (
    {"errors", "progress", "interrupt", "version"},
    {"registry", "schema", "files", "notebook"},
    {"color", "devices", "options"},
    {"metrics", "processes", "pictures"},
    {"chroma", "data"},
    {"predictor"},
    {"hints", "features"},
    {"models", "methods", "prepare", "finishing"},
    {"discriminators", "predictors"},
    {"modelfolder"},
    {"zoo"},
    {"hub"},
    {"export", "draft"},
    {"jobs"},
    {"colorizer"},
    {"attention", "loading"},
    {"evaluation", "testing", "webpage"},
    {"training"},
    {"demos"},
    {"cli"},
    {"__main__"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

FILES = sorted((ROOT / "colorzoo").rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, except for type checking only."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def rooms_of(modules: set[str]) -> set[str]:
    parts = (module.split(".") for module in modules)
    return {part[1] for part in parts if part[0] == "colorzoo" and len(part) > 1} & set(FLOOR_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(ROOT / "colorzoo")
    if relative == Path("__init__.py"):
        assert rooms_of(imported_modules(path)) == set()
        return
    room = relative.parts[0].removesuffix(".py")
    assert room in FLOOR_OF, f"{relative} is in no known room; give it a floor here"
    for other in rooms_of(imported_modules(path)) - {room}:
        assert FLOOR_OF[other] < FLOOR_OF[room], (
            f"{relative} imports colorzoo.{other}, which stands above it or beside it"
        )


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("timm", {"colorzoo/models/timm_unet.py"}),
        ("av", {"colorzoo/jobs/film.py"}),
        ("cv2", {"colorzoo/jobs/motion.py"}),
        ("accelerate", {"colorzoo/training/accelerator.py", "colorzoo/processes.py"}),
        ("datasets", {"colorzoo/data/streaming.py"}),
        ("optuna", {"colorzoo/training/tune.py"}),
        ("torchmetrics", {"colorzoo/metrics/perceptual.py"}),
        ("skimage", {"colorzoo/metrics/pixelwise.py"}),
        ("onnx", {"colorzoo/export.py"}),
        ("onnxruntime", {"colorzoo/predictors/onnx.py"}),
        ("pillow_heif", {"colorzoo/pictures/opening.py"}),
        ("pickle", set()),
    ],
)
def test_optional_libraries_have_one_home(library: str, homes: set[str]) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if library in {module.partition(".")[0] for module in imported_modules(path)}
    }
    assert users <= homes
