"""The files that wait for the archive, as rows in MongoDB: who has which, and what goes next."""
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal_shared.runtime.mongo import ASCENDING, Doc, UpdateOne, translate_errors

from portal_downloader.domain.batching import Place, group_of
from portal_downloader.domain.fair_share import Heap, Load
from portal_downloader.domain.states import THERE
from portal_downloader.store.files import FileRow, Files


@dataclass(frozen=True)
class Queue:
    """All that waits: since when the first may be staged, and what may be by now."""

    oldest: datetime | None
    heaps: tuple[Heap, ...]

    @property
    def files(self) -> int:
        return sum(heap.files for heap in self.heaps)


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
            with translate_errors():
                await self._rows.bulk_write(writes, ordered=False)

    async def queue(self, now: datetime) -> Queue:
        """All that waits, looked at once."""
        heap: Doc = {"requester": "$requester", "group": "$group", "priority": "$priority"}
        heap["due"] = {"$lte": ["$not_before", now]}
        sums: Doc = {"n": {"$sum": 1}, "oldest": {"$min": "$not_before"}, "path": {"$min": "$path"}}
        steps: list[Doc] = [{"$match": {"state": "queued"}}, {"$group": {"_id": heap, **sums}}]
        oldest: datetime | None = None
        heaps: list[Heap] = []
        with translate_errors():
            async for row in self._rows.aggregate(steps):
                told = row["_id"]
                oldest = min(oldest or row["oldest"], row["oldest"])
                if told["due"]:
                    who, priority = told.get("requester") or "", int(told.get("priority") or 0)
                    heaps.append(
                        Heap(who, told["group"], priority, row["n"], row["oldest"], row["path"])
                    )
        return Queue(oldest, tuple(heaps))

    async def loads(self) -> tuple[int, list[Load]]:
        """How many are pinned on the archive's disk for us, and what else it was asked for."""
        load: Doc = {"requester": "$requester", "group": "$group"}
        load["staged"] = {"$eq": ["$state", "staged"]}
        which: Doc = {"state": {"$in": list(THERE)}}
        steps: list[Doc] = [{"$match": which}, {"$group": {"_id": load, "n": {"$sum": 1}}}]
        staged = 0
        loads: list[Load] = []
        with translate_errors():
            async for row in self._rows.aggregate(steps):
                told = row["_id"]
                if told["staged"]:
                    staged += row["n"]
                else:
                    loads.append(Load(told.get("requester") or "", told["group"], row["n"]))
        return staged, loads

    async def of_group(self, group: str, now: datetime, most: int) -> list[tuple[str, str]]:
        """Ids and requesters of those that wait, in the order in which they lie.

        The group comes first: the index of the first field is the one that some databases take.
        """
        which: Doc = {"group": group, "state": "queued", "not_before": {"$lte": now}}
        with translate_errors():
            rows = self._rows.find(which, {"requester": 1})
            order = [("position", ASCENDING), ("path", ASCENDING)]
            return [
                (row["_id"], row.get("requester") or "")
                async for row in rows.sort(order).limit(most)
            ]

    async def queued_of(self, requester: str, most: int) -> int:
        """How many wait that he asked for; no more are counted than that."""
        which: Doc = {"requester": requester, "state": "queued"}
        with translate_errors():
            return await self._rows.count_documents(which, limit=most)
