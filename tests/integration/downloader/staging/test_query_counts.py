"""How many database queries the workers need, on a real database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import bson
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from portal_downloader.archives.wlcg import WlcgArchive
from portal_downloader.bundles.selection import Selection
from portal_downloader.cache import eviction
from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.domain.file_rows import EPOCH
from portal_downloader.domain.states import IN_FLIGHT
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging import fetcher, submitter
from portal_downloader.staging.fetcher import FileLeases
from portal_downloader.store.contents import Contents
from portal_downloader.store.files import Files
from portal_downloader.store.queue import QueuedFiles
from portal_downloader.store.request_names import RequestNames
from portal_downloader.store.requests import Requests
from portal_downloader.store.rows.file import file_id
from portal_downloader.store.signals import Signals
from portal_shared.runtime import mongo
from portal_shared.runtime.mongo import Client, Database, Doc
from pymongo import monitoring

from tests.drivers.services.downloader_store import NOW, DownloaderStore


class Replies(monitoring.CommandListener):
    """How much the database sends, and how often."""

    bytes = 0
    most_bytes = 0  # at once
    count = 0
    sums = 0

    @asynccontextmanager
    async def to(self, settings: DownloaderSettings) -> AsyncGenerator[Database]:
        """The database, as one who is listened to."""
        url = settings.mongo_url.get_secret_value()
        client: Client = AsyncIOMotorClient(url, tz_aware=True, event_listeners=[self])
        yield mongo.database(client, settings, "downloader")
        client.close()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        size = len(bson.encode(event.reply))
        self.bytes += size
        self.most_bytes = max(self.most_bytes, size)
        self.count += event.command_name == "find"
        self.sums += event.command_name == "aggregate"

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


async def test_one_query_shows_that_all_files_of_an_archive_are_online(
    store: DownloaderStore,
) -> None:
    names = await store.add_dataset(*({"location": f"{n // 10:02}/{n:03}"} for n in range(300)))
    await store.add_dataset({"location": "other"}, pid="q")
    await store.stores.files.rows.update_many({"pid": "p"}, {"$set": {"state": "online"}})
    replies = Replies()
    whole, folder = Selection("p").row_filter(), Selection("p", "03/").row_filter()
    async with replies.to(store.settings) as database:
        files = Files(database, 30, Signals())
        for which, selected in ((whole, None), (folder, None), (whole, names)):
            assert not await files.any_offline(which, selected)
    assert replies.count == 3
    files = store.stores.files
    await files.rows.update_one({"location": names[31]}, {"$set": {"state": "archived"}})
    assert await files.any_offline(whole, None)
    assert await files.any_offline(folder, None)
    assert await files.any_offline(whole, names)
    assert not await files.any_offline(Selection("p", "04/").row_filter(), None)
    assert not await files.any_offline(whole, names[:31])


async def test_eviction_does_not_aggregate_the_whole_cache_for_each_file(
    store: DownloaderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eviction, "SIZE_COST_FACTOR", 1e9)
    stored_rows = [{"_id": f"{n:064x}", "size": 100, "used_at": EPOCH, "kept_until": EPOCH}
            for n in range(30)]  # fmt: skip
    await store.database["contents"].insert_many(stored_rows)
    replies = Replies()
    async with replies.to(store.settings) as database:
        contents = Contents(database)
        budget = store.settings.model_copy(update={"cache_bytes": 3100, "cache_spare_bytes": 0})
        room = CacheSpace(budget, contents=contents, files=store.stores.files, cache=store.cache)
        for number in range(11):
            await room.reserve(str(number), 100)
            room.release(str(number), arrived=100)
            await contents.add(f"new {number}", size=100, crc32=0, keep=99)
    assert room.evicted == 10
    assert (replies.sums, replies.count) == (1, 1)
    assert await store.stores.contents.total_bytes() == 3100


async def test_names_of_requests_are_cached_up_to_the_limit_and_read_one_by_one(
    store: DownloaderStore,
) -> None:
    rows = [{"_id": f"r{n}", "locations": [f"{n}/{i}" for i in range(10)]} for n in range(4)]
    await store.database["requests"].insert_many(rows)
    page = {f"{n}/{i}" for n in range(4) for i in (1, 2, 10)}
    expected_names = {f"{n}/2" for n in range(4)}
    replies = Replies()
    async with replies.to(store.settings) as database:
        naming = RequestNames(database["requests"], max_names=25)
        following = {f"r{n}": f"{n}/1" for n in range(4)}
        reads: list[int] = []
        for wanted in (page, page, {"0/1", "1/2"}, {"1/2", "9/9"}):
            replies.count = replies.sums = 0
            assert await naming.still_to_queue(following, wanted) == expected_names & wanted
            reads.append(replies.count)
        assert reads == [4, 2, 0, 2]  # two stay; none is read once all is found
        assert replies.most_bytes < 2 * len(bson.encode(rows[0]))
        both = await asyncio.gather(*(naming.still_to_queue({"r3": ""}, page) for _ in range(2)))
        assert both == [{"3/1", "3/2"}] * 2
    await store.database["requests"].delete_many({})
    assert await naming.still_to_queue({"r3": ""}, {"3/2"}) == {"3/2"}  # what is in use now stays


async def test_pending_files_are_found_without_reading_the_names_of_all_requests(
    store: DownloaderStore,
) -> None:
    names = [f"{'long ' * 20}{n:04}" for n in range(2000)]
    row: Doc = {"open": True, "planned": True, "pid": "p", "look_at": NOW}
    selected = [
        {**row, "_id": f"r{n}", "locations": names, "next": names[99 + n]} for n in range(20)
    ]
    ended = {**row, "_id": "ended", "open": False, "locations": None, "next": ""}
    other = {**row, "_id": "other", "pid": "q", "locations": None, "next": ""}
    queued = {**row, "_id": "queued", "locations": None}
    await store.database["requests"].insert_many([*selected, ended, other, queued])
    replies = Replies()
    async with replies.to(store.settings) as database:
        requests = Requests(database, 30, Signals())
        assert await requests.still_to_queue("p", []) == set()
        assert await requests.still_to_queue("p", [names[99]]) == set()
        assert await requests.still_to_queue("p", [names[100]]) == {names[100]}
        assert await requests.still_to_queue("p", [names[-1] + "0", "$next", "x"]) == set()
        assert await requests.still_to_queue("p", [names[0], *names[-3:]]) == set(names[-3:])
        assert replies.bytes < len(bson.encode(selected[0]))
        page = names[:1100]
        assert await requests.still_to_queue("p", page) == set(page[100:])
        replies.bytes = replies.count = 0
        assert await requests.still_to_queue("p", page) == set(page[100:])
        assert replies.count == 2  # one for requests of the whole dataset
        assert replies.bytes < len(bson.encode(selected[0])) / 10
        whole = {**row, "_id": "whole", "locations": None, "next": "x"}
        await store.database["requests"].insert_one(whole)
        assert await requests.still_to_queue("p", ["w", "x", "y"]) == {"y"}


async def test_each_staged_file_is_leased_to_one_worker_and_not_after_its_release(
    store: DownloaderStore,
) -> None:
    names = [{"location": f"{n:02}"} for n in range(20)]
    await store.add_files(*names, state="staged", not_before=EPOCH)
    files = store.stores.files
    one, other = FileLeases(files, 30), FileLeases(files, 30)
    first = await one.acquire()
    assert first is not None
    assert first.location == "00"
    await files.move({"_id": file_id("p", "01")}, ("staged",), "archived")
    later = datetime.now(UTC) + timedelta(minutes=1)
    await files.move({"_id": file_id("p", "02")}, ("staged",), "staged", not_before=later)
    claimed = [first.location]
    while found := await asyncio.gather(one.acquire(), other.acquire(), one.acquire()):
        claimed += [file.location for file in found if file is not None]
        if None in found:
            break
    assert sorted(claimed) == ["00", *(f"{n:02}" for n in range(3, 20))]
    await files.rows.update_one({"_id": first.id}, {"$set": {"until": EPOCH}})
    again = await other.acquire()  # whose lease has ended
    assert again is not None
    assert (again.id, again.owner != first.owner) == (first.id, True)


async def test_the_oldest_file_is_copied_first_although_it_is_staged_later(
    store: DownloaderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "CANDIDATES_SECONDS", 0.0)
    monkeypatch.setattr(fetcher, "QUERY_COST_FACTOR", 0.0)
    await store.add_files({"location": "1"}, {"location": "2"}, state="staged", not_before=NOW)
    claiming, claimed = FileLeases(store.stores.files, 30), list[str]()
    while (file := await claiming.acquire()) is not None:
        claimed.append(file.location)
        if len(claimed) == 1:
            await store.add_files({"location": "first"}, state="staged", not_before=EPOCH)
    assert claimed == ["1", "first", "2"]


async def test_capacity_that_becomes_free_file_by_file_is_not_used_file_by_file(
    store: DownloaderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add_files(*({"location": f"{n:02}"} for n in range(40)), state="queued")
    stores, archive = store.stores, WlcgArchive(store.settings)
    submitting = store.submitter(archive, batch_files=10, most_under_way=12)

    async def submitted() -> int:
        """How many files, of requests that the archive has staged at once."""
        while await submitting.step():
            pass
        return await stores.files.move({}, ("submitted",), "staged", batch=None)

    submitted_counts = [await submitted()]
    for _ in range(15):
        copied = await stores.files.rows.find_one({"state": "staged"})
        assert copied is not None
        await stores.files.move({"_id": copied["_id"]}, ("staged",), "online")
        submitted_counts.append(await submitted())
    assert [n for n in submitted_counts if n] == [
        10,
        5,
        5,
        5,
    ]  # room for two was there from the first
    monkeypatch.setattr(
        submitter, "MAX_WAIT_FOR_CAPACITY_SECONDS", 0.0
    )  # what is staged may be stuck
    assert await submitted() == 2
    await archive.close()


async def test_the_next_batch_needs_the_same_number_of_queries_however_much_waits(
    store: DownloaderStore,
) -> None:
    """And of what is staged and not copied there is no more than may be under way."""
    archive, replies = WlcgArchive(store.settings), Replies()
    files = store.stores.files

    async def looks(waiting: int) -> int:
        """How many it takes, while two are staged of the five that are admitted."""
        names = [
            {"location": f"{n // 10}/{n:03}", "requester": f"r{n % 3}"} for n in range(waiting)
        ]
        await store.add_files(*names, state="queued", not_before=EPOCH)
        await store.add_files({"location": "s"}, {"location": "t"}, pid="q", state="staged")
        queue = QueuedFiles(files)
        found = await queue.snapshot(NOW)
        assert (found.oldest, found.files) == (EPOCH, waiting)
        assert sum(group.files for group in found.groups if group.requester == "r1") == waiting // 3
        assert await queue.in_flight() == (2, [])
        async with replies.to(store.settings) as database:
            submitting = store.on(database).submitter(archive, most_under_way=5)
            replies.count = replies.sums = 0
            assert await submitting.step()
            looked = replies.count + replies.sums
            while await submitting.step():
                pass
        assert await files.rows.count_documents({"state": {"$in": list(IN_FLIGHT)}}) == 5
        await files.rows.delete_many({})
        return looked

    assert 0 < await looks(30) == await looks(300)
    await archive.close()
