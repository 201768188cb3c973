"""Loading from the Hub: the real client against a small Hub on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, Run
from hub_server import READER, Hub, Repo, sha256

import colorzoo
from colorzoo.errors import ColorzooError, ConfigError, HubError, WeightsError
from colorzoo.hub.names import locate
from colorzoo.zoo import folders

NAME = "someone/tiny-model"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


@pytest.fixture
def repo(hub: Hub, model_folder: Path) -> Repo:
    files = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    return hub.add(NAME, {**files, "pytorch_model.bin": b"a pickle", "code.py": b"1 / 0"})


def cached_files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("snapshots/*/*"))


def test_only_a_models_own_files_are_fetched(hub: Hub, repo: Repo, hub_cache: Path) -> None:
    colorizer = colorzoo.load(NAME, device="cpu")
    assert colorizer.name == NAME
    assert cached_files(hub_cache) == [CONFIG, WEIGHTS]
    assert not any("pytorch_model" in request or "code" in request for request in hub.requests)
    assert any(request.startswith("GET /objects/") for request in hub.requests)


def test_every_form_of_a_revision_leads_to_its_files(repo: Repo, model_folder: Path) -> None:
    first = repo.refs["main"]
    repo.refs |= {"v1": first, "work/in-progress": first}
    second = repo.commit({**repo.files, CONFIG: repo.files[CONFIG].replace(b": 3", b": 4")})
    assert locate(NAME).name == second
    for revision in ("v1", "work/in-progress", first):
        folder = locate(f"{NAME}@{revision}")
        assert folder.name == first
        assert locate(NAME, revision=revision) == folder
        assert (folder / CONFIG).read_bytes() == (model_folder / CONFIG).read_bytes()


def test_files_of_two_commits_are_never_mixed(hub: Hub, repo: Repo, model_folder: Path) -> None:
    """The repository changes between the first answer and the files."""
    old = repo.refs["main"]
    colorzoo.save(colorzoo.create_model("unet", widths=(4, 8)), model_folder)
    ask = hub.take_fault

    def change_after_the_first_answer(request: str) -> int | str | None:
        if "/resolve/" in request and repo.refs["main"] == old:
            repo.commit({path.name: path.read_bytes() for path in model_folder.iterdir()})
        return ask(request)

    hub.take_fault = change_after_the_first_answer  # type: ignore[method-assign]
    assert (
        colorzoo.load(NAME, device="cpu").predictor.generator.config
        == colorzoo.create_model("attention-unet", widths=(4, 8, 8)).config
    )
    assert repo.refs["main"] != old


def test_the_cache_serves_without_a_network(
    hub: Hub, repo: Repo, hub_env: dict[str, str], run_python: Run
) -> None:
    with pytest.raises(HubError, match="not in the cache on this disk. Load it once with"):
        locate(NAME, local_files_only=True)
    folder = locate(NAME)
    asked = len(hub.requests)
    assert locate(NAME, local_files_only=True) == folder
    code = "import sys; from colorzoo.hub.names import locate; print(locate(sys.argv[1]))"
    offline = run_python("-c", code, NAME, env={**hub_env, "HF_HUB_OFFLINE": "1"})
    assert offline.stdout.strip() == str(folder), offline.stderr
    assert len(hub.requests) == asked
    hub.fail(".", 503, times=100)
    assert locate(NAME) == folder


def test_a_private_repository_wants_a_token(repo: Repo) -> None:
    repo.private = True
    with pytest.raises(HubError, match=r"private and the token is missing or wrong \(401\)"):
        locate(NAME)
    with pytest.raises(HubError, match=r"no repository someone/tiny-model.* \(404\)"):
        locate(NAME, token="hf_stranger")
    assert locate(NAME, token=READER).is_dir()


def test_refusals_are_explained(repo: Repo, hub: Hub) -> None:
    with pytest.raises(HubError, match=f"no such revision: {NAME}@v2"):
        locate(f"{NAME}@v2")
    with pytest.raises(HubError, match="The Hub has no repository someone/nothing, or it is priv"):
        locate("someone/nothing")
    with pytest.raises(HubError, match=r"someone/a--b: HFValidationError"):
        locate("someone/a--b")
    repo.gated = True
    with pytest.raises(HubError, match=r"refuses access to someone/tiny-model \(403\)"):
        locate(NAME)


def test_a_folder_of_a_repositorys_name_is_pointed_out(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HubError) as plain:
        locate("runs/first")
    (tmp_path / "runs" / "first").mkdir(parents=True)
    with pytest.raises(HubError) as pointed:
        locate("runs/first")
    assert str(pointed.value) == f"{plain.value} A folder is written ./runs/first"


@pytest.mark.parametrize("revision", ["../../x", "..", "/etc", "a\\..\\b"])
def test_a_revision_cannot_leave_the_cache(hub: Hub, revision: str) -> None:
    for local_files_only in (False, True):
        with pytest.raises(HubError, match="is no revision"):
            locate(NAME, revision=revision, local_files_only=local_files_only)
    assert hub.requests == []


def test_a_repository_of_pickles_is_refused(hub: Hub, repo: Repo) -> None:
    hub.add("someone/old", {CONFIG: repo.files[CONFIG], "pytorch_model.bin": b"a pickle"})
    with pytest.raises(HubError, match=r"no model\.safetensors.* pickled weights \(pytorch_model"):
        locate("someone/old")
    hub.add("someone/else", {"README.md": b"nothing"})
    with pytest.raises(HubError, match=r"holds no config\.json, so it is not a colorzoo model"):
        locate("someone/else")


@pytest.mark.parametrize("place", ["GET /api/models/", "GET .*resolve", "GET /objects"])
def test_a_fault_that_goes_away_does_no_harm(hub: Hub, repo: Repo, place: str) -> None:
    hub.fail(place, 500)
    assert colorzoo.load(NAME, device="cpu").name == NAME


def test_a_fault_that_stays_is_explained(
    hub: Hub, repo: Repo, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.fail("GET /objects", 500, times=100)
    with pytest.raises(HubError, match=r"fault of its own \(500\) for someone/tiny-model"):
        locate(NAME)
    hub.faults.clear()
    assert colorzoo.load(NAME, device="cpu").name == NAME
    assert not [path for path in hub_cache.rglob("*") if path.suffix in (".incomplete", ".part")]


def test_a_cut_download_goes_on_where_it_was_cut(hub: Hub, repo: Repo) -> None:
    hub.fail("GET /objects", "cut")
    folder = locate(NAME)
    assert (folder / WEIGHTS).read_bytes() == repo.files[WEIGHTS]
    gets = [request for request in hub.requests if request.startswith("GET /objects")]
    assert len(gets) == 2


@pytest.mark.parametrize(("place", "name"), [("GET /objects", WEIGHTS), ("GET .*config", CONFIG)])
def test_a_flipped_byte_is_an_error_once(hub: Hub, repo: Repo, place: str, name: str) -> None:
    hub.fail(place, "flip")
    with pytest.raises(HubError, match=f"{name} of {NAME} is not what the Hub has: its hash is"):
        colorzoo.load(NAME, device="cpu")
    folder = locate(NAME)
    assert (folder / name).read_bytes() == repo.files[name]


def test_all_damaged_files_are_named_at_once(repo: Repo) -> None:
    folder = locate(NAME)
    for name in (CONFIG, WEIGHTS):
        path = (folder / name).resolve()
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    with pytest.raises(HubError, match=rf"{CONFIG} of .* {WEIGHTS} of .* is not what the Hub has"):
        locate(NAME, local_files_only=True)


def test_a_byte_that_flips_on_this_disk_is_found(repo: Repo) -> None:
    path = (locate(NAME) / WEIGHTS).resolve()
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(HubError, match="damaged on its way or on this disk"):
        locate(NAME, local_files_only=True)
    assert (locate(NAME) / WEIGHTS).read_bytes() == content


def lie(content: bytes, old: bytes, new: bytes) -> bytes:
    """Return safetensors with a changed header of the same length."""
    assert old in content
    assert len(old) == len(new)
    return content.replace(old, new, 1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-100],
        lambda content: content + bytes(100),
        lambda content: (2**62).to_bytes(8, "little") + content[8:],
        lambda content: b"\x10" + bytes(7) + content[8:],
        lambda content: lie(content, b'"shape":[4', b'"shape":[9'),
        lambda content: lie(content, b'"data_offsets":[0', b'"data_offsets":[1'),
        lambda content: lie(content, b'"F32"', b'"F64"'),
        lambda content: b"",
        lambda content: b"\x80\x04K\x01.",
    ],
    ids=["cut", "longer", "header-huge", "header-short", "shape", "offset", "type", "empty", "pkl"],
)
def test_weights_that_lie_are_refused(repo: Repo, damage) -> None:
    """What the Hub has is itself damaged, so its hash is right."""
    good = repo.files
    repo.commit({**good, WEIGHTS: damage(good[WEIGHTS])})
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        colorzoo.load(NAME, device="cpu")
    repo.commit(good)
    assert colorzoo.load(NAME, device="cpu").name == NAME


def test_an_unknown_key_of_a_config_is_named(repo: Repo) -> None:
    values = json.loads(repo.files[CONFIG])
    values["config"]["colour"] = True
    repo.commit({**repo.files, CONFIG: json.dumps(values).encode()})
    with pytest.raises(ConfigError, match=r"config\.json: config has an unknown key 'colour'"):
        colorzoo.load(NAME, device="cpu")


@pytest.mark.parametrize(
    ("card", "advice"),
    [
        ("---\nlicense: mit\ncolorzoo_package: moon-nets\n---\n", "pip install moon-nets"),
        ("---\ncolorzoo_package: x; rm -rf ~\n---\n", "If another package brings it"),
        ("---\ncolorzoo_package: [\n---\n", "If another package brings it"),
        ("no front matter", "If another package brings it"),
    ],
)
def test_the_card_tells_which_package_is_lacking(repo: Repo, card: str, advice: str) -> None:
    config = repo.files[CONFIG].replace(b'"attention-unet"', b'"moon-net"')
    repo.commit({**repo.files, CONFIG: config, "README.md": card.encode()})
    with pytest.raises(ConfigError, match=f"which is not installed.*{advice}"):
        colorzoo.load(NAME, device="cpu")


def test_two_processes_load_the_same_model_at_once(
    hub: Hub, repo: Repo, hub_env: dict[str, str], hub_cache: Path
) -> None:
    code = "import sys; from colorzoo.hub.names import locate; print(locate(sys.argv[1]))"
    command = [sys.executable, "-c", code, NAME]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", **hub_env}
    processes = [
        subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert len({stdout for stdout, _ in outputs}) == 1
    folder = Path(outputs[0][0].strip())
    assert (folder / WEIGHTS).read_bytes() == repo.files[WEIGHTS]


@pytest.fixture
def pinned(repo: Repo, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one model, ``tiny-model``, whose weights lie on the Hub alone."""
    zoo = model_folder.parent / "hub_cards"
    zoo.mkdir()
    weights = (model_folder / WEIGHTS).read_bytes()
    (model_folder / WEIGHTS).unlink()
    pin = {"repo": NAME, "revision": repo.refs["main"], "sha256": sha256(weights)}
    (model_folder / "pin.json").write_text(json.dumps(pin))
    model_folder.rename(zoo / model_folder.name)
    here = zoo.parent / "colorzoo" / "zoo" / "folders.py"
    monkeypatch.setattr(folders, "__file__", str(here))
    return zoo / "tiny-model" / "pin.json"


def test_a_pinned_model_is_fetched_at_its_revision(pinned: Path, repo: Repo) -> None:
    repo.commit({CONFIG: b"{}", WEIGHTS: b""})  # what comes after the pin does not matter
    colorizer = colorzoo.load("tiny-model", device="cpu")
    assert colorizer.name == "tiny-model"
    with torch.no_grad():
        assert torch.isfinite(colorizer.predict(torch.full((1, 1, 8, 8), 50.0))).all()
    assert locate("tiny-model", local_files_only=True).name != repo.refs["main"]


def test_a_wrong_hash_is_not_used(pinned: Path, hub: Hub, repo: Repo) -> None:
    pin = json.loads(pinned.read_text())
    pinned.write_text(json.dumps({**pin, "sha256": "0" * 64}))
    with pytest.raises(HubError, match=r"is not the file that this zoo pins.* It is not used"):
        colorzoo.load("tiny-model", device="cpu")
    pinned.write_text(json.dumps(pin))
    assert colorzoo.load("tiny-model", device="cpu").name == "tiny-model"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("revision", "main", "revision must be a full commit, not 'main'"),
        ("sha256", "12", "sha256 must have 64 hexadecimal digits"),
        ("hash", "12", "unknown key 'hash'"),
    ],
)
def test_a_pin_says_exactly_what(pinned: Path, key: str, value: str, message: str) -> None:
    pinned.write_text(json.dumps({**json.loads(pinned.read_text()), key: value}))
    with pytest.raises(ColorzooError, match=message):
        colorzoo.load("tiny-model", device="cpu")
