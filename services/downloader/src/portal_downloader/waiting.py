"""The files that wait for the archive, as rows in MongoDB: who has which, and what goes next."""
# pyright: reportUnknownMemberType=false

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from portal_shared.mongo import ASCENDING, DESCENDING, Doc, UpdateOne, translated

from portal_downloader.batching import TAPE, Place, Share, group_of
from portal_downloader.rows import FileRow, Files
from portal_downloader.states import AT_ARCHIVE


class Waiting:
    def __init__(self, files: Files) -> None:
        self._rows = files.rows

    async def place(self, places: Mapping[str, Place], files: Sequence[FileRow]) -> None:
        """Where the archive says that these lie."""
        writes: list[Any] = [
            UpdateOne(
                {"_id": file.id},
                {
                    "$set": {
                        "group": group_of(file.path, place),
                        "position": place.position,
                        "on_tape": True,
                    }
                },
            )
            for file in files
            if (place := places.get(file.path)) is not None
        ]
        if writes:
            with translated():
                await self._rows.bulk_write(writes, ordered=False)

    async def shares(self, now: datetime) -> list[Share]:
        """Who has what waiting that may be staged now, and what under way."""
        waiting: Doc = {"state": "queued", "not_before": {"$lte": now}}
        group: Doc = {
            "_id": "$requester",
            "n": {"$sum": 1},
            "priority": {"$max": "$priority"},
            "oldest": {"$min": "$not_before"},
        }
        under_way: dict[str, int] = {}
        with translated():
            steps = [{"$match": waiting}, {"$group": group}]
            rows = [row async for row in self._rows.aggregate(steps)]
            busy: Doc = {"state": {"$in": list(AT_ARCHIVE)}}
            counted: Doc = {"_id": "$requester", "n": {"$sum": 1}}
            async for row in self._rows.aggregate([{"$match": busy}, {"$group": counted}]):
                under_way[row["_id"] or ""] = row["n"]
        return [
            Share(
                requester=row["_id"] or "",
                priority=int(row["priority"] or 0),
                waiting=row["n"],
                oldest=row["oldest"],
                under_way=under_way.get(row["_id"] or "", 0),
            )
            for row in rows
        ]

    async def groups_under_way(self) -> set[str]:
        """Of what the archive has been asked for."""
        which: Doc = {"state": {"$in": list(AT_ARCHIVE)}}
        with translated():
            return {str(group) for group in await self._rows.distinct("group", which)}

    async def next_group(
        self, requester: str, now: datetime, *, besides: Collection[str], tapes: bool
    ) -> str | None:
        """That of his file that waits longest, of the highest priority; of tapes only if asked."""
        which: Doc = {"state": "queued", "not_before": {"$lte": now}, "requester": requester}
        which["group"] = {"$nin": [group for group in besides if group.startswith(TAPE)]}
        if not tapes:
            which["on_tape"] = {"$ne": True}
        order = [("priority", DESCENDING), ("not_before", ASCENDING), ("path", ASCENDING)]
        with translated():
            row = await self._rows.find_one(which, {"group": 1}, sort=order)
        return row["group"] if row else None

    async def of_group(self, group: str, now: datetime, most: int) -> list[tuple[str, str]]:
        """Ids and requesters of those that wait, in the order in which they lie."""
        which: Doc = {"state": "queued", "not_before": {"$lte": now}, "group": group}
        with translated():
            rows = self._rows.find(which, {"requester": 1})
            order = [("position", ASCENDING), ("path", ASCENDING)]
            return [
                (row["_id"], row.get("requester") or "")
                async for row in rows.sort(order).limit(most)
            ]

    async def waiting(self, now: datetime, most: int) -> int:
        """How many may be staged now; no more are counted than that."""
        which: Doc = {"state": "queued", "not_before": {"$lte": now}}
        with translated():
            return await self._rows.count_documents(which, limit=most)

    async def queued_of(self, requester: str, most: int) -> int:
        """How many wait that he asked for; no more are counted than that."""
        which: Doc = {"requester": requester, "state": "queued"}
        with translated():
            return await self._rows.count_documents(which, limit=most)

    async def under_way(self) -> int:
        """How many the archive has been asked for."""
        with translated():
            return await self._rows.count_documents({"state": {"$in": list(AT_ARCHIVE)}})

    async def next_queued(self) -> datetime | None:
        """When the first of those queued may be staged."""
        with translated():
            row = await self._rows.find_one({"state": "queued"}, sort=[("not_before", ASCENDING)])
        return row["not_before"] if row else None
