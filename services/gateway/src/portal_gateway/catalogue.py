"""Reads the catalogue that the indexer writes: records by pid or DOI, relations, files."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import Level
from portal_shared.runtime.mongo import Database, Doc, translate_errors

DOI = "told_doi"  # field of a row
PUBLIC: Doc = {"public": True, "json": {"$type": "string"}}  # filter for public records
LEVELS = {"document": "documents", "dataset": "datasets"}
_RELATED = (("documents", "relations.pid"), ("datasets", "relations.pid"))
LINKING = {  # by level of a record: collections and fields of those that link to it
    "dataset": (
        ("documents", "datasets"), ("datasets", "supersedes"), ("datasets", "superseded_by"),
        *_RELATED,
    ),
    "document": (("documents", "documents"), *_RELATED),
}  # fmt: skip
LINK_FIELDS: Doc = {  # of a row; see portal_shared.citation.relations.stored_links
    DOI: 1, "public": 1, "record.type": 1, "record.datasets": 1, "record.documents": 1,
    "record.relations": 1, "record.supersedes": 1, "record.superseded_by": 1,
}  # fmt: skip
MAX_RECORDS_PER_DOI = 100
MAX_FILES_PER_DATASET = 10_000  # of an include; /files has pages for more


class Catalogue:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def load_record(self, name: str, pid: str) -> Doc | None:
        """Loads a public record by its pid, or by its DOI if no other record shares it."""
        found = await self._find(name, {"_id": pid}, 1)
        if not found and "/" in pid:
            found = await self._find(name, {DOI: bare_doi(pid)}, 2)
        return found[0] if len(found) == 1 else None

    async def load_tombstone(self, name: str, pid: str) -> Doc | None:
        """Loads the last public state of a withdrawn record, with its tombstone, by pid or DOI."""
        rows = await self._find_rows(name, pid)
        return next((row for row in rows if is_tombstone(row)), None)

    async def _find(self, name: str, query: Doc, limit: int) -> list[Doc]:
        public = {**query, **PUBLIC}
        with translate_errors():
            cursor = self.database[name].find(public).sort("_id").limit(limit)
            return [row async for row in cursor]

    async def find_details(self, query: Doc, *, limit: int) -> list[Doc]:
        """Finds the details of public datasets, sorted by pid."""
        with translate_errors():
            cursor = self.database["datasets"].find({**query, **PUBLIC}, {"record.details": 1})
            return [row async for row in cursor.sort("_id").limit(limit)]

    async def find_by_pid_or_doi(self, name: str) -> list[tuple[str, Doc]]:
        """Finds the level and row of every public or withdrawn record of this pid or DOI."""
        rows = await asyncio.gather(*(self._find_rows(c, name) for c in LEVELS.values()))
        return [
            (level, row)
            for level, found in zip(LEVELS, rows, strict=True)
            for row in found
            if is_visible(row) and "profile" in row["record"]
        ]

    async def find_visible(self, name: str) -> list[tuple[str, Doc]]:
        """Like find_by_pid_or_doi; else finds records by the owner's name for them.

        Of several with one name, those are left out that were replaced by another of them.
        """
        found = await self.find_by_pid_or_doi(name)
        if found:
            return found
        query: Doc = {"record.name": name}
        rows = await asyncio.gather(*(self._load_rows(c, query) for c in LEVELS.values()))
        by_name = [
            (level, row)
            for level, listed in zip(LEVELS, rows, strict=True)
            for row in listed
            if is_visible(row)
        ]
        pids = {row["_id"] for _, row in by_name}
        newest = [n for n in by_name if n[1]["record"].get("superseded_by") not in pids]
        public = [n for n in newest if not is_tombstone(n[1])]
        return public or newest

    async def load_rows(self, collection: str, pids: Iterable[str]) -> list[Doc]:
        """Loads the rows of these pids, public or not, in their order."""
        wanted = list(dict.fromkeys(pids))
        with translate_errors():
            cursor = self.database[collection].find({"_id": {"$in": wanted}})
            rows = {row["_id"]: row async for row in cursor}
        return [rows[pid] for pid in wanted if pid in rows]

    async def load_public(self, level: Level, after: str, limit: int) -> list[Doc]:
        """Loads name and times of public records, in the order of their pids, after one of them."""
        fields = {"record.name": 1, "history": 1, "packed_at": 1}
        with translate_errors():
            rows = (
                self.database[LEVELS[level]]
                .find(_public_after(after), fields)
                .sort("_id")
                .limit(limit)
            )
            return [row async for row in rows]

    async def find_public_pid(self, level: Level, after: str, place: int) -> str | None:
        """Returns the pid at this place, from 1, among the public ones after one of them."""
        with translate_errors():
            rows = self.database[LEVELS[level]].find(_public_after(after), {"_id": 1}).sort("_id")
            found = [row["_id"] async for row in rows.skip(place - 1).limit(1)]
        return found[0] if found else None

    async def count_public(self, level: Level, after: str) -> int:
        """Counts the public records with pids after this one."""
        with translate_errors():
            return await self.database[LEVELS[level]].count_documents(_public_after(after))

    async def oldest_change_waiting(self) -> datetime | None:
        """Returns since when the oldest change waits that is not in the search index yet."""
        with translate_errors():
            rows = self.database["dirty"].find({}, {"at": 1}).sort("_id").limit(1)
            found = [row async for row in rows]
        at: datetime | None = found[0].get("at") if found else None
        return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at

    async def count_changes_waiting(self) -> int:
        """Returns about how many changes are not in the search index yet."""
        with translate_errors():
            return await self.database["dirty"].estimated_document_count()

    async def load_links(self, pids: Iterable[str], level: Level) -> list[Doc]:
        """Loads the public records of these pids, in their order, without their relations."""
        wanted = list(dict.fromkeys(pids))
        fields = {"record.type": 1, "record.title": 1, "record.name": 1, "record.doi": 1, DOI: 1}
        with translate_errors():
            cursor = self.database[LEVELS[level]].find({"_id": {"$in": wanted}, **PUBLIC}, fields)
            rows = {row["_id"]: row async for row in cursor}
        return [rows[pid] for pid in wanted if pid in rows]

    async def _find_rows(self, collection: str, name: str) -> list[Doc]:
        """Finds all rows of this pid or DOI, public or not; two queries that each use an index."""
        queries: list[Doc] = [{"_id": name}, *([{DOI: bare_doi(name)}] if "/" in name else [])]
        answers = await asyncio.gather(*(self._load_rows(collection, query) for query in queries))
        found = {row["_id"]: row for rows in answers for row in rows}
        return [found[pid] for pid in sorted(found)]

    async def _load_rows(self, collection: str, query: Doc) -> list[Doc]:
        with translate_errors():
            rows = self.database[collection].find(query).sort("_id").limit(MAX_RECORDS_PER_DOI)
            return [row async for row in rows]

    async def visible_datasets(self, pids: Iterable[str | None]) -> set[str]:
        """Returns those of these datasets that are public or were withdrawn after they were."""
        wanted = sorted({pid for pid in pids if pid})
        if not wanted:
            return set()
        fields = {"public": 1, "json": 1, "withdrawn": 1, "record.is_public": 1}
        with translate_errors():
            rows = self.database["datasets"].find({"_id": {"$in": wanted}}, fields)
            return {row["_id"] async for row in rows if is_visible(row)}

    async def load_linked(self, pids: Iterable[str]) -> dict[str, Doc]:
        """Loads those of these records that are public and have a DOI, by pid; see LINK_FIELDS."""
        wanted = sorted(set(pids))
        if not wanted:
            return {}
        return await self._load_links([(name, "_id", {"$in": wanted}) for name in LEVELS.values()])

    async def load_linking(self, pid: str, level: Level) -> dict[str, Doc]:
        """Loads the public records with a DOI that link to this one, by pid; see LINK_FIELDS."""
        fields = [(name, f"record.{field}", pid) for name, field in LINKING[level]]
        return await self._load_links(fields)

    async def _load_links(self, queries: Sequence[tuple[str, str, Any]]) -> dict[str, Doc]:
        """Runs queries of collection, field and value at once: each uses the field's index."""
        answers = await asyncio.gather(*(self._load_link_rows(*query) for query in queries))
        return {row["_id"]: row for rows in answers for row in rows}

    async def _load_link_rows(self, collection: str, field: str, value: Any) -> list[Doc]:
        level = next(level for level, name in LEVELS.items() if name == collection)
        with translate_errors():
            rows = self.database[collection].find({field: value}, LINK_FIELDS)
            return [{**row, "level": level} async for row in rows if row["public"] and row.get(DOI)]

    async def load_files(self, pids: Sequence[str]) -> dict[str, list[Doc]]:
        """Loads the files of each dataset, sorted by path and name, up to a limit."""
        return {
            pid: await self.load_files_page({"pid": pid}, 0, MAX_FILES_PER_DATASET) for pid in pids
        }

    async def load_files_page(self, query: Doc, skip: int, limit: int) -> list[Doc]:
        with translate_errors():
            return [file_view(row) async for row in self._files(query, skip).limit(limit)]

    async def read_files_in_batches(
        self, pid: str, skip: int, size: int
    ) -> AsyncGenerator[list[Doc]]:
        """Yields all files after `skip` in batches, sorted by path and name."""
        batch: list[Doc] = []
        with translate_errors():
            async for row in self._files({"pid": pid}, skip).batch_size(size):
                batch.append(file_view(row))
                if len(batch) == size:
                    yield batch
                    batch = []
        if batch:
            yield batch

    async def find_files_by_name(
        self, pids: Sequence[str], names: Sequence[str], *, limit: int
    ) -> list[Doc]:
        """Finds the files with one of these names: pid, path and name of each."""
        query = {"pid": {"$in": list(pids)}, "name": {"$in": list(names)}}
        with translate_errors():
            rows = self.database["files"].find(query, {"pid": 1, "path": 1, "name": 1})
            return [row async for row in rows.limit(limit)]

    def _files(self, query: Doc, skip: int) -> Any:
        order = [("pid", 1), ("path", 1), ("name", 1), ("_id", 1)]
        return self.database["files"].find(query).sort(order).skip(skip)

    async def count_files(self, pid: str) -> int:
        with translate_errors():
            return await self.database["files"].count_documents({"pid": pid})

    async def load_technique_terms(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """Returns by plain name the ontology terms of technique tags with these names."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        found: dict[str, set[str]] = {}
        with translate_errors():
            async for row in self.database["techniques"].find({"name": {"$in": wanted}}):
                found.setdefault(row["name"], set()).add(row["term"])
        return {name: frozenset(terms) for name, terms in found.items()}


def file_view(row: Doc) -> Doc:
    """Returns a file as the search API shows it."""
    view: dict[str, Any] = {
        "id": row["_id"],
        "name": row["name"],
        "path": row.get("path") or None,
        "size": row.get("size"),
        "sha256": row.get("sha256"),
        "role": row.get("role") or "data",
        "level": row.get("level"),
    }
    return {name: value for name, value in view.items() if value is not None}


def is_visible(row: Doc) -> bool:
    """Whether anything of the record of a catalogue row is public: itself, or its tombstone."""
    return bool(row.get("public") and row.get("json")) or is_tombstone(row)


def is_tombstone(row: Doc) -> bool:
    """Whether the record was withdrawn after it was public; else nothing of it is public."""
    return bool(row.get("withdrawn") and row.get("record", {}).get("is_public"))


def tombstone_view(row: Doc) -> dict[str, Any]:
    """Returns reason and time of the withdrawal, with the last public title."""
    return {**row["withdrawn"], "title": row["record"]["title"]}


def _public_after(pid: str) -> Doc:
    """Returns the filter for public records with pids after this one."""
    return {**PUBLIC, "_id": {"$gt": pid}}
