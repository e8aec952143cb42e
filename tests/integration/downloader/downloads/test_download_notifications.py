"""Notifications by e-mail and webhook when a download has ended."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.drivers import plain_http
from tests.drivers.deployment.tcp_server import tcp_server
from tests.drivers.mailbox import Mailbox
from tests.drivers.services.download_gateway import DownloadGateway
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def response(
    gateway: DownloadGateway, body: dict[str, Any], reader: str = "203.0.113.1"
) -> httpx.Response:
    who = {"X-Forwarded-For": reader}
    async with plain_http.async_client(gateway.url, timeout=30, headers=who) as client:
        return await client.post("/api/downloads", json=body)


async def test_an_email_reports_the_end_and_the_address_is_erased(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, mailbox: Mailbox
) -> None:
    pid = await gateway.publish_dataset(downloader, [tape.write("d/x", 2000)])
    answer = await response(gateway, {"pid": pid, "email": "reader@example.org"})
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
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    received: list[bytes] = []
    answers = [b"", b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n"]  # hangs up, then is busy

    async def receive_hook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        received.append(await reader.readexactly(length))
        taken = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        writer.write(answers.pop(0) if answers else taken)
        await writer.drain()

    pid = await gateway.publish_dataset(downloader, [tape.write("d/x", 2000)])
    async with tcp_server(receive_hook) as port:
        answer = await response(gateway, {"pid": pid, "webhook": f"http://127.0.0.1:{port}/done"})
        await until(lambda: len(received) == 3)
        assert len(set(received)) == 1
        rows = gateway.service.database["downloads"]
        async with asyncio.timeout(30):
            while "notify" in (await rows.find_one({"_id": answer.json()["id"]})):
                await asyncio.sleep(0.05)
    assert len(received) == 3
    reported = json.loads(received[0])
    assert (reported["id"], reported["state"]) == (answer.json()["id"], "ONLINE")


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "nobody"), ("email", "a@b.c\r\nBcc: x@y.zz"), ("email", 3),
     ("webhook", "file:///etc/passwd"), ("webhook", "gopher://x/"), ("webhook", ""),
     ("webhook", "https://[::1"), ("webhook", "https://a..b/"), ("webhook", "https://a:99999/"),
     ("webhook", f"https://{'a' * 64}.org/"), ("webhook", "https://:80/")],
)  # fmt: skip
async def test_invalid_addresses_are_refused(
    gateway: DownloadGateway, tape: TapeArchive, field: str, value: Any
) -> None:
    answer = await response(gateway, {"pid": "p", field: value})
    assert answer.status_code == 422
    assert field in answer.text


async def test_an_invalid_address_does_not_delay_other_notifications(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, mailbox: Mailbox
) -> None:
    """What was let in by an older version is given up, not tried for ever."""
    pid = await gateway.publish_dataset(downloader, [tape.write("d/x", 2000)])
    rows = gateway.service.database["downloads"]
    ended = {"pid": pid, "state": "FAILED", "done": True, "reason": "x", "version": 1}
    counts = dict.fromkeys(("files", "files_online", "files_failed", "bytes", "bytes_online"), 1)
    now = datetime.now(UTC)
    for number, webhook in enumerate(("https://[::1", "https://a..b/")):
        when = {"created_at": now, "updated_at": now, "notify_at": now}
        reported = {"_id": f"odd{number}", "notify": {"webhook": webhook}}
        await rows.insert_one({**ended, **counts, **when, **reported})
    async with asyncio.timeout(30):
        while await rows.find_one({"notify": {"$exists": True}}):
            await asyncio.sleep(0.1)
    await response(gateway, {"pid": pid, "email": "reader@example.org"})
    await until(lambda: mailbox.mails)


async def test_no_reader_has_more_notices_sent_than_he_may(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, mailbox: Mailbox
) -> None:
    pid = await gateway.publish_dataset(downloader, [tape.write("d/x", 2000)])
    await downloader.final_event(await downloader.request("p"))
    online = {"$set": {"availability": "ONLINE"}}
    await gateway.catalogue["datasets"].update_one({"_id": pid}, online)
    body = {"pid": pid, "email": "somebody@example.org"}
    answers = await asyncio.gather(*(response(gateway, body, "203.0.113.2") for _ in range(22)))
    statuses = [a.status_code for a in answers]
    assert (statuses.count(202), statuses.count(429)) == (20, 2)
    assert (await response(gateway, {"pid": pid}, "203.0.113.2")).status_code == 202
