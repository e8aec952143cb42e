"""Readers who ask for it are told when their download has ended; where to is then forgotten."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def asked(gateway: Any, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as client:
        return await client.post("/api/downloads", json=body)


async def test_a_mail_says_that_it_is_ready_and_the_address_is_erased(
    downloader: Any, gateway: Any, tape: Any, mailbox: Any
) -> None:
    files = [tape.write("d/x", 2000)]
    await downloader.register("p", files)
    pid = downloader.pid("p")
    await gateway.index(pid, files)
    answer = await asked(gateway, {"pid": pid, "email": "reader@example.org"})
    assert answer.status_code == 202, answer.text
    assert "reader@example.org" not in answer.text
    await until(lambda: mailbox.mails)
    mail = mailbox.mails[0]
    assert mail.rcpt_tos == ["reader@example.org"]
    assert b"is ready" in mail.content
    rows = gateway.service.database["downloads"]
    async with asyncio.timeout(30):
        while "notify" in (await rows.find_one({"_id": answer.json()["id"]})):
            await asyncio.sleep(0.05)


async def test_a_call_is_made_again_until_it_is_taken(
    downloader: Any, gateway: Any, tape: Any
) -> None:
    heard: list[bytes] = []
    answers = [b"", b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n"]  # hangs up, then is busy

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        heard.append(await reader.readexactly(length))
        taken = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        writer.write(answers.pop(0) if answers else taken)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    files = [tape.write("d/x", 2000)]
    await downloader.register("p", files)
    pid = downloader.pid("p")
    await gateway.index(pid, files)
    answer = await asked(gateway, {"pid": pid, "webhook": f"http://127.0.0.1:{port}/done"})
    await until(lambda: len(heard) == 3)
    assert len(set(heard)) == 1
    rows = gateway.service.database["downloads"]
    async with asyncio.timeout(30):
        while "notify" in (await rows.find_one({"_id": answer.json()["id"]})):
            await asyncio.sleep(0.05)
    assert len(heard) == 3
    told = json.loads(heard[0])
    assert (told["id"], told["state"]) == (answer.json()["id"], "ONLINE")
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "nobody"), ("email", "a@b.c\r\nBcc: x@y.zz"), ("email", 3),
     ("webhook", "file:///etc/passwd"), ("webhook", "gopher://x/"), ("webhook", "")],
)  # fmt: skip
async def test_what_is_no_address_is_refused(
    gateway: Any, tape: Any, field: str, value: Any
) -> None:
    answer = await asked(gateway, {"pid": "p", field: value})
    assert answer.status_code == 422
    assert field in answer.text
