"""Repository of files: one row per file of a dataset, with its state.

A transition is made only if the row still is in the state it starts from and belongs to the
expected batch or owner, so that repeated or late updates have no effect. `news` marks rows whose
change has not been published for their dataset.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    translate_errors,
)

from portal_downloader.domain.batch_policy import group_of
from portal_downloader.domain.states import (
    BROKEN,
    IN_FLIGHT,
    NOT_ONLINE,
    PENDING,
    TRANSITIONS,
    State,
)
from portal_downloader.store.file_sums import FileSums
from portal_downloader.store.rows.file import (
    LISTED_FIELDS,
    FileRow,
    ListedFile,
    LocationRange,
    file_id,
    listed_file,
    selection_filters,
)
from portal_downloader.store.signals import Signals

IDS_PER_MOVE = 100
ROWS_PER_PAGE = 1000


@dataclass(frozen=True)
class FolderSum:
    """The files below a folder."""

    files: int
    bytes: int
    offline: int  # how many of them are not online


class Files:
    """Reads and changes the rows of files."""

    def __init__(self, database: Database, lease: float, signals: Signals) -> None:
        self.rows = database["files"]
        self._signals = signals
        self._lease = timedelta(seconds=lease)
        self.sums = FileSums(self.rows)

    async def prepare(self) -> None:
        """Creates the indexes."""
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
            async for row in older:  # of a version without groups
                group = {"group": group_of(row["path"], None), "position": 0, "requester": ""}
                await self.rows.update_one({"_id": row["_id"]}, {"$set": group})

    async def find(self, pid: str, location: str) -> FileRow | None:
        with translate_errors():
            row = await self.rows.find_one({"_id": file_id(pid, location)})
        return FileRow.from_row(row) if row else None

    async def find_many(self, pid: str, locations: Sequence[str]) -> list[FileRow]:
        """Returns those of the files at these locations that the dataset has."""
        found: list[FileRow] = []
        for which in selection_filters(pid, locations):
            with translate_errors():
                found += [FileRow.from_row(row) async for row in self.rows.find(which)]
        return found

    async def zarr_folders(self, pid: str) -> list[str]:
        """Returns the folders of OME-Zarrs with a slash at their ends; empty for the dataset
        itself.
        """
        inside = r"^(.*\.zarr/)?(zarr\.json|\.zattrs)$"
        which: Doc = {"pid": pid, "location": {"$regex": inside}}
        with translate_errors():
            rows = self.rows.find(which, {"location": 1})
            names = [row["location"] async for row in rows]
        found = {name[: name.rfind("/") + 1] for name in names}
        return sorted(f for f in found if not any(f != g and f.startswith(g) for g in found))

    async def pids_by_digest(self, digests: Sequence[str]) -> dict[str, set[str]]:
        """Returns the datasets that have a file with each of these contents."""
        found: dict[str, set[str]] = {}
        with translate_errors():
            rows = self.rows.find({"sha256": {"$in": list(digests)}}, {"sha256": 1, "pid": 1})
            async for row in rows:
                found.setdefault(row["sha256"], set()).add(row["pid"])
        return found

    async def with_role(self, pid: str, role: str, limit: int) -> list[str]:
        """Returns locations of files with this role, sorted."""
        which = {"pid": pid, "role": role}
        with translate_errors():
            rows = self.rows.find(which, {"location": 1}).limit(limit)
            return sorted([row["location"] async for row in rows])

    async def any_below(self, pid: str, name: str) -> bool:
        """Returns whether a file is at this location, or, if it ends with a slash, below it."""
        where: Any = {"$gt": name, "$lt": f"{name}\U0010ffff"} if name.endswith("/") else name
        with translate_errors():
            row = await self.rows.find_one({"pid": pid, "location": where}, {"_id": 1})
        return row is not None

    async def folder_sum(self, pid: str, folder: str) -> "FolderSum":
        """Counts the files below a folder, whose name ends with a slash, and their bytes."""
        inside: Doc = {"pid": pid, "location": {"$gt": folder, "$lt": f"{folder}\U0010ffff"}}
        offline = {"$sum": {"$cond": [{"$eq": ["$state", "online"]}, 0, 1]}}
        group = {"_id": None, "files": {"$sum": 1}, "bytes": {"$sum": "$size"}, "offline": offline}
        with translate_errors():
            async for row in self.rows.aggregate([{"$match": inside}, {"$group": group}]):
                return FolderSum(row["files"], int(row["bytes"]), row["offline"])
        return FolderSum(0, 0, 0)

    async def page(self, pid: str, after: str, limit: int) -> list[FileRow]:
        """Returns files in the order of their locations, beginning after this location."""
        with translate_errors():
            rows = self.rows.find({"pid": pid, "location": {"$gt": after}})
            rows = rows.sort("location", ASCENDING).limit(limit)
            return [FileRow.from_row(row) async for row in rows]

    async def in_order(
        self, which: Doc, locations: Sequence[str] | None
    ) -> AsyncGenerator[ListedFile]:
        """Yields the files of a selection in the order of locations."""
        pid = which["pid"]
        portions = [which] if locations is None else selection_filters(pid, sorted(locations))
        for portion in portions:
            with translate_errors():
                rows = self.rows.find(portion, LISTED_FIELDS).sort("location", ASCENDING)
                async for row in rows:
                    yield listed_file(row)

    async def any_offline(self, which: Doc, locations: Sequence[str] | None) -> bool:
        """Returns whether a file of the selection is not online.

        One query answers for all selections of a dataset whose files are all online.
        """
        offline = {"state": {"$in": list(NOT_ONLINE)}}
        with translate_errors():
            if await self.rows.find_one({"pid": which["pid"], **offline}, {"_id": 1}) is None:
                return False
        if which.keys() == {"pid"} and locations is None:
            return True
        portions = [which] if locations is None else selection_filters(which["pid"], locations)
        for portion in portions:
            with translate_errors():
                if await self.rows.find_one({**portion, **offline}, {"_id": 1}):
                    return True
        return False

    async def move(self, which: Doc, was: Sequence[State], to: State, **fields: Any) -> int:
        """Moves all rows that match `which` and are in one of the states `was` to another state.

        Returns how many moved. Raises ValueError for a transition that does not exist.
        """
        wrong = [state for state in was if to not in TRANSITIONS[state]]
        if wrong:
            raise ValueError(f"no file goes from {wrong} to {to}")
        if to == "staged" and "stage_id" in fields:
            fields["pinned_at"] = datetime.now(UTC)
        change: Doc = {"$set": {"state": to, "news": True, **fields}}
        row_filter = {**which, "state": {"$in": list(was)}}
        one = isinstance(which.get("_id"), str)
        with translate_errors():
            result = await (self.rows.update_one if one else self.rows.update_many)(
                row_filter, change
            )
        if result.modified_count:
            self._signal(was, to)
        return int(result.modified_count)

    def _signal(self, was: Sequence[State], to: State) -> None:
        """Wakes the workers to whom such a transition gives work."""
        self._signals.publisher.set()
        if to == "queued" or (
            to not in IN_FLIGHT and set(was) & set(IN_FLIGHT)
        ):  # room at the archive
            self._signals.submitter.set()
        if to == "staged":
            self._signals.fetcher.set()

    async def move_all(
        self, ids: Sequence[str], which: Doc, was: Sequence[State], to: State, **fields: Any
    ) -> int:
        """Moves those of these files that also match `which`; returns how many moved."""
        moved = 0
        for start in range(0, len(ids), IDS_PER_MOVE):
            portion = {"_id": {"$in": list(ids[start : start + IDS_PER_MOVE])}, **which}
            moved += await self.move(portion, was, to, **fields)
        return moved

    async def in_batch(self, batch: str, states: Sequence[State]) -> list[FileRow]:
        """Returns the files of a batch in these states, in tape order."""
        with translate_errors():
            rows = self.rows.find({"batch": batch, "state": {"$in": list(states)}})
            rows = rows.sort([("group", ASCENDING), ("position", ASCENDING), ("path", ASCENDING)])
            return [FileRow.from_row(row) async for row in rows]

    async def in_states(self, states: Sequence[State]) -> AsyncGenerator[FileRow]:
        """Yields all files in these states."""
        with translate_errors():
            async for row in self.rows.find({"state": {"$in": list(states)}}):
                yield FileRow.from_row(row)

    async def pages_of(
        self, pid: str, locations: Sequence[str] | None, states: Sequence[State]
    ) -> AsyncGenerator[list[FileRow]]:
        """Yields the files of a selection in pages, so that memory stays flat while they may
        change.
        """
        for which in selection_filters(pid, locations):
            after = ""
            while True:
                page_filter = {**which, "state": {"$in": list(states)}}
                if locations is None:
                    page_filter["location"] = {"$gt": after}
                with translate_errors():
                    rows = (
                        self.rows.find(page_filter).sort("location", ASCENDING).limit(ROWS_PER_PAGE)
                    )
                    found = [FileRow.from_row(row) async for row in rows]
                if found:
                    yield found
                if locations is not None or len(found) < ROWS_PER_PAGE:
                    break
                after = found[-1].location

    async def any_pending(self) -> bool:
        """Returns whether any file is requested and has not arrived."""
        with translate_errors():
            row = await self.rows.find_one({"state": {"$in": list(PENDING)}}, {"_id": 1})
        return row is not None

    async def extend_lease(self, file: FileRow) -> bool:
        """Extends the lease of a staged file; returns False if another worker owns it."""
        until = datetime.now(UTC) + self._lease
        with translate_errors():
            result = await self.rows.update_one(
                {"_id": file.id, "owner": file.owner, "state": "staged"},
                {"$set": {"until": until}},
            )
        return bool(result.matched_count)

    async def reload_if_owned(self, file: FileRow) -> FileRow | None:
        """Returns the current row of a leased file, or None if the lease was lost."""
        which: Doc = {"_id": file.id, "owner": file.owner, "state": "staged"}
        with translate_errors():
            row = await self.rows.find_one(which)
        return FileRow.from_row(row) if row else None

    async def pinned_before(self, moment: datetime, limit: int) -> list[FileRow]:
        """Returns staged files that were pinned before this moment and are not copied yet."""
        which: Doc = {"state": "staged", "pinned_at": {"$lte": moment}, "size": {"$gt": 0}}
        with translate_errors():
            return [FileRow.from_row(row) async for row in self.rows.find(which).limit(limit)]

    async def set_pin(self, file: FileRow, stage_id: str | None, now: datetime) -> bool:
        """Stores that another stage request pins the file; returns False if it is not staged any
        more.
        """
        which = {"_id": file.id, "state": "staged", "stage_id": file.stage_id}
        change = {"$set": {"stage_id": stage_id, "pinned_at": now}}
        with translate_errors():
            result = await self.rows.update_one(which, change)
        return bool(result.matched_count)

    async def restaged_by_others(self, files: Sequence[FileRow]) -> list[FileRow]:
        """Returns those of these files that are pending by another stage request than they were
        read with.
        """
        known = {file.id: (file.stage_id, file.batch) for file in files}
        found = await self.by_id(list(known), PENDING)
        return [file for file in found if (file.stage_id, file.batch) != known[file.id]]

    async def by_id(self, ids: Sequence[str], states: Sequence[State]) -> list[FileRow]:
        """Returns those of these files that are in these states."""
        found: list[FileRow] = []
        for start in range(0, len(ids), IDS_PER_MOVE):
            portion = {"_id": {"$in": list(ids[start : start + IDS_PER_MOVE])}}
            with translate_errors():
                rows = self.rows.find({**portion, "state": {"$in": list(states)}})
                found += [FileRow.from_row(row) async for row in rows]
        return found

    async def overdue(self, now: datetime, states: Sequence[State], limit: int) -> list[FileRow]:
        """Returns files in these states whose deadline has passed."""
        with translate_errors():
            rows = self.rows.find({"state": {"$in": list(states)}, "deadline": {"$lte": now}})
            return [FileRow.from_row(row) async for row in rows.limit(limit)]

    async def changed_pids(self) -> list[str]:
        """Returns the datasets with changed files."""
        with translate_errors():
            return [str(pid) for pid in await self.rows.distinct("pid", {"news": True})]

    async def clear_changed(self, pid: str) -> None:
        """Clears the mark of the changed files of a dataset."""
        with translate_errors():
            await self.rows.update_many({"news": True, "pid": pid}, {"$unset": {"news": ""}})

    async def first_broken(self, pid: str, locations: Sequence[str] | None) -> FileRow | None:
        """Returns the first file of a selection that is not retried any more, for its reason."""
        for which in selection_filters(pid, locations):
            broken = {**which, "state": {"$in": list(BROKEN)}}
            with translate_errors():
                row = await self.rows.find_one(broken, sort=[("location", ASCENDING)])
            if row:
                return FileRow.from_row(row)
        return None

    async def with_errors(self, limit: int) -> list[FileRow]:
        """Returns files that are unavailable, or are retried after an error."""
        which: Doc = {"state": {"$ne": "online"}, "reason": {"$type": "string"}}
        with translate_errors():
            rows = self.rows.find(which).sort([("pid", ASCENDING), ("location", ASCENDING)])
            return [FileRow.from_row(row) async for row in rows.limit(limit)]

    async def range_page(
        self, pid: str, locations: LocationRange, limit: int
    ) -> tuple[list[FileRow], str | None]:
        """Returns files of a range in the order of locations, and the last location if there may be
        more.

        Both bounds are given wherever they are known: some databases do not stop reading at the
        limit.
        """
        which = locations.row_filter(pid)
        with translate_errors():
            rows = self.rows.find(which).sort("location", ASCENDING).limit(limit)
            found = [FileRow.from_row(row) async for row in rows]
        return found, found[-1].location if len(found) == limit else None

    async def has_files(self, pid: str) -> bool:
        """Returns whether the dataset has any file."""
        with translate_errors():
            return await self.rows.find_one({"pid": pid}, {"_id": 1}) is not None

    async def select(
        self, pid: str, locations: Sequence[str] | None, states: Sequence[State]
    ) -> list[FileRow]:
        """Returns the files of a selection in these states."""
        found: list[FileRow] = []
        for which in selection_filters(pid, locations):
            with translate_errors():
                rows = self.rows.find({**which, "state": {"$in": list(states)}})
                found += [FileRow.from_row(row) async for row in rows]
        return found
