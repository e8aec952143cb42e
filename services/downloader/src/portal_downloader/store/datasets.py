"""Repository of datasets, and of file lists that arrive in several parts."""

import uuid
from bisect import bisect_right
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetFilesListed,
    DatasetRegistered,
)
from portal_shared.contracts.records import pid_key
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Database,
    Doc,
    ReturnDocument,
    Session,
    UpdateOne,
    translate_errors,
    write_unordered,
)

from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.signals import Signals

MAX_BOUNDARIES = 2000  # stored for one dataset
MAX_COUNTED = 20_000  # for /status: there may be more


@dataclass(frozen=True)
class FileList:
    """A complete list of files of one version of a dataset."""

    id: str  # empty for a list that arrived in one part
    pid: str
    version: int
    folder: str | None
    files: list[Doc] | None  # None for a list whose parts are stored
    profile: str | None = None  # of its dataset


def _file_list(row: Doc) -> FileList:
    profile = row.get("profile")
    return FileList(
        row["_id"], row["pid"], row["version"], row["folder"], row.get("files"), profile
    )


class Datasets:
    def __init__(self, database: Database, lease: float, signals: Signals) -> None:
        self._signals = signals
        self.rows = database["datasets"]
        self._parts = database["parts"]
        self._lists = database["lists"]
        self._boundaries = database["borders"]
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self.rows.create_index("news", sparse=True)
            await self._parts.create_index([("pid", ASCENDING), ("version", ASCENDING)])
            await self._lists.create_index([("until", ASCENDING)])

    async def find(self, pid: str) -> DatasetRow | None:
        with translate_errors():
            row = await self.rows.find_one({"_id": pid})
        return DatasetRow.from_row(row) if row else None

    async def withdrawn(self, pids: Collection[str]) -> set[str]:
        """Returns those of these datasets that are withdrawn."""
        which: Doc = {"_id": {"$in": list(pids)}, "withdrawn": {"$exists": True}}
        with translate_errors():
            return {row["_id"] async for row in self.rows.find(which, {"_id": 1})}

    async def list_versions(self, pids: Sequence[str]) -> dict[str, int]:
        """Returns the version of the file list of those of these datasets that have one."""
        which: Doc = {"_id": {"$in": list(pids)}, "list_version": {"$exists": True}}
        with translate_errors():
            rows = self.rows.find(which, {"list_version": 1})
            return {row["_id"]: row["list_version"] async for row in rows}

    async def store_registered(self, events: Sequence[DatasetRegistered]) -> None:
        """Stores the records of registered datasets, each only if it is newer."""
        newest = {e.dataset.pid: e for e in sorted(events, key=lambda e: e.version)}
        changes: dict[str, tuple[int, Doc]] = {}
        for pid, event in newest.items():
            record = event.dataset
            fields: Doc = {
                "version": event.version,
                "is_public": record.is_public,
                "title": record.title,
                "doi": record.doi,
                "license": record.license,
                "created": record.created,
                **({"was_public": True} if record.is_public else {}),
            }
            changes[pid] = event.version, {"$set": fields}
        await self._update_if_newer("version", changes)

    async def store_withdrawn(
        self, pid: str, version: int, reason: str, *, was_public: bool = False
    ) -> None:
        """Stores that a dataset is withdrawn: its files are no longer served.

        Readers get the reason if the dataset was public; see `DatasetRow.withdrawal_reason`.
        """
        fields: Doc = {"version": version, "is_public": False, "withdrawn": reason}
        if was_public:
            fields["was_public"] = True
        await self._update_if_newer("version", {pid: (version, {"$set": fields})})

    async def _update_if_newer(self, counter: str, changes: Mapping[str, tuple[int, Doc]]) -> int:
        """Applies these changes, by pid, where the stored counter is lower; returns how many were
        made.
        """
        writes: list[Any] = [
            UpdateOne({"_id": pid, counter: {"$not": {"$gte": version}}}, change, upsert=True)
            for pid, (version, change) in changes.items()
        ]
        if not writes:
            return 0
        with translate_errors():
            try:
                counts = await write_unordered(self.rows, writes)
            except BulkWriteError as error:
                details: Any = error.details or {}
                if any(e.get("code") != DUPLICATE_KEY for e in details.get("writeErrors", [])):
                    raise
                return int(details["nMatched"] + details["nUpserted"])  # others exist and are newer
        return counts.matched + counts.upserted

    async def store_part(self, event: DatasetFilesListed) -> None:
        """Stores a part of a file list; the list can be claimed once all parts are stored."""
        if await self._is_imported(event):
            return
        name = f"{pid_key(event.pid)}-{event.version}"
        list_key: Doc = {"pid": event.pid, "version": event.version}
        files = [f.model_dump() for f in event.files]
        header: Doc = {**list_key, "folder": event.folder, "parts": event.parts}
        header["profile"] = event.profile
        complete_list: Doc = {**header, "complete": True, "until": datetime.now(UTC)}
        part = {**list_key, "part": event.part, "files": files}
        with translate_errors():
            await self._parts.replace_one({"_id": f"{name}-{event.part}"}, part, upsert=True)
            complete = await self._parts.count_documents(list_key) >= event.parts
        change = (
            {"$set": complete_list} if complete else {"$setOnInsert": {**header, "complete": False}}
        )
        with translate_errors():
            await self._lists.update_one({"_id": name}, change, upsert=True)
        if await self._is_imported(event):  # by now
            await self.delete_lists([_file_list({"_id": name, **header})])
        elif complete:
            self._signals.importer.set()

    async def _is_imported(self, event: DatasetFilesListed) -> bool:
        known = await self.find(event.pid)
        listed = None if known is None else known.list_version
        return listed is not None and listed >= event.version

    async def claim_list(self) -> FileList | None:
        """Claims a complete list to import; it is leased for a while."""
        now = datetime.now(UTC)
        with translate_errors():
            row = await self._lists.find_one_and_update(
                {"complete": True, "until": {"$lte": now}},
                {"$set": {"until": now + self._lease}},
                sort=[("until", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _file_list(row) if row else None

    async def parts(self, file_list: FileList) -> AsyncGenerator[list[Doc]]:
        """Yields the files of a list, part by part."""
        if file_list.files is not None:
            yield file_list.files
            return
        which = {"pid": file_list.pid, "version": file_list.version}
        with translate_errors():
            async for row in self._parts.find(which).sort("part", ASCENDING):
                yield row["files"]

    async def save_boundaries(self, pid: str, locations: Iterable[str]) -> None:
        """Stores locations that divide the dataset into ranges that an index finds quickly."""
        boundaries = sorted(set(locations))
        step = len(boundaries) // MAX_BOUNDARIES + 1
        row: Doc = {"locations": boundaries[step - 1 :: step]}
        with translate_errors():
            await self._boundaries.replace_one({"_id": pid}, row, upsert=True)

    async def next_boundary(self, pid: str, after: str) -> str | None:
        """Returns the first boundary after this location, or None; only a hint."""
        with translate_errors():
            row = await self._boundaries.find_one({"_id": pid})
        locations: list[str] = row["locations"] if row else []
        return next(iter(locations[bisect_right(locations, after) :][:1]), None)

    async def mark_listed(self, lists: Sequence[FileList]) -> int:
        """Makes these lists current where no newer one is; returns how many became current."""
        now = datetime.now(UTC).replace(microsecond=0)
        changes: dict[str, tuple[int, Doc]] = {}
        for file_list in lists:
            fields: Doc = {
                "list_version": file_list.version,
                "listed_at": now,
                "folder": file_list.folder,
                "news": True,
            }
            changes[file_list.pid] = file_list.version, {"$set": fields, "$inc": {"changes": 1}}
        made = await self._update_if_newer("list_version", changes)
        self._signals.publisher.set()
        return made

    async def delete_lists(self, lists: Sequence[FileList]) -> None:
        """Deletes these lists and all older ones of their datasets, with their parts."""
        older: list[Doc] = [{"pid": f.pid, "version": {"$lte": f.version}} for f in lists]
        with translate_errors():
            await self._parts.delete_many({"$or": older})
            await self._lists.delete_many({"$or": older})

    async def changed(self, limit: int) -> list[DatasetRow]:
        """Returns datasets whose files or requests have changed."""
        with translate_errors():
            rows = self.rows.find({"news": True}).limit(limit)
            return [DatasetRow.from_row(row) async for row in rows]

    async def mark_changed(self, pid: str) -> DatasetRow | None:
        """Marks that files or requests of a dataset have changed; returns it as it is then."""
        with translate_errors():
            row = await self.rows.find_one_and_update(
                {"_id": pid},
                {"$set": {"news": True}, "$inc": {"changes": 1}},
                return_document=ReturnDocument.AFTER,
            )
        self._signals.publisher.set()
        return DatasetRow.from_row(row) if row else None

    async def clear_changed(self, datasets: Iterable[DatasetRow]) -> None:
        """Clears the mark of these datasets, unless they have changed since they were read."""
        seen: list[Any] = [
            UpdateOne(one.unchanged_filter, {"$unset": {"news": ""}}) for one in datasets
        ]
        if seen:
            with translate_errors():
                await write_unordered(self.rows, seen)

    async def store_availability(
        self, changes: Sequence[tuple[DatasetRow, DatasetAvailability]], session: Session
    ) -> list[DatasetAvailability]:
        """Stores changed availabilities within a transaction and clears the mark of the datasets.

        Returns the events that are valid: those of rows that have changed since they were read are
        left out and computed again later.
        """
        marker = uuid.uuid4().hex
        writes: list[Any] = [
            UpdateOne(
                dataset.unchanged_filter,
                {
                    "$set": {
                        "availability": event.availability,
                        "availability_detail": event.detail,
                        "availability_version": event.version,
                        "files": event.files,
                        "teller": marker,
                    },
                    "$unset": {"news": ""},
                },
            )
            for dataset, event in changes
        ]
        counts = await write_unordered(self.rows, writes, session=session)
        if counts.matched == len(changes):
            return [event for _, event in changes]
        which: Doc = {"_id": {"$in": [dataset.pid for dataset, _ in changes]}, "teller": marker}
        valid = {row["_id"] async for row in self.rows.find(which, {"_id": 1}, session=session)}
        return [event for dataset, event in changes if dataset.pid in valid]

    async def count(self) -> int:
        """Returns the number of datasets whose files are known."""
        with translate_errors():
            return await self.rows.count_documents({"list_version": {"$exists": True}})

    async def count_waiting(self) -> dict[str, int]:
        """Counts unfinished lists and pending availability events, each up to MAX_COUNTED."""
        with translate_errors():
            lists = await self._lists.count_documents({}, limit=MAX_COUNTED)
            changed = await self.rows.count_documents({"news": True}, limit=MAX_COUNTED)
        return {"lists_unfinished": lists, "availability_untold": changed}
