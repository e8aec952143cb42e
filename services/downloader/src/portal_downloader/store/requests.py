"""Repository of download requests: who requested which files, and what was published about them.

`next` is present while files of a request are still to be queued: the location after which they
follow.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import DownloadRequested
from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    translate_errors,
)
from portal_shared.runtime.telemetry.origin import current_origin

from portal_downloader.domain.estimates import Extent
from portal_downloader.store.request_names import RequestNames
from portal_downloader.store.rows.request import RequestRow
from portal_downloader.store.signals import Signals

RETENTION = timedelta(days=30)
MAX_SINGLE_LOOKUPS = 8  # locations that are looked up one by one


class Requests:
    """Reads and changes the rows of requests."""

    def __init__(self, database: Database, lease: float, signals: Signals) -> None:
        self._rows = database["requests"]
        self._names = RequestNames(self._rows)
        self._signals = signals
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._rows.create_index([("open", ASCENDING), ("pid", ASCENDING)])
            await self._rows.create_index([("planned", ASCENDING), ("look_at", ASCENDING)])
            await self._rows.create_index([("open", ASCENDING), ("requested_at", ASCENDING)])
            await self._rows.create_index("let_go", sparse=True)
            await self._rows.create_index(
                "ended_at", expireAfterSeconds=int(RETENTION.total_seconds())
            )

    async def create(self, event: DownloadRequested) -> None:
        """Stores a new request; has no effect if it exists."""
        now = datetime.now(UTC)
        locations = None if event.locations is None else list(dict.fromkeys(event.locations))
        row: Doc = {
            "_id": event.request_id,
            "pid": event.pid,
            "locations": locations,
            "named": None if locations is None else len(locations),
            "open": True,
            "planned": False,
            "look_at": now,
            "requester": event.requester,
            "priority": max(-10, min(10, event.priority)),
            "state": None,
            "version": 0,
            "requested_at": now,
            **current_origin().fields,
        }
        with translate_errors():
            try:
                await self._rows.insert_one(row)
            except DuplicateKeyError:
                return
        self._signals.planner.set()

    async def locations(self, request_id: str, pid: str) -> tuple[tuple[str, ...] | None] | None:
        """Returns the locations that a request of this dataset names in a tuple (None for all
        files).

        Returns None if there is no such request.
        """
        with translate_errors():
            row = await self._rows.find_one({"_id": request_id, "pid": pid})
        if row is None:
            return None
        return (None if row["locations"] is None else tuple(row["locations"]),)

    async def cancel(self, request_id: str) -> None:
        """Closes an open request; one that has ended, or is cancelled before it arrives, stays
        closed.
        """
        now = datetime.now(UTC)
        fields = {"open": False, "state": "CANCELLED", "ended_at": now, "let_go": False}
        new_row: Doc = {
            "pid": "",
            "locations": [],
            "planned": True,
            "version": 0,
            "requested_at": now,
        }
        which = {"_id": request_id, "$or": [{"open": True}, {"pid": {"$exists": False}}]}
        with translate_errors():
            try:
                await self._rows.update_one(
                    which, {"$set": fields, "$setOnInsert": new_row}, upsert=True
                )
            except DuplicateKeyError:  # it has ended
                return
        self._signals.canceller.set()

    async def any_open(self) -> bool:
        """Returns whether a request is open, or one has files to release."""
        for which in ({"open": True}, {"let_go": False}):
            with translate_errors():
                if await self._rows.find_one(which, {"_id": 1}) is not None:
                    return True
        return False

    async def next_cancelled(self) -> RequestRow | None:
        """Returns a closed request whose files are not released yet."""
        with translate_errors():
            row = await self._rows.find_one({"let_go": False})
        return _request_of(row)

    async def close(self, request: RequestRow) -> None:
        """Records that the files of a closed request are released."""
        with translate_errors():
            await self._rows.update_one({"_id": request.id}, {"$unset": {"let_go": ""}})

    async def wanted_locations(self, pid: str) -> set[str] | None:
        """Returns the locations that open requests of a dataset name; None if one names all."""
        found: set[str] = set()
        with translate_errors():
            async for row in self._rows.find({"open": True, "pid": pid}, {"locations": 1}):
                if row["locations"] is None:
                    return None
                found.update(row["locations"])
        return found

    async def queue_position(self, request: RequestRow) -> int:
        """Returns the position among the open requests, from 1."""
        which: Doc = {"open": True, "requested_at": {"$lt": request.requested_at}}
        with translate_errors():
            return 1 + await self._rows.count_documents(which)

    async def count_open(self) -> int:
        """Returns the number of open requests."""
        with translate_errors():
            return await self._rows.count_documents({"open": True})

    async def extent_ahead(self, request: RequestRow) -> Extent:
        """Returns the files and bytes that are left of the requests before this one."""
        return await self._sum_left({"open": True, "requested_at": {"$lt": request.requested_at}})

    async def extent_left(self) -> Extent:
        """Returns the files and bytes left of all requests; shared files count for each request."""
        return await self._sum_left({"open": True})

    async def _sum_left(self, which: Doc) -> Extent:
        sums: Doc = {"_id": None}
        for name in ("files", "bytes", "files_online", "bytes_online"):
            sums[name] = {"$sum": f"${name}"}
        with translate_errors():
            async for row in self._rows.aggregate([{"$match": which}, {"$group": sums}]):
                files, size = row["files"] - row["files_online"], row["bytes"] - row["bytes_online"]
                return Extent(max(0, files), max(0, size))
        return Extent(0, 0)

    async def stale(
        self, since: datetime, limit: int, *, besides: Collection[str]
    ) -> list[RequestRow]:
        """Returns open requests about which nothing was published since then; their position may
        change.

        Datasets in `besides` are left out.
        """
        which: Doc = {"open": True, "planned": True, "told_at": {"$lte": since}}
        if besides:
            which["pid"] = {"$nin": list(besides)}
        with translate_errors():
            rows = self._rows.find(which).limit(limit)
            return [RequestRow.from_row(row) async for row in rows]

    async def claim_unplanned(self) -> RequestRow | None:
        """Claims a request that is not planned yet; it is leased for a while."""
        now = datetime.now(UTC)
        with translate_errors():
            row = await self._rows.find_one_and_update(
                {"open": True, "planned": False, "look_at": {"$lte": now}},
                {"$set": {"look_at": now + self._lease}},
                sort=[("look_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _request_of(row)

    async def postpone(self, request: RequestRow, seconds: float) -> None:
        """Plans a request again after so many seconds."""
        look_at = datetime.now(UTC) + timedelta(seconds=seconds)
        with translate_errors():
            await self._rows.update_one({"_id": request.id}, {"$set": {"look_at": look_at}})

    async def mark_planned(self, request: RequestRow, following: str | None) -> None:
        """Records that the first files are queued; others follow after this location."""
        fields: Doc = {"planned": True}
        if following is not None:
            fields |= {"next": following, "look_at": datetime.now(UTC)}
        await self._update_if_open(request, {}, {"$set": fields})

    async def claim_partly_queued(self) -> RequestRow | None:
        """Claims a request of which files are still to be queued; it is leased for a while."""
        now = datetime.now(UTC)
        which: Doc = {"open": True, "planned": True, "look_at": {"$lte": now}}
        with translate_errors():
            row = await self._rows.find_one_and_update(
                {**which, "next": {"$exists": True}},
                {"$set": {"look_at": now + self._lease}},
                sort=[("look_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _request_of(row)

    async def save_position(self, request: RequestRow, following: str | None) -> None:
        """Records up to which location files are queued; None when all are."""
        change: Doc = {"$unset": {"next": ""}}
        if following is not None:
            change = {"$set": {"next": following, "look_at": datetime.now(UTC)}}
        await self._update_if_open(request, {"next": request.following}, change)

    async def _update_if_open(self, request: RequestRow, was: Doc, change: Doc) -> None:
        """Applies a change; if the request was cancelled meanwhile, its files are released."""
        key: Doc = {"_id": request.id}
        with translate_errors():
            result = await self._rows.update_one({**key, **was, "open": True}, change)
            if result.matched_count:
                return
            cancelled: Doc = {**key, "open": False, "state": "CANCELLED"}
            await self._rows.update_one(cancelled, {"$set": {"let_go": False}})
        self._signals.canceller.set()

    async def still_to_queue(self, pid: str, locations: Sequence[str]) -> set[str]:
        """Returns those of these locations that open requests name and that are not queued yet.

        A few are looked up in the database; for more, the names of the requests are cached.
        """
        which: Doc = {"open": True, "pid": pid, "next": {"$exists": True}}
        lowest_first = [("next", ASCENDING)]
        with translate_errors():
            all_files = await self._rows.find_one(
                {**which, "locations": None}, {"next": 1}, sort=lowest_first
            )
        found = {name for name in locations if all_files is not None and name > all_files["next"]}
        remaining = set(locations) - found
        if len(remaining) > MAX_SINGLE_LOOKUPS:
            return found | await self._find_names(which, remaining)
        for name in remaining:
            names: Doc = {**which, "next": {"$lt": name}, "locations": name}
            with translate_errors():
                if await self._rows.find_one(names, {"_id": 1}) is not None:
                    found.add(name)
        return found

    async def _find_names(self, which: Doc, names: set[str]) -> set[str]:
        """Returns those of these names that a request names after its position."""
        fits: Doc = {**which, "next": {"$lt": max(names)}, "locations": {"$ne": None}}
        with translate_errors():
            rows = self._rows.find(fits, {"next": 1})
            following = {row["_id"]: row["next"] async for row in rows}
        return await self._names.still_to_queue(following, names)

    async def replan(self, which: Doc) -> None:
        """Schedules open requests for planning again."""
        again: Doc = {"planned": False, "look_at": datetime.now(UTC)}
        change: Doc = {"$set": again, "$unset": {"next": ""}}
        with translate_errors():
            result = await self._rows.update_many({**which, "open": True}, change)
        if result.modified_count:
            self._signals.planner.set()

    async def open_for(self, pids: Sequence[str], *, fewer: int | None = None) -> list[RequestRow]:
        """Returns open, planned requests for these datasets; with `fewer`, only those naming fewer
        files.
        """
        which: Doc = {"open": True, "pid": {"$in": list(pids)}, "planned": True}
        if fewer is not None:
            which["named"] = {"$lt": fewer}
        with translate_errors():
            return [RequestRow.from_row(row) async for row in self._rows.find(which)]

    async def update(self, request: RequestRow, fields: dict[str, Any], session: Session) -> bool:
        """Stores what is published now, within a transaction; returns False if something newer was
        stored.
        """
        was = {"_id": request.id, "version": request.version, "open": True}
        result = await self._rows.update_one(was, {"$set": fields}, session=session)
        return bool(result.matched_count)

    async def counts(self) -> dict[str, int]:
        """Counts requests by state, for /status."""
        found: dict[str, int] = {}
        with translate_errors():
            group = {"$group": {"_id": "$state", "n": {"$sum": 1}}}
            async for row in self._rows.aggregate([group]):
                found[row["_id"] or "WAITING"] = row["n"]
        return found


def _request_of(row: Doc | None) -> RequestRow | None:
    return None if row is None else RequestRow.from_row(row)
