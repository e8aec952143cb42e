"""Reads rows of files from the catalogue, which the indexer writes.

A query reads the rows of one dataset at most, by the index of pid, path and name.
"""

import re
from typing import Any

from portal_shared.runtime.mongo import Database, Doc, translate_errors

from portal_gateway.files.criteria import FileCriteria
from portal_gateway.files.totals import Group

_ORDER = [("pid", 1), ("path", 1), ("name", 1), ("_id", 1)]
_GROUP: Doc = {
    "_id": {"path": "$path", "role": "$role", "level": "$level"},
    "files": {"$sum": 1},
    "bytes": {"$sum": "$size"},
}
DEFAULT_ROLE = "data"  # of rows of versions without roles


class FileRows:
    def __init__(self, database: Database) -> None:
        self._files = database["files"]
        self._lists = database["file_lists"]

    async def list_version(self, pid: str) -> int | None:
        """Returns the version of the dataset's newest complete list; None without one."""
        with translate_errors():
            row = await self._lists.find_one({"_id": pid}, {"version": 1})
        return row["version"] if row else None

    async def load_page(self, pid: str, criteria: FileCriteria) -> list[Doc]:
        """Loads the rows of the page of `criteria`, sorted by path and name."""
        skip = (criteria.page - 1) * criteria.per_page
        query = {"pid": pid, **_conditions(criteria)}
        with translate_errors():
            rows = self._files.find(query).sort(_ORDER).skip(skip).limit(criteria.per_page)
            return [row async for row in rows]

    async def sum_groups(self, pid: str, name: str) -> tuple[Group, ...]:
        """Sums the files with this part in their location by folder, role and level."""
        match: Doc = {"pid": pid, **_name_condition(name)}
        steps: list[Doc] = [{"$match": match}, {"$group": _GROUP}]
        with translate_errors():
            return tuple([_group(row) async for row in self._files.aggregate(steps)])


def _group(row: Doc) -> Group:
    key: Doc = row["_id"]
    return Group(
        folder=key.get("path") or "",
        role=key.get("role") or DEFAULT_ROLE,
        level=key.get("level"),
        files=row["files"],
        bytes=row["bytes"],
    )


def _conditions(criteria: FileCriteria) -> Doc:
    parts = [_name_condition(criteria.name), _folder_condition(criteria.folder)]
    found: Doc = {"$and": given} if (given := [part for part in parts if part]) else {}
    if criteria.role == DEFAULT_ROLE:
        found["role"] = {"$in": [DEFAULT_ROLE, None]}
    elif criteria.role:
        found["role"] = criteria.role
    if criteria.level is not None:
        found["level"] = criteria.level
    return found


def _folder_condition(folder: str) -> Doc:
    """Returns the condition for files below a folder: a range, without names like `folder-2`."""
    if not folder:
        return {}
    end = f"{folder}{chr(ord('/') + 1)}"
    inside: list[Doc] = [{"path": folder}, {"path": {"$gte": f"{folder}/"}}]
    return {"path": {"$gte": folder, "$lt": end}, "$or": inside}


def _name_condition(name: str) -> Doc:
    """Returns the condition that the text, in any case, is in folder or name of a file.

    A text with a slash may begin in the folder and end in the name.
    """
    if not name:
        return {}
    alternatives: list[Doc] = [{"path": _contains(re.escape(name))}]
    before, slash, after = name.rpartition("/")
    if slash:
        split = {
            "path": _contains(f"{re.escape(before)}$"),
            "name": _contains(f"^{re.escape(after)}"),
        }
        alternatives.append(split)
    else:
        alternatives.append({"name": _contains(re.escape(name))})
    return {"$or": alternatives}


def _contains(pattern: str) -> dict[str, Any]:
    return {"$regex": pattern, "$options": "i"}
