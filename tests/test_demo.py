"""The page as programs see it: a real server, called over loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forked
import httpx
import numpy as np
import pytest
from conftest import ROOT, Run
from demo_server import Server, serve
from films import chroma_of, decoded, frames_of, sound_of, write_film
from PIL import Image

import colorzoo
from colorzoo.cli.demo import make_space

pytest.importorskip("gradio", reason="the page needs the extra 'demo'")
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, ValidationError

DEMOS = ROOT / "demos"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[Client]:
    patience = {"timeout": 60}  # of a busy machine; httpx itself waits 5 seconds
    client = Client(
        server.url, verbose=False, download_files=tmp_path / "downloads", httpx_kwargs=patience
    )
    yield client
    client.close()


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """A grey PNG of 61 x 40 pixels."""
    path = tmp_path / "ramp.png"
    values = np.linspace(0, 255, 61 * 40).reshape(40, 61).astype(np.uint8)
    Image.fromarray(values).save(path)
    return path


def message_of(client: Client, picture: Path, **arguments: object) -> str:
    with pytest.raises(AppError) as caught:
        client.predict(handle_file(picture), api_name="/colorize", **arguments)
    return str(caught.value)


def test_colorize_gives_what_the_library_gives(client: Client, server: Server, ramp: Path) -> None:
    for name, folder in server.models.items():
        result = Path(client.predict(handle_file(ramp), name, 1.0, api_name="/colorize"))
        assert result.name == "ramp-color.png"
        expected = colorzoo.load(folder, device="cpu")(ramp)
        with Image.open(result) as image:
            assert image.size == (61, 40)
            np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    grey = client.predict(handle_file(ramp), saturation=0.0, api_name="/colorize")
    with Image.open(grey) as image:
        assert np.ptp(np.asarray(image).astype(int), axis=2).max() <= 1


def test_colorize_keeps_format_and_exif(client: Client, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B], exif[0x0112] = "A. Grandmother", 6  # artist; lies on its side
    path = tmp_path / "side.jpeg"
    Image.new("L", (64, 48), 90).save(path, exif=exif)
    result = Path(client.predict(handle_file(path), api_name="/colorize"))
    assert result.name == "side-color.jpeg"
    with Image.open(result) as image:
        assert (image.format, image.size) == ("JPEG", (48, 64))
        assert image.getexif()[0x013B] == "A. Grandmother"
    path = tmp_path / "scan.tif"
    Image.fromarray(np.full((30, 20), 40_000, dtype=np.uint16)).save(path)
    result = Path(client.predict(handle_file(path), api_name="/colorize"))
    with Image.open(result) as image:
        assert (result.suffix, image.format, image.size) == (".tif", "TIFF", (20, 30))


def test_a_picture_wider_than_a_jpeg_can_be(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("L", (70_000, 3), 90).save(path)
    result = Path(client.predict(handle_file(path), api_name="/colorize"))
    with Image.open(result) as image:
        assert (result.name, image.size) == ("wide-color.png", (70_000, 3))


def test_bad_pictures_get_a_message_without_a_path(
    client: Client, server: Server, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + bytes(range(256)))
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    vast = tmp_path / "vast.png"
    Image.new("1", (8000, 6300)).save(vast)
    messages = {path: message_of(client, path) for path in (broken, empty, vast)}
    for path, message in messages.items():
        assert path.name in message
        for hidden in (str(server.places), str(ROOT), "colorzoo-demo", "Traceback", "/"):
            assert hidden not in message
    assert "is not a picture" in messages[broken] or "damaged" in messages[broken]
    assert "0 bytes" in messages[empty]
    assert "million pixels" in messages[vast]


def test_files_of_the_server_and_links_are_refused(client: Client, server: Server) -> None:
    secret = server.models["first"] / "config.json"
    for place in (str(secret), "http://127.0.0.1:1/picture.png"):
        given = {"path": place, "meta": {"_type": "gradio.FileData"}}
        with pytest.raises(AppError) as caught:
            client.predict(given, api_name="/colorize")
        assert str(server.models["first"]) not in str(caught.value)
    assert "Links are not followed" in str(caught.value)


def test_too_many_bytes_are_refused_while_they_come_in(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "heavy.bmp"
    path.write_bytes(b"BM" + bytes(31_000_000))
    with pytest.raises(Exception, match=r"413|exceed|Too Large"):
        client.predict(handle_file(path), api_name="/colorize")


def test_unknown_model_and_saturation_are_refused(client: Client, ramp: Path) -> None:
    assert "third" in message_of(client, ramp, model="third")
    assert "maximum value" in message_of(client, ramp, saturation=9.0)


def test_batch_gives_a_zip_and_says_what_failed(client: Client, ramp: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    again = tmp_path / "other" / "ramp.png"
    Image.new("L", (20, 30), 50).save(again)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    archive, report = client.predict(
        [handle_file(ramp), handle_file(broken), handle_file(again)], api_name="/batch"
    )
    names = ["ramp-color.png", "ramp-color-2.png"]
    assert report["colored"] == names
    assert list(report["failed"]) == ["broken.png"]
    assert "is not a picture" in report["failed"]["broken.png"]
    with zipfile.ZipFile(archive) as bundle:
        assert bundle.namelist() == names
        bundle.extractall(tmp_path / "out")
    sizes = []
    for name in names:
        with Image.open(tmp_path / "out" / name) as image:
            sizes.append(image.size)
    assert sizes == [(61, 40), (20, 30)]
    with pytest.raises(AppError, match="None could be coloured"):
        client.predict([handle_file(broken)], api_name="/batch")


def test_fifty_at_once_are_all_answered(client: Client, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.effect_noise((640, 480), 60).save(path)
    jobs = [client.submit(handle_file(path), api_name="/colorize") for _ in range(50)]
    until = time.monotonic() + 180
    while not any(job.status().rank for job in jobs):  # those that wait know their place
        assert time.monotonic() < until
    assert all(Path(job.result(timeout=300)).is_file() for job in jobs)
    assert server.status("VmHWM") < 1_500_000  # kB


def test_who_comes_when_too_many_wait_is_told_when_to_come_back(
    client: Client, server: Server, ramp: Path
) -> None:
    upload = {"files": ("ramp.png", ramp.read_bytes())}
    (path,) = httpx.post(f"{server.url}gradio_api/upload", files=upload).json()
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    done = threading.Event()

    def crowd() -> list[httpx.Response]:
        """Ask for more than can wait until the test is done."""
        answers = []
        with httpx.Client() as asking:
            while not done.is_set():
                url = f"{server.url}gradio_api/call/v2/colorize"
                answers.append(asking.post(url, json={"picture": file}))
        return answers

    with ThreadPoolExecutor() as pool:
        crowds = [pool.submit(crowd) for _ in range(4)]
        message = ""
        until = time.monotonic() + 180
        while "wait before yours" not in message and time.monotonic() < until:
            try:
                client.predict(handle_file(ramp), api_name="/colorize")
            except ValidationError as error:
                message = str(error)
        done.set()
        answers = [answer for each in crowds for answer in each.result()]
    assert "Come back in about" in message
    assert {answer.status_code for answer in answers} == {200, 422}
    assert all(
        int(answer.headers["retry-after"]) >= 60 for answer in answers if answer.status_code == 422
    )
    assert client.predict(handle_file(ramp), api_name="/colorize")


def test_nothing_of_a_visitor_stays(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "private.png"
    Image.new("L", (33, 44), 77).save(path)
    broken = tmp_path / "private-broken.png"
    broken.write_bytes(b"private")
    film = write_film(tmp_path / "private.mp4", frames_of(160, 480, 640))
    client = Client(server.url, verbose=False, download_files=tmp_path / "downloads")
    client.predict(handle_file(path), api_name="/colorize")
    client.predict([handle_file(path), handle_file(broken)], api_name="/batch")
    message_of(client, broken)
    client.submit(handle_file(film), api_name="/film")  # which is left off when its visitor leaves

    def private() -> list[str]:
        return [file for file in map(str, server.files()) if "private" in file or "colored" in file]

    until = time.monotonic() + 180
    while not any("private-color.mp4.parts" in file for file in private()):
        assert time.monotonic() < until
        time.sleep(0.05)
    client.close()
    until = time.monotonic() + 180
    while private() and time.monotonic() < until:
        time.sleep(0.2)
    assert private() == []
    examples = {path.name for path in (DEMOS / "examples").glob("*.jpg")}
    assert examples <= {path.name for path in server.files()}


def test_only_the_three_endpoints_are_offered(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/colorize", "/batch", "/film"}
    names = [part["parameter_name"] for part in endpoints["/colorize"]["parameters"]]
    assert names == ["picture", "model", "saturation", "hints", "reference"]


def test_hints_and_a_reference_reach_the_library(
    client: Client, server: Server, ramp: Path, tmp_path: Path
) -> None:
    hints = colorzoo.Hints.from_points([(20, 30, "sienna")])
    hints.to_file(tmp_path / "hints.json")
    sunset = tmp_path / "sunset.png"
    Image.new("RGB", (50, 40), "tomato").save(sunset)
    colorizer = colorzoo.load(server.models["first"], device="cpu")
    for given, expected in (
        ({"hints": handle_file(tmp_path / "hints.json")}, colorizer(ramp, hints=hints)),
        ({"reference": handle_file(sunset)}, colorizer(ramp, reference=sunset)),
    ):
        result = client.predict(handle_file(ramp), api_name="/colorize", **given)
        with Image.open(result) as image:
            np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    message = message_of(client, ramp, hints=handle_file(sunset))
    assert "Hints are taken as a .json file" in message


def test_bad_hints_and_references_get_one_message_without_a_path(
    client: Client, server: Server, ramp: Path, tmp_path: Path
) -> None:
    def hints(**changes: object) -> str:
        entry = {"row": 2, "column": 3, "color": "sienna"} | changes
        return json.dumps({"format": 1, "hints": [entry]})

    texts = {
        "outside.json": (hints(row=100_000), "outside the picture"),
        "color.json": (hints(color="siena"), "sienna"),
        "wide.json": (hints(radius=10**9), "million pixels"),
        "negative.json": (hints(radius=-1), "radius"),
        "half.json": (hints(row=0.5), "row"),
        "newer.json": ('{"format": 9, "hints": []}', "format"),
        "list.json": ("[]", "list.json"),
        "cut.json": (hints()[:-4], "cut.json"),
        "heavy.json": (" " * 1_000_001, "1.0 MB"),
        "empty.json": ("", "empty.json"),
        "hints.txt": (hints(), "as a .json file"),
    }
    for name, (text, expected) in texts.items():
        (tmp_path / name).write_text(text)
        message = message_of(client, ramp, hints=handle_file(tmp_path / name))
        assert expected in message, (name, message)
        assert str(server.places) not in message
    Image.new("L", (50, 40), 90).save(tmp_path / "grey.png")
    (tmp_path / "text.png").write_text("no picture")
    for name, expected in (("grey.png", "colour"), ("text.png", "text.png")):
        message = message_of(client, ramp, reference=handle_file(tmp_path / name))
        assert expected in message, (name, message)
        assert str(server.places) not in message


def test_a_clip_comes_back_in_colour_with_its_sound(client: Client, tmp_path: Path) -> None:
    times = [24_000 * number for number in range(12)]  # a second each: longer than what is taken
    source = write_film(tmp_path / "clip.mp4", frames_of(12, 48, 64), times=times, sound=True)
    result = Path(client.predict(handle_file(source), "second", api_name="/film"))
    assert result.name == "clip-color.mp4"
    colors = [chroma_of(frame.to_ndarray(format="rgb24")) for frame in decoded(result)]
    assert len(colors) == 10
    assert min(np.abs(chroma).mean() for chroma in colors) > 1
    assert [data for _, data in sound_of(result)] == [data for _, data in sound_of(source)]


def test_what_is_no_clip_or_too_large_says_so(client: Client, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(bytes(range(256)))
    write_film(tmp_path / "large.mp4", [np.zeros((1200, 2000), np.uint8)])
    many = {"codec": "ffv1", "times": [399 * number for number in range(601)]}
    write_film(tmp_path / "many.mkv", frames_of(601, 16, 16), **many)
    for name, words in (
        ("broken.mp4", "^broken.mp4 is not a film that can be read"),
        ("large.mp4", "frames of large.mp4 are 2000 x 1200 pixels"),
        ("many.mkv", "^many.mkv has 601 frames in 10 seconds; at most 600"),
    ):
        with pytest.raises(AppError, match=words):
            client.predict(handle_file(tmp_path / name), api_name="/film")


def test_a_wrong_model_is_one_line(cli: Run) -> None:
    result = cli("demo", "./nowhere")
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "nowhere" in line


def test_a_method_is_told_to_be_none_of_the_models() -> None:
    with pytest.raises(colorzoo.UnknownNameError, match="'levin' is a method.*--model levin"):
        colorzoo.model_info("levin")


def test_other_faults_are_not_blamed_on_the_port(server: Server, tmp_path: Path) -> None:
    make_space(tmp_path / "space", "someone")
    (tmp_path / "space" / "colorzoo" / "demos" / "style.css").unlink()
    result = subprocess.run(
        [sys.executable, "-m", "colorzoo", "demo", server.models["first"]],
        cwd=tmp_path / "space",
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode == 1
    assert "style.css" in result.stderr
    assert "port" not in result.stderr.splitlines()[-1]


def test_a_taken_port_is_one_line(server: Server) -> None:
    port = server.url.rstrip("/").rpartition(":")[2]
    folder = server.models["first"]
    result = forked.run("-m", "colorzoo", "demo", folder, "--port", port)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].startswith("error: The page cannot be served")
