"""How much one reader may be waiting for."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from portal_gateway.downloads.quota import Allowance, Waiting, requester
from portal_shared.runtime.errors import Invalid, TooMany
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

ALLOWANCE = Allowance(downloads=3, files=100, bytes=1000)


@pytest.mark.parametrize(
    ("waiting", "files", "size", "said"),
    [
        (Waiting(3, 0, 0), 1, 1, "waiting for 3 downloads and ask for 1 more; at most 3"),
        (Waiting(1, 95, 0), 6, 1, "waiting for 95 files and ask for 6 more; at most 100"),
        (Waiting(1, 1, 900), 1, 101, "waiting for 900 bytes and ask for 101 more; at most 1000"),
    ],
)
def test_what_is_too_much_is_said_with_its_figures(
    waiting: Waiting, files: int, size: int, said: str
) -> None:
    with pytest.raises(TooMany, match=said):
        ALLOWANCE.judge(waiting, files=files, size=size)


def test_as_much_as_is_allowed_is_allowed() -> None:
    ALLOWANCE.judge(Waiting(2, 99, 999), files=1, size=1)


def test_a_reader_is_a_network_that_nobody_can_read_from_the_name() -> None:
    name = requester("192.0.2.7", b"k")
    assert name == requester("192.0.2.7", b"k")
    assert "192" not in name
    assert name != requester("192.0.2.8", b"k")
    assert name != requester("192.0.2.7", b"other")
    assert requester("2001:db8::1", b"k") == requester("2001:db8::ffff", b"k")
    assert requester("2001:db8::1", b"k") != requester("2001:db8:0:1::1", b"k")
    assert requester(None, b"k") == requester("no address", b"k")


def test_what_will_always_be_too_much_is_not_told_to_wait() -> None:
    with pytest.raises(Invalid, match="1001 bytes are asked for, at most 1000"):
        ALLOWANCE.judge(Waiting(), files=1, size=1001)


async def test_in_the_composition_readers_behind_the_proxy_are_told_apart() -> None:
    """As uvicorn is told there: else the proxy would be the one reader, with one allowance."""
    file = Path(__file__).parents[3] / "docker-compose.yml"
    services = yaml.safe_load(file.read_text())["services"]
    assert [name for name, told in services.items() if told.get("ports")] == ["nginx"]
    trusted = services["gateway"]["environment"].get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    for reader in (b"198.51.100.1", b"198.51.100.2"):
        scope: Any = {"type": "http", "client": ("172.18.0.9", 1), "scheme": "http"}
        scope["headers"] = [(b"x-forwarded-for", reader)]
        await ProxyHeadersMiddleware(app, trusted)(scope, None, None)  # pyright: ignore[reportArgumentType]
    assert len({requester(host, b"key") for host in seen}) == 2
