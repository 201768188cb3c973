"""Names to architectures: what the registry finds, refuses and leaves alone."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from torch import nn

from colorzoo.errors import RegistrationError, UnknownNameError
from colorzoo.models.unet import UNet, UNetConfig
from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS, METHODS, ModuleRegistry


@dataclass(frozen=True)
class Config:
    depth: int = 3

    @classmethod
    def tiny(cls) -> "Config":
        return cls(depth=1)


class Net(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config


@pytest.fixture
def registry() -> ModuleRegistry:
    return ModuleRegistry(
        "architecture",
        decorator="colorzoo.register",
        package="colorzoo.models",
        group="colorzoo.tests.plugins",
    )


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs a package with one entry point."""

    def install(name: str, source: str, *, package: str = "colorzoo_plugin") -> None:
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[colorzoo.tests.plugins]\n{name} = {package}\n")
        monkeypatch.delitem(sys.modules, package, raising=False)

    monkeypatch.syspath_prepend(tmp_path)
    return install


def test_builtins_are_the_files_of_the_package(root: Path) -> None:
    for registry, folder in (
        (ARCHITECTURES, "models"),
        (DISCRIMINATORS, "discriminators"),
        (METHODS, "methods"),
    ):
        files = (root / "colorzoo" / folder).glob("[a-z]*.py")
        builtins = {file.stem.replace("_", "-") for file in files} - registry.shared
        assert builtins <= set(registry.names())
        assert all(registry.get(name).name == name for name in builtins)


def test_listing_names_imports_neither_torch_nor_an_architecture(run_python) -> None:
    code = (
        "import sys\n"
        "from colorzoo.registry import ARCHITECTURES, DISCRIMINATORS\n"
        "assert 'attention-unet' in ARCHITECTURES.names() and 'patch' in DISCRIMINATORS.names()\n"
        "heavy = [m for m in sys.modules if m == 'torch' or m.startswith('colorzoo.models')]\n"
        "assert not heavy, heavy\n"
    )
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr


def test_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no architecture called 'atention-unet'.* Did you"):
        ARCHITECTURES.get("atention-unet")
    with pytest.raises(UnknownNameError, match=r"mean 'patch'\? Known: multiscale, patch, pixel"):
        DISCRIMINATORS.get("path")


def test_registering_by_hand(registry: ModuleRegistry) -> None:
    decorated = registry.register("my-net-2", config=Config, paper="Me 2026")(Net)
    assert decorated is Net
    spec = registry.get("my-net-2")
    assert (spec.build, spec.config, spec.paper) == (Net, Config, "Me 2026")
    assert spec.origin == __name__.partition(".")[0]
    assert registry.spec_of(Net(Config())) is spec
    assert "my-net-2" in registry.names()


def test_a_name_is_given_once(registry: ModuleRegistry) -> None:
    registry.register("my-net", config=Config)(Net)
    with pytest.raises(RegistrationError, match="'my-net' is already registered by .*Net"):
        registry.register("my-net", config=Config)(type("Other", (Net,), {}))


@pytest.mark.parametrize(
    "name", ["", "My-Net", "my_net", "my net", "-net", "net-", "my--net", "nét", "123"]
)
def test_malformed_names_are_refused(registry: ModuleRegistry, name: str) -> None:
    with pytest.raises(RegistrationError, match="is no good architecture name"):
        registry.register(name, config=Config)(Net)
    assert name not in registry.names()


def test_a_config_without_tiny_is_refused(registry: ModuleRegistry) -> None:
    @dataclass(frozen=True)
    class Bare:
        depth: int = 3

    with pytest.raises(RegistrationError, match=r"Bare of 'my-net' has no classmethod tiny\(\)"):
        registry.register("my-net", config=Bare)(Net)


def test_spec_of_knows_registered_classes_only() -> None:
    assert ARCHITECTURES.spec_of(UNet(UNetConfig.tiny())).name == "unet"
    with pytest.raises(RegistrationError, match="Net is not a registered architecture"):
        ARCHITECTURES.spec_of(Net(Config()))


def test_a_plugin_is_found_by_name_and_loaded_when_asked_for(registry, plugin, monkeypatch) -> None:
    plugin("moon-net", "import builtins; builtins.moon_registry(__name__)")
    loaded = []

    def register(module: str) -> None:
        loaded.append(module)
        registry.register("moon-net", config=Config)(Net)

    monkeypatch.setattr("builtins.moon_registry", register, raising=False)
    assert "moon-net" in registry.names()
    assert loaded == []
    assert registry.get("moon-net").build is Net
    assert loaded == ["colorzoo_plugin"]
    assert registry.broken_plugins() == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "colorzoo_plugin 1.2 promises .* fails on import: ZeroDivisionError"),
        ("", "colorzoo_plugin 1.2 promises the architecture 'moon-net' but registers nothing"),
    ],
)
def test_a_broken_plugin_hurts_itself_alone(registry, plugin, source: str, message: str) -> None:
    plugin("moon-net", source)
    assert {"moon-net", "unet"} <= set(registry.names())
    with pytest.raises(RegistrationError, match=message):
        registry.get("moon-net")
    assert list(registry.broken_plugins()) == ["moon-net"]


def test_two_claims_on_a_name_are_an_error(registry: ModuleRegistry, plugin) -> None:
    plugin("unet", "")
    with pytest.raises(RegistrationError, match=r"colorzoo_plugin 1\.2 and by colorzoo itself"):
        registry.get("unet")
