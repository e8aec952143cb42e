"""Ends child processes with all that they started, and takes the exit codes of orphans."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

PROCESSES = Path("/proc")


async def end_session(process: asyncio.subprocess.Process) -> None:
    """Kills a process that leads a session of its own, and what it started in that session."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def reap_orphans() -> None:
    """Takes the exit codes of ended processes that came to process 1 when their parents ended.

    Without it they stay as zombies in a container that has no init. Leaders of a session are left:
    so are all that this service starts itself, for which others wait. A process that is not
    number 1 gets no orphans.
    """
    if os.getpid() != 1:
        return
    for folder in PROCESSES.glob("[0-9]*"):
        if _is_orphaned_zombie(folder):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(folder.name), os.WNOHANG)


def _is_orphaned_zombie(folder: Path) -> bool:
    try:  # number (name) state parent group session …; the name may have spaces and brackets
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:  # it has ended
        return False
    state, parent, session = fields[0], fields[1], fields[3]
    return (state, parent) == (b"Z", b"1") and int(session) != int(folder.name)
