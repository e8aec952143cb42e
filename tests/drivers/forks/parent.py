"""Starts Python programs as forks of a process that has imported what they import.

Most of what a service costs to start is its imports. Here they are made once for all processes of
a test run that run the same program: each is a fork with a pid, a session, an environment and
standard streams of its own, and ends as an interpreter ends. `children.py` sends the requests.

Usage: python -m tests.drivers.forks.parent NUMBER, where NUMBER is an open socket.
"""

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import re
import runpy
import selectors
import signal
import socket
import sys
from typing import Any

MAX_REQUEST_BYTES = 2**20
PR_SET_PDEATHSIG = 1
FACTORY = re.compile(r"(\w+(?:\.\w+)+):\w+")  # an argument of uvicorn: module and function
# What programs import after their start: most commands, and servers of any application.
LATE = {
    "uvicorn": (
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
        "uvicorn.protocols.http.auto",
        "uvicorn.protocols.http.h11_impl",
        "uvicorn.protocols.websockets.auto",
    ),
    "portal_cli.main": (
        "portal_cli.backup.databases",
        "portal_cli.download.download",
        "portal_cli.instance.doi_audit",
        "portal_cli.instance.status",
        "portal_cli.submission.dispatch",
    ),
}

Request = dict[str, Any]


class Parent:
    """Waits for requests and for the ends of the processes that it started."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._loaded: set[str] = set()

    def serve(self) -> Request | None:
        """Returns in each fork, with its request, and without one when no more can come."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._requests:
                    self._report_end(key)
                    continue
                body, files, _, _ = socket.recv_fds(self._requests, MAX_REQUEST_BYTES, 3)
                if not body:
                    return None
                request: Request = json.loads(body)
                if self._fork(request, *files):
                    return request

    def _fork(self, request: Request, answers: int, out: int, err: int) -> bool:
        """Returns whether this is the new process."""
        with contextlib.suppress(Exception):  # the program reports it, in its own log
            self._load(request)
        gc.collect()
        gc.freeze()  # objects of before share their memory
        pid = os.fork()
        if pid:
            os.close(out)
            os.close(err)
            channel = socket.socket(fileno=answers)
            channel.send(str(pid).encode())
            self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, channel))
            return False
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((nothing, out, err)):
            os.dup2(file, number)
        for file in {nothing, answers, out, err}:
            os.close(file)
        self._close()
        return True

    def _load(self, request: Request) -> None:
        """Imports what a program consists of, unless it is there."""
        program, arguments = request["module"], request["arguments"]
        found = [FACTORY.fullmatch(argument) for argument in arguments]
        wanted = [*LATE.get(program, ()), *(one.group(1) for one in found if one), program]
        for name in (n for n in wanted if n not in self._loaded):
            self._loaded.add(name)
            module = importlib.import_module(name)
            if name == program:
                main = f"{name}.__main__" if hasattr(module, "__path__") else name
                importlib.import_module(main)
                del sys.modules[main]  # the program is the first to run it

    def _report_end(self, key: selectors.SelectorKey) -> None:
        pid, channel = key.data
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(key.fileobj)
        os.close(key.fd)
        with contextlib.suppress(OSError):  # nobody waits for it
            channel.send(str(os.waitstatus_to_exitcode(status)).encode())
        channel.close()

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.fileobj is self._requests:
                self._requests.close()
            else:
                os.close(key.fd)
                key.data[1].close()
        self._selector.close()


def run(request: Request) -> None:
    """Runs a program in this process, as `python -m` does."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # as long as the process
    sys.stdout, sys.stderr = (  # buffered as those of an interpreter without a terminal
        open(1, "w", closefd=False),  # noqa: SIM115
        open(2, "w", buffering=1, closefd=False),  # noqa: SIM115
    )
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    received = Parent(socket.socket(fileno=int(sys.argv[1]))).serve()
    if received is not None:
        run(received)
