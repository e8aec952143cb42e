"""The catalogue that the indexer keeps: records by pid, their relations, files. Read only."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from portal_shared.contracts.records import bare_doi
from portal_shared.runtime.mongo import Database, Doc, translate_errors

LEVELS = {"document": "documents", "dataset": "datasets"}
MOST_SHARING = 100  # records of one DOI
FILES_A_PARENT = 10_000  # of an include; /files pages through more


class Catalogue:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def record(self, name: str, pid: str) -> Doc | None:
        """A public record by its pid, or by its DOI where that names one alone."""
        found = await self._find(name, {"_id": pid}, 1)
        if not found and "/" in pid:
            found = await self._find(name, {"told_doi": bare_doi(pid)}, 2)
        return found[0] if len(found) == 1 else None

    async def tombstone(self, name: str, pid: str) -> Doc | None:
        """What is left of a withdrawn record, by its pid or DOI."""
        named = [{"_id": pid}, *([{"told_doi": bare_doi(pid)}] if "/" in pid else [])]
        which: Doc = {"$or": named, "withdrawn": {"$type": "object"}}
        with translate_errors():
            return await self.database[name].find_one(which)

    async def by_doi(self, name: str, doi: str) -> list[Doc]:
        return await self._find(name, {"told_doi": bare_doi(doi)}, 1000)

    async def _find(self, name: str, which: Doc, most: int) -> list[Doc]:
        public = {**which, "public": True, "json": {"$type": "string"}}
        with translate_errors():
            cursor = self.database[name].find(public).sort("_id").limit(most)
            return [row async for row in cursor]

    async def standing(self, name: str) -> list[tuple[str, Doc]]:
        """Level and row of every public or withdrawn record of this pid or DOI."""
        found: list[tuple[str, Doc]] = []
        for level, collection in LEVELS.items():
            named: list[Doc] = [{"_id": name}]
            if "/" in name:
                named.append({"told_doi": bare_doi(name)})
            seen: list[Doc] = [
                {"public": True, "json": {"$type": "string"}},
                {"withdrawn": {"$type": "object"}},
            ]
            which: Doc = {
                "record.profile": {"$exists": True},
                "$and": [{"$or": named}, {"$or": seen}],
            }
            with translate_errors():
                rows = self.database[collection].find(which).sort("_id").limit(MOST_SHARING)
                found += [(level, row) async for row in rows]
        return found

    async def dois(self, which: Doc) -> dict[str, Doc]:
        """Public records of both levels with their DOIs and what they name, by pid."""
        shown = {
            "told_doi": 1, "record.type": 1, "record.datasets": 1, "record.documents": 1,
            "record.relations": 1, "record.supersedes": 1, "record.superseded_by": 1,
        }  # fmt: skip
        found: dict[str, Doc] = {}
        for level, collection in LEVELS.items():
            asked: Doc = {**which, "public": True, "told_doi": {"$type": "string"}}
            with translate_errors():
                async for row in self.database[collection].find(asked, shown):
                    found[row["_id"]] = {**row, "level": level}
        return found

    async def files(self, pids: Sequence[str]) -> dict[str, list[Doc]]:
        """The files of each dataset, by path and name, to a ceiling."""
        return {pid: await self.files_page({"pid": pid}, 0, FILES_A_PARENT) for pid in pids}

    async def files_page(self, which: Doc, skip: int, limit: int) -> list[Doc]:
        with translate_errors():
            return [told_file(row) async for row in self._files(which, skip).limit(limit)]

    async def files_in_batches(self, pid: str, skip: int, size: int) -> AsyncGenerator[list[Doc]]:
        """All of them from there on, by path and name, as they come from the database."""
        batch: list[Doc] = []
        with translate_errors():
            async for row in self._files({"pid": pid}, skip).batch_size(size):
                batch.append(told_file(row))
                if len(batch) == size:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _files(self, which: Doc, skip: int) -> Any:
        order = [("pid", 1), ("path", 1), ("name", 1), ("_id", 1)]
        return self.database["files"].find(which).sort(order).skip(skip)

    async def files_count(self, pid: str) -> int:
        with translate_errors():
            return await self.database["files"].count_documents({"pid": pid})

    async def terms_named(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """The technique terms that records carry under these plain names."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        found: dict[str, set[str]] = {}
        with translate_errors():
            async for row in self.database["techniques"].find({"name": {"$in": wanted}}):
                found.setdefault(row["name"], set()).add(row["term"])
        return {name: frozenset(terms) for name, terms in found.items()}


def told_file(row: Doc) -> Doc:
    told: dict[str, Any] = {
        "id": row["_id"],
        "name": row["name"],
        "path": row.get("path") or None,
        "size": row.get("size"),
        "sha256": row.get("sha256"),
    }
    return {name: value for name, value in told.items() if value is not None}
