"""Claims of replicas on records that they index: each record is indexed by one at a time.

A claim is a row of its own with a deadline, which is moved while the records are indexed. Records
are read after they are claimed, so that an index never gets a state that another replica has
already replaced. Who loses a claim, because it could not move the deadline in time, marks its
records again: the newest state is sent last in any case.
"""

import uuid
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.runtime import lease
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Database,
    Doc,
    InsertOne,
    translate_errors,
    write_unordered,
)

LEASE = timedelta(minutes=1)  # what a killed replica claimed waits as long


@dataclass(frozen=True)
class Claim:
    """The records of one collection that this replica indexes now."""

    owner: str
    name: str
    pids: frozenset[str]

    @property
    def ids(self) -> list[str]:
        return [row_id(self.name, pid) for pid in self.pids]


def row_id(name: str, pid: str) -> str:
    return f"{name} {pid}"


class Claims:
    """The collection `claims`."""

    def __init__(self, database: Database, *, duration: timedelta = LEASE) -> None:
        self._rows = database["claims"]
        self._marks = database["dirty"]
        self._lease = duration

    async def prepare(self) -> None:
        """Creates the database index."""
        with translate_errors():
            await self._rows.create_index([("name", ASCENDING), ("until", ASCENDING)])

    async def taken(self, name: str) -> set[str]:
        """Returns the pids that are claimed now."""
        which: Doc = {"name": name, "until": {"$gt": datetime.now(UTC)}}
        with translate_errors():
            return {row["pid"] async for row in self._rows.find(which, {"pid": 1})}

    async def acquire(self, name: str, pids: Collection[str]) -> Claim:
        """Claims those of these records that nobody has claimed; an expired claim is replaced."""
        if not pids:
            return Claim("", name, frozenset())
        owner, now = uuid.uuid4().hex, datetime.now(UTC)
        fields: Doc = {"name": name, "owner": owner, "until": now + self._lease}
        with translate_errors():
            try:
                rows = [InsertOne({"_id": row_id(name, p), "pid": p, **fields}) for p in pids]
                await write_unordered(self._rows, rows)
            except BulkWriteError as error:
                details: Any = error.details or {}
                if any(e.get("code") != DUPLICATE_KEY for e in details.get("writeErrors", [])):
                    raise
                ids = [row_id(name, pid) for pid in pids]
                expired: Doc = {"_id": {"$in": ids}, "until": {"$lte": now}}
                await self._rows.update_many(expired, {"$set": fields})
                mine = self._rows.find({"_id": {"$in": ids}, "owner": owner}, {"pid": 1})
                return Claim(owner, name, frozenset([row["pid"] async for row in mine]))
        return Claim(owner, name, frozenset(pids))

    async def dirty(self, marks: Collection[str]) -> set[str]:
        """Returns the pids of those of these marks, by id, that are still there."""
        with translate_errors():
            cursor = self._marks.find({"_id": {"$in": list(marks)}}, {"pid": 1})
            return {mark["pid"] async for mark in cursor}

    async def unexpired(self, claim: Claim) -> set[str]:
        """Returns the pids whose claim has not expired."""
        which: Doc = {
            "_id": {"$in": claim.ids},
            "owner": claim.owner,
            "until": {"$gt": datetime.now(UTC)},
        }
        with translate_errors():
            return {row["pid"] async for row in self._rows.find(which, {"pid": 1})}

    @asynccontextmanager
    async def extended(self, claim: Claim) -> AsyncGenerator[None]:
        """Moves the deadline of a claim until the block ends, and then ends the claim."""
        try:
            async with lease.extended(self._lease, lambda: self.extend(claim), claim=claim.name):
                yield
        finally:
            await self.release(claim)

    async def extend(self, claim: Claim) -> None:
        """Moves the deadline of those records that no other replica has claimed since."""
        which: Doc = {"_id": {"$in": claim.ids}, "owner": claim.owner}
        with translate_errors():
            await self._rows.update_many(
                which, {"$set": {"until": datetime.now(UTC) + self._lease}}
            )

    async def release(self, claim: Claim) -> None:
        """Ends a claim."""
        if claim.pids:
            with translate_errors():
                await self._rows.delete_many({"_id": {"$in": claim.ids}, "owner": claim.owner})
