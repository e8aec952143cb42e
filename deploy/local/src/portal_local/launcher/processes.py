"""Starts child processes, each with its own log and session, and stops them by process id.

This process stops by signals: the first raises StopRequested, further ones are ignored.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(KeyboardInterrupt):
    """A signal requested the end. Not an Exception: nobody takes it for an error."""


class StopSignals:
    def __init__(self) -> None:
        self._is_stopping = False

    def install(self) -> None:
        """Handles the signals from now on; an ignored SIGHUP (nohup) stays ignored."""
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """Ignores all further signals: the end must not be interrupted."""
        self._is_stopping = True
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            raise StopRequested


def _terminate_with_parent() -> None:
    """On Linux: sends SIGTERM to this process when its parent process ends, also by a crash."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def is_running(pid: int) -> bool:
    """Returns whether a process with this id runs; one that only waits for its parent does not."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):  # no /proc: the signal has to do
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return True


class Child:
    """A process in its own session: Ctrl-C in the terminal does not reach it directly.

    It inherits the open files `inherited`, such as the lock of the instance.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        inherited: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self._has_session = True
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
                pass_fds=inherited,
                preexec_fn=_terminate_with_parent,  # noqa: PLW1509  # no threads are running yet
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Returns its exit code, or None while it runs; what it left running is killed."""
        code = self._process.poll()
        if code is not None:
            self._kill_session()
        return code

    def terminate(self) -> None:
        """Sends SIGTERM and does not wait."""
        if self.poll() is None:
            self._process.terminate()

    def stop(self, seconds: float = 20) -> None:
        """Sends SIGTERM, waits up to `seconds`, then kills what is left of its session."""
        if self.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            self.kill()

    def kill(self) -> None:
        """Kills it and its session at once."""
        self._kill_session()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _kill_session(self) -> None:
        """Kills all processes of the session; once, because its number may be given to others."""
        if self._has_session:
            self._has_session = False
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
