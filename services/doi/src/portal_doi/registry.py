"""What is known of every record's identifier, in MongoDB: intents, claims, outcomes.

A row is written before DataCite is asked for anything, with the DOI that is meant; the outcome and
the event about it are one transaction. A claim is a lease with a fence, checked when it commits.

_id, level, version, record   the newest record heard of
doi, url, doi_state, state    what it has now; state: pending, minted, adopted, failed, none
own, own_state, told          the DOI that is ours, where it stands, hash of what DataCite was told
waiting, due, since           is it to be worked on, when, since when that waits
until, fence                  how long it is held, and by which claim
rev                           counts the reasons to work on it: one that came meanwhile is not lost
unsure                        DataCite may have done more than we know
telling, tell, left           its relatives are to hear of it (relations.py)
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal_shared.events import Event
from portal_shared.mongo import (
    ASCENDING,
    Client,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    transaction,
    translated,
)
from portal_shared.outbox import Outbox

from portal_doi.clock import Clock
from portal_doi.standing import datasets_left, relatives_see_change

LEASE = timedelta(seconds=180)  # longer than the longest wait for the pace and three calls together
NEW = -1  # the version of a record of which nothing is kept
STATES = ("pending", "minted", "adopted", "failed", "none")


@dataclass(frozen=True)
class Claim:
    """A row as it was when it was taken, and the fence it was taken with."""

    row: Mapping[str, Any]
    fence: int

    @property
    def pid(self) -> str:
        return str(self.row["_id"])


class Registry:
    def __init__(self, client: Client, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._client = client
        self._outbox = outbox
        self.clock = clock
        self.rows = database["identifiers"]
        self._owner = str(uuid.uuid4())

    async def prepare(self) -> None:
        """Make the indexes: one of them is the promise that no DOI of ours is given twice."""
        there = {"$type": "string"}
        with translated():
            await self.rows.create_index("own", unique=True, partialFilterExpression={"own": there})
            await self.rows.create_index([("waiting", ASCENDING), ("due", ASCENDING)])
            await self.rows.create_index([("telling", ASCENDING)])
            await self.rows.create_index("tell", partialFilterExpression={"tell": there})
            await self.rows.create_index([("record.datasets", ASCENDING)], sparse=True)
            await self.rows.create_index([("state", ASCENDING)])

    async def find(self, pid: str) -> Doc | None:
        with translated():
            return await self.rows.find_one({"_id": pid})

    async def has_doi(self, doi: str, but: str) -> bool:
        """Another record has it as our DOI."""
        with translated():
            return await self.rows.find_one({"own": doi, "_id": {"$ne": but}}) is not None

    async def keep(self, fields: Doc, events: Sequence[Event], before: Doc) -> bool:
        """Write a newer version of a record (`before` is its row, or a new one), and say what
        follows at once.

        False when another version came between; raises DuplicateKeyError when the DOI is taken, or
        the row was made meanwhile.
        """
        row = {**before, **fields}
        known = None if before["version"] == NEW else before
        changes: Doc = {**fields, **_telling(known, row), "updated_at": await self.clock.now()}

        async def work(session: Session) -> bool:
            if known is None:
                await self.rows.insert_one({**row, **changes}, session=session)
            else:
                result = await self.rows.update_one(
                    {"_id": known["_id"], "version": known["version"]},
                    {"$set": changes, "$inc": {"rev": 1}},
                    session=session,
                )
                if not result.matched_count:
                    return False
            await self._outbox.add(session, events)
            return True

        return await transaction(self._client, work)

    async def due(self, limit: int) -> list[str]:
        """Pids that may be worked on now, those that wait longest first."""
        now = await self.clock.now()
        with translated():
            rows = self.rows.find(_free(now), {"_id": 1}).sort("due", ASCENDING).limit(limit)
            return [row["_id"] async for row in rows]

    async def claim(self, pid: str) -> Claim | None:
        """None when it is not due any more, or another has it.

        From here on it is unsure what DataCite did, until this claim says so: it may be killed.
        """
        now = await self.clock.now()
        with translated():
            row: Doc | None = await self.rows.find_one_and_update(
                {"_id": pid, **_free(now)},
                {
                    "$set": {"until": now + LEASE, "owner": self._owner, "unsure": True},
                    "$inc": {"fence": 1},
                },
                return_document=ReturnDocument.BEFORE,
            )
        return Claim(row, row["fence"] + 1) if row else None

    async def let_go(
        self, claim: Claim, *, due: datetime, unsure: bool, counted: str | None = None
    ) -> None:
        """Not done: to be taken again when due; `counted` names a counter to raise."""
        change: Doc = {"$set": {"until": None, "waiting": True, "due": due, "unsure": unsure}}
        if counted:
            change["$inc"] = {counted: 1}
        with translated():
            await self.rows.update_one({"_id": claim.pid, "fence": claim.fence}, change)

    async def take_own(self, claim: Claim, doi: str) -> bool:
        """Note that this DOI will be registered for it.

        False when another record has it, or the claim is of no use any more.
        """
        with translated():
            try:
                result = await self.rows.update_one(
                    {"_id": claim.pid, "fence": claim.fence, "version": claim.row["version"]},
                    {"$set": {"own": doi, "doi": doi}},
                )
            except DuplicateKeyError:
                return False
        return bool(result.matched_count)

    async def settle(self, claim: Claim, fields: Doc, events: Sequence[Event]) -> bool:
        """Keep the outcome and say it; False when the claim was lost or a newer version came.

        Then nothing is said, and what DataCite holds is looked at anew.
        """
        now = await self.clock.now()
        mine: Doc = {"_id": claim.pid, "fence": claim.fence}
        changes: Doc = {
            **fields,
            **_telling(claim.row, {**claim.row, **fields}),
            "until": None,
            "tries": 0,
            "asked": 0,
            "updated_at": now,
        }
        done: Doc = {**changes, "waiting": False, "due": None, "since": None, "unsure": False}

        async def work(session: Session) -> bool:
            for asked, change in (
                ({**mine, "rev": claim.row["rev"]}, done),
                ({**mine, "version": claim.row["version"]}, {**changes, "since": now}),
            ):
                found = await self.rows.update_one(asked, {"$set": change}, session=session)
                if found.matched_count:
                    await self._outbox.add(session, events)
                    return True
            again: Doc = {"$set": {"unsure": True, "waiting": True, "due": now}, "$inc": {"rev": 1}}
            await self.rows.update_one({"_id": claim.pid}, again, session=session)
            await self.rows.update_one(mine, {"$set": {"until": None}}, session=session)
            return False

        return await transaction(self._client, work)

    async def counts(self) -> dict[str, Any]:
        """How many identifiers stand where, and how many are to be worked on."""
        by_state = [{"$group": {"_id": "$state", "count": {"$sum": 1}}}]
        with translated():
            found = {r["_id"]: r["count"] async for r in self.rows.aggregate(by_state)}
            due = await self.rows.count_documents({"waiting": True})
            telling = await self.rows.count_documents({"telling": True})
            # Again: what is told of becomes due meanwhile, and would be overlooked.
            pending = telling + max(due, await self.rows.count_documents({"waiting": True}))
        stages = {state: found.get(state, 0) for state in STATES}
        return {"pending": pending, "identifiers": {"total": sum(stages.values()), **stages}}


def _free(now: datetime) -> Doc:
    """Due, and nobody has it."""
    return {"waiting": True, "due": {"$lte": now}, "until": {"$not": {"$gt": now}}}


def _telling(before: Doc | Mapping[str, Any] | None, after: Mapping[str, Any]) -> Doc:
    """A mark that nobody else makes: it is taken off only by who acted on this very one."""
    if not relatives_see_change(before, after):
        return {}
    return {"telling": True, "tell": str(uuid.uuid4()), "left": datasets_left(before, after)}


def new_row(pid: str, now: datetime) -> Doc:
    """Of a record that is not in the registry yet."""
    return {
        "_id": pid,
        "version": NEW,
        "rev": 0,
        "state": "pending",
        "doi": None,
        "url": None,
        "doi_state": None,
        "own": None,
        "own_state": None,
        "told": None,
        "said": None,
        "problem": None,
        "year": now.year,
        "waiting": False,
        "due": None,
        "since": None,
        "until": None,
        "fence": 0,
        "unsure": False,
        "tries": 0,
        "asked": 0,
        "telling": False,
        "tell": None,
        "left": [],
        "created_at": now,
    }
