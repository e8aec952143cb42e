"""Stores download requests in MongoDB, and publishes requests and cancellations."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import (
    DownloadCancelled,
    DownloadFailed,
    DownloadProgressed,
    DownloadReady,
    DownloadRequested,
)
from portal_shared.runtime.errors import NotFound
from portal_shared.runtime.mongo import (
    Doc,
    DuplicateKeyError,
    Session,
    transaction,
    translate_errors,
)
from portal_shared.service.app import Service

from portal_gateway.downloads.download import Download
from portal_gateway.downloads.quota import Pending, Requested
from portal_gateway.downloads.watch import DownloadWatch

RETENTION = timedelta(days=30)  # after the last change
CANCELLED_VERSION = 1_000_000_000  # above all versions of events: later events have no effect


class Downloads:
    def __init__(self, service: Service) -> None:
        self.rows = service.database["downloads"]
        self.watch = DownloadWatch(self.load_many)
        self._client = service.client
        self._outbox = service.outbox
        service.add_start_step(self.create_indexes)

    async def create_indexes(self) -> None:
        with translate_errors():
            await self.rows.create_index([("requester", 1), ("done", 1)])
            await self.rows.create_index([("requester", 1), ("created_at", 1)])
            await self.rows.create_index([("done", 1), ("created_at", 1)])
            await self.rows.create_index("notify_at", sparse=True)
            await self.rows.create_index(
                "updated_at", expireAfterSeconds=int(RETENTION.total_seconds())
            )

    async def insert(self, download: Download) -> bool:
        """Stores a new download and publishes its request. False if its id exists already."""
        event = DownloadRequested(
            request_id=download.id,
            pid=download.pid,
            locations=download.locations,
            requester=download.requester,
        )

        async def work(session: Session) -> None:
            await self.rows.insert_one(download.to_row(), session=session)
            await self._outbox.add(session, [event])

        try:
            await transaction(self._client, work)
        except DuplicateKeyError:  # a concurrent request with the same key
            return False
        return True

    async def find(self, request_id: str) -> Download | None:
        with translate_errors():
            row = await self.rows.find_one({"_id": request_id})
        return None if row is None else Download.from_row(row)

    async def load(self, request_id: str) -> Download:
        """Raises NotFound."""
        download = await self.find(request_id)
        if download is None:
            raise NotFound(f"There is no download {request_id[:100]!r}")
        return download

    async def load_many(self, request_ids: Sequence[str]) -> list[Download]:
        """Returns those of these downloads that exist, without the locations of their files."""
        with translate_errors():
            rows = self.rows.find({"_id": {"$in": list(request_ids)}}, {"locations": 0})
            return [Download.from_row(row) async for row in rows]

    async def load_unfinished(self, limit: int) -> list[Download]:
        """Returns downloads that have not ended, the oldest first."""
        with translate_errors():
            rows = self.rows.find({"done": False}).sort("created_at", 1).limit(limit)
            return [Download.from_row(row) async for row in rows]

    async def sum_pending(self, requester: str) -> Pending:
        """Sums the downloads that a requester is waiting for."""
        pending = Pending()
        with translate_errors():
            async for row in self.rows.find({"requester": requester, "done": False}):
                pending = Pending(
                    pending.downloads + 1,
                    pending.files + row["files"] - row["files_online"],
                    pending.bytes + row["bytes"] - row["bytes_online"],
                )
        return pending

    async def sum_requested(self, requester: str, since: datetime) -> Requested:
        """Sums what a requester has requested since a moment, whatever became of it."""
        match: Doc = {"requester": requester, "created_at": {"$gt": since}}
        listed: Doc = {"$sum": {"$ifNull": ["$listed", 0]}}
        steps: list[Doc] = [
            {"$match": match},
            {"$group": {"_id": None, "downloads": {"$sum": 1}, "listed": listed}},
        ]
        with translate_errors():
            async for row in self.rows.aggregate(steps):
                return Requested(row["downloads"], row["listed"])
        return Requested()

    async def count_notices(self, requester: str, since: datetime, limit: int) -> int:
        """Counts downloads after `since` whose requester wanted a notice, up to the limit."""
        query: Doc = {"requester": requester, "tells": True, "created_at": {"$gt": since}}
        with translate_errors():
            return await self.rows.count_documents(query, limit=limit)

    async def cancel(self, request_id: str) -> Download:
        """Cancels a download; one that has ended does not change. Raises NotFound."""
        download = await self.load(request_id)
        if download.done:
            return download
        fields = {
            "state": "CANCELLED",
            "done": True,
            "reason": "cancelled by its reader",
            "updated_at": datetime.now(UTC),
        }
        no_notice = {"notify": "", "notify_at": ""}

        async def work(session: Session) -> None:
            query = {"_id": request_id, "done": False}
            change = {"$set": fields, "$unset": no_notice, "$inc": {"version": CANCELLED_VERSION}}
            result = await self.rows.update_one(query, change, session=session)
            if result.matched_count:
                await self._outbox.add(session, [DownloadCancelled(request_id=request_id)])

        await transaction(self._client, work)
        self.watch.set(request_id)
        return await self.load(request_id)

    async def store_progress(self, event: DownloadProgressed) -> None:
        fields = event.model_dump(exclude={"request_id", "version", "seconds_left"})
        expected = None
        if event.seconds_left is not None:
            expected = datetime.now(UTC) + timedelta(seconds=event.seconds_left)
        await self._update(event.request_id, event.version, {**fields, "expected_at": expected})

    async def store_ready(self, event: DownloadReady) -> str | None:
        """Returns the dataset of the download if it ends by this event; else None."""
        counts = {"files": event.files, "files_online": event.files}
        counts |= {"files_failed": 0, "files_expired": 0}
        sizes = {"bytes": event.bytes, "bytes_online": event.bytes}
        fields = {"state": "ONLINE", "done": True, **counts, **sizes}
        before = await self._update(event.request_id, event.version, fields)
        return before["pid"] if before and not before["done"] else None

    async def store_failed(self, event: DownloadFailed) -> None:
        fields = event.model_dump(exclude={"request_id", "version"})
        await self._update(
            event.request_id, event.version, {**fields, "state": "FAILED", "done": True}
        )

    async def _update(self, request_id: str, version: int, fields: dict[str, Any]) -> Doc | None:
        """Stores the fields of an event, unless a newer event was stored before: then None.

        Returns the dataset, and whether it had ended before.
        """
        change = {**fields, "version": version, "updated_at": datetime.now(UTC)}
        with translate_errors():
            before: Doc | None = await self.rows.find_one_and_update(
                {"_id": request_id, "version": {"$lt": version}},
                {"$set": change},
                projection={"pid": 1, "done": 1},
            )
        self.watch.set(request_id)
        return before
