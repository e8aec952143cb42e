"""Download requests in MongoDB: who asks for which files, and what they have been told.

`next` is there while files of a request are still to be queued: the location after which they are.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import DownloadRequested
from portal_shared.runtime.logs import current_correlation_id
from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    translate_errors,
)

from portal_downloader.domain.estimates import Extent
from portal_downloader.store.request_names import Naming
from portal_downloader.store.signals import Bells

KEPT = timedelta(days=30)
FEW = 8  # locations that are looked for one by one


class Requests:
    def __init__(self, database: Database, lease: float, bells: Bells) -> None:
        self._rows = database["requests"]
        self._naming = Naming(self._rows)
        self._bells = bells
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self._rows.create_index([("open", ASCENDING), ("pid", ASCENDING)])
            await self._rows.create_index([("planned", ASCENDING), ("look_at", ASCENDING)])
            await self._rows.create_index([("open", ASCENDING), ("requested_at", ASCENDING)])
            await self._rows.create_index("let_go", sparse=True)
            await self._rows.create_index("ended_at", expireAfterSeconds=int(KEPT.total_seconds()))

    async def keep(self, event: DownloadRequested) -> None:
        """A new request; nothing when it is there already."""
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
            "correlation_id": current_correlation_id(),
        }
        with translate_errors():
            try:
                await self._rows.insert_one(row)
            except DuplicateKeyError:
                return
        self._bells.planning.ring()

    async def locations(self, request_id: str, pid: str) -> tuple[tuple[str, ...] | None] | None:
        """What a request of this dataset names, None within for all; None: there is none."""
        with translate_errors():
            row = await self._rows.find_one({"_id": request_id, "pid": pid})
        if row is None:
            return None
        return (None if row["locations"] is None else tuple(row["locations"]),)

    async def cancel(self, request_id: str) -> None:
        """Its files are let go next; a request that has ended, or never came, stays so."""
        now = datetime.now(UTC)
        fields = {"open": False, "state": "CANCELLED", "ended_at": now, "let_go": False}
        fresh: Doc = {
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
                    which, {"$set": fields, "$setOnInsert": fresh}, upsert=True
                )
            except DuplicateKeyError:  # it has ended
                return
        self._bells.cancelling.ring()

    async def any_open(self) -> bool:
        """Whether one has not ended, or its files have not been let go."""
        for which in ({"open": True}, {"let_go": False}):
            with translate_errors():
                if await self._rows.find_one(which, {"_id": 1}) is not None:
                    return True
        return False

    async def next_cancelled(self) -> Doc | None:
        """One whose files have not been let go."""
        with translate_errors():
            return await self._rows.find_one({"let_go": False})

    async def let_go(self, request: Doc) -> None:
        with translate_errors():
            await self._rows.update_one({"_id": request["_id"]}, {"$unset": {"let_go": ""}})

    async def wanted_besides(self, pid: str) -> set[str] | None:
        """Locations that open requests of a dataset name; None when one names all."""
        found: set[str] = set()
        with translate_errors():
            async for row in self._rows.find({"open": True, "pid": pid}, {"locations": 1}):
                if row["locations"] is None:
                    return None
                found.update(row["locations"])
        return found

    async def place(self, request: Doc) -> int:
        """In the queue of those that have not ended: from 1."""
        which: Doc = {"open": True, "requested_at": {"$lt": request["requested_at"]}}
        with translate_errors():
            return 1 + await self._rows.count_documents(which)

    async def ahead(self, request: Doc) -> Extent:
        """Files and bytes of those before it that have not come."""
        return await self._left({"open": True, "requested_at": {"$lt": request["requested_at"]}})

    async def left(self) -> Extent:
        """Files and bytes that have not come of any: of some more than once, where they overlap."""
        return await self._left({"open": True})

    async def _left(self, which: Doc) -> Extent:
        sums: Doc = {"_id": None}
        for name in ("files", "bytes", "files_online", "bytes_online"):
            sums[name] = {"$sum": f"${name}"}
        with translate_errors():
            async for row in self._rows.aggregate([{"$match": which}, {"$group": sums}]):
                files, size = row["files"] - row["files_online"], row["bytes"] - row["bytes_online"]
                return Extent(max(0, files), max(0, size))
        return Extent(0, 0)

    async def untold(self, since: datetime, most: int, *, besides: Collection[str]) -> list[Doc]:
        """Open ones of which nothing was said for long: their place may have changed.

        Not those for the datasets `besides`.
        """
        which: Doc = {"open": True, "planned": True, "told_at": {"$lte": since}}
        if besides:
            which["pid"] = {"$nin": list(besides)}
        with translate_errors():
            return [row async for row in self._rows.find(which).limit(most)]

    async def claim_unplanned(self) -> Doc | None:
        """One whose files have not been asked for; not given to another for a while."""
        now = datetime.now(UTC)
        with translate_errors():
            return await self._rows.find_one_and_update(
                {"open": True, "planned": False, "look_at": {"$lte": now}},
                {"$set": {"look_at": now + self._lease}},
                sort=[("look_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )

    async def look_later(self, request: Doc, seconds: float) -> None:
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        with translate_errors():
            await self._rows.update_one({"_id": request["_id"]}, {"$set": {"look_at": due}})

    async def planned(self, request: Doc, following: str | None) -> None:
        """Its first files are queued; others are to follow after this location."""
        fields: Doc = {"planned": True}
        if following is not None:
            fields |= {"next": following, "look_at": datetime.now(UTC)}
        await self._queued(request, {}, {"$set": fields})

    async def claim_unfinished(self) -> Doc | None:
        """One of which files are still to be queued; not given to another for a while."""
        now = datetime.now(UTC)
        which: Doc = {"open": True, "planned": True, "look_at": {"$lte": now}}
        with translate_errors():
            return await self._rows.find_one_and_update(
                {**which, "next": {"$exists": True}},
                {"$set": {"look_at": now + self._lease}},
                sort=[("look_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )

    async def queued_up_to(self, request: Doc, following: str | None) -> None:
        """More of its files are queued; None: all are."""
        change: Doc = {"$unset": {"next": ""}}
        if following is not None:
            change = {"$set": {"next": following, "look_at": datetime.now(UTC)}}
        await self._queued(request, {"next": request["next"]}, change)

    async def _queued(self, request: Doc, was: Doc, change: Doc) -> None:
        """Where it was cancelled meanwhile, what was queued is let go."""
        ours: Doc = {"_id": request["_id"]}
        with translate_errors():
            result = await self._rows.update_one({**ours, **was, "open": True}, change)
            if result.matched_count:
                return
            cancelled: Doc = {**ours, "open": False, "state": "CANCELLED"}
            await self._rows.update_one(cancelled, {"$set": {"let_go": False}})
        self._bells.cancelling.ring()

    async def awaited(self, pid: str, locations: Sequence[str]) -> set[str]:
        """Those of these that open requests for a dataset ask for and have not got queued.

        The database looks for a few: what requests name is too much to read for every file.
        """
        which: Doc = {"open": True, "pid": pid, "next": {"$exists": True}}
        least = [("next", ASCENDING)]
        with translate_errors():
            whole = await self._rows.find_one({**which, "locations": None}, {"next": 1}, sort=least)
        found = {name for name in locations if whole is not None and name > whole["next"]}
        others = set(locations) - found
        if len(others) > FEW:
            return found | await self._named(which, others)
        for name in others:
            names: Doc = {**which, "next": {"$lt": name}, "locations": name}
            with translate_errors():
                if await self._rows.find_one(names, {"_id": 1}) is not None:
                    found.add(name)
        return found

    async def _named(self, which: Doc, names: set[str]) -> set[str]:
        """Those of these that come after the `next` of a request that names them."""
        fits: Doc = {**which, "next": {"$lt": max(names)}, "locations": {"$ne": None}}
        with translate_errors():
            rows = self._rows.find(fits, {"next": 1})
            following = {row["_id"]: row["next"] async for row in rows}
        return await self._naming.awaited(following, names)

    async def plan_again(self, which: Doc) -> None:
        """Open requests, to have their files asked for again."""
        again: Doc = {"planned": False, "look_at": datetime.now(UTC)}
        change: Doc = {"$set": again, "$unset": {"next": ""}}
        with translate_errors():
            result = await self._rows.update_many({**which, "open": True}, change)
        if result.modified_count:
            self._bells.planning.ring()

    async def open_of(self, pids: Sequence[str], *, fewer: int | None = None) -> list[Doc]:
        """Open requests for these datasets whose files have been asked for.

        With `fewer`, those that name fewer files than that.
        """
        which: Doc = {"open": True, "pid": {"$in": list(pids)}, "planned": True}
        if fewer is not None:
            which["named"] = {"$lt": fewer}
        with translate_errors():
            return [row async for row in self._rows.find(which)]

    async def change(self, request: Doc, fields: dict[str, Any], session: Session) -> bool:
        """Keep what is told now, within a transaction; False when something newer was told."""
        was = {"_id": request["_id"], "version": request["version"], "open": True}
        result = await self._rows.update_one(was, {"$set": fields}, session=session)
        return bool(result.matched_count)

    async def counts(self) -> dict[str, int]:
        """Requests by state."""
        found: dict[str, int] = {}
        with translate_errors():
            group = {"$group": {"_id": "$state", "n": {"$sum": 1}}}
            async for row in self._rows.aggregate([group]):
                found[row["_id"] or "WAITING"] = row["n"]
        return found
