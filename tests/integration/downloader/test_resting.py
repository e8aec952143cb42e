"""Sums over large datasets rest for what they cost; what that holds up, and what not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from portal_downloader.staging import progress
from portal_downloader.staging.progress import REPUBLISH_SECONDS, ProgressPublisher

from tests.integration.downloader.keeping import Kept

LONG_AGO = datetime.now(UTC) - timedelta(seconds=2 * REPUBLISH_SECONDS)


@pytest.fixture
async def slow(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> ProgressPublisher:
    """It has told of p, of two files, which rests from now on; q, of one, is never at rest."""
    monkeypatch.setattr(progress, "REST_FACTOR", 1e9)
    await kept.publish({"location": "w"}, {"location": "x"})
    await kept.publish({"location": "x"}, pid="q")
    await kept.stores.datasets.mark_changed("p")
    made = kept.telling(many=2)
    assert await made.step()
    return made


async def came(kept: Kept, *pids: str) -> None:
    for pid in pids:
        await kept.stores.files.move({"pid": pid}, ("archived",), "online")
        await kept.stores.datasets.mark_changed(pid)


async def test_others_are_told_of_while_a_large_dataset_rests(
    kept: Kept, slow: ProgressPublisher
) -> None:
    await came(kept, "p", "q")
    assert await slow.step()
    assert await kept.availability("p", "q") == ["ARCHIVED", "ONLINE"]  # the first says so later
    assert await kept.telling().step()  # by one that is rested
    assert await kept.availability("p", "q") == ["ONLINE", "ONLINE"]


async def test_no_dataset_rests_for_longer_than_anything_may_be_untold(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REST_FACTOR", 1e9)
    monkeypatch.setattr(progress, "REPUBLISH_SECONDS", 0.2)
    await kept.publish({"location": "w"}, {"location": "x"})
    await kept.stores.datasets.mark_changed("p")
    slow = kept.telling(many=2)
    assert await slow.step()
    await came(kept, "p")
    async with asyncio.timeout(30):
        while await kept.availability("p") != ["ONLINE"]:
            await slow.step()
            await asyncio.sleep(0.05)


async def test_a_request_for_few_files_of_a_dataset_that_rests_ends_when_they_come(
    kept: Kept, slow: ProgressPublisher
) -> None:
    await kept.ask("x")
    assert await kept.planning().step()
    await kept.stores.files.move({"pid": "p", "location": "x"}, ("queued",), "online")
    assert await slow.step()
    assert (await kept.request())["state"] == "ONLINE"
    assert await kept.availability("p") == ["ARCHIVED"]


async def test_what_was_not_told_for_long_is_told_while_all_that_is_new_rests(
    kept: Kept, slow: ProgressPublisher
) -> None:
    await kept.ask(pid="q")
    assert await kept.planning().step()
    assert await slow.step()
    await kept.database["requests"].update_one({"_id": "r"}, {"$set": {"told_at": LONG_AGO}})
    before = (await kept.request())["version"]
    await came(kept, "p")
    assert await slow.step()
    assert (await kept.request())["version"] == before + 1
    assert await kept.availability("p") == ["ARCHIVED"]


async def test_any_number_of_datasets_that_rest_hides_no_other_with_news(
    kept: Kept, slow: ProgressPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "DATASETS_PER_STEP", 1)
    for pid in ("p", "q"):
        await kept.stores.files.rows.update_many({"pid": pid}, {"$set": {"state": "online"}})
        await kept.stores.datasets.mark_changed(pid)
    assert await slow.step()
    assert await kept.availability("p", "q") == ["ARCHIVED", "ONLINE"]
