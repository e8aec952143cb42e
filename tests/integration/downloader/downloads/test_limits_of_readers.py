"""What one reader may leave at the gateway: requests of a day, event streams, webhooks."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from portal_gateway.downloads.create import DownloadCreator
from portal_gateway.downloads.watch import StreamLimits

from tests.drivers.services.download_gateway import DownloadGateway
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

READER = "203.0.113.9"


@asynccontextmanager
async def reading(
    gateway: DownloadGateway, **settings: Any
) -> AsyncGenerator[tuple[httpx.AsyncClient, FastAPI]]:
    """A reader of the same gateway with other settings."""
    other = DownloadGateway(gateway.settings.model_copy(update=settings))
    app = other.app()
    transport = httpx.ASGITransport(app, client=(READER, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        yield client, app


async def test_a_webhook_that_may_not_be_called_is_refused_and_leaves_nothing(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, [tape.write("d/x", 2000)])
    async with reading(gateway, webhook_private=False) as (reader, _):
        for host in ("127.0.0.1", "[::ffff:10.0.0.1]", "2130706433", "localhost"):
            body = {"pid": pid, "webhook": f"http://{host}:9/done"}
            answer = await reader.post("/api/downloads", json=body)
            assert (answer.status_code, answer.json()["field"]) == (422, "webhook"), host
            assert "no public address" in answer.json()["detail"]
    assert await gateway.service.database["downloads"].count_documents({"pid": pid}) == 0


async def test_requests_of_a_day_are_limited_whether_the_files_are_online_or_not(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, [tape.write(f"d/{n}", 20) for n in range(3)])
    await downloader.final_event(await downloader.request("p"))
    await gateway.catalogue["datasets"].update_one(
        {"_id": pid}, {"$set": {"availability": "ONLINE"}}
    )
    limits = {"most_downloads_a_day": 3, "most_files_listed_a_day": 4}
    async with reading(gateway, **limits) as (reader, _):
        listing = {"pid": pid, "files": ["0", "1", "2"]}
        assert (await reader.post("/api/downloads", json=listing)).status_code == 202
        refused = await reader.post("/api/downloads", json=listing)
        assert (refused.status_code, "name 3 files" in refused.text) == (429, True)
        for _ in range(2):
            assert (await reader.post("/api/downloads", json={"pid": pid})).status_code == 202
        refused = await reader.post("/api/downloads", json={"pid": pid})
        assert (refused.status_code, "3 downloads within a day" in refused.text) == (429, True)
        assert "retry-after" in refused.headers
    rows = gateway.service.database["downloads"]
    assert await rows.count_documents({"pid": pid}) == 3


async def test_a_reader_opens_no_more_event_streams_than_allowed(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, [tape.write("d/x", 2000)])
    async with reading(gateway, most_streams_open=1) as (reader, app):
        made = (await reader.post("/api/downloads", json={"pid": pid})).json()
        await downloader.final_event(made["id"])
        creator: DownloadCreator = app.state.download_creator
        limits: StreamLimits = app.state.stream_limits
        with limits.count(await creator.identify(READER)):
            refused = await reader.get(made["events"])
            assert refused.status_code == 429
            assert "1 event streams open" in refused.text
            assert "retry-after" in refused.headers
