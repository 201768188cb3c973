"""Forks processes off one that has imported already what takes each its first seconds.

``forked.py`` starts it and talks to it over the socket whose path it is given; it ends with its
standard input. A child shares nothing else with the process of the tests: it has its own
arguments, environment, folder, streams and random numbers.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

PRELOADED = (
    *("accelerate", "matplotlib.figure", "torchmetrics", "colorzoo.cli.colorize"),
    *("colorzoo.evaluation.evaluate", "colorzoo.jobs.video", "colorzoo.training.trainer"),
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def receive(listening: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Take orders until standard input ends; in each new process return its order and streams."""
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listening.accept()
        if os.fork() == 0:
            break
        connection.close()
    # This process is the parent of the one that was ordered, and tells how that ends.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    listening.close()
    order, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    # What a fork runs in the child swallows the exception of a signal that comes that early.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        connection.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    connection.close()
    return json.loads(order), streams


def become(order: dict[str, Any], streams: list[int]) -> list[str]:
    """Make this process the one that was ordered, and return its arguments."""
    if order["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    tempfile.tempdir = None
    np.random.seed()
    arguments: list[str] = order["arguments"]
    if arguments[:2] == ["-W", "error"]:
        warnings.simplefilter("error")
        sys.warnoptions.append("error")
        del arguments[:2]
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    importlib.invalidate_caches()
    return arguments


def run(kind: str, *arguments: str) -> None:
    """Run what Python runs that is given these arguments."""
    if kind == "-c":
        sys.argv = ["-c", *arguments[1:]]
        sys.path.insert(0, "")
        exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv = list(arguments)
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [kind, *arguments]
        sys.path.insert(0, str(Path(kind).resolve().parent))
        runpy.run_path(kind, run_name="__main__")


def run_and_leave(arguments: list[str]) -> None:
    """Run it, and end as Python does, but for taking every module apart again."""
    code = 0
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        run(*arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        code = -signal.SIGINT
    except BaseException:  # noqa: BLE001  # whatever it is, it is told and ends the process
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as the children of multiprocessing do
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        signal.raise_signal(-code)
    os._exit(code)


def main() -> None:
    """Import, say so, and serve."""
    del sys.path[0]  # the folder of the tests
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(sys.argv[1])
        listening.listen()
        for name in PRELOADED:
            importlib.import_module(name)
        gc.freeze()  # what is here already is no child's garbage
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        received = receive(listening)
    run_and_leave(become(*received))


if __name__ == "__main__":
    main()
