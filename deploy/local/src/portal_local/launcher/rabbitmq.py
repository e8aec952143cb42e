"""Starts a private RabbitMQ node with its own ports, cookie and data folder."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portal_local.launcher.ports import NotStarted, free_port, listens, wait_until
from portal_local.launcher.processes import Child

# Debian's command in the PATH switches to the user rabbitmq when root runs it; these do not.
SCRIPTS = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/homebrew/sbin"), Path("/usr/local/sbin"))
START_SECONDS = 90
LOG_BYTES = 8 * 2**20  # log of quorum queues, then written to files per queue; also in memory
CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users = none
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MB
raft.wal_max_size_bytes = {log_bytes}
log.console = true
log.console.level = warning
log.file = false
"""
STOMP = """\
stomp.listeners.tcp.1 = 127.0.0.1:{port}
stomp.default_user = guest
stomp.default_pass = guest
"""
MANAGEMENT = "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n"


# The ports of Erlang's distribution are for the node itself and its command line tools.
ONLY_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"
# Two schedulers without busy waiting, because other servers share the machine.
SCHEDULERS = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"


@dataclass(frozen=True)
class Node:
    child: Child
    port: int
    url: str
    management_url: str | None
    epmd: Child | None  # Erlang's name server, which runs as long as the node
    epmd_port: int
    distribution_port: int
    stomp_port: int | None = None

    def stop(self) -> None:
        self.child.stop()
        if self.epmd:
            self.epmd.stop()

    def kill(self) -> None:
        self.child.kill()
        if self.epmd:
            self.epmd.kill()


def start_script() -> Path | None:
    """Returns the path of the start script, or None if RabbitMQ is not installed."""
    for folder in SCRIPTS:
        if (folder / "rabbitmq-server").exists():
            return folder / "rabbitmq-server"
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


def start_epmd(folder: Path, port: int, inherited: Sequence[int]) -> Child | None:
    """Starts Erlang's name server on the loopback interface, so that the node starts none.

    The node would start a daemon that outlives it. Returns None if there is no such program in the
    PATH: then the node brings its own.
    """
    program = shutil.which("epmd")
    if program is None:
        return None
    command = [program, "-port", str(port), "-address", "127.0.0.1"]
    child = Child("epmd", command, log=folder / "epmd.log", environment={}, inherited=inherited)
    try:
        wait_until(lambda: listens(port), child, START_SECONDS)
    except BaseException:
        child.kill()
        raise
    return child


def start(
    folder: Path,
    *,
    port: int | None = None,
    management: bool = False,
    stomp: bool = False,
    log_bytes: int = LOG_BYTES,
    inherited: Sequence[int] = (),
) -> Node:
    """Starts a node with its data in `folder`; returns when it accepts connections.

    Raises NotStarted.
    """
    program = start_script()
    if program is None:
        raise NotStarted("RabbitMQ is not installed. Run: sudo apt-get install rabbitmq-server")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    port, distribution, names = port or free_port(), free_port(), free_port()
    web = free_port() if management else None
    plain = free_port() if stomp else None
    (folder / "rabbitmq.conf").write_text(
        CONFIG.format(port=port, log_bytes=log_bytes)
        + (MANAGEMENT.format(port=web) if web else "")
        + (STOMP.format(port=plain) if plain else "")
    )
    plugins = [n for n, on in (("rabbitmq_management", web), ("rabbitmq_stomp", plain)) if on]
    (folder / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
    epmd = start_epmd(folder, names, inherited)
    child = Child(
        "rabbitmq",
        [str(program)],
        log=folder / "rabbitmq.log",
        environment=_environment(folder, port=port, distribution=distribution, names=names),
        inherited=inherited,
    )
    url = f"amqp://guest:guest@127.0.0.1:{port}"  # without a path: some clients take "/" for ""
    management_url = f"http://guest:guest@127.0.0.1:{web}" if web else None
    node = Node(child, port, url, management_url, epmd, names, distribution, plain)
    try:
        wait_until(lambda: all(listens(p) for p in (port, web, plain) if p), child, START_SECONDS)
    except BaseException:  # also a signal meanwhile: nobody else knows the processes yet
        node.kill()
        raise
    return node


def _environment(folder: Path, *, port: int, distribution: int, names: int) -> dict[str, str]:
    return {
        "HOME": str(folder),  # the Erlang cookie
        "RABBITMQ_NODENAME": "portal@localhost",  # part of the data; unique by our own epmd
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{SCHEDULERS} {ONLY_LOOPBACK}",
    }
