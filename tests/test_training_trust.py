"""Runs on bad days: damaged or planted checkpoints, a shared folder, impossible settings."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import forked
import pytest
from conftest import ROOT
from PIL import Image
from safetensors.torch import load_file

from colorzoo.data.sources import open_source
from colorzoo.errors import ConfigError, DataError, TrainingError
from colorzoo.training.config import TrainingConfig
from colorzoo.training.trainer import train


def config(config_file: Path, *overrides: str) -> TrainingConfig:
    return TrainingConfig.from_file(config_file, list(overrides))


@pytest.fixture
def two_checkpoints(config_file: Path) -> Path:
    """The checkpoints of a run at steps 4 and 6."""
    result = train(config(config_file, "phase.0.steps=6"))
    folder = result.folder / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["step-4", "step-6"]
    return folder


def test_a_checkpoint_holds_no_pickle_and_its_manifest_knows_every_file(
    two_checkpoints: Path,
) -> None:
    names = {path.name for path in (two_checkpoints / "step-6").iterdir()}
    assert {Path(name).suffix for name in names} == {".json", ".safetensors"}
    manifest = json.loads((two_checkpoints / "step-6" / "manifest.json").read_text())
    assert set(manifest["sha256"]) == names - {"manifest.json"}


class Planted:
    """What runs code when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize(
    "name", ["custom_checkpoint_0.pkl", "optimizer.bin", "random_states_0.pkl", "scaler.pt"]
)
def test_a_planted_pickle_is_refused_and_never_run(
    name: str, two_checkpoints: Path, config_file: Path, tmp_path: Path
) -> None:
    planted = pickle.dumps(Planted(tmp_path / "pwned"))
    (two_checkpoints / "step-6" / name).write_bytes(planted)
    with pytest.raises(TrainingError, match=f"step-6 is damaged: {name} is not in its manifest"):
        train(config(config_file), resume=True)
    (two_checkpoints / "step-6" / name).unlink()
    (two_checkpoints / "step-6" / "generator.safetensors").write_bytes(planted)
    with pytest.raises(TrainingError, match=r"generator\.safetensors is not what"):
        train(config(config_file), resume=True)
    assert not (tmp_path / "pwned").exists()


def test_a_damaged_checkpoint_is_named_and_the_one_before_offered(
    two_checkpoints: Path, config_file: Path
) -> None:
    newest = two_checkpoints / "step-6"
    for path in sorted(newest.iterdir()):
        whole = path.read_bytes()
        middle = len(whole) // 2
        flipped = bytes([whole[middle] ^ 0x40])
        for damaged in (whole[:middle] + flipped + whole[middle + 1 :], bytes(len(whole)), b""):
            path.write_bytes(damaged)
            with pytest.raises(TrainingError) as error:
                train(config(config_file), resume=True)
            assert str(newest) in str(error.value)
            assert path.name in str(error.value)
            assert "Delete it to go on from the one before, of step 4." in str(error.value)
        path.unlink()
        with pytest.raises(TrainingError, match=r"of step 4\."):
            train(config(config_file), resume=True)
        path.write_bytes(whole)
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    resumed = train(config(config_file), resume=True)
    straight = train(config(config_file, f"run.folder={config_file.parent / 'straight'}"))
    assert resumed.model
    assert straight.model
    name = "model.safetensors"
    # The rates of the first part fell towards an earlier end, so that only the shapes agree.
    assert set(load_file(resumed.model / name)) == set(load_file(straight.model / name))
    assert resumed.steps == 8


def test_two_runs_do_not_share_a_folder_and_a_killed_one_leaves_it(
    config_file: Path, tmp_path: Path
) -> None:
    endless = ("--set", "phase.0.steps=100000", "--set", "data.workers=1")
    with forked.Forked("-m", "colorzoo", "train", config_file, *endless) as process:
        process.wait_until(lambda: [*(tmp_path / "run" / "checkpoints").glob("step-*[0-9]")])
        with pytest.raises(
            TrainingError, match=rf"Another run works in .*process {process.pid} on"
        ):
            train(config(config_file, "phase.0.steps=100000"), resume=True)
    step = max(
        int(path.name[5:])
        for path in (tmp_path / "run" / "checkpoints").glob("step-*")
        if path.name[5:].isdecimal()
    )
    assert train(config(config_file, f"phase.0.steps={step + 1}"), resume=True).steps == step + 1


def test_photos_that_cannot_be_used_end_a_run_with_one_line(
    config_file: Path, training_photos: Path
) -> None:
    for photo in training_photos.iterdir():
        photo.write_bytes(b"no picture")
    settings = ("--set", "data.workers=2", "--set", "data.validation=")
    with forked.Forked("-m", "colorzoo", "train", config_file, *settings) as process:
        _, messages = process.communicate()
    assert process.returncode == 1, messages
    assert messages.startswith("error: 20 photos in a row could not be used")
    assert len(messages.splitlines()) == 1


@pytest.mark.parametrize(
    "override",
    [
        "model.config.widths=[8, 100000000]",
        "model.config.widths=[8, 100000000000]",
        "discriminator.config.width=1000000000",
    ],
)
def test_networks_beyond_all_memory_are_refused_before_it_is_taken(
    override: str, config_file: Path, tmp_path: Path
) -> None:
    key = override.partition(".")[0]
    with pytest.raises(ConfigError, match=rf"{key}\.config .*[Gg]ive smaller numbers"):
        train(config(config_file, override))
    assert not (tmp_path / "run").exists()


def test_a_batch_beyond_all_memory_is_one_clear_error(config_file: Path) -> None:
    # A limit on the address space fails an allocation as memory that ran out does.
    code = (
        "import resource, sys; import torch; from colorzoo.cli import main;"
        "from colorzoo.training.trainer import train;"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_AS, (now + 2**30, now + 2**30));"
        "sys.argv = ['colorzoo', 'train', *sys.argv[1:]]; main()"
    )
    settings = ("data.batch_size=8192", "data.validation=", "data.size=64")
    changes = [part for setting in settings for part in ("--set", setting)]
    done = forked.run("-c", code, config_file, *changes)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: Memory ran out: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("damage", [b"{half\n", b"[1, 2]\n", b'{"pixel": 1}\n', b"\xff\xfe\n"])
def test_damaged_numbers_are_one_clear_error(damage: bytes, config_file: Path) -> None:
    folder = train(config(config_file, "phase.0.steps=4")).folder
    path = folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + damage + b"".join(lines[1:]))
    with pytest.raises(TrainingError, match=r"metrics\.jsonl, line 2 is damaged: .*Delete"):
        train(config(config_file), resume=True)
    path.write_bytes(b"".join(lines) + damage.strip())  # as a kill leaves it
    assert train(config(config_file), resume=True).steps == 8


def tar_of(path: Path, size: bytes) -> Path:
    """Write an archive of one picture whose header gives another size."""
    stream = io.BytesIO()
    Image.new("RGB", (30, 30), (200, 90, 40)).save(stream, "PNG")
    info = tarfile.TarInfo("photo.png")
    info.size = len(stream.getvalue())
    with tarfile.open(path, "w") as tar:
        tar.addfile(info, io.BytesIO(stream.getvalue()))
    content = bytearray(path.read_bytes())
    content[124:136] = size
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "size",
    [
        b"77777777777\0",
        b"\x80" + b"\x7f" * 11,
        b"\x80\0\0\0" + (2**62).to_bytes(8, "big"),
        b"\xff" * 10 + b"\xfe\0",
        b"\xff" * 11 + b"\0",
    ],
    ids=["octal", "beyond 64 bits", "beyond files", "-512", "-256"],
)
def test_hostile_sizes_in_an_archive_are_one_clear_error(size: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"photos\.tar cannot be read as an uncompressed tar"):
        open_source(str(tar_of(tmp_path / "photos.tar", size)))


def test_a_launcher_that_starts_one_process_of_two_is_warned_of(config_file: Path) -> None:
    command = ("-m", "colorzoo", "train", config_file, "--set", "phase.0.steps=1")
    done = forked.run(*command, env=forked.LAUNCHED_ALONE)
    assert done.returncode == 0, done.stderr
    assert "torchrun --standalone --nproc-per-node" in done.stderr


TWICE = """
import sys
import colorzoo
from colorzoo.processes import Processes, leave

for number, precision in enumerate(("no", "bf16")):
    overrides = [f"run.folder={sys.argv[2]}/{number}", f"run.precision={precision}"]
    result = colorzoo.train(colorzoo.TrainingConfig.from_file(sys.argv[1], overrides))
    assert result.model is not None
processes = Processes()
assert processes.count == 2
assert processes.gather([processes.rank]) == [0, 1]
leave(0)
"""


@pytest.mark.slow
def test_a_script_trains_twice_under_torchrun(config_file: Path, tmp_path: Path) -> None:
    script = tmp_path / "twice.py"
    script.write_text(TWICE)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(script), str(config_file), str(tmp_path)]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, env=env
    )
    assert done.returncode == 0, done.stderr
    for number in (0, 1):
        assert (tmp_path / str(number) / "model" / "model.safetensors").is_file()
