"""portal down: stops the instance."""

import os
import signal
import time
from typing import Any

import typer

from portal_cli.instance.addresses import NoInstance, read_instance
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, fail

STOP_SECONDS = 90


def down(data: Data = DEFAULT_DATA) -> None:
    """Stop the portal on this machine. The data stay.

    Exit codes: 0 it is stopped, or did not run, 1 it did not stop in time.
    """
    try:
        running = read_instance(data)
    except NoInstance:
        typer.echo(f"No portal is running with the data folder {data}.")
        return
    pid = int(running["pid"])
    if not _send_signal(pid):
        _stop_orphans(running)
        (data / "instance.json").unlink(missing_ok=True)
        typer.echo("The launcher had already stopped; its services and servers were stopped now.")
        return
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if not (data / "instance.json").exists():
            typer.echo("The portal is stopped.")
            return
        time.sleep(0.1)
    raise fail(f"The portal (process {pid}) did not stop within {STOP_SECONDS} s.", EXIT_FAILED)


def _send_signal(pid: int) -> bool:
    """Sends SIGTERM; returns False if there is no such process."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _stop_orphans(running: dict[str, Any]) -> None:
    for kind in ("services", "servers"):
        for process in running.get(kind, {}).values():
            _send_signal(int(process["pid"]))
