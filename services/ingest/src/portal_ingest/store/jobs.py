"""The jobs of ingest in MongoDB: kept before they are acknowledged, done by whoever claims them.

Jobs of one document are done in the order in which they came; others side by side. A claim is a
lease with a fence: who lost it while it was asleep can finish nothing.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import JobFinished
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.messaging.outbox import Outbox
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
    translated,
)

from portal_ingest.store.size_limits import briefly

LEASE = timedelta(seconds=60)
LOOK_AHEAD = 500
PAGES = 20
UNFINISHED = ("accepted", "working")
MOST_KEPT = 8_000_000  # bytes of an answer: half of what a row may have
MOST_SAID = 1_000_000  # and of its event, which has to fit into MAX_EVENT_BYTES


@dataclass(frozen=True)
class ReplyTo:
    queue: str
    correlation: str


@dataclass(frozen=True)
class Claim:
    job_id: str
    fence: int
    content: str
    profile: str
    correlation_id: str
    attempts: int
    sender: str | None = None
    dropped: int = 0


class JobLog:
    def __init__(
        self, client: Client, database: Database, outbox: Outbox, *, lease: timedelta = LEASE
    ) -> None:
        self._client = client
        self.lease = lease  # after it a job of one who was killed goes to another
        self._outbox = outbox
        self._jobs = database["jobs"]
        self._contents = database["job_contents"]  # apart: looking for work reads no megabytes
        self._counters = database["counters"]
        self._owner = str(uuid.uuid4())

    async def prepare(self) -> None:
        """Make the indexes."""
        with translated():
            await self._jobs.create_index([("state", ASCENDING), ("seq", ASCENDING)])
            await self._jobs.create_index([("received_at", DESCENDING)])
            await self._jobs.create_index("result", sparse=True)

    async def accept(self, row: Doc, content: str, reply: ReplyTo | None) -> Doc | None:
        """Keep a new job; returns the one that is there already under this id, if any."""
        replies = [vars(reply)] if reply else []
        with translated():
            there: Doc | None = await self._jobs.find_one({"_id": row["_id"]})
            if there:
                return there
            await self._contents.replace_one(
                {"_id": f"{row['_id']} {row['hash']}"}, {"content": content}, upsert=True
            )
            counted: Doc = await self._counters.find_one_and_update(
                {"_id": "jobs"},
                {"$inc": {"seq": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
            try:
                await self._jobs.insert_one(
                    {
                        **row,
                        "seq": counted["seq"],
                        "state": "accepted",
                        "received_at": datetime.now(UTC),
                        "replies": replies,
                        "fence": 0,
                        "attempts": 0,
                    }
                )
            except DuplicateKeyError:
                return await self._jobs.find_one({"_id": row["_id"]})
        return None

    async def answer_too(self, job_id: str, reply: ReplyTo) -> None:
        """The job's answer also to this queue: with the others, or now where it is done.

        Asked in one step, as it may be done between a look and a note.
        """
        with translated():
            noted = await self._jobs.update_one(
                {"_id": job_id, "state": {"$in": UNFINISHED}},
                {"$addToSet": {"replies": vars(reply)}},
            )
            if noted.matched_count:
                return
            row: Doc | None = await self._jobs.find_one({"_id": job_id, "state": "finished"})
        if row:
            await self.answer_now(JobAnswer.model_validate(row["answer"]), reply)

    async def answer_now(self, answer: JobAnswer, reply: ReplyTo | None) -> None:
        """An answer for a job that is not done: because it was before, or cannot be."""
        if reply is None:
            return
        body = answer.model_dump_json().encode()

        async def work(session: Session) -> None:
            await self._outbox.reply(session, reply.queue, reply.correlation, body)

        await transaction(self._client, work)

    async def refuse(self, row: Doc, answer: JobAnswer, reply: ReplyTo | None) -> None:
        """Keep a job that cannot be done, with its answer, so that `portal jobs` shows it."""
        now = datetime.now(UTC)
        kept: Doc = {
            **row,
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
            await self._jobs.replace_one({"_id": row["_id"]}, kept, upsert=True, session=session)
            await self._announce(answer, [reply] if reply else [], session)

        await transaction(self._client, work)

    async def claim(self) -> Claim | None:
        """The oldest job that may be done now, leased to us; None when there is none."""
        now = datetime.now(UTC)
        busy: set[str] = set()
        after = -1
        for _ in range(PAGES):
            with translated():
                rows = self._jobs.find(
                    {"state": {"$in": UNFINISHED}, "seq": {"$gt": after}},
                    {"subjects": 1, "state": 1, "until": 1, "not_before": 1, "seq": 1},
                )
                waiting = [r async for r in rows.sort("seq", ASCENDING).limit(LOOK_AHEAD)]
                for row in waiting:
                    claimed = await self._first(row, busy, now)
                    if claimed:
                        return claimed
            if len(waiting) < LOOK_AHEAD:
                return None
            after = waiting[-1]["seq"]
        return None

    async def _first(self, row: Doc, busy: set[str], now: datetime) -> Claim | None:
        """The job, unless an earlier one is about the same; then its subjects are busy too."""
        free = row["state"] == "accepted" or row["until"] < now
        later = row.get("not_before") and row["not_before"] > now
        if free and not later and busy.isdisjoint(row["subjects"]):
            claimed = await self._take(row, now)
            if claimed:
                return claimed
        busy.update(row["subjects"])
        return None

    async def _take(self, row: Doc, now: datetime) -> Claim | None:
        taken: Doc | None = await self._jobs.find_one_and_update(
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
        if not taken:
            return None
        kept = await self._contents.find_one({"_id": f"{taken['_id']} {taken['hash']}"})
        return Claim(
            job_id=taken["_id"],
            fence=taken["fence"],
            content=kept["content"] if kept else "",  # no JSON: fails, is counted, and is told
            profile=taken["profile"],
            correlation_id=taken["correlation_id"],
            attempts=taken["attempts"],
            sender=taken.get("sender"),
            dropped=taken.get("dropped", 0),
        )

    async def extend(self, claim: Claim) -> bool:
        """Still ours? Then for another lease."""
        with translated():
            result = await self._jobs.update_one(
                {"_id": claim.job_id, "fence": claim.fence, "state": "working"},
                {"$set": {"until": datetime.now(UTC) + self.lease}},
            )
        return bool(result.matched_count)

    async def put_back(self, claim: Claim, *, pause: float, failed: bool) -> None:
        """Not now: free for anybody after the pause; `failed` counts as an attempt."""
        with translated():
            await self._jobs.update_one(
                {"_id": claim.job_id, "fence": claim.fence},
                {
                    "$set": {
                        "state": "accepted",
                        "not_before": datetime.now(UTC) + timedelta(seconds=pause),
                    },
                    "$inc": {"attempts": int(failed)},
                },
            )

    async def finish(self, claim: Claim, answer: JobAnswer) -> None:
        """Keep the answer, send it to all who asked, tell everybody; nothing when not ours."""
        answer = briefly(answer, MOST_KEPT)

        async def work(session: Session) -> None:
            row: Doc | None = await self._jobs.find_one_and_update(
                {"_id": claim.job_id, "fence": claim.fence, "state": "working"},
                {
                    "$set": {
                        "state": "finished",
                        "finished_at": datetime.now(UTC),
                        "answer": answer.model_dump(mode="json"),
                        "result": answer.result,
                    }
                },
                session=session,
            )
            if row:
                await self._contents.delete_one(
                    {"_id": f"{row['_id']} {row['hash']}"}, session=session
                )
                replies = [ReplyTo(r["queue"], r["correlation"]) for r in row["replies"]]
                await self._announce(answer, replies, session)

        await transaction(self._client, work)

    async def _announce(
        self, answer: JobAnswer, replies: Sequence[ReplyTo], session: Session
    ) -> None:
        await self._outbox.add(session, [JobFinished(answer=briefly(answer, MOST_SAID))])
        body = answer.model_dump_json().encode()
        for reply in replies:
            await self._outbox.reply(session, reply.queue, reply.correlation, body)

    async def find(self, job_id: str) -> Doc | None:
        with translated():
            return await self._jobs.find_one({"_id": job_id}, {"replies": 0})

    async def latest(self, count: int) -> list[Doc]:
        with translated():
            rows = self._jobs.find({}, {"replies": 0, "answer.outcomes": 0})
            return [r async for r in rows.sort("received_at", DESCENDING).limit(count)]

    async def counts(self) -> dict[str, Any]:
        with translated():
            told: dict[str, Any] = {
                f"jobs_{state}": await self._jobs.count_documents({"state": state})
                for state in (*UNFINISHED, "finished")
            }
            for result in ("partial", "refused"):
                told[f"jobs_{result}"] = await self._jobs.count_documents({"result": result})
            return told
