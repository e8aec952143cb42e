"""Whether an instance runs on this machine, by the lock of its data folder, and by which process.

The launcher writes its process id and the address into the lock file; all its processes hold the
lock.
"""

import fcntl
import json
import os
import signal
from pathlib import Path
from typing import Any

LAUNCHER = b"portal_local.launcher.up"


def is_locked(data: Path) -> bool:
    """Returns whether any process of an instance runs with this data folder."""
    try:
        opened = os.open(data / "instance.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)  # releases the lock, if it was free
    return False


def launcher_pid(data: Path) -> int | None:
    """Returns the process id of the launcher, or None if it does not run any more."""
    try:
        pid = int(json.loads((data / "instance.lock").read_text("utf-8"))["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return pid  # a system without /proc
    return pid if LAUNCHER in command else None  # else the number was given to another process


def send_signal(pid: int, number: int = signal.SIGTERM) -> None:
    """Sends a signal to a process and its group, if it leads one; harmless if there is none."""
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def orphans(data: Path, running: dict[str, Any]) -> list[int]:
    """Returns the ids of services and servers in instance.json that hold the instance's lock.

    A process that has ended holds none; its number may be that of another program by now.
    """
    pids = (
        int(process["pid"])
        for kind in ("services", "servers")
        for process in running[kind].values()
    )
    return [pid for pid in pids if _holds_lock(data, pid)]


def _holds_lock(data: Path, pid: int) -> bool:
    lock = (data / "instance.lock").resolve()
    try:
        return any(file.readlink() == lock for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return not Path("/proc/self").exists()  # a system without /proc: nothing else is known
