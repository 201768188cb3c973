"""Archives of pictures to archives of pictures: here, on the Hub, and by several processes."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import tarfile
from pathlib import Path

import forked
import numpy as np
import pytest
from conftest import OneColor, Run
from hub_server import WRITER, Hub
from PIL import Image

from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError, DataError, HubError
from colorzoo.hub.shards import HubDataset, look_up
from colorzoo.jobs.shards import ShardFolder, ShardRepo, ShardResult, colorize_shards
from colorzoo.processes import Processes


def encoded(level: int, kind: str) -> bytes:
    slope = np.linspace(level, 255, 20 * 16).reshape(16, 20).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(slope).save(file, kind)
    return file.getvalue()


def pack(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_000_000
            archive.addfile(info, io.BytesIO(content))
    return path


def unpack(path: Path) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(path) as archive:
        for info in archive.getmembers():
            stream = archive.extractfile(info)
            assert stream is not None
            assert info.mtime == 1_000_000
            contents[info.name] = stream.read()
    return contents


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three archives, with a text beside each picture, and in one of them two broken pictures."""
    folder = tmp_path / "shards"
    for number in range(3):
        files = {}
        for index in range(4):
            files[f"{number}{index}.txt"] = f"no {index}".encode()
            files[f"{number}{index}.jpg"] = encoded(50 * index, "JPEG")
        if number == 1:
            files["10.jpg"] = files["13.jpg"] = b"no picture"
            files["11.gif"] = files["same.gif"] = encoded(9, "GIF")
            files["same.png"] = encoded(8, "PNG")
        pack(folder / "inside" / f"{number}.tar", files)
    return folder


def color(source: Path, target: Path, name: str = "one-color") -> list[ShardResult]:
    return list(
        colorize_shards(
            Colorizer(OneColor(name)),
            ShardFolder(source),
            ShardFolder(target),
            processes=Processes(),
        )
    )


def test_archives_become_archives(shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    results = color(shards, out)
    assert [(result.shard, result.status) for result in results] == [
        (f"inside/{number}.tar", "done") for number in range(3)
    ]
    for result in results:
        manifest = result.manifest
        assert manifest is not None
        content = (out / result.shard).read_bytes()
        assert manifest.sha256 == hashlib.sha256(content).hexdigest()
        assert manifest.size == len(content)
        stored = json.loads((out / "manifests" / f"{result.shard}.json").read_text())
        assert (stored["sha256"], stored["coloured"]) == (manifest.sha256, manifest.coloured)
    before, after = (unpack(folder / "inside" / "1.tar") for folder in (shards, out))
    assert list(after) == [
        *("10.txt", "11.txt", "11.jpg", "12.txt", "12.jpg", "13.txt"),
        *("11.png", "same.gif.png", "same.png"),
    ]
    assert after["10.txt"] == before["10.txt"]
    with Image.open(io.BytesIO(after["11.jpg"])) as image:
        assert (image.size, image.mode, image.format) == ((20, 16), "RGB", "JPEG")
        assert np.ptp(np.asarray(image).astype(int), axis=2).max() > 20
    failures = results[1].manifest.failures if results[1].manifest else {}
    assert list(failures) == ["10.jpg", "13.jpg"]
    assert "is not a picture" in failures["10.jpg"]


def test_what_is_done_is_not_done_again(shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    color(shards, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.tar")}
    (out / "inside" / "2.tar").unlink()
    assert {r.shard: r.status for r in color(shards, out)} == {
        "inside/0.tar": "skipped",
        "inside/1.tar": "skipped",
        "inside/2.tar": "done",
    }
    kept = [path for path, changed in times.items() if path.stat().st_mtime_ns == changed]
    assert sorted(path.name for path in kept) == ["0.tar", "1.tar"]
    with pytest.raises(ConfigError, match=r"inside/0\.tar was coloured with .*one-color"):
        color(shards, out, name="another")


def test_a_broken_archive_fails_alone(shards: Path, tmp_path: Path) -> None:
    whole = (shards / "inside" / "1.tar").read_bytes()
    (shards / "inside" / "1.tar").write_bytes(whole[: len(whole) // 2])
    results = color(shards, tmp_path / "out")
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert "cannot be read as an uncompressed tar archive" in str(results[1].reason)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.tar")) == ["0.tar", "2.tar"]
    with pytest.raises(DataError, match="no .tar archives"):
        color(tmp_path / "out" / "manifests", tmp_path / "elsewhere")


def test_a_shard_that_is_given_up_leaves_nothing(shards: Path, tmp_path: Path) -> None:
    asked = iter([False] * 4 + [True] * 100)
    results = list(
        colorize_shards(
            Colorizer(OneColor()),
            ShardFolder(shards),
            ShardFolder(tmp_path / "out"),
            processes=Processes(),
            should_stop=lambda: next(asked),
        )
    )
    assert results == []
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_from_the_hub_to_the_hub(hub: Hub, shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    files = {f"data/{path.name}": path.read_bytes() for path in shards.rglob("*.tar")}
    hub.add("owner/grey", {**files, "README.md": b"# Grey"}, kind="dataset")
    hub.fail("POST /api/datasets/owner/colored/commit", 412)
    source = ShardRepo(look_up("hf://datasets/owner/grey"))

    def run() -> list[str]:
        results = colorize_shards(
            Colorizer(OneColor()),
            source,
            ShardRepo(HubDataset("owner/colored", None, {}), private=True),
            processes=Processes(),
        )
        return [result.status for result in results]

    assert run() == ["done"] * 3
    repo = hub.repos["datasets/owner/colored"]
    assert repo.private
    assert {name for name in repo.files if not name.startswith(".")} == {
        *(f"data/{number}.tar" for number in range(3)),
        *(f"manifests/data/{number}.tar.json" for number in range(3)),
    }
    manifest = json.loads(repo.files["manifests/data/1.tar.json"])
    assert manifest["sha256"] == hashlib.sha256(repo.files["data/1.tar"]).hexdigest()
    assert run() == ["skipped"] * 3
    hub.fail("GET /datasets/owner/grey/resolve/.*0.tar", "flip")
    hub.repos.pop("datasets/owner/colored")
    assert run() == ["failed", "done", "done"]


def test_a_data_set_that_is_none(hub: Hub) -> None:
    with pytest.raises(HubError, match="'grey' is no data set"):
        look_up("grey")
    with pytest.raises(HubError, match="owner/grey"):
        look_up("hf://datasets/owner/grey")
    hub.add("owner/evil", {"../../up.tar": b"x"}, kind="dataset")
    with pytest.raises(HubError, match=r"holds a file called '\.\./\.\./up\.tar'"):
        look_up("owner/evil")


def test_processes_one_killed_then_resumed_color_each_picture_once(
    model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    shards, out = tmp_path / "shards", tmp_path / "out"
    expected = set()
    large = io.BytesIO()
    Image.effect_noise((400, 400), 60).save(large, "PNG")
    for number in range(12):
        names = [f"{number:02}-{index}.png" for index in range(6)]
        pack(shards / f"{number:02}.tar", dict.fromkeys(names, large.getvalue()))
        expected |= set(names)
    arguments = ("-m", "colorzoo", "colorize", shards, "-o", out, "--model", model_folder)
    arguments += ("--batch-size", "2")
    with forked.Ranks(*arguments) as ranks:
        first, second = ranks.processes
        first.wait_until((out / "manifests" / "00.tar.json").exists)
        second.send_signal(signal.SIGKILL)
        second.wait()
        first.send_signal(signal.SIGTERM)  # as a launcher does when one has gone
        first.wait()
    assert not (out / "manifest.json").exists()
    before = {path.name for path in out.glob("manifests/*.json")}
    assert 0 < len(before) < 12

    resumed = forked.run_ranks(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    assert "12 archives, " in resumed.stderr
    assert "72 pictures coloured" in resumed.stderr
    assert {f"{shard}.json" for shard in resumed.stdout.split()} == {
        f"{number:02}.tar.json" for number in range(12)
    } - before
    seen = [name for path in sorted(out.glob("*.tar")) for name in unpack(path)]
    assert sorted(seen) == sorted(expected)
    summary = json.loads((out / "manifest.json").read_text())
    assert (summary["shards"], summary["coloured"], summary["failures"]) == (12, 72, {})
    for name, digest in summary["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert {path.name for path in out.iterdir()} == {
        *(f"{number:02}.tar" for number in range(12)),
        *("manifests", "manifest.json"),
    }


def test_archives_on_the_command_line(
    cli: Run, shards: Path, model_folder: Path, tmp_path: Path
) -> None:
    archives = sorted((shards / "inside").glob("*.tar"))
    options = ("--model", model_folder)
    result = cli("colorize", *archives[:1], archives[2], "-o", "out", *options)
    assert (result.returncode, result.stdout.split()) == (0, ["0.tar", "2.tar"])
    assert result.stderr == "2 archives, 8 pictures coloured\n"
    again = cli("colorize", shards / "inside", "-o", "out", *options)
    assert (again.returncode, again.stdout.split()) == (1, ["1.tar"])
    assert "3 archives, 2 of them there already, 13 pictures coloured, 2 pictures failed" in (
        again.stderr
    )
    for arguments in (
        (archives[0],),
        (archives[0], tmp_path / "x.jpg", "-o", "out"),
        (shards / "inside", "-o", "out", "--push", "owner/name"),
    ):
        assert cli("colorize", *arguments, *options).returncode == 2
    inside = cli("colorize", shards / "inside", "-o", shards / "inside" / "out", *options)
    assert "never overwritten" in inside.stderr
    (shards / "inside" / "photo.png").write_bytes(encoded(9, "PNG"))
    beside = cli("colorize", shards / "inside", "-o", tmp_path / "pictures", *options)
    assert [Path(line).name for line in beside.stdout.split()] == ["photo.png"]
