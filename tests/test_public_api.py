from __future__ import annotations

import importlib
import pickle
import re
from pathlib import Path

import pytest
from conftest import ROOT, Run

import colorzoo

FUNCTIONS = {
    "load",
    "read",
    "read_pages",
    "write",
    "write_pages",
    "attention_maps",
    "has_attention_maps",
    "list_models",
    "model_info",
    "create_model",
    "register",
    "list_architectures",
    "register_method",
    "list_methods",
    "save",
    "push",
    "push_space",
    "train",
    "evaluate",
    "register_metric",
    "write_card",
}


def test_every_public_name_is_there() -> None:
    for name in colorzoo.__all__:
        assert getattr(colorzoo, name) is not None
    assert set(colorzoo.__all__) <= set(dir(colorzoo))


def test_the_public_surface_is_the_one_that_is_documented() -> None:
    errors = {name for name in colorzoo.__all__ if name.endswith("Error")}
    rest = set(colorzoo.__all__) - errors - FUNCTIONS
    classes = {"Colorizer", "ModelInfo", "ImageSettings", "TrainingConfig", "Report"}
    classes |= {"Generator", "Guidance", "Hints", "NetworkPredictor", "Picture", "Prediction"}
    classes |= {"Draft", "VideoOptions"}
    assert rest == classes | {"__version__", "DEFAULT_MODEL"}
    assert set(colorzoo.__all__) >= FUNCTIONS


def test_the_reference_names_all_that_is_public() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^::: [\w.]*\.(\w+)$|`colorzoo\.(\w+)", reference, re.MULTILINE))
    headings = re.findall(r"heading: (.*)", reference)
    names = {name for pair in documented for name in pair} | set(", ".join(headings).split(", "))
    missing = {name for name in colorzoo.__all__ if not name.endswith("Error")} - names
    assert missing == {"__version__"}


def test_all_errors_are_public_and_of_one_family() -> None:
    module = importlib.import_module("colorzoo.errors")
    own = {name for name in vars(module) if name.endswith("Error")}
    assert own == {name for name in colorzoo.__all__ if name.endswith("Error")}
    for name in own:
        assert issubclass(getattr(colorzoo, name), colorzoo.ColorzooError)


def test_errors_go_from_process_to_process() -> None:
    error = colorzoo.MissingDependencyError("timm", extra="timm", purpose="A backbone")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        colorzoo.colour  # noqa: B018  the access itself is under test


def test_version_is_semantic() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", colorzoo.__version__)


@pytest.mark.parametrize(
    "code",
    [
        "import colorzoo; dir(colorzoo); colorzoo.ColorzooError",
        "import colorzoo; colorzoo.list_models(); colorzoo.list_architectures()",
        "import colorzoo; colorzoo.list_methods()",
        "import colorzoo.cli.list, colorzoo.cli.info, colorzoo.cli.colorize, colorzoo.cli.train",
    ],
)
def test_light_names_import_nothing_heavy(run_python: Run, code: str) -> None:
    heavy = ("torch", "numpy", "PIL", "skimage", "scipy", "huggingface_hub", "safetensors")
    check = f"import sys; {code}; print([name for name in {heavy} if name in sys.modules])"
    result = run_python("-W", "error", "-c", check)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def test_colouring_imports_only_what_it_needs(run_python: Run, model_folder: Path) -> None:
    heavy = ("torchvision", "skimage", "scipy", "huggingface_hub", "timm", "accelerate", "rich")
    # Importing torch's compiler takes as long as importing torch.
    heavy += ("sympy", "torch._dynamo", "torch._inductor")
    check = (
        "import sys, colorzoo\nfrom PIL import Image\n"
        f"for name in ({str(model_folder)!r}, colorzoo.DEFAULT_MODEL):\n"
        "    colorzoo.load(name)(Image.new('L', (32, 32)))\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = run_python("-c", check)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
