"""What is known of every record's identifier, in MongoDB: intents, claims, outcomes.

A row is written before DataCite is asked for anything, with the DOI that is meant; the outcome and
the event about it are one transaction. How rows are worked on: claims.py.

_id, level, version, record   the newest record heard of; version 0: reserved, no record yet
links, names                  the records it names: relation and pid; pid alone
registered_at, changed_at     when the portal first had it, when it had this version
withdrawn, hold, open         why and when; hidden or reserved by hand; may it be public
doi, url, doi_state, state    what it has now; state: pending, minted, adopted, failed, none
own, own_state, told          the DOI that is ours, where it stands, hash of what DataCite was told
waiting, due, since           is it to be worked on, when, since when that waits
until, owner, fence           how long it is held, and by which claim
said, revision                what was last said of it, and how often something was
rev                           counts the reasons to work on it: one that came meanwhile is not lost
unsure, doubt                 DataCite may have done more than we know; and when it was taken?
telling, tell, left           its relatives are to hear of it (relations.py)
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Client,
    Database,
    Doc,
    DuplicateKeyError,
    InsertOne,
    Session,
    StaleVersion,
    UpdateMany,
    UpdateOne,
    Write,
    transaction,
    translate_errors,
    write_all,
)

from portal_doi.domain.outcome import Outcome, said_event
from portal_doi.domain.state import left_behind, relatives_see_change
from portal_doi.store.clock import Clock

NEW = -1  # the version of a record of which nothing is kept
STATES = ("pending", "minted", "adopted", "failed", "none")


@dataclass(frozen=True)
class Intent:
    """A newer version of a record: its row before (or a new one), and what becomes of it."""

    before: Doc
    outcome: Outcome
    follows: str  # correlation id


@dataclass(frozen=True)
class Said:
    """An outcome whose events leave with the transaction."""

    outcome: Outcome
    follows: str


class Registry:
    def __init__(self, client: Client, database: Database, outbox: Outbox, clock: Clock) -> None:
        self.client = client
        self._outbox = outbox
        self.clock = clock
        self.rows = database["identifiers"]

    async def prepare(self) -> None:
        """Make the indexes: one of them is the promise that no DOI of ours is given twice."""
        there = {"$type": "string"}
        with translate_errors():
            await self.rows.create_index("own", unique=True, partialFilterExpression={"own": there})
            await self.rows.create_index([("waiting", ASCENDING), ("due", ASCENDING)])
            await self.rows.create_index([("telling", ASCENDING)])
            await self.rows.create_index([("names", ASCENDING)])
            await self.rows.create_index([("doi", ASCENDING)])

    async def find(self, pid: str) -> Doc | None:
        return (await self.find_all([pid])).get(pid)

    async def find_all(self, pids: Sequence[str]) -> dict[str, Doc]:
        """By pid; without those that are not known."""
        with translate_errors():
            return {row["_id"]: row async for row in self.rows.find({"_id": {"$in": list(pids)}})}

    async def has_doi(self, doi: str, but: str) -> bool:
        """Another record has it as our DOI."""
        with translate_errors():
            return await self.rows.find_one({"own": doi, "_id": {"$ne": but}}) is not None

    async def keep(self, intents: Sequence[Intent], *, max_tries: int | None = None) -> bool:
        """Write newer versions of records, one of each, and say what follows at once: all or none.

        False when another version of one came between; raises DuplicateKeyError when a DOI is
        taken, or a row was made meanwhile, WriteConflict after so many tries.
        """
        now = await self.clock.now()
        inserts = [InsertOne(_first(i, now)) for i in intents if i.before["version"] == NEW]
        updates = [_next(i, now) for i in intents if i.before["version"] != NEW]

        async def work(session: Session) -> None:
            matched = await write_all(self.rows, [*inserts, *updates], session=session)
            if matched != len(updates):
                raise StaleVersion
            await self.say(session, [Said(i.outcome, i.follows) for i in intents])

        try:
            await transaction(self.client, work, max_tries=max_tries)
        except StaleVersion:
            return False
        except BulkWriteError as error:
            if any(e.get("code") == DUPLICATE_KEY for e in error.details["writeErrors"]):
                raise DuplicateKeyError(str(error), DUPLICATE_KEY) from error
            raise
        return True

    async def write(self, writes: Sequence[Write], *, max_tries: int | None = None) -> None:
        """Changes of many rows, all or none. Raises WriteConflict after so many tries.

        In a transaction, since without they would wait for the writes of others: for a minute where
        those died meanwhile, and for ever in SecantusDB.
        """

        async def work(session: Session) -> None:
            await write_all(self.rows, writes, session=session)

        await transaction(self.client, work, max_tries=max_tries)

    async def say(self, session: Session, said: Sequence[Said]) -> None:
        """What follows of these, when the transaction commits."""
        rows: list[Doc] = []
        for one in said:
            rows += [
                self._outbox.event_row(e, correlation_id=one.follows) for e in one.outcome.events
            ]
            if dead := one.outcome.dead:
                rows.append(
                    self._outbox.dead_letter_row(
                        dead.event,
                        reason=dead.reason,
                        message_id=dead.message_id,
                        correlation_id=one.follows,
                    )
                )
        await self._outbox.add_rows(session, rows)

    async def wish(self, pid: str, *, version: int, fields: Doc) -> bool:
        """Change what an operator may, and look at it; False when a newer version came."""
        now = await self.clock.now()
        due: Doc = {"waiting": True, "due": now, "since": now, "problem": None}
        with translate_errors():
            result = await self.rows.update_one(
                {"_id": pid, "version": version},
                {"$set": {**due, **fields}, "$inc": {"rev": 1}},
            )
        return bool(result.matched_count)

    async def named(self, name: str) -> list[Doc]:
        """Rows by pid, or by DOI; several where it is shared."""
        with translate_errors():
            which: Doc = {"$or": [{"_id": name}, {"doi": name.lower()}, {"own": name.lower()}]}
            return [row async for row in self.rows.find(which).sort("_id")]

    async def dois(self, pids: Sequence[str]) -> dict[str, str | None]:
        """The DOI that each of these records leads its readers to, as was last said."""
        with translate_errors():
            rows = self.rows.find({"_id": {"$in": list(pids)}}, {"said": 1})
            return {row["_id"]: row["said"]["doi"] if row["said"] else None async for row in rows}

    async def say_again(self, pids: Sequence[str]) -> int:
        """Say what was last said of these, to who has lost it."""
        with translate_errors():
            which: Doc = {"_id": {"$in": list(pids)}, "said": {"$ne": None}}
            rows = [row async for row in self.rows.find(which)]

        async def work(session: Session) -> None:
            await self._outbox.add(session, [said_event(row) for row in rows])

        await transaction(self.client, work)
        return len(rows)

    async def look_again(self, pids: Sequence[str]) -> None:
        """What DataCite holds of these is looked at anew, and mended."""
        now = await self.clock.now()
        which: Doc = {"_id": {"$in": list(pids)}, "own": {"$ne": None}}
        await self.write([UpdateMany(which, again(now))])

    async def counts(self) -> dict[str, Any]:
        """How many identifiers stand where, and how many are to be worked on."""
        by_state = [{"$group": {"_id": "$state", "count": {"$sum": 1}}}]
        with translate_errors():
            found = {r["_id"]: r["count"] async for r in self.rows.aggregate(by_state)}
            due = await self.rows.count_documents(_BEGUN)
            telling = await self.rows.count_documents({"telling": True})
            # Again: what is told of becomes due meanwhile, and would be overlooked.
            pending = telling + max(due, await self.rows.count_documents(_BEGUN))
        stages = {state: found.get(state, 0) for state in STATES}
        return {"pending": pending, "identifiers": {"total": sum(stages.values()), **stages}}


_BEGUN: Doc = {"waiting": True, "since": {"$ne": None}}  # not those that wait for a date


def _first(intent: Intent, now: datetime) -> Doc:
    fields = intent.outcome.fields
    row = {**intent.before, **fields, "updated_at": now, "correlation_id": intent.follows}
    return {**row, **telling(None, row)}


def _next(intent: Intent, now: datetime) -> UpdateOne:
    before, fields = intent.before, intent.outcome.fields
    changes = {**fields, "updated_at": now, "correlation_id": intent.follows}
    changes |= telling(before, {**before, **fields})
    asked = {"_id": before["_id"], "version": before["version"]}
    return UpdateOne(asked, {"$set": changes, "$inc": {"rev": 1}})


def again(now: datetime) -> Doc:
    """The change that has a row looked at anew."""
    told: Doc = {"unsure": True, "doubt": True, "waiting": True, "due": now, "since": now}
    return {"$set": told, "$inc": {"rev": 1}}


def telling(before: Doc | Mapping[str, Any] | None, after: Mapping[str, Any]) -> Doc:
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
        "owner": None,
        "fence": 0,
        "unsure": False,
        "doubt": False,
        "tries": 0,
        "asked": 0,
        "telling": False,
        "tell": None,
        "left": [],
        "created_at": now,
    }
