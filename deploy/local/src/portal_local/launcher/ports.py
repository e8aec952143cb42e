"""Free ports of this machine, and waiting until something listens there."""

import socket
import time
from collections.abc import Callable

from portal_local.launcher.processes import Child


class NotStarted(Exception):
    """A server did not come up; the sentence says which, and where its log is."""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(ready: Callable[[], bool], child: Child, seconds: float) -> None:
    """Return when `ready()`; raises NotStarted when the child ends first, or time runs out."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        if child.poll() is not None:
            raise NotStarted(f"{child.name} ended at its start; see {child.log}")
        time.sleep(0.1)
    raise NotStarted(f"{child.name} is not ready after {seconds:.0f} s; see {child.log}")
