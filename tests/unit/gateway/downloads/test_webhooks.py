"""Webhooks whose targets are hostile: they cost a bounded time, a few bytes, and no one else."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from portal_gateway.downloads import webhooks
from portal_gateway.downloads.webhooks import TargetBusy, WebhookRefused, Webhooks
from portal_shared.runtime.errors import PortalError, Unavailable

from tests.drivers.deployment.tcp_server import Serve, tcp_server

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
MAX_BUFFERED = 16 * 2**20  # by the sockets of both sides, much less than is offered


@dataclass
class Target:
    """A server that receives webhooks."""

    url: str
    heads: list[bytes] = field(default_factory=list[bytes])
    sent: int = 0  # bytes


@asynccontextmanager
async def target(behave: Serve, host: str = "127.0.0.1") -> AsyncGenerator[Target]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        made.heads.append(head)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        await behave(reader, writer)

    async with tcp_server(handle, host) as port:
        made = Target(f"http://{host}:{port}/hook")
        yield made


@pytest.fixture
async def local() -> AsyncIterator[Webhooks]:
    """Webhooks that may call this machine."""
    made = Webhooks(allow_private=True, call_seconds=60)
    yield made
    await made.close()


def answers(text: bytes) -> Serve:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return behave


async def test_the_body_of_an_answer_is_not_read(local: Webhooks) -> None:
    bomb = gzip.compress(bytes(10**6))
    ended = asyncio.Event()

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while made.sent < 64 * MAX_BUFFERED:
                writer.write(b"%x\r\n%b\r\n" % (len(bomb), bomb))
                await writer.drain()
                made.sent += len(bomb)
        finally:  # by a ConnectionError, as soon as the status was read
            ended.set()

    async with target(answers(OK + b"Content-Length: 99999999999\r\n\r\n")) as made:
        await local.call(made.url, {"id": "1"})
    async with target(behave) as made:
        await local.call(made.url, {"id": "1"})
        async with asyncio.timeout(30):
            await ended.wait()
        assert made.sent < MAX_BUFFERED
        assert b"accept-encoding: identity" in made.heads[0].lower()


@pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_one_deadline_ends_a_call_that_drips(drip: bytes) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(drip)
        for number in range(100_000):
            writer.write(b"X-%d: y\r\n" % number if b"OK" in drip else drip)
            await writer.drain()
            await asyncio.sleep(0.01)

    calls = Webhooks(allow_private=True, call_seconds=0.3)
    calls._open_transport()  # loads the authorities, which can take longer than the deadline
    async with target(behave) as made:
        with pytest.raises(Unavailable, match=r"did not answer|cannot be reached"):
            await calls.call(made.url, {})
    await calls.close()


async def test_a_slow_target_is_called_twice_at_once_and_delays_no_other(local: Webhooks) -> None:
    release = asyncio.Event()

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(OK + b"\r\n")

    taken = answers(OK + b"\r\n")
    async with target(behave) as slow, target(taken, host="127.0.0.2") as quick:
        calls = [asyncio.create_task(local.call(slow.url, {})) for _ in range(2)]
        async with asyncio.timeout(30):
            while len(slow.heads) < 2:
                await asyncio.sleep(0.01)
        with pytest.raises(TargetBusy):
            await local.call(slow.url, {})
        with pytest.raises(TargetBusy):  # another name of the same host
            await local.call(slow.url.replace("127.0.0.1", "localhost"), {})
        await local.call(quick.url, {})
        release.set()
        await asyncio.gather(*calls)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (b"204 No Content", None, ""),
        (b"301 Moved\r\nLocation: http://127.0.0.1:1/", WebhookRefused, "redirects are not follow"),
        (b"307 Moved\r\nLocation: /again", WebhookRefused, "redirects are not followed"),
        (b"404 Not Found", WebhookRefused, "status 404"),
        (b"408 Timeout", Unavailable, "status 408"),
        (b"429 Slow down", Unavailable, "status 429"),
        (b"503 Busy", Unavailable, "status 503"),
    ],
)
async def test_the_status_decides(
    local: Webhooks, status: bytes, error: type[PortalError] | None, words: str
) -> None:
    async with target(answers(b"HTTP/1.1 " + status + b"\r\n\r\n")) as made:
        if error is None:
            await local.call(made.url, {})
        else:
            with pytest.raises(error, match=words):
                await local.call(made.url, {})
        assert len(made.heads) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f.1", "[64:ff9b::127.0.0.1]"]
)
async def test_a_host_that_is_not_public_is_refused_before_and_at_the_call(host: str) -> None:
    calls = Webhooks(allow_private=False)
    url = f"http://{host}:9/"
    with pytest.raises(WebhookRefused, match="no public address") as refused:
        await calls.check(url)
    assert refused.value.field == "webhook"
    with pytest.raises(WebhookRefused, match="no public address"):
        await calls.call(url, {})
    await calls.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Makes every host have these addresses."""

    def look_up(_host: str, _port: int) -> list[str]:
        return list(addresses)

    monkeypatch.setattr(webhooks, "_look_up", look_up)


async def test_one_address_of_a_host_that_is_not_public_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, "8.8.8.8", "10.0.0.1")
    calls = Webhooks(allow_private=False)
    with pytest.raises(WebhookRefused):
        await calls.call("https://hook.example/", {})
    await calls.close()


async def test_the_address_that_was_judged_is_called(
    local: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups: list[str] = []

    def look_up(host: str, _port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["127.0.0.9"]

    monkeypatch.setattr(webhooks, "_look_up", look_up)
    async with target(answers(OK + b"\r\n")) as made:
        port = made.url.rpartition(":")[2].partition("/")[0]
        await local.call(f"http://hook.example:{port}/done", {"id": "1"})
        assert lookups == ["hook.example"]
        assert f"Host: hook.example:{port}".encode() in made.heads[0]


async def test_the_next_address_is_called_when_one_cannot_be_reached(
    local: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    async with target(answers(OK + b"\r\n")) as made:
        await local.call(made.url.replace("127.0.0.1", "hook.example"), {})
        assert len(made.heads) == 1
