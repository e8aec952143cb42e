"""Work on rows of the registry: taking them, letting them go, keeping the outcome.

A claim is a lease with a fence, checked when it commits. Many rows are taken by one trip to the
database, and outcomes that come together are one transaction.
"""

import contextlib
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal_shared.runtime.batcher import Batcher
from portal_shared.runtime.logs import current_correlation_id
from portal_shared.runtime.mongo import (
    ASCENDING,
    Doc,
    DuplicateKeyError,
    Session,
    UpdateMany,
    UpdateOne,
    WriteConflict,
    transaction,
    translate_errors,
    write_all,
)

from portal_doi.domain.outcome import Outcome
from portal_doi.store.batch_cursor import Sighted
from portal_doi.store.registry import Registry, Said, again, telling

LEASE = timedelta(seconds=180)
SIGHTED = 1000  # rows that one look for what is due finds, at most
TOGETHER = 100  # outcomes in a transaction, at most
COLLECT_SECONDS = 0.1  # for who waits for DataCite it is nothing, for the database half the work
TRIES = 3  # of a transaction of many; then each has its own


@dataclass(frozen=True)
class Claim:
    """A row as it was when it was taken, and the fence it was taken with."""

    row: Mapping[str, Any]
    fence: int
    owner: str
    since: float  # by our own clock

    @property
    def pid(self) -> str:
        return str(self.row["_id"])


@dataclass(frozen=True)
class Settlement:
    claim: Claim
    outcome: Outcome
    again: datetime | None
    follows: str


class Claims:
    def __init__(self, registry: Registry, *, lease: timedelta = LEASE) -> None:
        self.registry = registry
        self._rows = registry.rows
        self._clock = registry.clock
        self._lease = lease  # longer than any work on one row
        self._sighted = Sighted(self._due)
        self._settling = Batcher(self._settled, collect_seconds=COLLECT_SECONDS, max_batch=TOGETHER)
        self._releasing = Batcher(
            self._released, collect_seconds=COLLECT_SECONDS, max_batch=TOGETHER
        )

    async def take(self, most: int, *, only: str | None = None) -> list[Claim]:
        """Rows that are due and that nobody has, those that wait longest first.

        From here on it is unsure what DataCite did, until the claim says so: it may be killed.
        """
        if only:
            return await self._tried([only])
        if self._sighted.left:
            claims = await self._tried(await self._sighted.some(most))
            if claims:
                return claims
            self._sighted.forget()  # others are at them
        return await self._tried(await self._sighted.some(most))

    async def _due(self) -> list[str]:
        now = await self._clock.now()
        with translate_errors():
            found = self._rows.find(_free(now), {"_id": 1}).sort("due", ASCENDING).limit(SIGHTED)
            return [row["_id"] async for row in found]

    async def _tried(self, pids: Sequence[str]) -> list[Claim]:
        """Those of them that are due and that nobody has."""
        if not pids:
            return []
        now = await self._clock.now()
        try:
            return await self._taken(pids, now, max_tries=TRIES)
        except WriteConflict:
            taken = [await self._taken_alone(pid, now) for pid in pids]
            return [claim for claims in taken for claim in claims]

    async def _taken_alone(self, pid: str, now: datetime) -> list[Claim]:
        """None when others write it."""
        try:
            return await self._taken([pid], now, max_tries=1)
        except WriteConflict:
            return []

    async def _taken(self, pids: Sequence[str], now: datetime, *, max_tries: int) -> list[Claim]:
        owner, since = str(uuid.uuid4()), time.monotonic()
        asked: Doc = {"_id": {"$in": pids}, **_free(now)}
        taken: Doc = {"until": now + self._lease, "owner": owner, "unsure": True}
        writes = [
            UpdateMany(
                {"unsure": unsure, **asked},
                {"$set": {**taken, "doubt": unsure}, "$inc": {"fence": 1}},
            )
            for unsure in (True, False)
        ]

        async def work(session: Session) -> dict[str, Doc]:
            if not await write_all(self._rows, writes, session=session):
                return {}
            mine = self._rows.find({"_id": {"$in": pids}, "owner": owner}, session=session)
            return {row["_id"]: row async for row in mine}

        rows = await transaction(self.registry.client, work, max_tries=max_tries)
        return [
            Claim({**rows[pid], "unsure": rows[pid]["doubt"]}, rows[pid]["fence"], owner, since)
            for pid in pids
            if pid in rows
        ]

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """They were not begun; those that others write come free with their lease."""
        if not claims:
            return
        owners = sorted({claim.owner for claim in claims})
        mine: Doc = {"_id": {"$in": [c.pid for c in claims]}, "owner": {"$in": owners}}
        writes = [
            UpdateMany({**mine, "doubt": doubt}, {"$set": {"until": None, "unsure": doubt}})
            for doubt in (True, False)
        ]
        with contextlib.suppress(WriteConflict):
            await self.registry.write(writes, max_tries=TRIES)

    async def drained(self) -> None:
        """What was asked of us is in the database."""
        await self._settling.drain()
        await self._releasing.drain()

    async def let_go(
        self, claim: Claim, *, due: datetime, unsure: bool, counted: str | None = None
    ) -> None:
        """Not done: to be taken again when due; `counted` names a counter to raise."""
        change: Doc = {"$set": {"until": None, "waiting": True, "due": due}}
        if counted:
            change["$inc"] = {counted: 1}
        updates = [UpdateOne(_mine(claim), change)]
        if not unsure:  # unless doubt came meanwhile
            sure: Doc = {**_mine(claim), "doubt": False}
            updates.append(UpdateOne(sure, {"$set": {"unsure": False}}))
        await self._releasing.submit(updates)

    async def _released(self, releases: Sequence[list[UpdateOne]]) -> Sequence[None]:
        tries = TRIES if len(releases) > 1 else None
        await self.registry.write([u for updates in releases for u in updates], max_tries=tries)
        return [None] * len(releases)

    async def take_own(self, claim: Claim, doi: str) -> bool:
        """Note that this DOI will be registered for it.

        False when another record has it, or the claim is of no use any more.
        """
        with translate_errors():
            try:
                result = await self._rows.update_one(
                    {**_mine(claim), "version": claim.row["version"]},
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
        return await self._settling.submit(
            Settlement(claim, outcome, again, current_correlation_id())
        )

    async def _settled(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        now = await self._clock.now()
        pids = [s.claim.pid for s in settlements]

        async def work(session: Session) -> Sequence[bool]:
            found = self._rows.find({"_id": {"$in": pids}}, _JUDGED, session=session)
            rows = {row["_id"]: row async for row in found}
            judged = [_judged(s, rows.get(s.claim.pid, {}), now) for s in settlements]
            updates = [one.update for one in judged]
            if await write_all(self._rows, updates, session=session) != len(updates):
                raise WriteConflict("identifiers changed while their outcome was kept")
            said = [
                Said(s.outcome, s.follows)
                for s, one in zip(settlements, judged, strict=True)
                if one.kept
            ]
            await self.registry.say(session, said)
            return [one.kept for one in judged]

        tries = TRIES if len(settlements) > 1 else None
        return await transaction(self.registry.client, work, max_tries=tries)


_JUDGED: Doc = {"fence": 1, "rev": 1, "version": 1}


@dataclass(frozen=True)
class _Judged:
    update: UpdateOne
    kept: bool


def _judged(settlement: Settlement, row: Mapping[str, Any], now: datetime) -> _Judged:
    """What becomes of the row, as it is in the database now."""
    claim, fields = settlement.claim, settlement.outcome.fields
    there: Doc = {"_id": claim.pid, **{name: row.get(name) for name in _JUDGED}}
    mine = row.get("fence") == claim.fence
    changes: Doc = {
        **fields,
        **telling(claim.row, {**claim.row, **fields}),
        "until": None,
        "tries": 0,
        "asked": 0,
        "updated_at": now,
    }
    if mine and row["rev"] == claim.row["rev"]:
        due = settlement.again
        done: Doc = {"waiting": due is not None, "due": due, "since": None, "unsure": False}
        return _Judged(UpdateOne(there, {"$set": {**changes, **done}}), kept=True)
    if mine and row["version"] == claim.row["version"]:  # more to do came meanwhile
        return _Judged(UpdateOne(there, {"$set": {**changes, "since": now}}), kept=True)
    anew = again(now)
    if mine:
        anew["$set"]["until"] = None
    return _Judged(UpdateOne(there, anew), kept=False)


def _mine(claim: Claim) -> Doc:
    return {"_id": claim.pid, "fence": claim.fence}


def _free(now: datetime) -> Doc:
    """Due, and nobody has it."""
    return {"waiting": True, "due": {"$lte": now}, "until": {"$not": {"$gt": now}}}
