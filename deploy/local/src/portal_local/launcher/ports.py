"""Finds free ports on this machine and waits until a server is ready."""

import contextlib
import errno
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

from portal_local.launcher.processes import Child

ATTEMPTS = 50
MAX_PORT = 65_535
LOWEST_PORT = 20_000
IANA_EPHEMERAL = 49_152  # RFC 6335, section 6
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class NotStarted(Exception):
    """A server did not start. The message has its name and the path of its log."""


def free_port() -> int:
    """Returns a port of 127.0.0.1 on which nothing listens now.

    It is below the range that the system uses for outgoing connections, so that none of these
    takes the port before the server listens.
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
    """Returns where the system's range for outgoing connections begins (IANA's if unknown)."""
    try:
        first = int(EPHEMERAL_RANGE.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return IANA_EPHEMERAL
    return first if first > LOWEST_PORT else IANA_EPHEMERAL


def check_port(host: str, port: int) -> None:
    """Raises NotStarted if a server cannot listen on this port; the message says why."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE or listens(port):
            raise NotStarted(f"Port {port} is in use. Choose another one with --port.") from error
        if isinstance(error, PermissionError):
            raise NotStarted(
                f"Port {port} needs the rights of the administrator. Choose one from 1024 on with "
                "--port."
            ) from error
        raise NotStarted(
            f"No server can listen on {host}:{port} ({error}). Check PORTAL_HOST."
        ) from error


def listens(port: int) -> bool:
    """Returns whether a server accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(ready: Callable[[], bool], child: Child, seconds: float) -> None:
    """Returns when `ready()` is true.

    Raises NotStarted if the process ends before that, or after `seconds`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        if child.poll() is not None:
            raise NotStarted(f"{child.name} stopped during its start; see {child.log}")
        time.sleep(0.1)
    raise NotStarted(f"{child.name} is not ready after {seconds:.0f} s; see {child.log}")
