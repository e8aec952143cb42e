"""Server-sent events of a download."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from portal_gateway.downloads import event_stream, watch
from portal_gateway.downloads.download import Download
from portal_gateway.downloads.event_stream import stream_events
from portal_gateway.downloads.watch import DownloadWatch, StreamLimits
from portal_shared.runtime.errors import TooMany, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = Download(
    id="r1", pid="a/b", requested_pid="a/b", locations=None, requester="", state="ARCHIVED",
    done=False, version=0, files=3, files_online=0, files_failed=0, bytes=30, bytes_online=0,
    reason=None, created_at=NOW, updated_at=NOW,
)  # fmt: skip
READY = replace(NEW, state="ONLINE", done=True, version=2, files_online=3, bytes_online=30)


class Table:
    """Downloads that change with each query."""

    def __init__(self, *states: Download) -> None:
        self.states = list(states)
        self.queries: list[list[str]] = []

    async def load_many(self, ids: Sequence[str]) -> list[Download]:
        self.queries.append(sorted(ids))
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return [replace(state, id=request_id) for request_id in ids]


async def collect(states: list[Download], *, last_version: int = -1) -> list[str]:
    """Returns the parts of a stream whose download has these states one after the other."""
    table = Table(*(states[1:] or states))
    stream = stream_events(DownloadWatch(table.load_many), states[0], last_version=last_version)
    async with asyncio.timeout(30):
        return [part.decode() async for part in stream]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.001)


def fields(event: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in event.strip().splitlines())


async def test_each_state_is_one_event_until_the_download_has_ended() -> None:
    retry, first, last = await collect([NEW, NEW, READY])
    assert retry == "retry: 3000\n\n"
    assert (fields(first)["event"], fields(first)["id"]) == ("progress", "0")
    assert (fields(last)["event"], fields(last)["id"]) == ("ready", "2")
    assert json.loads(fields(last)["data"])["files_online"] == 3
    assert last.endswith("\n\n")


async def test_a_reconnecting_client_gets_only_later_states() -> None:
    _, only = await collect([NEW, READY], last_version=0)
    assert fields(only)["event"] == "ready"


async def test_a_failed_download_ends_with_its_own_event() -> None:
    failed = replace(NEW, state="FAILED", done=True, version=1, reason="checksum")
    assert fields((await collect([failed]))[-1])["event"] == "failed"


async def test_comments_keep_a_silent_stream_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEPALIVE_SECONDS", 0)
    parts = await collect([NEW, NEW, READY])
    assert any(part.startswith(":") for part in parts)


async def test_a_stream_ends_when_its_download_is_deleted() -> None:
    async def nothing(_ids: Sequence[str]) -> list[Download]:
        return []

    stream = stream_events(DownloadWatch(nothing), NEW, last_version=-1)
    async with asyncio.timeout(30):
        assert len([part async for part in stream]) == 2


async def test_one_query_serves_all_streams_and_none_is_made_without_streams() -> None:
    table = Table(NEW, READY)
    watched = DownloadWatch(table.load_many)
    streams = [
        stream_events(watched, replace(NEW, id=f"r{n}"), last_version=-1) for n in (1, 2, 3, 1)
    ]

    async def read(stream: AsyncGenerator[bytes]) -> bytes:
        return [part async for part in stream][-1]

    async with asyncio.timeout(30):
        last = await asyncio.gather(*(read(stream) for stream in streams))
    assert all(b"event: ready" in part for part in last)
    assert table.queries == [["r1", "r2", "r3"]] * 2
    await asyncio.sleep(0.01)  # several polls
    assert len(table.queries) == 2


async def test_a_change_by_this_process_is_loaded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 600)
    table = Table(READY)
    watched = DownloadWatch(table.load_many)
    async with watched.subscribe(NEW) as subscription, asyncio.timeout(30):
        watched.set("other")
        watched.set("r1")
        await subscription.wait(600)
        assert subscription.newest == READY
    assert table.queries == [["r1"]]


async def test_streams_survive_a_database_that_does_not_answer_for_a_while() -> None:
    table = Table(READY)
    failures = [Unavailable("MongoDB"), Unavailable("MongoDB"), RuntimeError("driver")]

    async def load_many(ids: Sequence[str]) -> list[Download]:
        if failures:
            raise failures.pop()
        return await table.load_many(ids)

    stream = stream_events(DownloadWatch(load_many), NEW, last_version=-1)
    async with asyncio.timeout(30):
        assert b"event: ready" in [part async for part in stream][-1]


def test_streams_are_limited_for_each_reader_and_in_all() -> None:
    limits = StreamLimits(per_reader=2, in_all=3)
    with limits.count("a"), limits.count("a"):
        with pytest.raises(TooMany, match="You have 2 event streams open; the limit is 2"):
            limits.check("a")
        with limits.count("b"), pytest.raises(TooMany, match="in use"):
            limits.check("c")
        limits.check("c")
    limits.check("a")
