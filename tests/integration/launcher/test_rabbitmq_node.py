"""The private RabbitMQ node: nothing of it is reachable from outside, and all of it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from portal_local.launcher import rabbitmq
from portal_local.launcher.ports import listens
from portal_local.launcher.processes import is_running

from tests.drivers.servers import missing

LISTEN = "0A"
SOCKETS = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]


def listening() -> Iterator[tuple[str, int]]:
    """Yields address (as the kernel writes it) and port of all servers on this machine."""
    for file in SOCKETS:
        with contextlib.suppress(FileNotFoundError):
            for line in file.read_text("ascii").splitlines()[1:]:
                address, port = line.split()[1].split(":")
                if line.split()[3] == LISTEN:
                    yield address, int(port, 16)


@pytest.mark.skipif(not SOCKETS[0].exists(), reason="reads /proc, which only Linux has")
def test_all_ports_are_on_the_loopback_interface_and_close_with_the_node(tmp_path: Path) -> None:
    if rabbitmq.start_script() is None:
        missing("no rabbitmq-server is installed")
    node = rabbitmq.start(tmp_path)
    try:
        ports = {node.port, node.distribution_port, node.epmd_port}
        found = [(address, port) for address, port in listening() if port in ports]
        assert {port for _, port in found} == ports
        loopback = {"0100007F", "0" * 24 + "01000000"}
        assert {address for address, _ in found} <= loopback
    finally:
        node.stop()
    assert [port for port in ports if listens(port)] == []
    assert node.epmd is not None
    assert not is_running(node.epmd.pid)
