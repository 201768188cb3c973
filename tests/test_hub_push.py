"""Publishing: the real client against a small Hub on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import FACTS
from hub_server import READER, WRITER, Hub

import colorzoo
from colorzoo.cli import commands
from colorzoo.errors import ColorzooError, HubError, WeightsError
from colorzoo.hub.publish import push, push_space
from colorzoo.modelfolder.facts import About, collect_facts, render_facts
from colorzoo.modelfolder.weights import load_model
from colorzoo.schema import from_dict
from colorzoo.zoo import folders
from colorzoo.zoo.folders import zoo_folder

# The client uploads in a way that the network library under it has given up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "someone/tiny-model"
FILES = ("README.md", "config.json", "facts.json", "model.safetensors")


@pytest.fixture
def about() -> About:
    return from_dict(About, FACTS["about"], where="about")


@pytest.fixture
def folder(model_folder: Path, about: About) -> Path:
    """A model folder with facts, and with things that are nobody's business."""
    (model_folder / "facts.json").write_text(render_facts(collect_facts(model_folder, about)))
    (model_folder / "optimizer.bin").write_bytes(b"a pickle")
    (model_folder / ".env").write_text("SECRET=1")
    return model_folder


@pytest.fixture(autouse=True)
def _logged_in(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)


def test_what_is_pushed_is_what_is_loaded(hub: Hub, folder: Path) -> None:
    info = push(folder, NAME)
    repo = hub.repos[f"models/{NAME}"]
    assert set(repo.files) == {*FILES, ".gitattributes"}
    assert (info.repo, info.files, info.commit) == (NAME, FILES, repo.refs["main"])
    assert info.url == f"{hub.url}/{NAME}"
    assert len(repo.messages) == 2  # making it, and one commit
    loaded = colorzoo.load(NAME, device="cpu")
    state = loaded.predictor.generator.state_dict()
    expected = load_model(folder).generator.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in state)
    assert repo.files["README.md"].decode().count(f'colorzoo.load("{NAME}")') == 1


def test_a_second_push_makes_no_commit_and_a_change_one(hub: Hub, folder: Path) -> None:
    first = push(folder, NAME)
    repo = hub.repos[f"models/{NAME}"]
    again = push(folder, NAME)
    assert (again.files, again.commit) == ((), first.commit)
    assert len(repo.commits) == 2
    facts = json.loads((folder / "facts.json").read_text())
    facts["about"]["description"] = "Smaller still."
    (folder / "facts.json").write_text(json.dumps(facts))
    assert push(folder, NAME).files == ("README.md", "facts.json")
    assert len(repo.commits) == 3
    assert len([request for request in hub.requests if request.startswith("PUT")]) == 1


def test_a_generator_is_pushed_with_what_is_said_of_it(hub: Hub, about: About) -> None:
    model = colorzoo.create_model("unet", widths=(4, 8))
    with pytest.raises(HubError, match="states no licence, so it is not published"):
        push(model, NAME, image=colorzoo.ImageSettings())
    assert hub.repos == {}
    image = colorzoo.ImageSettings(working_size=96)
    assert push(model, NAME, image=image, about=about).files == FILES
    assert colorzoo.load(NAME, device="cpu").working_size == 96
    state = colorzoo.load(NAME, device="cpu").predictor.generator.state_dict()
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_a_dry_run_sends_nothing(hub: Hub, folder: Path) -> None:
    info = push(folder, NAME, dry_run=True)
    assert (info.files, info.commit) == (FILES, None)
    assert hub.repos == {}
    push(folder, NAME)
    assert push(folder, NAME, dry_run=True).files == ()
    assert len(hub.repos[f"models/{NAME}"].commits) == 2


def test_branches_and_pull_requests(hub: Hub, folder: Path) -> None:
    hub.add(NAME, {"notes.txt": b"mine"})
    repo = hub.repos[f"models/{NAME}"]
    pulled = push(folder, NAME, create_pr=True)
    assert pulled.pull_request == f"{hub.url}/{NAME}/discussions/1"
    branched = push(folder, NAME, revision="next")
    assert repo.refs["next"] == branched.commit
    assert push(folder, NAME, revision="next").files == ()
    assert repo.files == {"notes.txt": b"mine"}
    assert set(repo.commits[repo.refs["next"]]) == {*FILES, "notes.txt"}
    with pytest.raises(HubError, match="give no revision with create_pr"):
        push(folder, NAME, create_pr=True, revision="next")


def test_private_stays_private(hub: Hub, folder: Path) -> None:
    push(folder, NAME, private=True)
    assert hub.repos[f"models/{NAME}"].private
    assert push(folder, NAME, private=True).files == ()
    hub.add("someone/public", {})
    with pytest.raises(HubError, match="someone/public is there already and public"):
        push(folder, "someone/public", private=True)
    assert hub.repos["models/someone/public"].files == {}


def test_a_card_edited_on_the_hub_stays(hub: Hub, folder: Path) -> None:
    push(folder, NAME)
    repo = hub.repos[f"models/{NAME}"]
    edited = repo.files["README.md"].replace(b"Very small.", b"Small, but mine.")
    repo.commit({**repo.files, "README.md": edited})
    info = push(folder, NAME)
    assert (info.files, info.kept_card) == ((), True)
    assert repo.files["README.md"] == edited
    info = push(folder, NAME, overwrite_card=True)
    assert (info.files, info.kept_card) == (("README.md",), False)
    assert b"Very small." in repo.files["README.md"]


def test_a_card_written_by_hand_is_published_as_it_is(hub: Hub, folder: Path) -> None:
    own = "---\nlicense: mit\n---\n\nMy own words.\n"
    (folder / "README.md").write_text(own)
    push(folder, NAME)
    repo = hub.repos[f"models/{NAME}"]
    assert repo.files["README.md"].decode() == own
    push(folder, NAME, overwrite_card=True)
    assert b"My own words" not in repo.files["README.md"]
    (folder / "facts.json").unlink()
    assert "facts.json" not in push(folder, "someone/without-facts").files


@pytest.mark.parametrize(
    "card", ["no metadata\n", "---\ntags: []\n---\n", "---\nlicense: [\n---\n"]
)
def test_no_licence_no_push(hub: Hub, folder: Path, card: str) -> None:
    (folder / "README.md").write_text(card)
    with pytest.raises(HubError, match="states no licence|cannot be read"):
        push(folder, NAME)
    assert hub.repos == {}


def test_nothing_broken_is_published(hub: Hub, folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-9])
    with pytest.raises(WeightsError, match="cut off or damaged"):
        push(folder, NAME)
    colorzoo.save(colorzoo.create_model("attention-unet", widths=(4, 8, 8)), folder)
    with pytest.raises(WeightsError, match=r"facts\.json tells of other weights"):
        push(folder, NAME)
    weights.unlink()
    with pytest.raises(HubError, match=r"model\.safetensors cannot be read .* not published"):
        push(folder, NAME)
    assert hub.requests == []


def test_refusals_are_explained(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tiny", "../x", "a/../b", "a/b@main"):
        with pytest.raises(HubError, match="is no repository of the Hub"):
            push(folder, name)
    with pytest.raises(HubError, match=r"refuses access to someone/tiny-model \(403\)"):
        push(folder, NAME, token=READER)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match=r"not logged in\. Log in with: hf auth login$"):
        push(folder, NAME)
    assert hub.repos == {}


@pytest.mark.parametrize("place", ["POST .*/preupload/", "POST .*/objects/batch", "PUT /objects"])
def test_a_fault_on_the_way_is_sat_out(hub: Hub, folder: Path, place: str) -> None:
    hub.fail(place, 503)
    push(folder, NAME)
    assert colorzoo.load(NAME, device="cpu").name == NAME


@pytest.mark.parametrize("place", ["/repos/create", "/commit/"])
def test_a_fault_of_the_hub_leaves_the_next_push_its_way(
    hub: Hub, folder: Path, place: str
) -> None:
    hub.fail(place, 500)
    with pytest.raises(HubError, match=r"fault of its own \(500\) .* Try again"):
        push(folder, NAME)
    push(folder, NAME)
    assert len(hub.repos[f"models/{NAME}"].commits) == 2


def invoke(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    if isinstance(result.exception, ColorzooError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_whole_zoo_by_command(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = tmp_path / "hub_cards"
    for name in ("first-net", "second-net"):
        shutil.copytree(folder, zoo / name)
    shutil.copy(zoo_folder() / "template.md", zoo)
    here = tmp_path / "colorzoo" / "zoo" / "folders.py"
    monkeypatch.setattr(folders, "__file__", str(here))
    push_all = ("push", "--all", zoo, "--namespace", "someone")
    assert invoke(*push_all, "--dry-run")[0] == 0
    assert hub.repos == {}
    code, stdout, stderr = invoke(*push_all, "--pin")
    assert (code, stdout.split()) == (
        0,
        [f"{hub.url}/someone/{n}-net" for n in ("first", "second")],
    )
    commits = {name: len(repo.commits) for name, repo in hub.repos.items()}
    assert commits == {"models/someone/first-net": 2, "models/someone/second-net": 2}
    assert "someone/first-net has all of it already" in invoke(*push_all)[2]
    assert commits == {name: len(repo.commits) for name, repo in hub.repos.items()}

    # Without its weights the model comes from the Hub, as pinned.
    (zoo / "first-net" / "model.safetensors").unlink()
    assert 'load("first-net")' in hub.repos["models/someone/first-net"].files["README.md"].decode()
    assert colorzoo.load("first-net", device="cpu").name == "first-net"
    assert "left out: " in invoke(*push_all)[2]

    (zoo / "first-net" / "model.safetensors").write_bytes(b"")
    code, _, stderr = invoke(*push_all)
    assert code == 1
    assert "first-net" in stderr
    assert "second-net has all of it already" in stderr


def test_usage_of_push_is_checked(hub: Hub, folder: Path, tmp_path: Path) -> None:
    for wrong in (
        ("push",),
        ("push", folder),
        ("push", "--all", folder),
        ("push", folder, NAME, "--namespace", "x"),
        ("push", "--all", tmp_path / "none", "--namespace", "x"),
    ):
        assert invoke(*wrong)[0] == 2


@pytest.fixture
def space(tmp_path: Path) -> Path:
    folder = tmp_path / "demos"
    (folder / "examples").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "app.pyc").write_bytes(b"x")
    (folder / ".env").write_text("SECRET=1")
    (folder / "app.py").write_text("demo = 1\n")
    (folder / "examples" / "a.jpg").write_bytes(b"jpeg")
    (folder / "README.md").write_text("---\ntitle: x\nsdk: gradio\napp_file: app.py\n---\n")
    return folder


def test_the_demo_is_published_as_a_space(hub: Hub, space: Path) -> None:
    code, stdout, _ = invoke("push-space", "someone/colorzoo", "--folder", space)
    assert (code, stdout.strip()) == (0, f"{hub.url}/spaces/someone/colorzoo")
    repo = hub.repos["spaces/someone/colorzoo"]
    assert repo.sdk == "gradio"
    assert set(repo.files) == {"README.md", "app.py", "examples/a.jpg", ".gitattributes"}
    assert push_space(space, "someone/colorzoo").files == ()
    (space / "app.py").write_text("demo = 2\n")
    assert push_space(space, "someone/colorzoo", dry_run=True).files == ("app.py",)
    assert push_space(space, "someone/colorzoo").files == ("app.py",)
    assert len(repo.commits) == 3


def test_the_folder_of_the_demo_is_a_space(hub: Hub) -> None:
    code, _, stderr = invoke("push-space", "someone/colorzoo", "--dry-run")
    assert code == 0
    assert "would send README.md" in stderr
    assert "app.py" in stderr
    assert hub.repos == {}


@pytest.mark.parametrize(
    ("readme", "message"),
    [
        (None, r"has no README\.md"),
        ("no metadata", "must say 'sdk: gradio'"),
        ("---\nsdk: docker\napp_file: app.py\n---\n", "must say 'sdk: gradio'"),
        ("---\nsdk: gradio\n---\n", "name the 'app_file'"),
        ("---\nsdk: gradio\napp_file: main.py\n---\n", "'main.py', which is not in"),
        ("---\nsdk: [\n---\n", "cannot be read"),
    ],
)
def test_what_is_no_space_is_refused(
    hub: Hub, space: Path, readme: str | None, message: str
) -> None:
    (space / "README.md").unlink()
    if readme is not None:
        (space / "README.md").write_text(readme)
    with pytest.raises(HubError, match=message):
        push_space(space, "someone/colorzoo")
    assert hub.requests == []


def test_a_push_tells_how_far_it_is(
    hub: Hub, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[int, int | None]] = []
    push(folder, NAME, on_progress=lambda done, total, numbers: calls.append((done, total)))
    assert calls == [(done, len(FILES)) for done in range(len(FILES) + 1)]
    push(folder, NAME, on_progress=lambda done, total, numbers: calls.append((done, total)))
    assert len(calls) == len(FILES) + 1
    assert capfd.readouterr().err == ""
