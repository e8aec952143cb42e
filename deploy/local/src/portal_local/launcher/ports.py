"""Free ports of this machine, and waiting until something listens there."""

import contextlib
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

from portal_local.launcher.processes import Child

ATTEMPTS = 50
LOWEST_PORT = 20_000
IANA_EPHEMERAL = 49_152  # RFC 6335, section 6
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class NotStarted(Exception):
    """A server did not come up; the sentence says which, and where its log is."""


def free_port() -> int:
    """Returns a port that nobody listens on now.

    Taken from below the range that the system gives to outgoing connections, so that none of them
    takes it before the server that needs it listens.
    """
    candidates = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = candidates.randrange(LOWEST_PORT, _first_ephemeral_port())
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        system_port: int = probe.getsockname()[1]
        return system_port


def _first_ephemeral_port() -> int:
    """Where the system's range for outgoing connections begins; IANA's where it is unknown."""
    try:
        first = int(EPHEMERAL_RANGE.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return IANA_EPHEMERAL
    return first if first > LOWEST_PORT else IANA_EPHEMERAL


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
