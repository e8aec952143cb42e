"""The lock of a data folder: one instance at a time, for as long as any of its processes runs.

The lock (flock) belongs to the open file, and all processes of an instance inherit it. If the
launcher is killed, a broker that is left holds the lock, and none is started on the same data.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal_local.launcher.ports import NotStarted
from portal_local.launcher.processes import is_running

RETRY_SECONDS = 2.0  # the command holds the lock for an instant to see whether it is free
PAUSE_SECONDS = 0.05


class InstanceLock:
    """The lock of one data folder; `path` is its lock file, which is never deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def inherited(self) -> tuple[int, ...]:
        """The file descriptors that processes of the instance inherit."""
        return () if self._file is None else (self._file,)

    def acquire(self, facts: Mapping[str, Any]) -> None:
        """Locks the folder and stores `facts` (`pid`, `url`) for others.

        Raises NotStarted if an instance has the lock; the message says which, and how to end it.
        """
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + RETRY_SECONDS
        while not _try_lock(opened):
            if time.monotonic() > end:
                holder = os.read(opened, 10_000)
                os.close(opened)
                raise NotStarted(_refusal(self._path.parent, holder))
            time.sleep(PAUSE_SECONDS)
        self._file = opened
        with contextlib.suppress(OSError):  # the disk is full: the facts are only for messages
            os.ftruncate(opened, 0)
            os.pwrite(opened, json.dumps(facts).encode(), 0)

    def release(self) -> None:
        """Unlocks the folder, unless another process of the instance still runs."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _try_lock(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refusal(folder: Path, holder: bytes) -> str:
    try:
        facts: dict[str, Any] = json.loads(holder)
        pid, url = int(facts["pid"]), str(facts["url"])
    except (ValueError, KeyError, TypeError):
        pid, url = 0, ""
    stop = f"portal down --data {folder}"
    if pid and is_running(pid):
        return (
            f"A portal already runs with the data folder {folder}: {url} (process {pid}). "
            f"Use it, or stop it with: {stop}"
        )
    return (
        f"Processes of a portal that was killed still run with the data folder {folder}. "
        f"Stop them with: {stop}"
    )
