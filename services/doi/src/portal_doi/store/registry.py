"""The registry: one row for each record's identifier, in MongoDB's collection `identifiers`.

A row is written before any request to DataCite, with the DOI to be registered; the outcome and the
event about it are written in one transaction. How rows are leased: leases.py; how the fields are
stored: rows.py.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

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
    UpdateOne,
    Write,
    transaction,
    translate_errors,
    write_all,
)
from portal_shared.runtime.telemetry.origin import Origin

from portal_doi.domain.outcome import Outcome
from portal_doi.domain.row import NEW, RegistryRow
from portal_doi.domain.state import relatives_see_change, removed_relatives
from portal_doi.store.clock import Clock
from portal_doi.store.rows import from_row, stored, stored_name, to_row


@dataclass(frozen=True)
class Intent:
    """A newer version of a record: its row before (or a new one), and the changes."""

    before: RegistryRow
    outcome: Outcome
    origin: Origin


class Registry:
    def __init__(self, client: Client, database: Database, outbox: Outbox, clock: Clock) -> None:
        self.client = client
        self.outbox = outbox
        self.clock = clock
        self.rows = database["identifiers"]

    async def prepare(self) -> None:
        """Create the indexes; a unique one guarantees that no DOI is given to two records."""
        our_doi = stored_name("our_doi")
        is_set = stored(our_doi={"$type": "string"})
        with translate_errors():
            await self.rows.create_index(our_doi, unique=True, partialFilterExpression=is_set)
            for attributes in (
                ("needs_work", "next_attempt_at"),
                ("needs_work", "waiting_since"),
                ("state",),
                ("relatives_pending",),
                ("related_pids",),
                ("doi",),
            ):
                await self.rows.create_index([(stored_name(a), ASCENDING) for a in attributes])

    async def find(self, pid: str) -> RegistryRow | None:
        return (await self.find_all([pid])).get(pid)

    async def find_all(self, pids: Sequence[str]) -> dict[str, RegistryRow]:
        """Return the rows by pid, without the pids that are not known."""
        rows = await self.select(stored(pid={"$in": list(pids)}))
        return {row.pid: row for row in rows}

    async def select(self, query: Doc, *, limit: int = 0) -> list[RegistryRow]:
        """Return the rows of a query in stored names, by pid; `limit` 0: all of them."""
        with translate_errors():
            docs = self.rows.find(query).sort("_id", ASCENDING).limit(limit)
            return [from_row(RegistryRow, doc) async for doc in docs]

    async def has_doi(self, doi: str, *, other_than: str) -> bool:
        """True if another record than this pid has the DOI, registered by us."""
        query = stored(our_doi=doi, pid={"$ne": other_than})
        with translate_errors():
            return await self.rows.find_one(query) is not None

    async def store(self, intents: Sequence[Intent], *, max_attempts: int | None = None) -> bool:
        """Write newer versions of records, at most one of each, with their events: all or none.

        Returns False if the row of one was written meanwhile. Raises DuplicateKeyError if a DOI
        belongs to another record or a row was created meanwhile, and WriteConflict after
        `max_attempts` write conflicts.
        """
        now = await self.clock.now()
        inserts = [InsertOne(_insert(i, now)) for i in intents if i.before.version == NEW]
        updates = [_update(i, now) for i in intents if i.before.version != NEW]

        async def work(session: Session) -> None:
            matched = await write_all(self.rows, [*inserts, *updates], session=session)
            if matched != len(updates):
                raise StaleVersion
            await self.add_events(session, [(i.outcome, i.origin) for i in intents])

        try:
            await transaction(self.client, work, max_tries=max_attempts)
        except StaleVersion:
            return False
        except BulkWriteError as error:
            if any(e.get("code") == DUPLICATE_KEY for e in error.details["writeErrors"]):
                raise DuplicateKeyError(str(error), DUPLICATE_KEY) from error
            raise
        return True

    async def write(self, writes: Sequence[Write], *, max_attempts: int | None = None) -> None:
        """Write changes of many rows, all or none. Raises WriteConflict after so many conflicts.

        In a transaction, because a single write would wait for the transactions of others: for a
        minute if their process died, and for ever in SecantusDB.
        """

        async def work(session: Session) -> None:
            await write_all(self.rows, writes, session=session)

        await transaction(self.client, work, max_tries=max_attempts)

    async def add_events(
        self, session: Session, outcomes: Sequence[tuple[Outcome, Origin]]
    ) -> None:
        """Publish the events of outcomes, with what they follow from, when the session commits."""
        rows: list[Doc] = []
        for outcome, origin in outcomes:
            rows += [self.outbox.event_row(e, origin=origin) for e in outcome.events]
            if letter := outcome.dead_letter:
                rows.append(
                    self.outbox.dead_letter_row(
                        letter.event,
                        reason=letter.reason,
                        message_id=letter.message_id,
                        origin=origin,
                    )
                )
        await self.outbox.add_rows(session, rows)


def requeue_update(now: datetime) -> Doc:
    """Return the update that has a row compared with DataCite again."""
    values = stored(
        datacite_unknown=True,
        unknown_before_lease=True,
        needs_work=True,
        next_attempt_at=now,
        waiting_since=now,
    )
    return {"$set": values, "$inc": stored(work_revision=1)}


def relatives_update(before: RegistryRow | None, after: RegistryRow) -> Doc:
    """Return the fields by which the relatives of a changed row will be updated; empty if none.

    The token identifies this change: only who has acted on it may remove it.
    """
    if not relatives_see_change(before, after):
        return {}
    return stored(
        relatives_pending=True,
        relatives_token=str(uuid.uuid4()),
        former_relatives=removed_relatives(before, after),
    )


def _insert(intent: Intent, now: datetime) -> Doc:
    row = intent.before.changed(intent.outcome.changes)
    row = replace(row, **vars(intent.origin))
    return {**to_row(row), **stored(updated_at=now), **relatives_update(None, row)}


def _update(intent: Intent, now: datetime) -> UpdateOne:
    before, changes = intent.before, intent.outcome.changes
    values = stored(**changes, updated_at=now, **vars(intent.origin))
    values |= relatives_update(before, before.changed(changes))
    query = stored(pid=before.pid, version=before.version)
    return UpdateOne(query, {"$set": values, "$inc": stored(work_revision=1)})
