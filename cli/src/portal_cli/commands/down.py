"""portal down: stops the instance."""

import signal
import time
from pathlib import Path

import typer

from portal_cli.instance.addresses import NoInstance, read_instance
from portal_cli.instance.lock_holder import is_locked, launcher_pid, orphans, send_signal
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, fail

STOP_SECONDS = 90
ORPHAN_SECONDS = 20  # until processes without a launcher are killed


def down(data: Data = DEFAULT_DATA) -> None:
    """Stop the portal on this machine. The data stay.

    It also stops a portal that is still starting, and processes whose launcher was killed. Exit
    codes: 0 it is stopped, or did not run, 1 it did not stop in time.
    """
    if not is_locked(data):
        (data / "instance.json").unlink(missing_ok=True)
        typer.echo(f"No portal is running with the data folder {data}.")
        return
    pid = launcher_pid(data)
    if pid is None:
        _stop_orphans(data)
        return
    send_signal(pid)
    if not _is_free_within(data, STOP_SECONDS):
        raise fail(f"The portal (process {pid}) did not stop within {STOP_SECONDS} s.", EXIT_FAILED)
    typer.echo("The portal is stopped.")


def _stop_orphans(data: Path) -> None:
    """Stops the processes that a killed launcher left."""
    try:
        pids = orphans(data, read_instance(data))
    except NoInstance:
        pids = []  # they end by themselves: the kernel has sent them SIGTERM
    for number, seconds in ((signal.SIGTERM, ORPHAN_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        for pid in pids:
            send_signal(pid, number)
        if _is_free_within(data, seconds):
            (data / "instance.json").unlink(missing_ok=True)
            typer.echo(
                "The launcher had already stopped; its services and servers were stopped now."
            )
            return
    raise fail(f"Processes of the portal in {data} still run; see `ps`.", EXIT_FAILED)


def _is_free_within(data: Path, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while is_locked(data):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
