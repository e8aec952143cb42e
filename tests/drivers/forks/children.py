"""Python programs in processes of their own, started by forks where the system can do that.

Set PORTAL_TEST_FORKS=0 to start each by a new interpreter. Instances of the portal (`portal up`)
start their services that way always.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from portal_local.launcher.processes import Child

ARE_POSSIBLE = hasattr(os, "pidfd_open") and os.environ.get("PORTAL_TEST_FORKS") != "0"


class ForkedProcess:
    """The part of `subprocess.Popen` that tests use, for a fork."""

    def __init__(self, channel: socket.socket, stdout: IO[str] | None = None) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self.stdout = stdout
        self.returncode: int | None = None
        self.pid = int(channel.recv(100))

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code. Raises subprocess.TimeoutExpired."""
        with self._lock:
            if self.returncode is None:
                if not select.select([self._channel], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
                self.returncode = int(self._channel.recv(100) or -signal.SIGKILL)
                self._channel.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Parent:
    """The process whose forks the programs are: one for each process of pytest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def fork(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        out: int,
        err: int,
        stdout: IO[str] | None = None,
    ) -> ForkedProcess:
        body = {
            "module": module,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(Path.cwd()),
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(
                self._connected(), [json.dumps(body).encode()], [theirs.fileno(), out, err]
            )
        return ForkedProcess(ours, stdout)

    def _connected(self) -> socket.socket:
        with self._lock:
            if self._requests is None:
                self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                number = theirs.fileno()
                with theirs:
                    self._process = subprocess.Popen(
                        [sys.executable, "-m", "tests.drivers.forks.parent", str(number)],
                        cwd=Path(__file__).parents[3],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        pass_fds=[number],
                        start_new_session=True,
                    )
                atexit.register(self._end)
            return self._requests

    def _end(self) -> None:
        if self._requests and self._process:
            self._requests.close()
            self._process.wait(30)


_parent = _Parent()


class ForkedChild(Child):
    """A child process as the launcher starts them, by a fork."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], *, log: Path,
        environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.name, self.log = name, log
        self._has_session = True
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            file = out.fileno()
            process: Any = _parent.fork(
                module, arguments, {**os.environ, **environment}, out=file, err=file
            )
        self._process = process


def start_child(
    name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]
) -> Child:
    """Starts a command with its output in a log; by a fork if it is a module for Python."""
    if ARE_POSSIBLE and command[:2] == [sys.executable, "-m"]:
        return ForkedChild(name, command[2], command[3:], log=log, environment=environment)
    return Child(name, command, log=log, environment=environment)


def open_program(module: str, *arguments: str) -> ForkedProcess | subprocess.Popen[str]:
    """Starts a module; its standard output is read from the attribute `stdout`."""
    if not ARE_POSSIBLE:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    read, write = os.pipe()
    try:
        return _parent.fork(module, arguments, os.environ, out=write, err=2, stdout=os.fdopen(read))
    finally:
        os.close(write)


def run_program(
    module: str, *arguments: str, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Runs a module to its end, as subprocess.run does: with its output as text."""
    command = [sys.executable, "-m", module, *arguments]
    if not ARE_POSSIBLE:
        return subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = _parent.fork(module, arguments, environment, out=out.fileno(), err=err.fileno())
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        texts = [(file.seek(0), file.read())[1] for file in (out, err)]
    return subprocess.CompletedProcess(command, code, *texts)
