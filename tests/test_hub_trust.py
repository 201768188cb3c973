"""What a hostile or ailing Hub, disk or cache can do to a load: one clear error, no harm."""

from __future__ import annotations

import errno
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Run
from hub_server import READER, Hub, Repo, git_hash, sha256

import colorzoo
from colorzoo.errors import HubError
from colorzoo.hub.client import explain
from colorzoo.hub.names import locate

NAME = "someone/tiny-model"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


@pytest.fixture
def repo(hub: Hub, model_folder: Path) -> Repo:
    return hub.add(NAME, {path.name: path.read_bytes() for path in model_folder.iterdir()})


HOSTILE_ETAGS = ["../../../../outside", "..", ".hidden", "a/b", "a\\b", "%00/x", "{}/outside"]


@pytest.mark.parametrize("answers", ["the same", "another from the second request on"])
@pytest.mark.parametrize("etag", HOSTILE_ETAGS)
def test_no_answer_of_the_server_names_a_file(
    hub: Hub, repo: Repo, hub_cache: Path, tmp_path: Path, etag: str, answers: str
) -> None:
    """Nothing appears outside the cache, and in it only under hashes that are right."""
    honest = {name: sha256(content) for name, content in repo.files.items()}
    hostile = dict.fromkeys(repo.files, etag.replace("{}", str(tmp_path)))
    hub.etags |= hostile if answers == "the same" else honest
    take_fault = hub.take_fault
    seen: list[str] = []

    def turn(request: str) -> int | str | None:
        if seen.count(request.partition(" ")[2]) and "resolve" in request:
            hub.etags |= hostile
        seen.append(request.partition(" ")[2])
        return take_fault(request)

    hub.take_fault = turn  # type: ignore[method-assign]
    before = {path for path in tmp_path.rglob("*") if hub_cache not in path.parents}
    for pattern in ("GET .*resolve.*config", "GET /objects"):  # so that something is asked again
        hub.fail(pattern, "cut")
    folder = locate(NAME)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == repo.files
    after = {path for path in tmp_path.rglob("*") if hub_cache not in path.parents}
    assert after - before <= {hub_cache}
    for blob in hub_cache.rglob("blobs/*"):
        assert blob.name in (sha256(blob.read_bytes()), git_hash(blob.read_bytes()))


def test_the_cache_is_the_clients_own(hub: Hub, repo: Repo, hub_cache: Path) -> None:
    """What colorzoo fetched the client finds, and the other way round."""
    from huggingface_hub import hf_hub_download, scan_cache_dir

    folder = locate(NAME)
    asked = len(hub.requests)
    for name in (CONFIG, WEIGHTS):
        path = hf_hub_download(NAME, name, revision=folder.name)
        assert Path(path) == folder / name
    assert len(hub.requests) == asked
    found = scan_cache_dir(hub_cache)
    assert [len(one.revisions) for one in found.repos] == [1]
    assert found.warnings == []
    shutil.rmtree(hub_cache)
    Path(hf_hub_download(NAME, WEIGHTS))
    folder = locate(NAME)
    gets = [request for request in hub.requests[asked:] if request.startswith("GET /objects")]
    assert len(gets) == 1
    assert (folder / WEIGHTS).read_bytes() == repo.files[WEIGHTS]


def test_a_token_goes_to_no_other_host(hub: Hub, repo: Repo) -> None:
    repo.private = True
    told: list[tuple[str, bool]] = []
    hub.on_headers = lambda request, headers: told.append((request, "Authorization" in headers))
    locate(NAME, token=READER)
    assert {has for request, has in told if "/resolve/" in request} == {True}
    assert {has for request, has in told if "/objects/" in request} == {False}


def test_a_file_that_leads_out_of_the_cache_is_not_used(repo: Repo, tmp_path: Path) -> None:
    path = locate(NAME) / WEIGHTS
    outside = tmp_path / sha256(path.read_bytes())
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside)
    for local_files_only in (False, True):
        with pytest.raises(HubError, match=r"model\.safetensors of .* leads out of the cache"):
            locate(NAME, local_files_only=local_files_only)
    assert outside.exists()


@pytest.mark.parametrize(("place", "name"), [("GET /objects", WEIGHTS), ("GET .*config", CONFIG)])
def test_a_file_is_checked_whatever_its_etag(hub: Hub, repo: Repo, place: str, name: str) -> None:
    hub.etags |= {CONFIG: "v1", WEIGHTS: "v1-weights"}
    hub.fail(place, "flip")
    with pytest.raises(HubError, match=f"{name} of {NAME} is not what the Hub has: its hash is"):
        locate(NAME)
    folder = locate(NAME)
    assert (folder / name).read_bytes() == repo.files[name]
    assert locate(NAME, local_files_only=True) == folder


def test_the_declared_hashes_hold_without_a_network_too(hub: Hub, repo: Repo) -> None:
    hub.etags |= {CONFIG: "v1", WEIGHTS: "v1-weights"}
    content = (locate(NAME) / WEIGHTS).resolve()
    content.write_bytes(content.read_bytes()[:-1] + b"\0")
    with pytest.raises(HubError, match="damaged on its way or on this disk"):
        locate(NAME, local_files_only=True)


def test_what_nobody_vouches_for_is_refused_unless_asked(hub: Hub, repo: Repo) -> None:
    hub.declares = False
    hub.etags |= {CONFIG: "v1", WEIGHTS: "v1-weights"}
    with pytest.raises(HubError, match=r"Nobody says what hash .* take it as it is with verify=F"):
        colorzoo.load(NAME)
    assert colorzoo.load(NAME, device="cpu", verify=False).name == NAME


def test_a_commit_that_is_here_is_not_asked_for_again(hub: Hub, repo: Repo) -> None:
    commit = repo.refs["main"]
    folder = locate(NAME, revision=commit)
    asked = len(hub.requests)
    assert locate(NAME, revision=commit) == folder
    assert len(hub.requests) == asked
    locate(NAME)
    assert len(hub.requests) == asked + 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, r"too many requests from here \(429\).* Wait a few minutes"),
        (404, r"something of someone/tiny-model is not there \(404\).* HF_ENDPOINT"),
        (403, r"refuses access to someone/tiny-model \(403\)"),
        (418, r"refuses the request for someone/tiny-model \(418\)"),
    ],
)
def test_statuses_are_said_as_what_they_are(
    hub: Hub, repo: Repo, status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.fail(".", status, times=1000)
    with pytest.raises(HubError, match=message):
        locate(NAME)


FILL = """
import resource, signal, sys
from colorzoo.hub.names import locate
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
locate(sys.argv[1])
"""


def test_a_full_disk_is_said_as_what_it_is(
    hub: Hub, repo: Repo, hub_env: dict[str, str], run_python: Run
) -> None:
    repo.commit({**repo.files, WEIGHTS: bytes(100_000)})
    outcome = run_python("-W", "error", "-c", FILL, NAME, env=hub_env)
    assert "colorzoo.errors.HubError: The disk of the Hub's cache" in outcome.stderr
    assert "has no room for someone/tiny-model" in outcome.stderr
    assert "Make room, or keep the files elsewhere: cache_dir=" in outcome.stderr
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cache/x")
    assert explain(full, NAME).startswith("The disk of the Hub's cache (/cache/x) has no room for")


def test_a_cache_that_cannot_be_written_to_is_said(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (locate(NAME) / WEIGHTS).resolve()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "unlink", refuse)  # whoever runs the tests may be allowed anything
    with pytest.raises(HubError, match=r"cannot be removed \(Read-only file system\)\. Remove /"):
        locate(NAME)
    monkeypatch.undo()
    readonly = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/cache/x")
    assert explain(readonly, NAME).startswith("The Hub's cache (/cache/x) cannot be written to")


LOAD = """
import sys, colorzoo
for _ in ("fetched", "from the cache"):
    colorzoo.load(sys.argv[1], device="cpu")
"""


@pytest.mark.parametrize("terminal", [False, True])
def test_a_load_draws_nothing(
    repo: Repo, hub_env: dict[str, str], tmp_path: Path, terminal: bool
) -> None:
    environment = {**os.environ, **hub_env, "PYTHONPATH": str(ROOT)}
    environment.pop("HF_HUB_DISABLE_PROGRESS_BARS", None)
    mine, its = pty.openpty() if terminal else os.pipe()
    subprocess.run(
        [sys.executable, "-c", LOAD, NAME], check=True, stdout=its, stderr=its, env=environment
    )
    os.write(its, b"end\n")
    assert os.read(mine, 10_000).decode().strip() == "end"
    for end in (mine, its):
        os.close(end)
