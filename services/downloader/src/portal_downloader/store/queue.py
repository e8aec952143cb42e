"""Queries on queued files: how many wait in which group, and which are staged next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal_shared.runtime.mongo import ASCENDING, Doc, UpdateOne, translate_errors, write_unordered

from portal_downloader.domain.batch_policy import TapeLocation, group_of
from portal_downloader.domain.fair_share import InFlight, WaitingGroup
from portal_downloader.domain.states import IN_FLIGHT
from portal_downloader.store.files import Files
from portal_downloader.store.rows.file import FileRow


@dataclass(frozen=True)
class QueueSnapshot:
    """All queued files: since when the oldest waits, and the groups that may be staged now."""

    oldest: datetime | None
    groups: tuple[WaitingGroup, ...]

    @property
    def files(self) -> int:
        """Returns the number of files that may be staged now."""
        return sum(group.files for group in self.groups)


class QueuedFiles:
    """Reads and arranges the queued rows of `files`."""

    def __init__(self, files: Files) -> None:
        self._rows = files.rows

    async def set_locations(
        self, locations: Mapping[str, TapeLocation], files: Sequence[FileRow]
    ) -> None:
        """Stores the tape locations of these files, where they are known."""
        writes: list[Any] = [
            UpdateOne(
                {"_id": file.id},
                {
                    "$set": {
                        "group": group_of(file.path, location),
                        "position": location.position,
                        "on_tape": True,
                    }
                },
            )
            for file in files
            if (location := locations.get(file.path)) is not None
        ]
        if writes:
            with translate_errors():
                await write_unordered(self._rows, writes)

    async def snapshot(self, now: datetime) -> QueueSnapshot:
        """Counts all queued files in one aggregation."""
        group_id: Doc = {"requester": "$requester", "group": "$group", "priority": "$priority"}
        group_id["due"] = {"$lte": ["$not_before", now]}
        sums: Doc = {"n": {"$sum": 1}, "oldest": {"$min": "$not_before"}, "path": {"$min": "$path"}}
        steps: list[Doc] = [{"$match": {"state": "queued"}}, {"$group": {"_id": group_id, **sums}}]
        oldest: datetime | None = None
        groups: list[WaitingGroup] = []
        with translate_errors():
            async for row in self._rows.aggregate(steps):
                found = row["_id"]
                oldest = min(oldest or row["oldest"], row["oldest"])
                if found["due"]:
                    requester, priority = (
                        found.get("requester") or "",
                        int(found.get("priority") or 0),
                    )
                    groups.append(
                        WaitingGroup(
                            requester,
                            found["group"],
                            priority,
                            row["n"],
                            row["oldest"],
                            row["path"],
                        )
                    )
        return QueueSnapshot(oldest, tuple(groups))

    async def in_flight(self) -> tuple[int, list[InFlight]]:
        """Returns the number of staged files, and what the archive is staging, in groups."""
        group_id: Doc = {"requester": "$requester", "group": "$group"}
        group_id["staged"] = {"$eq": ["$state", "staged"]}
        which: Doc = {"state": {"$in": list(IN_FLIGHT)}}
        steps: list[Doc] = [{"$match": which}, {"$group": {"_id": group_id, "n": {"$sum": 1}}}]
        staged = 0
        found: list[InFlight] = []
        with translate_errors():
            async for row in self._rows.aggregate(steps):
                row_id = row["_id"]
                if row_id["staged"]:
                    staged += row["n"]
                else:
                    found.append(InFlight(row_id.get("requester") or "", row_id["group"], row["n"]))
        return staged, found

    async def next_of_group(self, group: str, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Returns ids and requesters of queued files of a group, in the order of their positions.

        The filter begins with the group, because some databases use the index of the first field.
        """
        which: Doc = {"group": group, "state": "queued", "not_before": {"$lte": now}}
        with translate_errors():
            rows = self._rows.find(which, {"requester": 1})
            order = [("position", ASCENDING), ("path", ASCENDING)]
            return [
                (row["_id"], row.get("requester") or "")
                async for row in rows.sort(order).limit(limit)
            ]

    async def count_queued(self, requester: str, limit: int) -> int:
        """Counts the queued files of a requester, at most up to `limit`."""
        which: Doc = {"requester": requester, "state": "queued"}
        with translate_errors():
            return await self._rows.count_documents(which, limit=limit)
