"""State change and event leave together: events are rows of the same transaction, relayed later.

A row is removed after the broker confirmed it, so what is there is what is to be sent. A row sent
twice is harmless (consumers compare versions), a row never sent would not be; so a lease that ran
out is taken by the next relay. Rows leave in the order they were added; only one that had to be
sent again comes later.
"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.events import PRODUCED, Event
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Invalid, PortalError, Unavailable
from portal_shared.runtime.logs import current_correlation_id, logger
from portal_shared.runtime.mongo import ASCENDING, Database, Doc, Session, translate_errors

log = logger(__name__)

MAX_BATCH = 100
LEASE = timedelta(seconds=60)
SUSPENSION = timedelta(hours=1)  # of what the bus will not take as it is
IDLE_SECONDS = 1.0
COLLECT_SECONDS = 0.1  # what is said within it leaves as one batch
SEND_ORDER = [("until", ASCENDING), ("created_at", ASCENDING)]  # that of adding
NEVER = datetime.fromtimestamp(0, UTC)


class Outbox:
    def __init__(self, database: Database, service: str) -> None:
        self._rows = database["outbox"]
        self._service = service
        self.wake = asyncio.Event()

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self._rows.create_index(SEND_ORDER)
            await self._rows.create_index([("created_at", ASCENDING)])

    async def add(self, session: Session, events: Sequence[Event]) -> None:
        """Say these when the transaction commits."""
        await self.add_rows(session, [self.event_row(event) for event in events])

    def event_row(self, event: Event, *, correlation_id: str | None = None) -> Doc:
        """The row that says it; `follows`: the correlation id, where it is not the caller's."""
        if type(event) not in PRODUCED[self._service]:
            raise TypeError(f"{self._service} does not say {event.key}: events.PRODUCED")
        return {
            "exchange": topology.EVENTS,
            "routing_key": event.key,
            "kind": event.key,
            "body": event.model_dump_json().encode(),
            "correlation_id": correlation_id or current_correlation_id(),
        }

    async def reply(self, session: Session, queue: str, correlation_id: str, body: bytes) -> None:
        """Answer into a queue that somebody named; it may be gone by then, which is no fault."""
        row: Doc = {
            "exchange": "",
            "routing_key": queue,
            "kind": "ingest.job.answer",
            "body": body,
            "correlation_id": correlation_id,
            "may_be_gone": True,
        }
        await self.add_rows(session, [row])

    def dead_letter_row(
        self, event: Event, *, reason: str, message_id: str, correlation_id: str | None = None
    ) -> Doc:
        """The row that lays an event that was heard with the dead letters, to be replayed."""
        now = datetime.now(UTC).isoformat()
        headers = {
            "x-queue": topology.queue_name(self._service, type(event)),
            "x-reason": reason[:2000],
            "x-error": "Invalid",
            "x-attempt": 1,
            "x-first-failed": now,
            "x-last-failed": now,
        }
        return {
            "exchange": topology.DEAD_LETTERS,
            "routing_key": self._service,
            "kind": event.key,
            "body": event.model_dump_json().encode(),
            "headers": headers,
            "message_id": message_id,
            "correlation_id": correlation_id or current_correlation_id(),
        }

    async def add_rows(self, session: Session, rows: Sequence[Doc]) -> None:
        """Send these when the transaction commits, in this order."""
        if not rows:
            return
        new: Doc = {"until": NEVER, "created_at": datetime.now(UTC)}
        filled = [{"_id": str(uuid.uuid4()), **new, **row} for row in rows]
        await self._rows.insert_many(filled, session=session)
        self.wake.set()

    async def pending(self) -> int:
        with translate_errors():
            return await self._rows.count_documents({})

    async def oldest_seconds(self) -> float:
        with translate_errors():
            row = await self._rows.find_one({}, {"created_at": 1}, sort=[("created_at", ASCENDING)])
        return (datetime.now(UTC) - row["created_at"]).total_seconds() if row else 0.0

    async def relay(self, publisher: Publisher) -> None:
        """Send what is pending, for ever; wakes on add, polls otherwise.

        Rows are added before their transaction commits: one that commits after the look is found
        by the next, after a wake or a poll.
        """
        owner = str(uuid.uuid4())
        pause = IDLE_SECONDS
        while True:
            try:
                sent = await self.relay_batch(publisher, owner)
            except PortalError as error:
                log.warning("outbox waits", reason=str(error))
                sent = 0
                await asyncio.sleep(IDLE_SECONDS)
            except Exception:  # of the driver, unforeseen: who waits for the rows waits for ever
                log.exception("outbox failed")
                sent = 0
                await asyncio.sleep(IDLE_SECONDS)
            if sent == MAX_BATCH:
                continue
            try:
                async with asyncio.timeout(pause):
                    await self.wake.wait()
                pause = COLLECT_SECONDS  # for a commit that took longer than the collecting
            except TimeoutError:
                pause = min(pause * 2, IDLE_SECONDS)
            self.wake.clear()
            await asyncio.sleep(COLLECT_SECONDS)

    async def relay_batch(self, publisher: Publisher, owner: str) -> int:
        """Claim a batch, send it, mark what was confirmed; returns how many were."""
        now = datetime.now(UTC)
        free = {"until": {"$lt": now}}
        with translate_errors():
            found = self._rows.find(free, {"_id": 1}).sort(SEND_ORDER)
            ids = [r["_id"] async for r in found.limit(MAX_BATCH)]
            if not ids:
                return 0
            lease = {"owner": owner, "until": now + LEASE}
            await self._rows.update_many({"_id": {"$in": ids}, **free}, {"$set": lease})
            mine = {"_id": {"$in": ids}, "owner": owner}
            rows = [row async for row in self._rows.find(mine)]
        rows.sort(key=lambda row: ids.index(row["_id"]))
        results = await asyncio.gather(*(self._send(publisher, r) for r in rows))
        sent = [r["_id"] for r, done in zip(rows, results, strict=True) if done]
        left = [r["_id"] for r, done in zip(rows, results, strict=True) if done is False]
        with translate_errors():
            await self._rows.delete_many({"_id": {"$in": sent}, "owner": owner})
            for row, done in zip(rows, results, strict=True):
                if done is None:
                    aside = {"until": now + SUSPENSION}
                    await self._rows.update_one({"_id": row["_id"]}, {"$set": aside})
            if left:
                await self._rows.update_many({"_id": {"$in": left}}, {"$set": {"until": NEVER}})
        if left:
            raise Unavailable(f"{len(left)} of {len(rows)} rows could not be sent")
        return len(sent)

    async def _send(self, publisher: Publisher, row: Doc) -> bool | None:
        """Whether the broker has it; None when it will not be taken as it is."""
        try:
            await publisher.publish(
                row["body"],
                exchange=row["exchange"],
                routing_key=row["routing_key"],
                message_id=row.get("message_id") or row["_id"],
                kind=row["kind"],
                correlation_id=row["correlation_id"],
                headers=row.get("headers"),
            )
        except Unavailable as error:
            if row.get("may_be_gone") and "no queue takes" in error.reason:
                log.info("reply queue is gone", queue=row["routing_key"])
                return True
            return False
        except Invalid as error:  # kept for operators, and out of the way of the others
            log.error("event cannot be said", row=row["_id"], reason=error.reason)  # noqa: TRY400
            return None
        return True
