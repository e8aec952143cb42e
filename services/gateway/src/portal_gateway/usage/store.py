"""Counts of use by dataset and month in MongoDB. Replicas add to the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from portal_shared.contracts.records import pid_key
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import (
    BulkWriteError,
    Database,
    Doc,
    UpdateOne,
    translate_errors,
    write_unordered,
)

log = logger(__name__)

MAX_TRIES = 20  # of writes that conflict with those of other replicas
Kind = Literal["views", "downloads"]
_BEGIN = "begin"  # id of the row that has the day since which uses are counted
BEGIN_FIELD = "day"


@dataclass(frozen=True)
class Use:
    """A kind of use of a dataset in a month."""

    pid: str
    month: str  # 2026-11
    kind: Kind


class UsageStore:
    def __init__(self, database: Database) -> None:
        self._rows = database["usage"]
        self._begin: str | None = None  # it never changes

    async def prepare(self) -> None:
        """Creates the index, and stores the day on which the first replica began to count."""
        today = datetime.now(UTC).date().isoformat()
        with translate_errors():
            await self._rows.create_index([("pid", 1), ("month", 1)])
            change = {"$setOnInsert": {BEGIN_FIELD: today}}
            await self._rows.update_one({"_id": _BEGIN}, change, upsert=True)

    async def add(self, uses: Mapping[Use, int]) -> None:
        """Adds to the counts. If the outcome of a write stays unknown, its uses may count twice."""
        changes: dict[tuple[str, str], dict[Kind, int]] = {}
        for use, count in uses.items():
            changes.setdefault((use.pid, use.month), {})[use.kind] = count
        writes: list[Any] = [_update(*key, counts) for key, counts in changes.items()]
        with translate_errors():
            for _ in range(MAX_TRIES):
                try:
                    await write_unordered(self._rows, writes)
                except BulkWriteError as error:  # another replica wrote the same row
                    failed: list[Doc] = (error.details or {}).get("writeErrors", [])
                    writes = [writes[one["index"]] for one in failed]
                else:
                    return
        log.warning("counts of use are lost", rows=len(writes))

    async def load(self, pid: str) -> list[Doc]:
        """Loads the counts of a dataset by month, the oldest first."""
        with translate_errors():
            return [row async for row in self._rows.find({"pid": pid}).sort("month", 1)]

    async def begin(self) -> str | None:
        """Returns the day since which uses are counted."""
        if self._begin is None:
            with translate_errors():
                row = await self._rows.find_one({"_id": _BEGIN})
            self._begin = row[BEGIN_FIELD] if row else None
        return self._begin


def _update(pid: str, month: str, counts: Mapping[Kind, int]) -> UpdateOne:
    change: Doc = {"$inc": dict(counts), "$setOnInsert": {"pid": pid, "month": month}}
    return UpdateOne({"_id": f"{pid_key(pid)}-{month}"}, change, upsert=True)
