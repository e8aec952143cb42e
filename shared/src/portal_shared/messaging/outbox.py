"""Transactional outbox: events are stored in the transaction of their change and sent later.

A row is deleted once the broker has confirmed its message. Sending a row twice is harmless, because
consumers compare versions; losing one is not, so the next relay takes over an expired lease. Rows
are sent in the order in which they were added, except those that have to be sent again.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.events import PRODUCED, Event
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher, Unroutable
from portal_shared.runtime.errors import Invalid, PortalError, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.metrics import OUTBOX_EVENTS, OUTBOX_SECONDS
from portal_shared.runtime.mongo import ASCENDING, Database, Doc, Session, translate_errors
from portal_shared.runtime.telemetry import tracing
from portal_shared.runtime.telemetry.origin import Origin, current_origin

log = logger(__name__)

MAX_BATCH = 100
MAX_COUNTED = 20_000  # rows, for /status: there may be more
LEASE = timedelta(seconds=30)  # a batch is sent at the same time, each row within PUBLISH_SECONDS
SUSPENSION = timedelta(hours=1)  # of a row that the broker refuses for good
PAUSE_SECONDS = 1.0  # after a failure
MAX_IDLE_SECONDS = 1.0  # between queries without a wake-up: rows that another process left
COLLECT_SECONDS = 0.1  # rows added within it are sent as one batch
BUSY_ROWS = 8  # in a batch; after so many, more are expected, and collected for longer:
BUSY_COLLECT_SECONDS = 0.3  # larger batches are less work for the database, also of consumers
SEND_ORDER = [("until", ASCENDING), ("created_at", ASCENDING)]
NEVER = datetime.fromtimestamp(0, UTC)


class Outbox:
    def __init__(self, database: Database, service: str) -> None:
        self._rows = database["outbox"]
        self._service = service
        self.wake = asyncio.Event()
        self._ending = False

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._rows.create_index(SEND_ORDER)
            await self._rows.create_index([("created_at", ASCENDING)])

    async def add(self, session: Session, events: Sequence[Event]) -> None:
        """Publishes the events after the transaction commits."""
        await self.add_rows(session, [self.event_row(event) for event in events])

    def event_row(self, event: Event, *, origin: Origin | None = None) -> Doc:
        """Returns the row of an event; `origin` replaces that of the caller."""
        if type(event) not in PRODUCED[self._service]:
            raise TypeError(
                f"{self._service} must not publish {event.key}: see PRODUCED in contracts/events.py"
            )
        return {
            "exchange": topology.EVENTS,
            "routing_key": event.key,
            "kind": event.key,
            "body": event.model_dump_json().encode(),
            **_origin_fields(origin),
        }

    @staticmethod
    def reply_row(queue: str, correlation_id: str, body: bytes) -> Doc:
        """Returns the row of an answer to a reply queue; it is no error if that is gone then."""
        return {
            "exchange": "",
            "routing_key": queue,
            "kind": "ingest.job.answer",
            "body": body,
            "correlation_id": correlation_id,
            "may_be_gone": True,
        }

    def dead_letter_row(
        self, event: Event, *, reason: str, message_id: str, origin: Origin | None = None
    ) -> Doc:
        """Returns the row that puts a consumed event into the dead letters, to be replayed."""
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
            **_origin_fields(origin),
        }

    async def add_rows(self, session: Session, rows: Sequence[Doc]) -> None:
        """Sends these rows after the transaction commits, in this order."""
        if not rows:
            return
        new: Doc = {"until": NEVER, "created_at": datetime.now(UTC)}
        filled = [{"_id": str(uuid.uuid4()), **new, **row} for row in rows]
        await self._rows.insert_many(filled, session=session)
        self.wake.set()

    async def pending(self) -> int:
        with translate_errors():
            return await self._rows.count_documents({}, limit=MAX_COUNTED)

    async def oldest_seconds(self) -> float:
        with translate_errors():
            row = await self._rows.find_one({}, {"created_at": 1}, sort=[("created_at", ASCENDING)])
        return (datetime.now(UTC) - row["created_at"]).total_seconds() if row else 0.0

    def end(self) -> None:
        """Makes `relay` return once the rows that are there now are sent."""
        self._ending = True
        self.wake.set()

    async def relay(self, publisher: Publisher) -> None:
        """Runs until `end` or cancelled: sends pending rows, after a wake-up or by polling.

        Rows are added before their transaction commits; a row that commits after the query is found
        by the next one, and each pause between queries that find nothing is twice the one before.
        """
        owner = str(uuid.uuid4())
        pause = MAX_IDLE_SECONDS
        while True:
            is_last = self._ending
            try:
                sent = await self.relay_batch(publisher, owner)
            except PortalError as error:
                log.warning("outbox is waiting", reason=str(error))
                sent = 0
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception:  # unforeseen ones of the driver: the relay must go on
                log.exception("outbox failed")
                sent = 0
                await asyncio.sleep(PAUSE_SECONDS)
            if sent == MAX_BATCH:
                continue
            if is_last:
                return
            try:
                async with asyncio.timeout(pause):
                    await self.wake.wait()
                pause = COLLECT_SECONDS  # for a commit that takes longer than collecting
            except TimeoutError:
                pause = min(pause * 2, MAX_IDLE_SECONDS)
            self.wake.clear()
            if not self._ending:
                is_busy = sent >= BUSY_ROWS
                await asyncio.sleep(BUSY_COLLECT_SECONDS if is_busy else COLLECT_SECONDS)

    async def relay_batch(self, publisher: Publisher, owner: str) -> int:
        """Claims a batch, sends it, deletes confirmed rows; returns the number of these."""
        now = datetime.now(UTC)
        available = {"until": {"$lt": now}}
        with translate_errors():
            found = self._rows.find(available).sort(SEND_ORDER)
            rows = [row async for row in found.limit(MAX_BATCH)]
            if not rows:
                return 0
            ids = [row["_id"] for row in rows]
            lease = {"owner": owner, "until": now + LEASE}
            leased = await self._rows.update_many(
                {"_id": {"$in": ids}, **available}, {"$set": lease}
            )
            if leased.matched_count < len(ids):  # another relay has some of them
                mine = self._rows.find({"_id": {"$in": ids}, "owner": owner}, {"_id": 1})
                leased_ids = {row["_id"] async for row in mine}
                rows = [row for row in rows if row["_id"] in leased_ids]
        results = await asyncio.gather(*(self._send(publisher, r) for r in rows))
        sent = [r["_id"] for r, done in zip(rows, results, strict=True) if done]
        failed = [r["_id"] for r, done in zip(rows, results, strict=True) if done is False]
        with translate_errors():
            await self._rows.delete_many({"_id": {"$in": sent}, "owner": owner})
            for row, done in zip(rows, results, strict=True):
                if done is None:
                    suspended = {"until": now + SUSPENSION}
                    await self._rows.update_one({"_id": row["_id"]}, {"$set": suspended})
            if failed:
                await self._rows.update_many({"_id": {"$in": failed}}, {"$set": {"until": NEVER}})
        if failed:
            raise Unavailable(f"{len(failed)} of {len(rows)} rows could not be sent")
        return len(sent)

    async def _send(self, publisher: Publisher, row: Doc) -> bool | None:
        """Returns whether the broker confirmed the row; None if it refuses it for good."""
        sent = await self._publish(publisher, row)
        result = "refused" if sent is None else "sent" if sent else "failed"
        OUTBOX_EVENTS.labels(row["kind"], result).inc()
        if sent:
            seconds = (datetime.now(UTC) - row["created_at"]).total_seconds()
            OUTBOX_SECONDS.observe(seconds, tracing.exemplar(Origin.of_row(row).traceparent))
        return sent

    @staticmethod
    async def _publish(publisher: Publisher, row: Doc) -> bool | None:
        origin = Origin.of_row(row)
        if not origin.traceparent:
            return await Outbox._publish_with(publisher, row, origin)
        with tracing.span(f"publish {row['kind']}", parent=origin.traceparent, kind="producer"):
            traceparent = tracing.context() or origin.traceparent
            return await Outbox._publish_with(
                publisher, row, replace(origin, traceparent=traceparent)
            )

    @staticmethod
    async def _publish_with(publisher: Publisher, row: Doc, origin: Origin) -> bool | None:
        try:
            await publisher.publish(
                row["body"],
                exchange=row["exchange"],
                routing_key=row["routing_key"],
                message_id=row.get("message_id") or row["_id"],
                kind=row["kind"],
                correlation_id=row["correlation_id"],
                headers={**(row.get("headers") or {}), **origin.headers},
            )
        except Unroutable:
            if not row.get("may_be_gone"):
                return False
            log.info("reply queue is gone", queue=row["routing_key"], **origin.ids)
        except Unavailable:
            return False
        except Invalid as error:  # stays for operators, behind the other rows
            log.error("event refused", row=row["_id"], reason=error.reason, **origin.ids)  # noqa: TRY400
            return None
        return True


def _origin_fields(given: Origin | None) -> Doc:
    """Returns the fields that say what an event follows from; it has a correlation id always."""
    current = current_origin()
    if given is None or not given.correlation_id:
        return dict(current.fields)
    return dict(given.fields)
