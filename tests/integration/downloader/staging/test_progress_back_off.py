"""Aggregations over large datasets back off; other datasets are not delayed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from portal_downloader.staging import progress
from portal_downloader.staging.progress import REPUBLISH_SECONDS, ProgressPublisher

from tests.drivers.services.downloader_store import DownloaderStore

LONG_AGO = datetime.now(UTC) - timedelta(seconds=2 * REPUBLISH_SECONDS)


@pytest.fixture
async def slow(store: DownloaderStore, monkeypatch: pytest.MonkeyPatch) -> ProgressPublisher:
    """Published dataset p (two files) and paused it; q (one file) is never paused."""
    monkeypatch.setattr(progress, "REST_FACTOR", 1e9)
    await store.add_dataset({"location": "w"}, {"location": "x"})
    await store.add_dataset({"location": "x"}, pid="q")
    await store.stores.datasets.mark_changed("p")
    made = store.publisher(large_dataset_files=2)
    assert await made.step()
    return made


async def arrived_at(store: DownloaderStore, *pids: str) -> None:
    for pid in pids:
        await store.stores.files.move({"pid": pid}, ("archived",), "online")
        await store.stores.datasets.mark_changed(pid)


async def test_other_datasets_are_published_while_a_large_one_is_paused(
    store: DownloaderStore, slow: ProgressPublisher
) -> None:
    await arrived_at(store, "p", "q")
    assert await slow.step()
    assert await store.availability("p", "q") == [
        "ARCHIVED",
        "ONLINE",
    ]  # the first is published later
    assert await store.publisher().step()  # by one that is rested
    assert await store.availability("p", "q") == ["ONLINE", "ONLINE"]


async def test_no_aggregation_pauses_longer_than_the_republish_interval(
    store: DownloaderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REST_FACTOR", 1e9)
    monkeypatch.setattr(progress, "REPUBLISH_SECONDS", 0.2)
    await store.add_dataset({"location": "w"}, {"location": "x"})
    await store.stores.datasets.mark_changed("p")
    slow = store.publisher(large_dataset_files=2)
    assert await slow.step()
    await arrived_at(store, "p")
    async with asyncio.timeout(30):
        while await store.availability("p") != ["ONLINE"]:
            await slow.step()
            await asyncio.sleep(0.05)


async def test_a_request_for_few_files_of_a_dataset_that_rests_ends_when_they_come(
    store: DownloaderStore, slow: ProgressPublisher
) -> None:
    await store.add_request("x")
    assert await store.planner().step()
    await store.stores.files.move({"pid": "p", "location": "x"}, ("queued",), "online")
    assert await slow.step()
    assert (await store.request_row())["state"] == "ONLINE"
    assert await store.availability("p") == ["ARCHIVED"]


async def test_stale_requests_are_published_while_changed_datasets_are_paused(
    store: DownloaderStore, slow: ProgressPublisher
) -> None:
    await store.add_request(pid="q")
    assert await store.planner().step()
    assert await slow.step()
    await store.database["requests"].update_one({"_id": "r"}, {"$set": {"told_at": LONG_AGO}})
    before = (await store.request_row())["version"]
    await arrived_at(store, "p")
    assert await slow.step()
    assert (await store.request_row())["version"] == before + 1
    assert await store.availability("p") == ["ARCHIVED"]


async def test_any_number_of_datasets_that_rest_hides_no_other_with_news(
    store: DownloaderStore, slow: ProgressPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "DATASETS_PER_STEP", 1)
    for pid in ("p", "q"):
        await store.stores.files.rows.update_many({"pid": pid}, {"$set": {"state": "online"}})
        await store.stores.datasets.mark_changed(pid)
    assert await slow.step()
    assert await store.availability("p", "q") == ["ARCHIVED", "ONLINE"]
