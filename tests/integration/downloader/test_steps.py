"""What one step leaves behind where others would hide it, on a real database and archive."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from portal_downloader import telling
from portal_downloader.archives.archive import Body
from portal_downloader.archives.wlcg import Tape
from portal_downloader.batches import Batches
from portal_downloader.bells import Bells
from portal_downloader.cache import Cache
from portal_downloader.cancelling import Cancelling
from portal_downloader.claiming import Claiming
from portal_downloader.contents import Contents
from portal_downloader.datasets import Datasets
from portal_downloader.estimating import Pace
from portal_downloader.fetching import Fetching
from portal_downloader.listing import LONG_AGO, fresh
from portal_downloader.naming import Naming
from portal_downloader.places import Places
from portal_downloader.planning import Planning
from portal_downloader.polling import Polling
from portal_downloader.queueing import AT_ONCE
from portal_downloader.releasing import Releasing
from portal_downloader.renewing import Renewing
from portal_downloader.requests import Requests
from portal_downloader.room import Room
from portal_downloader.rows import FileRow, Files, file_id
from portal_downloader.selecting import Selection
from portal_downloader.settings import DownloaderSettings
from portal_downloader.stores import Stores
from portal_downloader.submitting import Submitting
from portal_downloader.telling import UNTOLD_SECONDS, Telling
from portal_downloader.waiting import Waiting
from portal_shared import mongo
from portal_shared.events import DownloadRequested
from portal_shared.mongo import Client, Database, Doc
from portal_shared.outbox import Outbox
from portal_shared.settings import Settings
from pymongo import monitoring

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    """What a downloader remembers, without its workers."""

    settings: DownloaderSettings
    client: Client
    database: Database
    stores: Stores

    async def add(self, *files: Doc, pid: str = "p", **fields: Any) -> None:
        """Files of a dataset as their list has them, and what differs."""
        rows: list[Doc] = []
        for n, file in enumerate(files):
            told = {"path": f"/d/{file['location']}", "size": 10, "sha256": f"{n:064x}", **file}
            row = {**fresh(told, in_cache=False, now=NOW), **told, **fields}
            rows.append({**row, "_id": file_id(pid, file["location"]), "pid": pid, "version": 1})
        await self.stores.files.rows.insert_many(rows)

    async def publish(self, *files: Doc, pid: str = "p") -> list[str]:
        """A dataset that everybody may have; the locations of its files."""
        row: Doc = {"_id": pid, "version": 1, "list_version": 1, "is_public": True}
        await self.stores.datasets.rows.insert_one({**row, "files": len(files)})
        await self.add(*files, pid=pid)
        return [file["location"] for file in files]

    async def ask(self, *locations: str, pid: str = "p") -> None:
        """By the one request there is, named `r`."""
        asked = DownloadRequested(request_id="r", pid=pid, locations=locations or None)
        await self.stores.requests.keep(asked)

    async def request(self) -> Doc:
        row = await self.database["requests"].find_one({"_id": "r"})
        assert row is not None
        return row

    def planning(self) -> Planning:
        outbox, places = Outbox(self.database, "downloader"), Places(None, timeout=1)
        return Planning(
            self.settings, self.stores, client=self.client, outbox=outbox, places=places
        )

    def telling(self) -> Telling:
        outbox = Outbox(self.database, "downloader")
        return Telling(self.stores, client=self.client, outbox=outbox, pause=0, pace=Pace())

    async def state(self, location: str, pid: str = "p") -> str:
        row = await self.stores.files.find(pid, location)
        assert row is not None
        return str(row["state"])


@pytest.fixture
async def kept(settings: Settings, tape: Any, tmp_path: Path) -> AsyncIterator[Kept]:
    told = DownloaderSettings.model_validate(
        {
            "mongo_url": settings.mongo_url,
            "database_prefix": settings.database_prefix,
            "tape_url": tape.url,
        }
    )
    client, bells = mongo.connect(told), Bells()
    database = mongo.database(client, told, "downloader")
    stores = Stores(
        Datasets(database, 30, bells), Files(database, 30, bells), Requests(database, 30, bells),
        Batches(database, 30, bells), Contents(database), Cache(tmp_path / "cache"),
    )  # fmt: skip
    stores.cache.prepare()
    for part in (stores.datasets, stores.files, stores.requests, stores.batches, stores.contents):
        await part.prepare()
    yield Kept(told, client, database, stores)
    await client.drop_database(database.name)
    client.close()


class Interrupted(Tape):
    """The archive's client; something else happens while a file is read."""

    meanwhile: Callable[[], Awaitable[object]]

    @asynccontextmanager
    async def reading(self, path: str, start: int) -> AsyncGenerator[Body]:
        async with super().reading(path, start) as body:
            await self.meanwhile()
            yield body


async def test_a_pin_that_is_renewed_while_its_file_is_copied_is_let_go_as_the_old_one(
    kept: Kept, tape: Any
) -> None:
    stores, archive = kept.stores, Interrupted(kept.settings)
    file, path = tape.write("d/x", 3000), f"/{tape.name}/d/x"
    old = await archive.stage([path])
    async with asyncio.timeout(60):
        while (await archive.localities([path]))[path] == "TAPE":
            await asyncio.sleep(0.05)
    await kept.add(
        {"location": "x", "path": path, "size": file.size, "sha256": file.sha256},
        state="staged", stage_id=old, pinned_at=LONG_AGO,
    )  # fmt: skip
    archive.meanwhile = Renewing(kept.settings, stores, archive).step
    room = Room(kept.settings, contents=stores.contents, files=stores.files, cache=stores.cache)
    fetching = Fetching(kept.settings, stores=stores, tape=archive, room=room, pace=Pace())
    assert await fetching.step()
    await archive.close()
    assert await kept.state("x") == "online"
    let_go = {pin["stage_id"] async for pin in kept.database["pins"].find({})}
    assert old in let_go
    assert len(let_go) == 2


async def test_a_pin_that_is_renewed_while_its_request_is_cancelled_is_let_go_as_the_old_one(
    kept: Kept, tape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores, archive = kept.stores, Tape(kept.settings)
    file, path = tape.write("d/x", 3000), f"/{tape.name}/d/x"
    old = await archive.stage([path])
    await kept.add(
        {"location": "x", "path": path, "size": file.size, "sha256": file.sha256},
        state="staged", stage_id=old, pinned_at=LONG_AGO,
    )  # fmt: skip
    await kept.ask("x")
    await stores.requests.cancel("r")
    renewing, let_go = Renewing(kept.settings, stores, archive), stores.batches.let_go
    steps = iter([renewing.step])

    async def meanwhile(row: FileRow) -> None:
        await let_go(row)
        for step in steps:
            assert await step()

    monkeypatch.setattr(stores.batches, "let_go", meanwhile)
    assert await Cancelling(stores, archive).step()
    assert await kept.state("x") == "archived"
    released = {pin["stage_id"] async for pin in kept.database["pins"].find({})}
    assert len(released) == 2
    releasing = Releasing(stores.batches, archive)
    while await releasing.step():
        pass
    await archive.close()
    answers: dict[str, int] = tape.http.get("/_calls").json()["answers"]
    assert answers["POST /release/{id} 200"] == answers["POST /stage 201"] == 2


async def test_no_more_is_queued_of_a_dataset_that_was_withdrawn_meanwhile(kept: Kept) -> None:
    names = await kept.publish(*({"location": f"{n:04}"} for n in range(AT_ONCE + 1)))
    await kept.ask(*names)
    planning = kept.planning()
    assert await planning.step()
    assert (await kept.request())["next"] == names[-2]
    await kept.stores.datasets.withdrawn("p", 2, "consent was withdrawn")
    assert await planning.step()
    request = await kept.request()
    assert (request["open"], request["state"], request["let_go"]) == (False, "FAILED", False)
    assert "consent was withdrawn" in request["reason"]
    assert await kept.state(names[-1]) == "archived"


async def test_a_request_whose_last_portion_moves_nothing_ends_with_the_next_word(
    kept: Kept,
) -> None:
    *names, last = await kept.publish(*({"location": f"{n:04}"} for n in range(AT_ONCE + 1)))
    rows, planning, teller = kept.stores.files.rows, kept.planning(), kept.telling()
    await rows.update_many({"location": {"$in": names}}, {"$set": {"state": "online"}})
    broken = {"state": "unverifiable", "reason": "it has no checksum"}
    await rows.update_one({"location": last}, {"$set": broken})
    await kept.ask(*names, last)
    assert await planning.step()
    assert await teller.step()
    assert (await kept.request())["open"]
    assert await planning.step()
    assert await teller.step()
    request = await kept.request()
    assert (request["open"], request["state"]) == (False, "FAILED")
    assert "it has no checksum" in request["reason"]


async def test_what_the_cache_gave_up_is_asked_for_again_though_nobody_said_so(kept: Kept) -> None:
    await kept.publish({"location": "x"})
    await kept.ask()
    planning, teller = kept.planning(), kept.telling()
    assert await planning.step()
    assert await teller.step()
    await kept.stores.files.rows.update_one({"location": "x"}, {"$set": {"state": "archived"}})
    long_ago = datetime.now(UTC) - timedelta(seconds=2 * UNTOLD_SECONDS)
    await kept.database["requests"].update_one({"_id": "r"}, {"$set": {"told_at": long_ago}})
    assert await teller.step()
    assert await planning.step()
    assert await kept.state("x") == "queued"


async def test_what_expired_is_on_tape_and_is_queued_again_when_it_is_asked_for(kept: Kept) -> None:
    await kept.publish({"location": "x"})
    where = {"state": "queued", "deadline": LONG_AGO, "reason": None}
    await kept.stores.files.rows.update_one({"location": "x"}, {"$set": where})
    archive = Tape(kept.settings)
    await Polling(kept.settings, kept.stores, archive).step()
    await archive.close()
    assert await kept.state("x") == "expired"
    await kept.ask("x")
    assert await kept.planning().step()
    assert await kept.state("x") == "queued"


async def test_who_waits_for_few_files_hears_of_them_while_sums_over_many_rest(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "RESTS", 1e9)
    await kept.publish({"location": "w"}, {"location": "x"})
    await kept.publish({"location": "x"}, pid="q")
    await kept.stores.datasets.note_news("p")
    outbox = Outbox(kept.database, "downloader")
    slow = Telling(kept.stores, client=kept.client, outbox=outbox, pause=0.01, pace=Pace(), many=2)
    assert await slow.step()  # of p, which rests from now on
    for pid in ("p", "q"):
        await kept.stores.files.move({"pid": pid}, ("archived",), "online")
        await kept.stores.datasets.note_news(pid)
    assert await slow.step()

    async def told() -> list[str | None]:
        found = [await kept.stores.datasets.find(pid) for pid in ("p", "q")]
        return [row.get("availability") if row else None for row in found]

    assert await told() == ["ARCHIVED", "ONLINE"]  # the first says so later
    assert await kept.telling().step()  # by one that is rested
    assert await told() == ["ONLINE", "ONLINE"]


class Replies(monitoring.CommandListener):
    """How much the database sends, and how often."""

    bytes = 0
    count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self.bytes += len(bson.encode(event.reply))
        self.count += event.command_name == "find"

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


async def test_whether_all_of_an_archive_is_there_is_one_look_where_the_dataset_is(
    kept: Kept,
) -> None:
    names = await kept.publish(*({"location": f"{n // 10:02}/{n:03}"} for n in range(300)))
    await kept.publish({"location": "other"}, pid="q")
    await kept.stores.files.rows.update_many({"pid": "p"}, {"$set": {"state": "online"}})
    replies = Replies()
    client: Client = AsyncIOMotorClient(
        kept.settings.mongo_url.get_secret_value(), tz_aware=True, event_listeners=[replies]
    )
    files = Files(mongo.database(client, kept.settings, "downloader"), 30, Bells())
    whole, folder = Selection("p").which(), Selection("p", "03/").which()
    for which, named in ((whole, None), (folder, None), (whole, names)):
        assert not await files.any_away(which, named)
    assert replies.count == 3
    client.close()
    files = kept.stores.files
    await files.rows.update_one({"location": names[31]}, {"$set": {"state": "archived"}})
    assert await files.any_away(whole, None)
    assert await files.any_away(folder, None)
    assert await files.any_away(whole, names)
    assert not await files.any_away(Selection("p", "04/").which(), None)
    assert not await files.any_away(whole, names[:31])


async def test_what_requests_name_is_remembered_only_as_far_as_there_is_room(kept: Kept) -> None:
    rows = [{"_id": f"r{n}", "locations": [f"{n}/{i}" for i in range(10)]} for n in range(4)]
    await kept.database["requests"].insert_many(rows)
    naming = Naming(kept.database["requests"], most=25)
    for _ in range(2):
        told = await naming.of([f"r{n}" for n in range(4)])
        assert {name: set(told[name]) for name in told} == {
            row["_id"]: set(row["locations"]) for row in rows
        }
    await kept.database["requests"].delete_many({})
    assert len(await naming.of([f"r{n}" for n in range(4)])) == 2


async def test_whether_files_are_on_their_way_is_asked_without_reading_all_that_others_named(
    kept: Kept,
) -> None:
    names = [f"{'long ' * 20}{n:04}" for n in range(2000)]
    row: Doc = {"open": True, "planned": True, "pid": "p", "look_at": NOW}
    named = [{**row, "_id": f"r{n}", "locations": names, "next": names[99 + n]} for n in range(20)]
    ended = {**row, "_id": "ended", "open": False, "locations": None, "next": ""}
    other = {**row, "_id": "other", "pid": "q", "locations": None, "next": ""}
    queued = {**row, "_id": "queued", "locations": None}
    await kept.database["requests"].insert_many([*named, ended, other, queued])
    replies = Replies()
    client: Client = AsyncIOMotorClient(
        kept.settings.mongo_url.get_secret_value(), tz_aware=True, event_listeners=[replies]
    )
    requests = Requests(mongo.database(client, kept.settings, "downloader"), 30, Bells())
    assert await requests.awaited("p", []) == set()
    assert await requests.awaited("p", [names[99]]) == set()
    assert await requests.awaited("p", [names[100]]) == {names[100]}
    assert await requests.awaited("p", [names[-1] + "0", "$next", "x"]) == set()
    assert await requests.awaited("p", [names[0], *names[-3:]]) == set(names[-3:])
    assert replies.bytes < len(bson.encode(named[0]))
    page = names[:1100]
    assert await requests.awaited("p", page) == set(page[100:])
    replies.bytes = replies.count = 0
    assert await requests.awaited("p", page) == set(page[100:])
    assert replies.count == 2  # one for those that ask for all of it
    assert replies.bytes < len(bson.encode(named[0])) / 10
    whole = {**row, "_id": "whole", "locations": None, "next": "x"}
    await kept.database["requests"].insert_one(whole)
    assert await requests.awaited("p", ["w", "x", "y"]) == {"y"}
    client.close()


async def test_each_staged_file_is_claimed_by_one_and_not_once_it_is_let_go(kept: Kept) -> None:
    names = [{"location": f"{n:02}"} for n in range(20)]
    await kept.add(*names, state="staged", not_before=LONG_AGO)
    files = kept.stores.files
    one, other = Claiming(files, 30), Claiming(files, 30)
    first = await one.next()
    assert first is not None
    assert first.location == "00"
    await files.move({"_id": file_id("p", "01")}, ("staged",), "archived")
    later = datetime.now(UTC) + timedelta(minutes=1)
    await files.move({"_id": file_id("p", "02")}, ("staged",), "staged", not_before=later)
    claimed = [first.location]
    while found := await asyncio.gather(one.next(), other.next(), one.next()):
        claimed += [file.location for file in found if file is not None]
        if None in found:
            break
    assert sorted(claimed) == ["00", *(f"{n:02}" for n in range(3, 20))]
    await files.rows.update_one({"_id": first.id}, {"$set": {"until": LONG_AGO}})
    again = await other.next()  # whose lease has ended
    assert again is not None
    assert (again.id, again.owner != first.owner) == (first.id, True)


async def test_the_next_batch_is_found_by_as_many_looks_however_much_waits(kept: Kept) -> None:
    """And of what is staged and not copied there is no more than may be under way."""
    waiting = [{"location": f"{n // 10}/{n:03}", "requester": f"r{n % 3}"} for n in range(200)]
    await kept.add(*waiting, state="queued", not_before=LONG_AGO)
    staged = [{"location": f"staged/{n}"} for n in range(2)]
    await kept.add(*staged, state="staged", pid="q")
    queue = Waiting(kept.stores.files)
    found = await queue.queue(NOW)
    assert (found.oldest, found.files) == (LONG_AGO, 200)
    assert sum(heap.files for heap in found.heaps if heap.requester == "r1") == 67
    assert await queue.loads() == (2, [])
    few = kept.settings.model_copy(update={"most_under_way": 5, "window_seconds": 0.0})
    room = Room(
        few, contents=kept.stores.contents, files=kept.stores.files, cache=kept.stores.cache
    )
    archive = Tape(few)
    submitting = Submitting(few, kept.stores, tape=archive, room=room)
    while await submitting.step():
        pass
    await archive.close()
    at_archive = {"state": {"$in": ["submitted", "staging", "staged"]}}
    assert await kept.stores.files.rows.count_documents(at_archive) == 5
