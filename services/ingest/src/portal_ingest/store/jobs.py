"""Stores jobs in MongoDB: before their message is acknowledged, until they are finished.

Jobs that have a subject in common run in the order in which they arrived, others in parallel. A
claim is a lease with a fencing number: a replica whose lease expired can no longer finish the job.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.events import JobFinished
from portal_shared.contracts.jobs import JobAnswer, Problem
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.batcher import Batcher, write_batcher
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import current_correlation_id
from portal_shared.runtime.mongo import (
    ASCENDING,
    DESCENDING,
    BulkWriteError,
    Client,
    Database,
    DeleteOne,
    Doc,
    InsertOne,
    ReturnDocument,
    Session,
    WriteConflict,
    is_duplicate_key,
    transaction,
    translate_errors,
    write_all,
    write_unordered,
)

from portal_ingest.store.claims import UNFINISHED, Claim, claim_jobs, content_key
from portal_ingest.store.job_rows import (
    NewJob,
    ReplyTo,
    content_write,
    finishing_update,
    new_row,
)
from portal_ingest.store.size_limits import shorten_answer

LEASE = timedelta(seconds=60)
COLLECT_SECONDS = 0.02  # claims and answers of other jobs share a call or a transaction
MAX_BATCH = 32
MAX_BATCH_ATTEMPTS = 3  # of a transaction of several answers; then each has its own
MAX_COUNTED = 20_000  # jobs, for /status: there may be more
NOT_DONE = ("partial", "refused")  # results of jobs that may be sent again
MAX_ANSWER_BYTES = 8_000_000  # half of what a MongoDB document may have
MAX_EVENT_ANSWER_BYTES = 1_000_000  # of an answer in its event: less than MAX_EVENT_BYTES


@dataclass(frozen=True)
class Answered:
    """The answer of a claimed job, with the rows that send it to others."""

    claim: Claim
    answer: JobAnswer
    event: Doc  # row of the outbox


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
        self._claims: Batcher[None, Claim | None] = Batcher(
            self._claim, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._answers = write_batcher(
            self._finish, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._jobs.create_index([("state", ASCENDING), ("seq", ASCENDING)])
            await self._jobs.create_index([("received_at", DESCENDING)])
            await self._jobs.create_index("result", sparse=True)

    async def accept(self, job: NewJob, reply: ReplyTo | None) -> Doc | None:
        """Stores a new job; returns the row of an earlier job with the same id, if there is one."""
        earlier = (await self.find_all([job.job_id])).get(job.job_id)
        if earlier is None:
            await self.store([(job, reply)])
        return earlier

    async def find_all(self, job_ids: Sequence[str]) -> dict[str, Doc]:
        """Returns the rows of these jobs by id, as far as they were accepted before."""
        with translate_errors():
            rows = self._jobs.find({"_id": {"$in": list(job_ids)}})
            return {row["_id"]: row async for row in rows}

    async def store(self, jobs: Sequence[tuple[NewJob, ReplyTo | None]]) -> None:
        """Stores jobs that `find_all` did not find, in this order.

        Raises Unavailable if another replica stored one of them meanwhile: those behind it must not
        get lower numbers than it has.
        """
        with translate_errors():
            await write_unordered(self._contents, [content_write(job) for job, _ in jobs])
            first = await self._reserve_numbers(len(jobs))
            rows = [new_row(job, first + n, reply) for n, (job, reply) in enumerate(jobs)]
            try:
                await write_all(self._jobs, [InsertOne(row) for row in rows])
            except BulkWriteError as error:
                if not is_duplicate_key(error):
                    raise
                raise Unavailable("MongoDB: another replica accepts the same jobs") from error

    async def reopen(self, earlier: Doc, job: NewJob, reply: ReplyTo | None) -> bool:
        """Accepts a job again whose parts were refused: the reason may be gone, as a missing file.

        Does nothing, and returns False, unless the content is the same and not all of it was
        accepted. The job runs as if it were new, after the jobs that arrived before.
        """
        if earlier["hash"] != job.content_hash or earlier.get("result") not in NOT_DONE:
            return False
        with translate_errors():
            await write_all(self._contents, [content_write(job)])
            row = new_row(job, await self._reserve_numbers(1), reply)
            # the fence goes on, so that a replica with an old claim cannot finish it
            row |= {"fence": earlier["fence"], "runs": earlier.get("runs", 1) + 1}
            replaced = await self._jobs.replace_one(
                {"_id": job.job_id, "state": "finished", "seq": earlier["seq"]}, row
            )
        return bool(replaced.modified_count)

    async def _reserve_numbers(self, count: int) -> int:
        """Returns the first of so many numbers; jobs run in the order of their numbers."""
        counted: Doc = await self._counters.find_one_and_update(
            {"_id": "jobs"},
            {"$inc": {"seq": count}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(counted["seq"]) - count + 1

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
        rows = self._reply_rows(answer, [reply])

        async def work(session: Session) -> None:
            await self._outbox.add_rows(session, rows)

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
            replies = self._reply_rows(answer, [reply] if reply else [])
            await self._outbox.add_rows(session, [self._event_row(answer), *replies])

        await transaction(self._client, work)
        return answer

    async def claim(self) -> Claim | None:
        """Returns the oldest job that may run now, leased to this replica, or None."""
        return await self._claims.submit(None)

    async def _claim(self, requests: Sequence[None]) -> Sequence[Claim | None]:
        count = len(requests)
        found = await claim_jobs(self._jobs, self._contents, count, lease=self.lease)
        return [*found, *[None] * (count - len(found))]

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
        answer = answer.model_copy(update={"finished_at": datetime.now(UTC)})
        answer = shorten_answer(answer, MAX_ANSWER_BYTES)
        await self._answers.submit(Answered(claim, answer, self._event_row(answer)))

    async def _finish(self, answered: Sequence[Answered]) -> None:
        """Finishes jobs in one transaction."""
        by_job = {one.claim.job_id: one for one in answered}
        if len(by_job) < len(answered):
            raise WriteConflict("several answers of one job at a time")

        async def work(session: Session) -> None:
            rows = self._jobs.find(
                {"_id": {"$in": list(by_job)}, "state": "working"},
                {"hash": 1, "fence": 1, "replies": 1},
                session=session,
            )
            valid = [r async for r in rows if r["fence"] == by_job[r["_id"]].claim.fence]
            if not valid:
                return
            updates = [finishing_update(row, by_job[row["_id"]].answer) for row in valid]
            if await write_all(self._jobs, updates, session=session) != len(valid):
                raise WriteConflict("jobs changed while their answers were stored")
            contents = [DeleteOne({"_id": content_key(r["_id"], r["hash"])}) for r in valid]
            await write_all(self._contents, contents, session=session)
            sent: list[Doc] = []
            for row in valid:
                one = by_job[row["_id"]]
                replies = [ReplyTo(r["queue"], r["correlation"]) for r in row["replies"]]
                sent += [one.event, *self._reply_rows(one.answer, replies)]
            await self._outbox.add_rows(session, sent)

        max_attempts = MAX_BATCH_ATTEMPTS if len(answered) > 1 else None
        await transaction(self._client, work, max_tries=max_attempts)

    def _event_row(self, answer: JobAnswer) -> Doc:
        event = JobFinished(answer=shorten_answer(answer, MAX_EVENT_ANSWER_BYTES))
        return self._outbox.event_row(event)

    def _reply_rows(self, answer: JobAnswer, replies: Sequence[ReplyTo]) -> list[Doc]:
        body = answer.model_dump_json().encode()
        return [self._outbox.reply_row(reply.queue, reply.correlation, body) for reply in replies]

    async def find(self, job_id: str) -> Doc | None:
        with translate_errors():
            return await self._jobs.find_one({"_id": job_id}, {"replies": 0})

    async def latest(self, count: int) -> list[Doc]:
        """Returns the newest jobs first, without their outcomes."""
        with translate_errors():
            rows = self._jobs.find({}, {"replies": 0, "answer.outcomes": 0})
            return [r async for r in rows.sort("received_at", DESCENDING).limit(count)]

    async def count_unfinished(self) -> dict[str, int]:
        """Returns the number of jobs that wait and that run, each up to MAX_COUNTED."""
        with translate_errors():
            return {
                f"jobs_{state}": await self._jobs.count_documents(
                    {"state": state}, limit=MAX_COUNTED
                )
                for state in UNFINISHED
            }

    async def counts(self) -> dict[str, int]:
        """Returns the number of all jobs that are finished, and of those not done."""
        with translate_errors():
            found = {"jobs_finished": await self._jobs.count_documents({"state": "finished"})}
            for result in NOT_DONE:
                found[f"jobs_{result}"] = await self._jobs.count_documents({"result": result})
            return found
