"""The rows of files in MongoDB: one per file of a dataset, with its state.

A move is made only where the file still is in the state it starts from, and belongs to the batch or
the owner it is made for: so that what comes twice, or late, changes nothing. `news` marks rows
whose change their dataset's readers have not been told.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.records import pid_key
from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    translate_errors,
)

from portal_downloader.domain.batching import group_of
from portal_downloader.domain.states import (
    BROKEN,
    MOVES,
    NOT_ONLINE,
    THERE,
    UNDER_WAY,
    State,
    Tally,
)
from portal_downloader.store.signals import Bells

IDS_AT_ONCE = 200  # not every database compares a row with many in less than their number
MOVED_AT_ONCE = 100
ROWS_AT_ONCE = 1000
COUNTS_COST = 50  # so many times as long as counting took, the counts are good
_SUMS: Doc = {"files": {"$sum": 1}, "bytes": {"$sum": "$size"}}


def file_id(pid: str, location: str) -> str:
    return f"{pid_key(pid)}/{location}"


@dataclass(frozen=True)
class FileRow:
    id: str
    pid: str
    location: str
    path: str  # in the archive
    size: int
    sha256: str
    state: State
    attempt: int
    mismatches: int  # times it came and was something else
    stumbles: int  # times its bytes could not be had
    batch: str | None  # while the archive works on it
    stage_id: str | None  # of the stage request that pins it
    owner: str | None

    @property
    def part(self) -> str:
        """The name under which it arrives: of its dataset and its content."""
        return f"{pid_key(self.pid)}-{self.sha256}"

    @classmethod
    def of(cls, row: Doc) -> "FileRow":
        return cls(
            id=row["_id"],
            pid=row["pid"],
            location=row["location"],
            path=row["path"],
            size=row["size"] or 0,
            sha256=row["sha256"] or "",
            state=row["state"],
            attempt=row["attempt"],
            mismatches=row["mismatches"],
            stumbles=row["stumbles"],
            batch=row["batch"],
            stage_id=row["stage_id"],
            owner=row["owner"],
        )


@dataclass(frozen=True)
class Within:
    """Locations after one, and up to another where that is known."""

    after: str
    up_to: str | None

    def which(self, pid: str) -> Doc:
        bounds = {"$gt": self.after} | ({} if self.up_to is None else {"$lte": self.up_to})
        return {"pid": pid, "location": bounds}


class Files:
    def __init__(self, database: Database, lease: float, bells: Bells) -> None:
        self.rows = database["files"]
        self._bells = bells
        self._lease = timedelta(seconds=lease)
        self._counts: dict[str, int] = {}
        self._counts_good_until = 0.0

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self.rows.create_index([("pid", ASCENDING), ("location", ASCENDING)])
            await self.rows.create_index([("pid", ASCENDING), ("state", ASCENDING)])
            await self.rows.create_index([("sha256", ASCENDING)])
            await self.rows.create_index([("state", ASCENDING), ("not_before", ASCENDING)])
            await self.rows.create_index([("group", ASCENDING), ("state", ASCENDING)])
            await self.rows.create_index([("requester", ASCENDING), ("state", ASCENDING)])
            await self.rows.create_index("batch", sparse=True)
            await self.rows.create_index("news", sparse=True)
            older = self.rows.find({"group": {"$exists": False}}, {"path": 1})
            async for row in older:  # of a version that did not group
                group = {"group": group_of(row["path"], None), "position": 0, "requester": ""}
                await self.rows.update_one({"_id": row["_id"]}, {"$set": group})

    async def find(self, pid: str, location: str) -> Doc | None:
        with translate_errors():
            return await self.rows.find_one({"_id": file_id(pid, location)})

    async def named(self, pid: str, locations: Sequence[str]) -> list[Doc]:
        """Those of these locations that the dataset has."""
        found: list[Doc] = []
        for which in _selections(pid, locations):
            with translate_errors():
                found += [row async for row in self.rows.find(which)]
        return found

    async def volumes(self, pid: str) -> list[str]:
        """Folders of OME-Zarrs, by their names: empty for the dataset's own, else with a slash."""
        inside = r"^(.*\.zarr/)?(zarr\.json|\.zattrs)$"
        which: Doc = {"pid": pid, "location": {"$regex": inside}}
        with translate_errors():
            rows = self.rows.find(which, {"location": 1})
            names = [row["location"] async for row in rows]
        found = {name[: name.rfind("/") + 1] for name in names}
        return sorted(f for f in found if not any(f != g and f.startswith(g) for g in found))

    async def page(self, pid: str, after: str, limit: int) -> list[Doc]:
        """In the order of their locations, from the one after `after`."""
        with translate_errors():
            rows = self.rows.find({"pid": pid, "location": {"$gt": after}})
            return [row async for row in rows.sort("location", ASCENDING).limit(limit)]

    async def sorted_rows(self, which: Doc, locations: Sequence[str] | None) -> AsyncGenerator[Doc]:
        """Location, size, checksum and state, in the order of locations."""
        fields = {"location": 1, "size": 1, "sha256": 1, "state": 1}
        pid = which["pid"]
        portions = [which] if locations is None else _selections(pid, sorted(locations))
        for portion in portions:
            with translate_errors():
                async for row in self.rows.find(portion, fields).sort("location", ASCENDING):
                    yield row

    async def any_away(self, which: Doc, locations: Sequence[str] | None) -> bool:
        """Whether one of them is not online: where all of the dataset is, by one look."""
        away = {"state": {"$in": list(NOT_ONLINE)}}
        with translate_errors():
            if await self.rows.find_one({"pid": which["pid"], **away}, {"_id": 1}) is None:
                return False
        if which.keys() == {"pid"} and locations is None:
            return True
        portions = [which] if locations is None else _selections(which["pid"], locations)
        for portion in portions:
            with translate_errors():
                if await self.rows.find_one({**portion, **away}, {"_id": 1}):
                    return True
        return False

    async def move(self, which: Doc, was: Sequence[State], to: State, **fields: Any) -> int:
        """Make this move of all that `which` fits and that are in one of the states `was`."""
        wrong = [state for state in was if to not in MOVES[state]]
        if wrong:
            raise ValueError(f"no file goes from {wrong} to {to}")
        if to == "staged" and "stage_id" in fields:
            fields["pinned_at"] = datetime.now(UTC)
        change: Doc = {"$set": {"state": to, "news": True, **fields}}
        fitting = {**which, "state": {"$in": list(was)}}
        one = isinstance(which.get("_id"), str)
        with translate_errors():
            result = await (self.rows.update_one if one else self.rows.update_many)(fitting, change)
        if result.modified_count:
            self._ring(was, to)
        return int(result.modified_count)

    def _ring(self, was: Sequence[State], to: State) -> None:
        """For those to whom such a move gives work."""
        self._bells.telling.ring()
        if to == "queued" or (to not in THERE and set(was) & set(THERE)):  # room at the archive
            self._bells.submitting.ring()
        if to == "staged":
            self._bells.fetching.ring()

    async def move_all(
        self, ids: Sequence[str], which: Doc, was: Sequence[State], to: State, **fields: Any
    ) -> int:
        moved = 0
        for start in range(0, len(ids), MOVED_AT_ONCE):
            here = {"_id": {"$in": list(ids[start : start + MOVED_AT_ONCE])}, **which}
            moved += await self.move(here, was, to, **fields)
        return moved

    async def of_batch(self, batch: str, states: Sequence[State]) -> list[FileRow]:
        with translate_errors():
            rows = self.rows.find({"batch": batch, "state": {"$in": list(states)}})
            rows = rows.sort([("group", ASCENDING), ("position", ASCENDING), ("path", ASCENDING)])
            return [FileRow.of(row) async for row in rows]

    async def in_states(self, states: Sequence[State]) -> AsyncGenerator[FileRow]:
        with translate_errors():
            async for row in self.rows.find({"state": {"$in": list(states)}}):
                yield FileRow.of(row)

    async def portions(
        self, pid: str, locations: Sequence[str] | None, states: Sequence[State]
    ) -> AsyncGenerator[list[FileRow]]:
        """Of a selection, so many at a time that memory stays flat; they may change meanwhile."""
        for which in _selections(pid, locations):
            after = ""
            while True:
                here = {**which, "state": {"$in": list(states)}}
                if locations is None:
                    here["location"] = {"$gt": after}
                with translate_errors():
                    rows = self.rows.find(here).sort("location", ASCENDING).limit(ROWS_AT_ONCE)
                    found = [FileRow.of(row) async for row in rows]
                if found:
                    yield found
                if locations is not None or len(found) < ROWS_AT_ONCE:
                    break
                after = found[-1].location

    async def count(
        self, pid: str, locations: Sequence[str] | None, states: Sequence[State]
    ) -> int:
        found = 0
        for which in _selections(pid, locations):
            with translate_errors():
                found += await self.rows.count_documents({**which, "state": {"$in": list(states)}})
        return found

    async def any_under_way(self) -> bool:
        """Whether one of them was asked for and has not come."""
        with translate_errors():
            row = await self.rows.find_one({"state": {"$in": list(UNDER_WAY)}}, {"_id": 1})
        return row is not None

    async def extend(self, file: FileRow) -> bool:
        """Still ours? Then for another lease."""
        until = datetime.now(UTC) + self._lease
        with translate_errors():
            result = await self.rows.update_one(
                {"_id": file.id, "owner": file.owner, "state": "staged"},
                {"$set": {"until": until}},
            )
        return bool(result.matched_count)

    async def ours(self, file: FileRow) -> FileRow | None:
        """As it is by now; None when it is not ours any more."""
        which: Doc = {"_id": file.id, "owner": file.owner, "state": "staged"}
        with translate_errors():
            row = await self.rows.find_one(which)
        return FileRow.of(row) if row else None

    async def pinned_before(self, moment: datetime, most: int) -> list[FileRow]:
        """Those on the archive's disk since then, as far as they are not copied."""
        which: Doc = {"state": "staged", "pinned_at": {"$lte": moment}, "size": {"$gt": 0}}
        with translate_errors():
            return [FileRow.of(row) async for row in self.rows.find(which).limit(most)]

    async def renewed(self, file: FileRow, stage_id: str | None, now: datetime) -> bool:
        """Another stage request pins it from now on; False where it is not staged any more."""
        which = {"_id": file.id, "state": "staged", "stage_id": file.stage_id}
        change = {"$set": {"stage_id": stage_id, "pinned_at": now}}
        with translate_errors():
            result = await self.rows.update_one(which, change)
        return bool(result.matched_count)

    async def taken_meanwhile(self, files: Sequence[FileRow]) -> list[FileRow]:
        """Those of these that are under way, by another stage request than they were read with."""
        read = {file.id: (file.stage_id, file.batch) for file in files}
        found = await self.by_id(list(read), UNDER_WAY)
        return [file for file in found if (file.stage_id, file.batch) != read[file.id]]

    async def by_id(self, ids: Sequence[str], states: Sequence[State]) -> list[FileRow]:
        found: list[FileRow] = []
        for start in range(0, len(ids), MOVED_AT_ONCE):
            here = {"_id": {"$in": list(ids[start : start + MOVED_AT_ONCE])}}
            with translate_errors():
                rows = self.rows.find({**here, "state": {"$in": list(states)}})
                found += [FileRow.of(row) async for row in rows]
        return found

    async def overdue(self, now: datetime, states: Sequence[State], most: int) -> list[FileRow]:
        with translate_errors():
            rows = self.rows.find({"state": {"$in": list(states)}, "deadline": {"$lte": now}})
            return [FileRow.of(row) async for row in rows.limit(most)]

    async def pids_with_news(self) -> list[str]:
        with translate_errors():
            return [str(pid) for pid in await self.rows.distinct("pid", {"news": True})]

    async def news_seen(self, pid: str) -> None:
        with translate_errors():
            await self.rows.update_many({"news": True, "pid": pid}, {"$unset": {"news": ""}})

    async def tallies(self, pids: Sequence[str]) -> dict[str, Tally]:
        """Of all files of each of these datasets."""
        found: dict[str, tuple[dict[str, int], dict[str, int]]] = {p: ({}, {}) for p in pids}
        group: Doc = {"_id": {"pid": "$pid", "state": "$state"}, **_SUMS}
        which: Doc = {"pid": {"$in": list(pids)}}
        with translate_errors():
            async for row in self.rows.aggregate([{"$match": which}, {"$group": group}]):
                files, sizes = found[row["_id"]["pid"]]
                files[row["_id"]["state"]] = row["files"]
                sizes[row["_id"]["state"]] = row["bytes"]
        return {pid: Tally(*sums) for pid, sums in found.items()}

    async def tally(self, pid: str, locations: Sequence[str] | None) -> Tally:
        """Of these files of a dataset, or of all."""
        files: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for which in _selections(pid, locations):
            group: Doc = {"_id": "$state", **_SUMS}
            with translate_errors():
                async for row in self.rows.aggregate([{"$match": which}, {"$group": group}]):
                    files[row["_id"]] = files.get(row["_id"], 0) + row["files"]
                    sizes[row["_id"]] = sizes.get(row["_id"], 0) + row["bytes"]
        return Tally(files, sizes)

    async def first_broken(self, pid: str, locations: Sequence[str] | None) -> Doc | None:
        """One whose state says that no more is being tried, for its reason."""
        for which in _selections(pid, locations):
            broken = {**which, "state": {"$in": list(BROKEN)}}
            with translate_errors():
                row = await self.rows.find_one(broken, sort=[("location", ASCENDING)])
            if row:
                return row
        return None

    async def troubled(self, most: int) -> list[Doc]:
        """Those that cannot be had, or are tried again because something went wrong."""
        which: Doc = {"state": {"$ne": "online"}, "reason": {"$type": "string"}}
        with translate_errors():
            rows = self.rows.find(which).sort([("pid", ASCENDING), ("location", ASCENDING)])
            return [row async for row in rows.limit(most)]

    async def portion(
        self, pid: str, within: "Within", most: int
    ) -> tuple[list[FileRow], str | None]:
        """Files of a dataset in the order of their locations; the last one's when there are more.

        Both bounds are given wherever they are known: not every database stops reading at a limit.
        """
        which = within.which(pid)
        with translate_errors():
            rows = self.rows.find(which).sort("location", ASCENDING).limit(most)
            found = [FileRow.of(row) async for row in rows]
        return found, found[-1].location if len(found) == most else None

    async def any(self, pid: str) -> bool:
        with translate_errors():
            return await self.rows.find_one({"pid": pid}, {"_id": 1}) is not None

    async def select(
        self, pid: str, locations: Sequence[str] | None, states: Sequence[State]
    ) -> list[FileRow]:
        found: list[FileRow] = []
        for which in _selections(pid, locations):
            with translate_errors():
                rows = self.rows.find({**which, "state": {"$in": list(states)}})
                found += [FileRow.of(row) async for row in rows]
        return found

    async def counts(self) -> dict[str, int]:
        """Files by state, as of a moment ago: looking at all of them is dear."""
        started = time.monotonic()
        if started < self._counts_good_until:
            return self._counts
        found: dict[str, int] = {}
        with translate_errors():
            async for row in self.rows.aggregate([{"$group": {"_id": "$state", "n": {"$sum": 1}}}]):
                found[row["_id"]] = row["n"]
        now = time.monotonic()
        self._counts = found
        self._counts_good_until = now + COUNTS_COST * (now - started)
        return found


def _selections(pid: str, locations: Sequence[str] | None) -> list[Doc]:
    if locations is None:
        return [{"pid": pid}]
    ids = [file_id(pid, location) for location in locations]
    return [
        {"_id": {"$in": ids[start : start + IDS_AT_ONCE]}}
        for start in range(0, len(ids), IDS_AT_ONCE)
    ]
