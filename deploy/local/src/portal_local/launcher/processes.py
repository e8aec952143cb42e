"""Processes started here, each with its own log; ended by their ids and no other way."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """On Linux: SIGTERM when whoever started us is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process in a session of its own, so that Ctrl-C reaches it through us alone."""

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # before any thread of ours
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting for it."""
        if self.poll() is None:
            self._process.terminate()

    def stop(self, seconds: float = 20) -> None:
        """Ask it to end, and its session after it; kill what is left when time is up."""
        if self.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._end_session()

    def kill(self) -> None:
        """End it and its session at once."""
        self._end_session()
        if self.poll() is None:
            self._process.kill()
        self._process.wait()

    def _end_session(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
