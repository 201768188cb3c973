"""Python processes that begin with torch imported: importing it takes seconds of each other one.

They are real ones, with their own memory, streams, folder and signals. Where the import itself is
what a test is about, it starts a process of its own with ``run_python`` instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import torch

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds, of a busy machine
LAUNCHED_ALONE = {"ACCELERATE_USE_CPU": "true", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
"""What ``accelerate launch --cpu`` tells the one process it starts where several are wanted."""


@functools.cache
def _server() -> str:
    """Start the process that the others are forked from, and return the path of its socket."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    path = f"{folder.name}/socket"
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "fork_server.py"), path],
        cwd=folder.name,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )

    @atexit.register
    def end() -> None:
        process.communicate()  # which closes its standard input
        folder.cleanup()

    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return path


class Forked:
    """A process that runs what ``python`` runs that is given the same arguments.

    Attributes:
        pid: Its number.
        returncode: As of ``subprocess.Popen``; None while it runs.
    """

    def __init__(
        self,
        *arguments: str | Path,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        given: bytes = b"",
        session: bool = False,
    ) -> None:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        order = {
            "arguments": list(map(str, arguments)),
            "cwd": str(cwd),
            "env": {**os.environ, "PYTHONPATH": path, **(env or {})},
            "session": session,
        }
        self.returncode: int | None = None
        self._files = contextlib.ExitStack()
        self._streams: list[IO[bytes]] = [
            self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
            for _ in range(3)
        ]
        self._streams[0].write(given)
        self._streams[0].seek(0)
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(_server())
        numbers = [stream.fileno() for stream in self._streams]
        socket.send_fds(self._connection, [json.dumps(order).encode()], numbers)
        self.pid = int(self._connection.recv(100))

    def poll(self) -> int | None:
        """Return the exit code of a process that has ended."""
        return self._look(0.0)

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; the process must not end before it does."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.poll() is None, self.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Return the exit code when the process has ended."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(["python"], timeout, *map(self.read, (1, 2)))
        return code

    def _look(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], timeout)[0]:
            self.returncode = int(self._connection.recv(100))
        return self.returncode

    def read(self, number: int) -> bytes:
        """Return what it wrote on stdout, 1, or stderr, 2."""
        self._streams[number].seek(0)
        return self._streams[number].read()

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """Return what it wrote on stdout and stderr when it has ended."""
        self.wait(timeout)
        return self.read(1).decode(), self.read(2).decode()

    def send_signal(self, number: int) -> None:
        """Send it a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.send_signal(signal.SIGKILL)
        self.wait()
        self._connection.close()
        self._files.close()


def run(
    *arguments: str | Path,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end."""
    with Forked(*arguments, cwd=cwd, env=env, given=given) as process:
        written, messages = process.communicate()
        assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, written, messages)


class Ranks(contextlib.ExitStack):
    """Processes that find each other as those that torchrun starts: two of a group.

    Attributes:
        processes: One of each rank.
    """

    def __init__(self, *arguments: str | Path, cwd: Path = ROOT) -> None:
        super().__init__()
        store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        self.callback(lambda: store)  # which must be there until all have ended
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
        place |= {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}
        place |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        self.processes = [
            self.enter_context(
                Forked(*arguments, cwd=cwd, env={**place, "RANK": rank, "LOCAL_RANK": rank})
            )
            for rank in "01"
        ]


def run_ranks(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run two processes to their ends, and return what both wrote and the higher exit code."""
    with Ranks(*arguments, cwd=cwd) as ranks:
        written = [process.communicate() for process in ranks.processes]
        code = max(process.wait() for process in ranks.processes)
    return subprocess.CompletedProcess(arguments, code, *map("".join, zip(*written, strict=True)))
