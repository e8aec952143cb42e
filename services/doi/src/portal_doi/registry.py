"""What is known of every record's identifier, in MongoDB: intents, claims, outcomes.

A row is written before DataCite is asked for anything, with the DOI that is meant; the outcome and
the event about it are one transaction. A claim is a lease with a fence, checked when it commits.

_id, level, version, record   the newest record heard of; version 0: reserved, no record yet
links, names                  the records it names: relation and pid; pid alone
registered_at, changed_at     when the portal first had it, when it had this version
withdrawn, hold, open         why and when; hidden or reserved by hand; may it be public
doi, url, doi_state, state    what it has now; state: pending, minted, adopted, failed, none
own, own_state, told          the DOI that is ours, where it stands, hash of what DataCite was told
waiting, due, since           is it to be worked on, when, since when that waits
until, fence                  how long it is held, and by which claim
said, revision                what was last said of it, and how often something was
rev                           counts the reasons to work on it: one that came meanwhile is not lost
unsure                        DataCite may have done more than we know
telling, tell, left           its relatives are to hear of it (relations.py)
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
from portal_doi.outcomes import Outcome, said_event
from portal_doi.standing import left_behind, relatives_see_change

LEASE = timedelta(seconds=180)
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
    def __init__(
        self,
        client: Client,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._client = client
        self._lease = lease  # longer than any work on one row
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
            await self.rows.create_index([("names", ASCENDING)])
            await self.rows.create_index([("doi", ASCENDING)])
            await self.rows.create_index([("state", ASCENDING)])

    async def find(self, pid: str) -> Doc | None:
        with translated():
            return await self.rows.find_one({"_id": pid})

    async def has_doi(self, doi: str, but: str) -> bool:
        """Another record has it as our DOI."""
        with translated():
            return await self.rows.find_one({"own": doi, "_id": {"$ne": but}}) is not None

    async def keep(self, outcome: Outcome, before: Doc) -> bool:
        """Write a newer version of a record (`before` is its row, or a new one), and say what
        follows at once.

        False when another version came between; raises DuplicateKeyError when the DOI is taken, or
        the row was made meanwhile.
        """
        fields = outcome.fields
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
            await self._say(session, outcome)
            return True

        return await transaction(self._client, work)

    async def _say(self, session: Session, outcome: Outcome) -> None:
        await self._outbox.add(session, outcome.events)
        if outcome.dead:
            dead = outcome.dead
            await self._outbox.bury(
                session, dead.event, reason=dead.reason, message_id=dead.message_id
            )

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
                    "$set": {"until": now + self._lease, "owner": self._owner, "unsure": True},
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

    async def settle(
        self, claim: Claim, outcome: Outcome, *, again: datetime | None = None
    ) -> bool:
        """Keep the outcome and say it; False when the claim was lost or a newer version came.

        Then nothing is said, and what DataCite holds is looked at anew. `again` is when to look at
        it once more in any case: the end of an embargo.
        """
        fields = outcome.fields
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
        done: Doc = {
            **changes,
            "waiting": again is not None,
            "due": again,
            "since": None,
            "unsure": False,
        }

        async def work(session: Session) -> bool:
            for asked, change in (
                ({**mine, "rev": claim.row["rev"]}, done),
                ({**mine, "version": claim.row["version"]}, {**changes, "since": now}),
            ):
                found = await self.rows.update_one(asked, {"$set": change}, session=session)
                if found.matched_count:
                    await self._say(session, outcome)
                    return True
            await self.rows.update_one({"_id": claim.pid}, _again(now), session=session)
            await self.rows.update_one(mine, {"$set": {"until": None}}, session=session)
            return False

        return await transaction(self._client, work)

    async def wish(self, pid: str, *, version: int, fields: Doc) -> bool:
        """Change what an operator may, and look at it; False when a newer version came."""
        now = await self.clock.now()
        due: Doc = {"waiting": True, "due": now, "since": now, "problem": None}
        with translated():
            result = await self.rows.update_one(
                {"_id": pid, "version": version},
                {"$set": {**due, **fields}, "$inc": {"rev": 1}},
            )
        return bool(result.matched_count)

    async def named(self, name: str) -> list[Doc]:
        """Rows by pid, or by DOI; several where it is shared."""
        with translated():
            which: Doc = {"$or": [{"_id": name}, {"doi": name.lower()}, {"own": name.lower()}]}
            return [row async for row in self.rows.find(which).sort("_id")]

    async def dois(self, pids: Sequence[str]) -> dict[str, str | None]:
        """The DOI that each of these records leads its readers to, as was last said."""
        with translated():
            rows = self.rows.find({"_id": {"$in": list(pids)}}, {"said": 1})
            return {row["_id"]: row["said"]["doi"] if row["said"] else None async for row in rows}

    async def say_again(self, pids: Sequence[str]) -> int:
        """Say what was last said of these, to who has lost it."""
        with translated():
            which: Doc = {"_id": {"$in": list(pids)}, "said": {"$ne": None}}
            rows = [row async for row in self.rows.find(which)]

        async def work(session: Session) -> None:
            await self._outbox.add(session, [said_event(row) for row in rows])

        await transaction(self._client, work)
        return len(rows)

    async def look_again(self, pids: Sequence[str]) -> None:
        """What DataCite holds of these is looked at anew, and mended."""
        now = await self.clock.now()
        which: Doc = {"_id": {"$in": list(pids)}, "own": {"$ne": None}}
        with translated():
            await self.rows.update_many(which, _again(now))

    async def counts(self) -> dict[str, Any]:
        """How many identifiers stand where, and how many are to be worked on."""
        by_state = [{"$group": {"_id": "$state", "count": {"$sum": 1}}}]
        with translated():
            found = {r["_id"]: r["count"] async for r in self.rows.aggregate(by_state)}
            due = await self.rows.count_documents(_BEGUN)
            telling = await self.rows.count_documents({"telling": True})
            # Again: what is told of becomes due meanwhile, and would be overlooked.
            pending = telling + max(due, await self.rows.count_documents(_BEGUN))
        stages = {state: found.get(state, 0) for state in STATES}
        return {"pending": pending, "identifiers": {"total": sum(stages.values()), **stages}}


_BEGUN: Doc = {"waiting": True, "since": {"$ne": None}}  # not those that wait for a date


def _again(now: datetime) -> Doc:
    told: Doc = {"unsure": True, "waiting": True, "due": now, "since": now}
    return {"$set": told, "$inc": {"rev": 1}}


def _free(now: datetime) -> Doc:
    """Due, and nobody has it."""
    return {"waiting": True, "due": {"$lte": now}, "until": {"$not": {"$gt": now}}}


def _telling(before: Doc | Mapping[str, Any] | None, after: Mapping[str, Any]) -> Doc:
    """A mark that nobody else makes: it is taken off only by who acted on this very one."""
    if not relatives_see_change(before, after):
        return {}
    return {"telling": True, "tell": str(uuid.uuid4()), "left": left_behind(before, after)}


def new_row(pid: str, now: datetime) -> Doc:
    """Of a record that is not in the registry yet."""
    return {
        "_id": pid,
        "version": NEW,
        "level": "dataset",
        "record": {},
        "links": [],
        "names": [],
        "registered_at": now,
        "changed_at": now,
        "withdrawn": None,
        "hold": None,
        "open": False,
        "rev": 0,
        "state": "pending",
        "doi": None,
        "url": None,
        "doi_state": None,
        "own": None,
        "own_state": None,
        "told": None,
        "said": None,
        "revision": 0,
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
