"""A server that a variable names must be reachable; the refusal names the variable."""

import socket

import pytest
from portal_local.launcher.external_servers import VARIABLES, check_external_servers
from portal_local.launcher.ports import NotStarted, check_port, free_port


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_unreachable_server_is_reported_with_its_variable(variable: str) -> None:
    scheme = {"PORTAL_AMQP_URL": "amqp", "PORTAL_MONGO_URL": "mongodb"}.get(variable, "http")
    port = free_port()
    url = f"{scheme}://user:secret@127.0.0.1:{port}/path?password=secret"
    with pytest.raises(NotStarted) as refusal:
        check_external_servers({variable: url})
    assert f"{variable}={scheme}://127.0.0.1:{port}/path is not reachable" in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    ["localhost", "5672", "amqp://", "amqp://host:99999", "gopher://host", "amqp://[::1", "/"],
)
def test_a_value_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(NotStarted, match=r"PORTAL_AMQP_URL=.* is not the address of a server"):
        check_external_servers({"PORTAL_AMQP_URL": url})


def test_one_reachable_member_of_a_replica_set_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{port}"
        check_external_servers({"PORTAL_MONGO_URL": f"mongodb://{hosts}/?replicaSet=portal"})
    check_external_servers({"PORTAL_MONGO_URL": "mongodb+srv://cluster.example"})
    check_external_servers({"PORTAL_MONGO_URL": "", "PORTAL_TAPE_URL": ""})


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(NotStarted, match=f"Port {port} is in use"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", free_port())


@pytest.mark.parametrize("host", ["192.0.2.1", "no host", "\N{LATIN SMALL LETTER SHARP S}" * 70])
def test_a_host_that_is_not_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(NotStarted, match="Check PORTAL_HOST"):
        check_port(host, free_port())
