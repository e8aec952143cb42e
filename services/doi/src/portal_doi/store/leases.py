"""Leases on rows of the registry: claim rows, release them, complete them with an outcome.

A lease has a fence (a counter in the row) that is checked when its outcome is written, so that a
process whose lease ran out cannot overwrite the work of another. Many rows are claimed by one trip
to the database, and outcomes that come at the same time are one transaction.
"""

import contextlib
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from portal_shared.runtime.batcher import Batcher
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
from portal_shared.runtime.telemetry.origin import Origin, current_origin

from portal_doi.domain.outcome import Outcome
from portal_doi.domain.row import RegistryRow
from portal_doi.store.registry import Registry, relatives_update, requeue_update
from portal_doi.store.rows import from_row, stored, stored_name

LEASE_DURATION = timedelta(seconds=180)
MAX_PIDS_LOADED = 1000  # by one query for rows with work
MAX_OUTCOMES_PER_TRANSACTION = 100
BATCH_WINDOW_SECONDS = 0.1  # little beside a call to DataCite, and half the work for the database
MAX_BATCH_ATTEMPTS = 3  # of a transaction of many; then each has its own

Item = TypeVar("Item")
Counter: TypeAlias = Literal["failures", "unconfirmed_puts"]


class BatchCursor(Generic[Item]):
    """Buffers the result of a query and returns it in portions: a query costs what it finds.

    The items may be outdated when they are taken; the caller checks them again.
    """

    def __init__(self, query: Callable[[], Awaitable[Sequence[Item]]]) -> None:
        self._query = query
        self._buffer: deque[Item] = deque()

    @property
    def remaining(self) -> int:
        """Number of items that were found and not taken."""
        return len(self._buffer)

    async def take(self, limit: int) -> list[Item]:
        """Return the next items, of a new query if none remain; empty if that finds nothing."""
        if not self._buffer:
            self._buffer.extend(await self._query())
        return [self._buffer.popleft() for _ in range(min(limit, len(self._buffer)))]

    def reset(self) -> None:
        """Discard the remaining items, so that the next ones come from a new query."""
        self._buffer.clear()


@dataclass(frozen=True)
class Lease:
    """A row as it was when it was claimed, with the fence of the claim."""

    row: RegistryRow
    fence: int
    owner: str
    claimed_at: float  # by this process's monotonic clock

    @property
    def pid(self) -> str:
        return self.row.pid


@dataclass(frozen=True)
class Completion:
    lease: Lease
    outcome: Outcome
    next_attempt_at: datetime | None
    origin: Origin


class Leases:
    def __init__(self, registry: Registry, *, duration: timedelta = LEASE_DURATION) -> None:
        self.registry = registry
        self._rows = registry.rows
        self._clock = registry.clock
        self._duration = duration  # longer than any work on one row
        self._pids = BatchCursor(self._load_pids)
        self._completions = Batcher(
            self._complete,
            collect_seconds=BATCH_WINDOW_SECONDS,
            max_batch=MAX_OUTCOMES_PER_TRANSACTION,
        )
        self._releases = Batcher(
            self._release,
            collect_seconds=BATCH_WINDOW_SECONDS,
            max_batch=MAX_OUTCOMES_PER_TRANSACTION,
        )

    async def claim(self, limit: int, *, only: str | None = None) -> list[Lease]:
        """Claim rows that have work and no lease, those that wait longest first.

        From here on DataCite's state counts as unknown, until the lease is completed or released:
        this process may be killed at any moment.
        """
        if only:
            return await self._claim([only])
        if self._pids.remaining:
            leases = await self._claim(await self._pids.take(limit))
            if leases:
                return leases
            self._pids.reset()  # other replicas have them
        return await self._claim(await self._pids.take(limit))

    async def _load_pids(self) -> list[str]:
        query = _claimable(await self._clock.now())
        with translate_errors():
            docs = self._rows.find(query, {"_id": 1})
            docs = docs.sort(stored_name("next_attempt_at"), ASCENDING).limit(MAX_PIDS_LOADED)
            return [doc["_id"] async for doc in docs]

    async def _claim(self, pids: Sequence[str]) -> list[Lease]:
        """Claim those of these rows that still have work and no lease."""
        if not pids:
            return []
        now = await self._clock.now()
        try:
            return await self._claim_together(pids, now, max_attempts=MAX_BATCH_ATTEMPTS)
        except WriteConflict:
            claimed = [await self._claim_alone(pid, now) for pid in pids]
            return [lease for leases in claimed for lease in leases]

    async def _claim_alone(self, pid: str, now: datetime) -> list[Lease]:
        """Return no lease if others write the row."""
        try:
            return await self._claim_together([pid], now, max_attempts=1)
        except WriteConflict:
            return []

    async def _claim_together(
        self, pids: Sequence[str], now: datetime, *, max_attempts: int
    ) -> list[Lease]:
        owner, claimed_at = str(uuid.uuid4()), time.monotonic()
        claimed = stored(lease_until=now + self._duration, lease_owner=owner, datacite_unknown=True)
        query = {**stored(pid={"$in": pids}), **_claimable(now)}
        writes = [
            UpdateMany(
                {**stored(datacite_unknown=unknown), **query},
                {
                    "$set": {**claimed, **stored(unknown_before_lease=unknown)},
                    "$inc": stored(fence=1),
                },
            )
            for unknown in (True, False)
        ]

        async def work(session: Session) -> dict[str, RegistryRow]:
            if not await write_all(self._rows, writes, session=session):
                return {}
            mine = stored(pid={"$in": pids}, lease_owner=owner)
            docs = self._rows.find(mine, session=session)
            return {doc["_id"]: from_row(RegistryRow, doc) async for doc in docs}

        rows = await transaction(self.registry.client, work, max_tries=max_attempts)
        found = [rows[pid] for pid in pids if pid in rows]
        return [
            Lease(replace(r, datacite_unknown=r.unknown_before_lease), r.fence, owner, claimed_at)
            for r in found
        ]

    async def release_unused(self, leases: Sequence[Lease]) -> None:
        """Release rows that no work was begun on; those that others write become free later."""
        if not leases:
            return
        owners = sorted({lease.owner for lease in leases})
        mine = stored(pid={"$in": [c.pid for c in leases]}, lease_owner={"$in": owners})
        writes = [
            UpdateMany(
                {**mine, **stored(unknown_before_lease=unknown)},
                {"$set": stored(lease_until=None, datacite_unknown=unknown)},
            )
            for unknown in (True, False)
        ]
        with contextlib.suppress(WriteConflict):
            await self.registry.write(writes, max_attempts=MAX_BATCH_ATTEMPTS)

    async def flush(self) -> None:
        """Return when all completions and releases are in the database."""
        await self._completions.drain()
        await self._releases.drain()

    async def release(
        self,
        lease: Lease,
        *,
        next_attempt_at: datetime,
        datacite_unknown: bool,
        counter: Counter | None = None,
        is_awaited: bool = False,
    ) -> None:
        """Release a row whose work is not done, until the next attempt; increments `counter`.

        With `is_awaited` it waits for a change: one that came since the claim decides when the next
        attempt is.
        """
        change: Doc = {"$set": stored(lease_until=None, needs_work=True)}
        if counter:
            change["$inc"] = stored(**{counter: 1})
        same = stored(work_revision=lease.row.work_revision) if is_awaited else {}
        pause = {"$set": stored(next_attempt_at=next_attempt_at)}
        updates = [UpdateOne({**_under(lease), **same}, pause), UpdateOne(_under(lease), change)]
        if not datacite_unknown:  # unless a requeue came meanwhile
            unchanged = {**_under(lease), **stored(unknown_before_lease=False)}
            updates.append(UpdateOne(unchanged, {"$set": stored(datacite_unknown=False)}))
        await self._releases.submit(updates)

    async def _release(self, releases: Sequence[list[UpdateOne]]) -> Sequence[None]:
        max_attempts = MAX_BATCH_ATTEMPTS if len(releases) > 1 else None
        updates = [update for several in releases for update in several]
        await self.registry.write(updates, max_attempts=max_attempts)
        return [None] * len(releases)

    async def assign_doi(self, lease: Lease, doi: str) -> bool:
        """Store that this DOI will be registered for the record.

        Returns False if another record has it, or the lease is no longer valid.
        """
        with translate_errors():
            try:
                result = await self._rows.update_one(
                    {**_under(lease), **stored(version=lease.row.version)},
                    {"$set": stored(our_doi=doi, doi=doi)},
                )
            except DuplicateKeyError:
                return False
        return bool(result.matched_count)

    async def complete(
        self, lease: Lease, outcome: Outcome, *, next_attempt_at: datetime | None = None
    ) -> bool:
        """Store the outcome and publish its events; False if the lease or the version is outdated.

        Then nothing is published, and the row will be compared with DataCite again.
        `next_attempt_at` is when to look at it again in any case: the end of an embargo.
        """
        completion = Completion(lease, outcome, next_attempt_at, current_origin())
        return await self._completions.submit(completion)

    async def _complete(self, completions: Sequence[Completion]) -> Sequence[bool]:
        now = await self._clock.now()
        pids = [c.lease.pid for c in completions]

        async def work(session: Session) -> Sequence[bool]:
            docs = self._rows.find(stored(pid={"$in": pids}), _CHECKED, session=session)
            found = {doc["_id"]: doc async for doc in docs}
            updates = [_completion_update(c, found.get(c.lease.pid, {}), now) for c in completions]
            writes = [update.write for update in updates]
            if await write_all(self._rows, writes, session=session) != len(writes):
                raise WriteConflict("registry rows changed while their outcome was stored")
            valid = [u.is_valid for u in updates]
            outcomes = [(c.outcome, c.origin) for c in completions]
            await self.registry.add_events(
                session, [o for o, is_valid in zip(outcomes, valid, strict=True) if is_valid]
            )
            return valid

        max_attempts = MAX_BATCH_ATTEMPTS if len(completions) > 1 else None
        return await transaction(self.registry.client, work, max_tries=max_attempts)


_CHECKED = stored(fence=1, work_revision=1, version=1)


@dataclass(frozen=True)
class _CompletionUpdate:
    write: UpdateOne
    is_valid: bool  # the outcome is stored and its events are published


def _completion_update(
    completion: Completion, doc: Mapping[str, Any], now: datetime
) -> _CompletionUpdate:
    """Return the update of a row, by `doc`: what the database has of it now."""
    lease, row = completion.lease, completion.lease.row
    query: Doc = {**stored(pid=lease.pid), **{name: doc.get(name) for name in _CHECKED}}
    is_ours = doc.get("fence") == lease.fence
    changes = {
        **stored(**completion.outcome.changes),
        **relatives_update(row, row.changed(completion.outcome.changes)),
        **stored(lease_until=None, failures=0, unconfirmed_puts=0, updated_at=now),
    }
    if is_ours and doc[stored_name("work_revision")] == row.work_revision:
        done = stored(
            needs_work=completion.next_attempt_at is not None,
            next_attempt_at=completion.next_attempt_at,
            waiting_since=None,
            datacite_unknown=False,
        )
        return _CompletionUpdate(UpdateOne(query, {"$set": {**changes, **done}}), is_valid=True)
    if is_ours and doc["version"] == row.version:  # more work came meanwhile
        more = {**changes, **stored(waiting_since=now)}
        return _CompletionUpdate(UpdateOne(query, {"$set": more}), is_valid=True)
    again = requeue_update(now)
    if is_ours:
        again["$set"] |= stored(lease_until=None)
    return _CompletionUpdate(UpdateOne(query, again), is_valid=False)


def _under(lease: Lease) -> Doc:
    return stored(pid=lease.pid, fence=lease.fence)


def _claimable(now: datetime) -> Doc:
    """The query for rows that have work now and no lease."""
    return stored(
        needs_work=True, next_attempt_at={"$lte": now}, lease_until={"$not": {"$gt": now}}
    )
