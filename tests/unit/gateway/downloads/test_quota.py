"""Quota of pending downloads."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from portal_gateway.downloads.quota import Pending, Quota, requester_id
from portal_shared.runtime.errors import Invalid, TooMany
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

QUOTA = Quota(downloads=3, files=100, bytes=1000)


@pytest.mark.parametrize(
    ("pending", "files", "size", "message"),
    [
        (
            Pending(3, 0, 0),
            1,
            1,
            "You have 3 downloads pending and requested 1 more; the limit is 3",
        ),
        (
            Pending(1, 95, 0),
            6,
            1,
            "You have 95 files pending and requested 6 more; the limit is 100",
        ),
        (
            Pending(1, 1, 900),
            1,
            101,
            "You have 900 bytes pending and requested 101 more; the limit is 1000",
        ),
    ],
)
def test_a_refusal_has_the_figures(pending: Pending, files: int, size: int, message: str) -> None:
    with pytest.raises(TooMany, match=message):
        QUOTA.check(pending, files=files, size=size)


def test_a_request_up_to_the_limit_is_accepted() -> None:
    QUOTA.check(Pending(2, 99, 999), files=1, size=1)


def test_a_requester_is_a_network_and_its_identifier_hides_the_address() -> None:
    name = requester_id("192.0.2.7", b"k")
    assert name == requester_id("192.0.2.7", b"k")
    assert "192" not in name
    assert name != requester_id("192.0.2.8", b"k")
    assert name != requester_id("192.0.2.7", b"other")
    assert requester_id("2001:db8::1", b"k") == requester_id("2001:db8::ffff", b"k")
    assert requester_id("2001:db8::1", b"k") != requester_id("2001:db8:0:1::1", b"k")
    assert requester_id(None, b"k") == requester_id("no address", b"k")


def test_a_request_above_the_limit_by_itself_is_invalid() -> None:
    with pytest.raises(Invalid, match="has 1001 bytes; the limit of one reader is 1000"):
        QUOTA.check(Pending(), files=1, size=1001)


DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def composition() -> dict[str, Any]:
    """Returns docker-compose.yml with the values that its variables have by default."""
    file = Path(__file__).parents[4] / "docker-compose.yml"
    return yaml.safe_load(DEFAULT.sub(r"\1", file.read_text()))


async def seen_as(client: str, reader: str, trusted: str) -> str:
    """Returns the address as which the gateway sees a request of this client."""
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    scope: Any = {"type": "http", "client": (client, 1), "scheme": "http"}
    scope["headers"] = [(b"x-forwarded-for", reader.encode())]
    await ProxyHeadersMiddleware(app, trusted)(scope, None, None)  # pyright: ignore[reportArgumentType]
    return seen[0]


async def test_in_the_composition_readers_behind_the_proxy_are_distinguished() -> None:
    """Otherwise uvicorn would take the proxy for the only reader, with one quota."""
    services = composition()["services"]
    reached = {
        name
        for name, service in services.items()
        for port in service.get("ports", ())
        if not port.startswith("127.0.0.1:")
    }
    assert reached == {"nginx"}
    trusted = services["gateway"]["environment"].get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    nginx = services["nginx"]["networks"]["front"]["ipv4_address"]
    readers = ("198.51.100.1", "198.51.100.2")
    assert [await seen_as(nginx, reader, trusted) for reader in readers] == [*readers]


async def test_in_the_composition_the_gateway_believes_nobody_but_the_proxy() -> None:
    network = composition()["networks"]["front"]["ipam"]["config"][0]
    services = composition()["services"]
    trusted = services["gateway"]["environment"]["FORWARDED_ALLOW_IPS"]
    inside, given = ip_network(network["subnet"]), ip_network(network["ip_range"])
    assert ip_address(trusted) in inside
    assert ip_address(trusted) not in given  # Docker gives these to the other containers
    for client in ("172.18.0.9", str(next(inside.hosts())), str(given[0])):
        assert await seen_as(client, "198.51.100.1", trusted) == client
