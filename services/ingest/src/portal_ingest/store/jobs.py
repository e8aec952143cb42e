"""Stores jobs in MongoDB: before their message is acknowledged, until they are finished.

Jobs that have a subject in common run in the order in which they arrived, others in parallel. A
claim is a lease with a fencing number: a replica whose lease expired can no longer finish the job.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import JobFinished
from portal_shared.contracts.jobs import JobAnswer, Problem
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.logs import current_correlation_id
from portal_shared.runtime.mongo import (
    ASCENDING,
    DESCENDING,
    Client,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    transaction,
    translate_errors,
)

from portal_ingest.store.size_limits import shorten_answer

LEASE = timedelta(seconds=60)
MAX_PAGE_JOBS = 500  # unfinished jobs loaded together to find one that may run
MAX_PAGES = 20
UNFINISHED = ("accepted", "working")
NOT_DONE = ("partial", "refused")  # results of jobs that may be sent again
MAX_ANSWER_BYTES = 8_000_000  # half of what a MongoDB document may have
MAX_EVENT_ANSWER_BYTES = 1_000_000  # of an answer in its event: less than MAX_EVENT_BYTES


@dataclass(frozen=True)
class ReplyTo:
    """The queue that an answer goes to; the field names are those in MongoDB."""

    queue: str
    correlation: str


@dataclass(frozen=True)
class NewJob:
    job_id: str
    subjects: Sequence[str]  # jobs that share one run in order
    kind: str
    profile: str
    sender: str | None
    content: str  # the job as JSON
    content_hash: str
    dropped: int  # private values
    dropped_fields: Sequence[str]  # where they were
    datasets: int  # or records


@dataclass(frozen=True)
class Claim:
    """A job leased to this replica."""

    job_id: str
    fence: int
    content: str
    profile: str
    correlation_id: str
    attempts: int
    sender: str | None = None
    dropped: int = 0
    dropped_fields: tuple[str, ...] = ()


class JobStore:
    def __init__(
        self, client: Client, database: Database, outbox: Outbox, *, lease: timedelta = LEASE
    ) -> None:
        self._client = client
        self.lease = lease  # after it, the job of a killed replica goes to another
        self._outbox = outbox
        self._jobs = database["jobs"]
        self._contents = database["job_contents"]  # separate, so that finding a job stays fast
        self._counters = database["counters"]
        self._owner = str(uuid.uuid4())

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._jobs.create_index([("state", ASCENDING), ("seq", ASCENDING)])
            await self._jobs.create_index([("received_at", DESCENDING)])
            await self._jobs.create_index("result", sparse=True)

    async def accept(self, job: NewJob, reply: ReplyTo | None) -> Doc | None:
        """Stores a new job; returns the row of an earlier job with the same id, if there is one."""
        with translate_errors():
            earlier: Doc | None = await self._jobs.find_one({"_id": job.job_id})
            if earlier:
                return earlier
            await self._store_content(job)
            try:
                await self._jobs.insert_one(_new_row(job, await self._next_number(), reply))
            except DuplicateKeyError:
                return await self._jobs.find_one({"_id": job.job_id})
        return None

    async def reopen(self, earlier: Doc, job: NewJob, reply: ReplyTo | None) -> bool:
        """Accepts a job again whose parts were refused: the reason may be gone, as a missing file.

        Does nothing, and returns False, unless the content is the same and not all of it was
        accepted. The job runs as if it were new, after the jobs that arrived before.
        """
        if earlier["hash"] != job.content_hash or earlier.get("result") not in NOT_DONE:
            return False
        with translate_errors():
            await self._store_content(job)
            row = _new_row(job, await self._next_number(), reply)
            # the fence goes on, so that a replica with an old claim cannot finish it
            row |= {"fence": earlier["fence"], "runs": earlier.get("runs", 1) + 1}
            replaced = await self._jobs.replace_one(
                {"_id": job.job_id, "state": "finished", "seq": earlier["seq"]}, row
            )
        return bool(replaced.modified_count)

    async def _store_content(self, job: NewJob) -> None:
        await self._contents.replace_one(
            {"_id": f"{job.job_id} {job.content_hash}"}, {"content": job.content}, upsert=True
        )

    async def _next_number(self) -> int:
        counted: Doc = await self._counters.find_one_and_update(
            {"_id": "jobs"},
            {"$inc": {"seq": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(counted["seq"])

    async def add_reply(self, job_id: str, reply: ReplyTo) -> None:
        """Sends the job's answer to this queue as well, now or when the job is finished.

        The queue is added in one step, because the job may finish at the same moment.
        """
        with translate_errors():
            added = await self._jobs.update_one(
                {"_id": job_id, "state": {"$in": UNFINISHED}},
                {"$addToSet": {"replies": vars(reply)}},
            )
            if added.matched_count:
                return
            row: Doc | None = await self._jobs.find_one({"_id": job_id, "state": "finished"})
        if row:
            answer = JobAnswer.model_validate(row["answer"])
            finished = answer.finished_at or row["finished_at"]
            old = {"repeated": True, "finished_at": finished}
            await self.send_answer(answer.model_copy(update=old), reply)

    async def send_answer(self, answer: JobAnswer, reply: ReplyTo | None) -> None:
        """Sends an answer to one queue, without storing it."""
        if reply is None:
            return
        body = answer.model_dump_json().encode()

        async def work(session: Session) -> None:
            await self._outbox.reply(session, reply.queue, reply.correlation, body)

        await transaction(self._client, work)

    async def refuse(
        self,
        body: bytes,
        problem: Problem,
        *,
        job_id: str | None = None,
        profile: str | None = None,
        sender: str | None = None,
        reply: ReplyTo | None = None,
    ) -> JobAnswer:
        """Stores and sends the refusal of a message, so that `portal jobs` shows it.

        Of the body only size and digest are stored, because private values were not removed. The
        refusal has an id of its own, because `job_id` may be the id of another job.
        """
        digest = hashlib.sha256(body).hexdigest()
        own_id = f"refused-{digest[:16]}"
        now = datetime.now(UTC)
        answer = JobAnswer(
            job_id=job_id or own_id, result="refused", problems=(problem,), finished_at=now
        )
        row: Doc = {
            "_id": own_id,
            "subjects": [],
            "seq": 0,
            "bytes": len(body),
            "hash": digest,
            "correlation_id": current_correlation_id(),
            "profile": profile,
            **({"sender": sender} if sender else {}),
            "datasets": 0,
            "state": "finished",
            "received_at": now,
            "finished_at": now,
            "replies": [],
            "fence": 0,
            "attempts": 0,
            "answer": answer.model_dump(mode="json"),
            "result": answer.result,
        }

        async def work(session: Session) -> None:
            await self._jobs.replace_one({"_id": own_id}, row, upsert=True, session=session)
            await self._publish(answer, [reply] if reply else [], session)

        await transaction(self._client, work)
        return answer

    async def claim(self) -> Claim | None:
        """Returns the oldest job that may run now, leased to this replica, or None."""
        now = datetime.now(UTC)
        busy: set[str] = set()
        after = -1
        for _ in range(MAX_PAGES):
            with translate_errors():
                rows = self._jobs.find(
                    {"state": {"$in": UNFINISHED}, "seq": {"$gt": after}},
                    {"subjects": 1, "state": 1, "until": 1, "not_before": 1, "seq": 1},
                )
                page = [r async for r in rows.sort("seq", ASCENDING).limit(MAX_PAGE_JOBS)]
                for row in page:
                    claimed = await self._claim_unless_busy(row, busy, now)
                    if claimed:
                        return claimed
            if len(page) < MAX_PAGE_JOBS:
                return None
            after = page[-1]["seq"]
        return None

    async def _claim_unless_busy(self, row: Doc, busy: set[str], now: datetime) -> Claim | None:
        """Claims the job unless a subject is busy; otherwise its subjects become busy."""
        free = row["state"] == "accepted" or row["until"] < now
        postponed = row.get("not_before") and row["not_before"] > now
        if free and not postponed and busy.isdisjoint(row["subjects"]):
            claimed = await self._lease(row, now)
            if claimed:
                return claimed
        busy.update(row["subjects"])
        return None

    async def _lease(self, row: Doc, now: datetime) -> Claim | None:
        leased: Doc | None = await self._jobs.find_one_and_update(
            {
                "_id": row["_id"],
                "$or": [{"state": "accepted"}, {"state": "working", "until": {"$lt": now}}],
            },
            {
                "$set": {"state": "working", "owner": self._owner, "until": now + self.lease},
                "$inc": {"fence": 1},
            },
            return_document=ReturnDocument.AFTER,
        )
        if not leased:
            return None
        stored = await self._contents.find_one({"_id": f"{leased['_id']} {leased['hash']}"})
        return Claim(
            job_id=leased["_id"],
            fence=leased["fence"],
            content=stored["content"] if stored else "",  # not JSON: fails and counts as an attempt
            profile=leased["profile"],
            correlation_id=leased["correlation_id"],
            attempts=leased["attempts"],
            sender=leased.get("sender"),
            dropped=leased.get("dropped", 0),
            dropped_fields=tuple(leased.get("dropped_fields", ())),
        )

    async def extend(self, claim: Claim) -> bool:
        """Renews the lease; False if the job was leased to another replica."""
        with translate_errors():
            result = await self._jobs.update_one(
                {"_id": claim.job_id, "fence": claim.fence, "state": "working"},
                {"$set": {"until": datetime.now(UTC) + self.lease}},
            )
        return bool(result.matched_count)

    async def release(self, claim: Claim, *, pause: float, failed: bool, reason: str) -> None:
        """Gives the job back, to be claimed after `pause` seconds; `failed` counts an attempt.

        `reason` is what it waits for, which `portal jobs` shows.
        """
        with translate_errors():
            await self._jobs.update_one(
                {"_id": claim.job_id, "fence": claim.fence},
                {
                    "$set": {
                        "state": "accepted",
                        "not_before": datetime.now(UTC) + timedelta(seconds=pause),
                        "waiting_for": reason,
                    },
                    "$inc": {"attempts": int(failed)},
                },
            )

    async def finish(self, claim: Claim, answer: JobAnswer) -> None:
        """Stores the answer, sends it to the reply queues and publishes it.

        Does nothing if the job was leased to another replica.
        """
        now = datetime.now(UTC)
        answer = answer.model_copy(update={"finished_at": now})
        answer = shorten_answer(answer, MAX_ANSWER_BYTES)

        async def work(session: Session) -> None:
            row: Doc | None = await self._jobs.find_one_and_update(
                {"_id": claim.job_id, "fence": claim.fence, "state": "working"},
                {
                    "$set": {
                        "state": "finished",
                        "finished_at": now,
                        "answer": answer.model_dump(mode="json"),
                        "result": answer.result,
                    },
                    "$unset": {"waiting_for": ""},
                },
                session=session,
            )
            if row:
                await self._contents.delete_one(
                    {"_id": f"{row['_id']} {row['hash']}"}, session=session
                )
                replies = [ReplyTo(r["queue"], r["correlation"]) for r in row["replies"]]
                await self._publish(answer, replies, session)

        await transaction(self._client, work)

    async def _publish(
        self, answer: JobAnswer, replies: Sequence[ReplyTo], session: Session
    ) -> None:
        event = JobFinished(answer=shorten_answer(answer, MAX_EVENT_ANSWER_BYTES))
        await self._outbox.add(session, [event])
        body = answer.model_dump_json().encode()
        for reply in replies:
            await self._outbox.reply(session, reply.queue, reply.correlation, body)

    async def find(self, job_id: str) -> Doc | None:
        with translate_errors():
            return await self._jobs.find_one({"_id": job_id}, {"replies": 0})

    async def latest(self, count: int) -> list[Doc]:
        """Returns the newest jobs first, without their outcomes."""
        with translate_errors():
            rows = self._jobs.find({}, {"replies": 0, "answer.outcomes": 0})
            return [r async for r in rows.sort("received_at", DESCENDING).limit(count)]

    async def counts(self) -> dict[str, Any]:
        """Returns the numbers for /status and /metrics."""
        with translate_errors():
            found: dict[str, Any] = {
                f"jobs_{state}": await self._jobs.count_documents({"state": state})
                for state in (*UNFINISHED, "finished")
            }
            for result in ("partial", "refused"):
                found[f"jobs_{result}"] = await self._jobs.count_documents({"result": result})
            return found


def _new_row(job: NewJob, seq: int, reply: ReplyTo | None) -> Doc:
    return {
        "_id": job.job_id,
        "subjects": list(job.subjects),
        "kind": job.kind,
        "profile": job.profile,
        "sender": job.sender,
        "hash": job.content_hash,
        "correlation_id": current_correlation_id(),
        "dropped": job.dropped,
        "dropped_fields": list(job.dropped_fields),
        "datasets": job.datasets,
        "seq": seq,
        "state": "accepted",
        "received_at": datetime.now(UTC),
        "replies": [vars(reply)] if reply else [],
        "fence": 0,
        "attempts": 0,
    }
