"""Server-sent events of a download."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from portal_gateway.downloads import event_stream
from portal_gateway.downloads.download import Download
from portal_gateway.downloads.event_stream import ChangeSignals, stream_events

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = Download(
    id="r1", pid="a/b", requested_pid="a/b", locations=None, requester="", state="ARCHIVED",
    done=False, version=0, files=3, files_online=0, files_failed=0, bytes=30, bytes_online=0,
    reason=None, created_at=NOW, updated_at=NOW,
)  # fmt: skip
READY = replace(NEW, state="ONLINE", done=True, version=2, files_online=3, bytes_online=30)


async def collect(states: list[Download], *, last_version: int = -1) -> list[str]:
    """Returns the parts of a stream whose download has these states one after the other."""
    later = iter(states[1:])

    async def load(_request_id: str) -> Download:
        return next(later)

    stream = stream_events(load, ChangeSignals(), states[0], last_version=last_version)
    return [part.decode() async for part in stream]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "POLL_SECONDS", 0)


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
    monkeypatch.setattr(event_stream, "KEEPALIVE_SECONDS", -1)
    parts = await collect([NEW, NEW, READY])
    assert any(part.startswith(":") for part in parts)


async def test_a_change_wakes_whoever_waits_for_it() -> None:
    signals = ChangeSignals()
    waiting = asyncio.create_task(signals.wait("r1", 60))
    await asyncio.sleep(0)
    signals.set("other")
    signals.set("r1")
    async with asyncio.timeout(5):
        await waiting
