"""Finds free ports on this machine and waits until a server is ready."""

import contextlib
import errno
import os
import random
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from portal_local.launcher.processes import Child

ATTEMPTS = 50
MAX_PORT = 65_535
LOWEST_PORT = 20_000
IANA_EPHEMERAL = 49_152  # RFC 6335, section 6
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
MAX_RESERVATIONS = 200  # of one process, each an open file; the oldest end first

_reservations: deque[int] = deque()


class NotStarted(Exception):
    """A server did not start. The message has its name and the path of its log."""


def free_port() -> int:
    """Returns a port of 127.0.0.1 on which nothing listens now.

    It is below the range that the system uses for outgoing connections, so that none of these
    takes the port before the server listens. On Linux, no other call on this machine returns it
    while this process runs.
    """
    candidates = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = candidates.randrange(LOWEST_PORT, _first_ephemeral_port())
        if _is_free(port) and _reserve(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        system_port: int = probe.getsockname()[1]
        return system_port


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _reserve(port: int) -> bool:
    """Reserves a port among the processes that call `free_port`; false if one of them has it.

    The reservation is a name in the abstract namespace of Unix sockets (unix(7)): no file, and
    the kernel removes it with the process. Other systems than Linux have no such names; there,
    two processes may choose the same port.
    """
    if sys.platform != "linux":
        return True
    with socket.socket(socket.AF_UNIX) as name:
        try:
            name.bind(f"\0human-organs-portal-port-{port}")
        except OSError:
            return False
        if len(_reservations) == MAX_RESERVATIONS:
            os.close(_reservations.popleft())
        _reservations.append(name.detach())
    return True


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
        if child.poll() is not None:  # first: another server may answer on its port
            raise NotStarted(f"{child.name} stopped during its start; see {child.log}")
        if ready():
            return
        time.sleep(0.1)
    raise NotStarted(f"{child.name} is not ready after {seconds:.0f} s; see {child.log}")
