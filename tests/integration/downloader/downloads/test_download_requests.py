"""Download requests at the gateway: POST, state, events, and the files behind them."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from portal_shared.contracts.events import DownloadFailed, DownloadProgressed, DownloadReady
from portal_shared.contracts.records import File

from tests.drivers import plain_http
from tests.drivers.services.download_gateway import DownloadGateway
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive


@pytest.fixture
async def reader(gateway: DownloadGateway) -> Any:
    async with plain_http.async_client(gateway.url, timeout=30) as client:
        yield client


async def listed(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, count: int = 3
) -> list[File]:
    """A dataset that everybody knows, on tape."""
    files = [tape.write(f"d/{n}.bin", 4000) for n in range(count)]
    await gateway.publish_dataset(downloader, files)
    return files


async def test_a_reader_sees_a_download_from_tape_to_disk(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    response = await reader.post("/api/downloads", json={"pid": downloader.pid("p")})
    assert response.status_code == 202
    first = response.json()
    assert response.headers["location"] == first["self"] == f"/api/downloads/{first['id']}"
    assert (first["state"], first["done"], first["files"], first["bytes"]) == (
        "ARCHIVED", False, 3, 12_000,
    )  # fmt: skip
    reported: list[dict[str, Any]] = []
    kinds: list[str] = []
    async with reader.stream("GET", first["events"]) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        async for line in events.aiter_lines():
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
            if line.startswith("data: "):
                reported.append(json.loads(line.removeprefix("data: ")))
    assert kinds[-1] == "ready"
    assert set(kinds[:-1]) == {"progress"}
    assert (reported[-1]["state"], reported[-1]["done"], reported[-1]["bytes_online"]) == (
        "ONLINE",
        True,
        12_000,
    )
    order = ["ARCHIVED", "RESTORING", "ONLINE"]
    states = [order.index(t["state"]) for t in reported]
    assert states == sorted(states)
    assert (await reader.get(first["self"])).json() == reported[-1]
    answer = await reader.get(f"{first['data']}1.bin", headers={"Range": "bytes=5-9"})
    assert (answer.status_code, answer.content) == (206, tape.content("d/1.bin")[5:10])


async def test_the_event_stream_of_a_finished_download_ends_at_once(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    first = (await reader.post("/api/downloads", json={"pid": downloader.pid("p")})).json()
    text = (await reader.get(first["events"])).text
    last = [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")][-1]
    again = await reader.get(first["events"], headers={"Last-Event-ID": last})
    assert again.status_code == 204
    assert "event: ready" in (await reader.get(first["events"])).text


async def test_a_failed_download_has_its_reason(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    tape.add_fault(effect="corrupt", path="d/1.bin", times=None)
    first = (await reader.post("/api/downloads", json={"pid": downloader.pid("p")})).json()
    text = (await reader.get(first["events"])).text
    assert "event: failed" in text
    reported = (await reader.get(first["self"])).json()
    assert (reported["state"], reported["files_online"], reported["files_failed"]) == (
        "FAILED",
        2,
        1,
    )
    assert "1.bin: checksum" in reported["reason"]


async def test_the_same_key_is_the_same_request(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    body = {"pid": downloader.pid("p"), "files": ["1.bin"]}
    key = {"Idempotency-Key": f"mine-{tape.name}"}
    answers = await asyncio.gather(
        *(reader.post("/api/downloads", json=body, headers=key) for _ in range(5))
    )
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 1
    other = await reader.post("/api/downloads", json={"pid": downloader.pid("p")}, headers=key)
    assert (other.status_code, "Idempotency-Key" in other.text) == (409, True)
    elsewhere = {**key, "X-Forwarded-For": "203.0.113.7"}
    another = await reader.post("/api/downloads", json=body, headers=elsewhere)
    assert another.status_code == 202
    assert another.json()["id"] != answers[0].json()["id"]
    await downloader.final_event(answers[0].json()["id"])
    assert tape.recalls == {"d/1.bin": 1}


async def test_invalid_requests_are_refused_with_field_and_reason(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    await gateway.index_dataset(downloader.pid("nowhere"), [File(name="x", size=1)], folder=None)
    pid = downloader.pid("p")
    cases: list[tuple[Any, int, str]] = [
        (b"", 422, "body"),
        (b"{", 422, "body"),
        (b"[]", 422, "body"),
        (b'{"pid": "\\ud800"}', 422, "body"),
        (b"[" * 100_000, 422, "body"),
        (b'"' + b"x" * 1_100_000 + b'"', 413, "body"),
        ({}, 422, "pid"),
        ({"pid": 7}, 422, "pid"),
        ({"pid": ""}, 422, "pid"),
        ({"pid": " x"}, 422, "pid"),
        ({"pid": "x" * 300}, 422, "pid"),
        ({"pid": "nobody"}, 404, "pid"),
        ({"pid": {"$ne": 1}}, 422, "pid"),
        ({"pid": pid, "extra": 1}, 422, "extra"),
        ({"pid": pid, "files": "1.bin"}, 422, "files"),
        ({"pid": pid, "files": []}, 422, "files"),
        ({"pid": pid, "files": [7]}, 422, "files[0]"),
        ({"pid": pid, "files": ["1.bin", "no.bin"]}, 422, "files[1]"),
        ({"pid": pid, "files": ["../../etc/passwd"]}, 422, "files[0]"),
        ({"pid": pid, "files": [str(n) for n in range(10_001)]}, 422, "files"),
        ({"pid": downloader.pid("nowhere")}, 409, "pid"),
    ]
    for body, status, field in cases:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await reader.post("/api/downloads", content=content)
        assert (answer.status_code, field in answer.text) == (status, True), (body, answer.text)
    for path in ("/api/downloads/nothing", "/api/downloads/nothing/events"):
        assert (await reader.get(path)).status_code == 404
    for key in ("", "a b", "x" * 256):
        answer = await reader.post(
            "/api/downloads", json={"pid": pid}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 422
    assert tape.recalls == {}


async def test_late_or_repeated_events_change_nothing(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    first = (await reader.post("/api/downloads", json={"pid": downloader.pid("p")})).json()
    request = first["id"]
    await downloader.final_event(request)
    ready = DownloadReady(request_id=request, version=90, files=3, bytes=12_000)
    late = DownloadProgressed(
        request_id=request, version=50, state="RESTORING", files=3, files_online=1,
        files_failed=0, bytes=12_000, bytes_online=4000,
    )  # fmt: skip
    unknown = ready.model_copy(update={"request_id": "nobody asked"})
    handled = gateway.service.retries.outcomes["ok"]
    await downloader.publish(ready, late, ready, unknown)
    async with asyncio.timeout(30):
        while gateway.service.retries.outcomes["ok"] < handled + 4:
            await asyncio.sleep(0.05)
    reported = (await reader.get(first["self"])).json()
    assert (reported["state"], reported["files_online"]) == ("ONLINE", 3)
    assert gateway.service.retries.outcomes["dead"] == 0
    assert await counted_downloads(gateway, downloader.pid("p")) == 1


async def counted_downloads(gateway: DownloadGateway, pid: str) -> int:
    """Returns the stored count of downloads of a dataset, once there is one."""
    async with asyncio.timeout(30):
        while True:
            row = await gateway.service.database["usage"].find_one({"pid": pid})
            if row is not None:
                return int(row["downloads"])
            await asyncio.sleep(0.05)


async def test_expired_files_are_counted_beside_failed_ones(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    first = (await reader.post("/api/downloads", json={"pid": downloader.pid("p")})).json()
    assert first["files_expired"] == 0
    failed = DownloadFailed(
        request_id=first["id"], version=90, reason="not recalled within 3 s",
        files=3, files_online=0, files_failed=3, files_expired=2,
    )  # fmt: skip
    await downloader.publish(failed)
    async with asyncio.timeout(30):
        while (reported := (await reader.get(first["self"])).json())["files_expired"] != 2:
            await asyncio.sleep(0.05)
    assert (reported["state"], reported["files_failed"]) == ("FAILED", 3)


async def test_the_proxy_passes_on_the_response_of_the_downloader(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    pid = downloader.pid("p")
    await downloader.final_event(await downloader.request("p", "1.bin"))
    path = f"/data/{pid.replace('/', '%2F')}"
    direct = await downloader.http.get(f"{path}/1.bin")
    passed = await reader.get(f"{path}/1.bin")
    assert passed.content == direct.content
    for name in ("etag", "content-length", "repr-digest", "content-type", "last-modified"):
        assert passed.headers[name] == direct.headers[name]
    head = await reader.head(f"{path}/1.bin")
    assert (head.status_code, head.headers["content-length"]) == (200, "4000")
    tag = {"If-None-Match": passed.headers["etag"]}
    assert (await reader.get(f"{path}/1.bin", headers=tag)).status_code == 304
    refused = await reader.get(f"{path}/1.bin", headers={"Range": "bytes=9999-"})
    assert (refused.status_code, refused.headers["content-range"]) == (416, "bytes */4000")
    away = await reader.get(f"{path}/0.bin")
    assert (away.status_code, away.json()["state"]) == (503, "ARCHIVED")
    page = (await reader.get(f"{path}/", params={"limit": 2})).json()
    assert [f["state"] for f in page["files"]] == ["ARCHIVED", "ONLINE"]


async def test_the_proxy_reaches_nothing_but_data(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    await listed(downloader, gateway, tape)
    pid = downloader.pid("p").replace("/", "%2F")
    for path in (
        f"/data/{pid}/../../status",
        f"/data/{pid}/../../health",
        f"/data/{pid}/%2e%2e/%2e%2e/status",
        "/data/../status",
        "/data/%2e%2e/status",
        "/data//status",
        "/data/%00/x",
        "/data/",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.split(b" ")[1] == b"404", (path, answer[:200])
        assert b"settled" not in answer


async def test_without_a_downloader_the_gateway_reports_it(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    await listed(downloader, gateway, tape)
    downloader.process.kill()
    path = f"/data/{downloader.pid('p').replace('/', '%2F')}/1.bin"
    assert (await reader.get(path)).status_code == 503
    first = (await reader.post("/api/downloads", json={"pid": downloader.pid("p")})).json()
    assert first["state"] == "ARCHIVED"
    downloader.process.start()
    await downloader.final_event(first["id"])
    assert (await reader.get(path)).status_code == 200


async def test_a_form_requests_a_folder_and_leads_to_the_page_of_the_download(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    reader: httpx.AsyncClient,
) -> None:
    for folder in ("0", "1"):
        for number in range(2):
            tape.write(f"d/{folder}/{number}.bin", 1000)
    files = tape.list_files("d")
    await gateway.publish_dataset(downloader, files)
    pid = downloader.pid("p")
    answer = await reader.post("/api/downloads", data={"pid": pid, "folder": "1/"})
    assert answer.status_code == 303
    start, _, request_id = answer.headers["location"].rpartition("/")
    assert start == "/downloads"
    download = (await reader.get(f"/api/downloads/{request_id}")).json()
    assert (download["pid"], download["files"], download["bytes"]) == (pid, 2, 2000)
    for form, field in (({"folder": "1"}, "pid"), ({"pid": pid, "folder": "none"}, "folder")):
        refused = await reader.post("/api/downloads", data=form)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
