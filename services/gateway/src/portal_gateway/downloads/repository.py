"""Download requests as their users see them; what is done about them, the downloader says."""

import asyncio
import contextlib
import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from portal_shared.contracts.events import (
    DownloadCancelled,
    DownloadFailed,
    DownloadProgressed,
    DownloadReady,
    DownloadRequested,
)
from portal_shared.contracts.records import bare_doi
from portal_shared.runtime.errors import Conflict, Invalid, NotFound, TooMany, Unavailable
from portal_shared.runtime.mongo import (
    Database,
    Doc,
    DuplicateKeyError,
    Session,
    transaction,
    translate_errors,
)
from portal_shared.service.app import Service

from portal_gateway.downloads.quota import Allowance, Waiting
from portal_gateway.downloads.request import Wish
from portal_gateway.settings import GatewaySettings

KEPT = timedelta(days=30)  # after the last change
NOTICE_LEASE = timedelta(seconds=120)
NOTICES_COUNTED = timedelta(days=1)
LOOKED_UP_AT_ONCE = 1000
CANCELLED_VERSION = 1_000_000_000  # above all that is told of a request: nothing follows


class Downloads:
    """Reads the catalogue, writes its own collection; says what is requested."""

    def __init__(
        self, service: Service, catalogue: Database, settings: GatewaySettings | None = None
    ) -> None:
        told = settings or GatewaySettings()
        self._allowance = Allowance(
            told.most_downloads_waiting, told.most_files_waiting, told.most_bytes_waiting
        )
        self._most_notices = told.most_notices_a_day
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._sends_mail = told.smtp_host is not None
        self._keys = service.database["keys"]
        self._key: bytes | None = None
        self._client = service.client
        self._outbox = service.outbox
        self._rows = service.database["downloads"]
        self._datasets = catalogue["datasets"]
        self._files = catalogue["files"]
        self._changed: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        service.add_start_step(self.prepare)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self._rows.create_index([("requester", 1), ("done", 1)])
            await self._rows.create_index([("done", 1), ("created_at", 1)])
            await self._rows.create_index("notify_at", sparse=True)
            await self._rows.create_index(
                "updated_at", expireAfterSeconds=int(KEPT.total_seconds())
            )

    async def readers_key(self) -> bytes:
        """By which readers are named: made once, the same for all replicas."""
        if self._key is None:
            fresh = {"$setOnInsert": {"key": secrets.token_bytes(32)}}
            which = {"_id": "readers"}
            with translate_errors():
                with contextlib.suppress(DuplicateKeyError):  # another replica, at that moment
                    await self._keys.update_one(which, fresh, upsert=True)
                row = await self._keys.find_one(which)
            self._key = bytes(row["key"]) if row else None
        if self._key is None:
            raise Unavailable("the key by which readers are named cannot be read")
        return self._key

    async def _waiting(self, requester: str) -> Waiting:
        found = Waiting()
        with translate_errors():
            async for row in self._rows.find({"requester": requester, "done": False}):
                found = Waiting(
                    found.downloads + 1,
                    found.files + row["files"] - row["files_online"],
                    found.bytes + row["bytes"] - row["bytes_online"],
                )
        return found

    async def request(self, wish: Wish, key: str | None, requester: str = "") -> Doc:
        """The row of a new request, or of the one that this reader made under the key before.

        Raises NotFound, Invalid, Conflict or TooMany with the reason.
        """
        made = str(uuid.uuid4())
        if key is not None:
            told = f"{requester} {key}"  # readers may come upon the same one
            made = str(uuid.UUID(bytes=hashlib.sha256(told.encode()).digest()[:16]))
            before = await self._before(made, wish)
            if before is not None:
                return before
        dataset = await self._dataset(wish.pid)
        files, size = await self._extent(dataset, wish.files)
        now = datetime.now(UTC)
        row: Doc = {
            "_id": made,
            "pid": dataset["_id"],
            "asked": wish.pid,
            "locations": None if wish.files is None else list(wish.files),
            "requester": requester,
            **self._notify(wish, now),
            "state": "ARCHIVED",
            "done": False,
            "version": 0,
            "files": files,
            "files_online": 0,
            "files_failed": 0,
            "bytes": size,
            "bytes_online": 0,
            "reason": None,
            "created_at": now,
            "updated_at": now,
        }
        turn = self._turns.setdefault(requester, asyncio.Lock())
        async with turn:  # else what is asked for at once is judged before any of it counts
            if key is not None and (before := await self._before(made, wish)) is not None:
                return before
            await self._judge(row, is_online=dataset.get("availability") == "ONLINE")
            kept = await self._keep(row, wish)
        return row if kept else await self._before(made, wish) or await self.find(made)

    async def _judge(self, row: Doc, *, is_online: bool) -> None:
        """Raises TooMany for more than one reader may be waiting for, or be told of."""
        requester = row["requester"]
        if not requester:
            return
        if not is_online:
            waiting = await self._waiting(requester)
            self._allowance.judge(waiting, files=row["files"], size=row["bytes"])
        if "notify" in row:
            since = row["created_at"] - NOTICES_COUNTED
            which: Doc = {"requester": requester, "tells": True, "created_at": {"$gt": since}}
            with translate_errors():
                told = await self._rows.count_documents(which, limit=self._most_notices)
            if told >= self._most_notices:
                raise TooMany(
                    f"{told} notices were asked for within a day, at most {self._most_notices} may"
                    " be by one reader: ask without one, and look at the download's own address"
                )

    async def _keep(self, row: Doc, wish: Wish) -> bool:
        """With the word to the downloader; False when there is one under its id already."""
        event = DownloadRequested(
            request_id=row["_id"],
            pid=row["pid"],
            locations=wish.files,
            requester=row["requester"],
        )

        async def work(session: Session) -> None:
            await self._rows.insert_one(row, session=session)
            await self._outbox.add(session, [event])

        try:
            await transaction(self._client, work)
        except DuplicateKeyError:  # the same key, at the same moment
            return False
        return True

    async def _before(self, request_id: str, wish: Wish) -> Doc | None:
        with translate_errors():
            row = await self._rows.find_one({"_id": request_id})
        if row is None:
            return None
        locations = None if wish.files is None else list(wish.files)
        if (row["asked"], row["locations"]) != (wish.pid, locations):
            raise Conflict("was used for another request", field="Idempotency-Key")
        return row

    async def _dataset(self, named: str) -> Doc:
        """By pid, or by a DOI that one dataset alone has."""
        public: Doc = {"public": True, "record": {"$exists": True}}
        with translate_errors():
            row = await self._datasets.find_one({"_id": named, **public})
            if row is None:
                found = self._datasets.find({"told_doi": bare_doi(named), **public}).limit(2)
                same = [r async for r in found]
                row = same[0] if len(same) == 1 else None
        if row is None:
            raise NotFound(f"no public dataset {named!r}", field="pid")
        return row

    async def _extent(self, dataset: Doc, locations: Sequence[str] | None) -> tuple[int, int]:
        """Files and bytes asked for."""
        record = dataset["record"]
        summary = record["files"]
        if not record.get("folder") or not summary["count"]:
            raise Conflict(f"the archive has no files of {dataset['_id']!r}", field="pid")
        if locations is None:
            return summary["count"], summary["bytes"]
        sizes: dict[str, int] = {}
        for start in range(0, len(locations), LOOKED_UP_AT_ONCE):
            named = list(locations[start : start + LOOKED_UP_AT_ONCE])
            which = {"pid": dataset["_id"], "location": {"$in": named}}
            with translate_errors():
                async for row in self._files.find(which, {"location": 1, "size": 1}):
                    sizes[row["location"]] = row.get("size") or 0
        for number, location in enumerate(locations):
            if location not in sizes:
                reason = f"the dataset has no file {location[:200]!r}"
                raise Invalid(reason, field=f"files[{number}]")
        return len(locations), sum(sizes.values())

    async def find(self, request_id: str) -> Doc:
        """Raises NotFound."""
        with translate_errors():
            row = await self._rows.find_one({"_id": request_id})
        if row is None:
            raise NotFound(f"no download {request_id[:100]!r}")
        return row

    def _notify(self, wish: Wish, now: datetime) -> Doc:
        """Where to tell when it has ended. Raises Invalid where that cannot be."""
        if wish.email and not self._sends_mail:
            raise Invalid("this portal sends no e-mail", field="email")
        ways = {"email": wish.email, "webhook": wish.webhook}
        notify = {way: where for way, where in ways.items() if where}
        return {"notify": notify, "notify_at": now, "tells": True} if notify else {}

    async def claim_notice(self) -> Doc | None:
        """One that has ended and whose reader wants to know; not given to another for a while."""
        now = datetime.now(UTC)
        with translate_errors():
            return await self._rows.find_one_and_update(
                {"done": True, "notify_at": {"$lte": now}},
                {"$set": {"notify_at": now + NOTICE_LEASE}},
            )

    async def noticed(self, row: Doc, left: Doc, *, pause: float) -> None:
        """What was told is erased; what is left is tried later."""
        change: Doc = {"$unset": {"notify": "", "notify_at": ""}}
        if left:
            later = datetime.now(UTC) + timedelta(seconds=pause)
            change = {"$set": {"notify": left, "notify_at": later}, "$inc": {"notice_tries": 1}}
        with translate_errors():
            await self._rows.update_one({"_id": row["_id"]}, change)

    async def cancel(self, request_id: str) -> Doc:
        """Not wanted any more; one that has ended stays as it is. Raises NotFound."""
        row = await self.find(request_id)
        if row["done"]:
            return row
        fields = {
            "state": "CANCELLED",
            "done": True,
            "reason": "cancelled by its reader",
            "updated_at": datetime.now(UTC),
        }
        silent = {"notify": "", "notify_at": ""}

        async def work(session: Session) -> None:
            which = {"_id": request_id, "done": False}
            change = {"$set": fields, "$unset": silent, "$inc": {"version": CANCELLED_VERSION}}
            result = await self._rows.update_one(which, change, session=session)
            if result.matched_count:
                await self._outbox.add(session, [DownloadCancelled(request_id=request_id)])

        await transaction(self._client, work)
        self._wake(request_id)
        return await self.find(request_id)

    async def under_way(self, most: int) -> list[Doc]:
        """Those that have not ended, the oldest first."""
        with translate_errors():
            rows = self._rows.find({"done": False}).sort("created_at", 1).limit(most)
            return [row async for row in rows]

    async def progressed(self, event: DownloadProgressed) -> None:
        told = event.model_dump(exclude={"request_id", "version", "seconds_left"})
        expected = None
        if event.seconds_left is not None:
            expected = datetime.now(UTC) + timedelta(seconds=event.seconds_left)
        await self._apply(event.request_id, event.version, {**told, "expected_at": expected})

    async def ready(self, event: DownloadReady) -> None:
        counts = {"files": event.files, "files_online": event.files}
        counts |= {"files_failed": 0, "files_expired": 0}
        sizes = {"bytes": event.bytes, "bytes_online": event.bytes}
        await self._apply(
            event.request_id, event.version, {"state": "ONLINE", "done": True, **counts, **sizes}
        )

    async def failed(self, event: DownloadFailed) -> None:
        told = event.model_dump(exclude={"request_id", "version"})
        await self._apply(
            event.request_id, event.version, {**told, "state": "FAILED", "done": True}
        )

    async def _apply(self, request_id: str, version: int, told: dict[str, Any]) -> None:
        """What is told, if it is newer than what is known."""
        change = {**told, "version": version, "updated_at": datetime.now(UTC)}
        with translate_errors():
            await self._rows.update_one(
                {"_id": request_id, "version": {"$lt": version}}, {"$set": change}
            )
        self._wake(request_id)

    def _wake(self, request_id: str) -> None:
        changed = self._changed.pop(request_id, None)
        if changed is not None:
            changed.set()

    async def wait(self, request_id: str, seconds: float) -> None:
        """Until something is told of it here, at most so long: replicas hear other events."""
        changed = self._changed.get(request_id) or asyncio.Event()
        self._changed[request_id] = changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()
