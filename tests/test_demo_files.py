"""Uploads and results of visitors: whose they are, how much room they take, when they go."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from demo_server import Server, serve
from PIL import Image

pytest.importorskip("gradio", reason="the page needs the extra 'demo'")
from colorzoo.demos.admission import upload_route
from colorzoo.demos.visitor_files import RefusedError, VisitorFiles
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from starlette.applications import Starlette
from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program called ``gs`` that leaves a note beside it when it is run."""
    program = tmp_path_factory.mktemp("programs") / "gs"
    program.write_text('#!/bin/sh\n: > "$0.was-run"\n')
    program.chmod(0o755)
    return program


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bait: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{bait.parent}{os.pathsep}{os.environ['PATH']}")
        with serve(tmp_path_factory.mktemp("files")) as running:
            yield running


def upload(url: str, path: Path) -> str:
    answer = httpx.post(f"{url}gradio_api/upload", files={"files": (path.name, path.read_bytes())})
    (place,) = answer.json()
    return str(place)


def has_gone(path: Path, patience: float = 180) -> bool:
    until = time.monotonic() + patience
    while path.exists() and time.monotonic() < until:
        time.sleep(0.1)
    return not path.exists()


def test_the_first_to_leave_takes_no_picture_of_another(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "same.png"
    Image.new("L", (40, 30), 70).save(path)
    waiting = upload(server.url, path)  # of another, whose turn has not come
    client = Client(server.url, verbose=False, download_files=tmp_path)
    client.predict(handle_file(path), api_name="/colorize")
    (mine,) = (file for file in server.files() if file.name == path.name and str(file) != waiting)
    client.close()
    assert has_gone(mine)
    file = {"path": waiting, "meta": {"_type": "gradio.FileData"}}
    call = f"{server.url}gradio_api/call/v2/colorize"
    event = httpx.post(call, json={"picture": file}).json()["event_id"]
    stream = httpx.get(f"{server.url}gradio_api/call/colorize/{event}", timeout=180).text
    assert "event: complete" in stream
    assert "same-color.png" in stream


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n%%EOF\n"


def test_an_eps_called_jpg_is_one_error_and_runs_nothing(
    server: Server, tmp_path: Path, bait: Path
) -> None:
    path, note = tmp_path / "photo.jpg", Path(f"{bait}.was-run")
    path.write_bytes(EPS)
    code = "import sys; from PIL import Image; Image.open(sys.argv[1]).load()"
    environment = {"PATH": str(bait.parent)}
    subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, check=False
    )
    assert note.exists()  # Pillow alone would run it
    note.unlink()
    client = Client(server.url, verbose=False, download_files=tmp_path)
    for endpoint, picture, message in (
        ("/colorize", handle_file(path), r"^photo\.jpg is not a picture"),
        ("/batch", [handle_file(path)], "^None could be coloured"),
    ):
        with pytest.raises(AppError, match=message):
            client.predict(picture, api_name=endpoint)
    client.close()
    assert not note.exists()
    assert "Traceback" not in server.log.read_text()


def test_a_file_stays_until_its_last_visitor_leaves(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path)
    (tmp_path / "hash").mkdir()
    own, shared = tmp_path / "hash" / "example.jpg", tmp_path / "hash" / "shared.jpg"
    own.touch()
    files.keep_what_is_there()
    shared.touch()
    for session in ("one", "two"):
        files.note(session, [own, shared])
    files.end("one")
    assert shared.exists()
    files.end("two")
    assert (shared.exists(), own.exists()) == (False, True)
    files.end("two")
    files.sweep(age=-1, unclaimed_age=-1)
    assert own.exists()


def test_old_files_go_those_that_nobody_uses_first(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path)
    with files.new_folder() as claimed, files.receive(0) as unclaimed:
        for folder in (claimed, unclaimed):
            (folder / "picture.jpg").touch()
    files.note("one", [claimed / "picture.jpg"])
    files.sweep()
    assert (claimed.exists(), unclaimed.exists()) == (True, True)
    files.sweep(unclaimed_age=-1)
    assert (claimed.exists(), unclaimed.exists()) == (True, False)
    files.sweep(age=-1, unclaimed_age=-1)
    assert not claimed.exists()
    with pytest.raises(FileNotFoundError), files.new_folder() as failed:
        (failed / "none").read_bytes()
    assert not failed.exists()


def test_sweeping_bears_visitors_who_leave_meanwhile(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path)
    for number in range(300):
        with files.new_folder() as folder:
            (folder / "picture.jpg").touch()
        files.note(str(number), [folder / "picture.jpg"])
    leaving = threading.Thread(target=lambda: [files.end(str(each)) for each in range(300)])
    leaving.start()
    while leaving.is_alive():
        files.sweep()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_visitor_has_bounded_room_and_the_oldest_goes(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path, session_bytes=250)
    pictures = []
    for number in range(4):
        with files.receive(100) as folder:
            pictures.append(folder / f"{number}.jpg")
            pictures[-1].write_bytes(bytes(100))
        files.note("one", pictures[-1:])
        files.note("two", pictures[1:2])
    assert [picture.exists() for picture in pictures] == [False, True, True, True]
    files.end("two")
    assert [picture.exists() for picture in pictures] == [False, False, True, True]


def test_the_machine_has_bounded_room(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path, total_bytes=1000)
    with files.receive(600), pytest.raises(RefusedError, match="no room"), files.receive(600):
        pass
    with files.receive(600) as folder:
        (folder / "picture.jpg").write_bytes(bytes(600))
    with pytest.raises(RefusedError, match="Come back in 15 minutes"), files.receive(600):
        pass
    with files.receive(300) as folder:
        (folder / "picture.jpg").write_bytes(bytes(401))
    with pytest.raises(RefusedError), files.new_folder():
        pass


def test_uploads_over_the_bounds_are_refused(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path, total_bytes=1000)
    client = TestClient(Starlette(routes=[upload_route(files)]))

    def send(content: object, **headers: str) -> httpx.Response:
        return client.post("/gradio_api/upload", content=content, headers=headers)

    assert send(iter([b"x"])).status_code == 411
    assert send(b"x", **{"content-length": "151000000"}).status_code == 413
    full = send(bytes(1001))
    assert (full.status_code, full.headers["retry-after"]) == (503, "60")
    assert "no room" in full.text
    cut = b'--x\r\nContent-Disposition: form-data; filename="a.jpg"\r\n\r\nabc'
    assert send(cut, **{"content-type": "multipart/form-data; boundary=x"}).status_code == 400
    answer = client.post("/gradio_api/upload", files={"files": ("a.jpg", b"abc")})
    (place,) = map(Path, answer.json())
    assert (place.name, place.read_bytes()) == ("a.jpg", b"abc")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [place]
