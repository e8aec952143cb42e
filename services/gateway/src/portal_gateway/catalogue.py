"""Reads the catalogue that the indexer writes: records by pid or DOI, relations, files."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.runtime.mongo import Database, Doc, translate_errors

DOI = "told_doi"  # field of a row
PUBLIC: Doc = {"public": True, "json": {"$type": "string"}}  # filter for public records
LEVELS = {"document": "documents", "dataset": "datasets"}
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
        """Loads the tombstone of a withdrawn record by its pid or DOI."""
        query: Doc = {"$or": _by_pid_or_doi(pid), "withdrawn": {"$type": "object"}}
        with translate_errors():
            return await self.database[name].find_one(query)

    async def _find(self, name: str, query: Doc, limit: int) -> list[Doc]:
        public = {**query, **PUBLIC}
        with translate_errors():
            cursor = self.database[name].find(public).sort("_id").limit(limit)
            return [row async for row in cursor]

    async def find_by_pid_or_doi(self, name: str) -> list[tuple[str, Doc]]:
        """Finds the level and row of every public or withdrawn record of this pid or DOI."""
        found: list[tuple[str, Doc]] = []
        for level, collection in LEVELS.items():
            visible: list[Doc] = [PUBLIC, {"withdrawn": {"$type": "object"}}]
            query: Doc = {
                "record.profile": {"$exists": True},
                "$and": [{"$or": _by_pid_or_doi(name)}, {"$or": visible}],
            }
            with translate_errors():
                rows = self.database[collection].find(query).sort("_id").limit(MAX_RECORDS_PER_DOI)
                found += [(level, row) async for row in rows]
        return found

    async def load_with_dois(self, query: Doc) -> dict[str, Doc]:
        """Loads public records that have a DOI, of both levels, with their relations, by pid."""
        fields = {
            DOI: 1, "record.type": 1, "record.datasets": 1, "record.documents": 1,
            "record.relations": 1, "record.supersedes": 1, "record.superseded_by": 1,
        }  # fmt: skip
        found: dict[str, Doc] = {}
        for level, collection in LEVELS.items():
            public: Doc = {**query, "public": True, DOI: {"$type": "string"}}
            with translate_errors():
                async for row in self.database[collection].find(public, fields):
                    found[row["_id"]] = {**row, "level": level}
        return found

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
    }
    return {name: value for name, value in view.items() if value is not None}


def _by_pid_or_doi(name: str) -> list[Doc]:
    return [{"_id": name}, *([{DOI: bare_doi(name)}] if "/" in name else [])]
