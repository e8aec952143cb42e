"""The store of jobs alone: which replica claims which job, and which queues get the answer."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from portal_ingest.store.claims import Claim
from portal_ingest.store.job_rows import NewJob, ReplyTo
from portal_ingest.store.jobs import JobStore
from portal_shared.contracts.events import JobFinished
from portal_shared.contracts.jobs import JobAnswer, Outcome
from portal_shared.messaging import publisher
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.mongo import Client, Database
from portal_shared.runtime.settings import Settings

Replica = Callable[[], JobStore]


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    with contextlib.closing(mongo.connect(settings)) as made:
        yield made


@pytest.fixture
def database(client: Client, settings: Settings) -> Database:
    return mongo.database(client, settings, "ingest")


@pytest.fixture
async def replica(client: Client, database: Database) -> Replica:
    def made() -> JobStore:
        return JobStore(client, database, Outbox(database, "ingest"))

    await made().prepare()
    return made


def new_job(job_id: str, *subjects: str) -> NewJob:
    return NewJob(
        job_id=job_id,
        subjects=subjects,
        kind="register",
        profile="human-organs",
        sender=None,
        content="{}",
        content_hash="h",
        dropped=0,
        dropped_fields=(),
        datasets=1,
    )


async def claimed(store: JobStore) -> Claim:
    claim = await store.claim()
    assert claim is not None
    return claim


def done(claim: Claim) -> JobAnswer:
    return JobAnswer(job_id=claim.job_id, result="done")


async def answers_to(database: Database, queue: str) -> int:
    """Returns the number of answers in the outbox for this queue."""
    return await database["outbox"].count_documents({"routing_key": queue})


async def add_reply(store: JobStore, reply: ReplyTo) -> None:
    """Retries after a write conflict, as the queue does."""
    while True:
        try:
            await store.add_reply("a", reply)
        except Unavailable:
            await asyncio.sleep(0.01)
        else:
            return


async def test_a_repeated_job_gets_one_answer_while_the_first_finishes(
    replica: Replica, database: Database
) -> None:
    store = replica()
    for turn in range(15):
        await database["jobs"].delete_many({})
        await store.accept(new_job("a", "x"), ReplyTo("first", "a"))
        claim = await claimed(store)

        async def second(claim: Claim = claim, turn: int = turn) -> None:
            await asyncio.sleep(turn / 1000)
            await add_reply(store, ReplyTo(f"second-{turn}", claim.job_id))

        await asyncio.gather(store.finish(claim, done(claim)), second())
        assert await answers_to(database, f"second-{turn}") == 1
    assert await answers_to(database, "first") == 15


async def test_a_repeated_job_gets_the_answer_of_the_finished_one(
    replica: Replica, database: Database
) -> None:
    store = replica()
    await store.accept(new_job("a", "x"), None)
    claim = await claimed(store)
    await store.finish(claim, done(claim))
    await store.add_reply("a", ReplyTo("late", "a"))
    assert await answers_to(database, "late") == 1


async def test_replicas_run_jobs_of_one_document_in_order_and_others_in_parallel(
    replica: Replica,
) -> None:
    one, two = replica(), replica()
    for job_id, document in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        await one.accept(new_job(job_id, document), None)
    first, second = await claimed(one), await claimed(two)
    assert (first.job_id, second.job_id) == ("a1", "b1")
    assert await one.claim() is None
    assert await two.claim() is None
    await two.finish(second, done(second))
    assert await two.claim() is None
    await one.finish(first, done(first))
    third = await claimed(two)
    assert third.job_id == "a2"
    await two.release(third, pause=60, failed=True, reason="ICAT is away")
    assert await one.claim() is None  # a3 does not overtake it


async def test_replicas_that_claim_at_the_same_time_get_different_jobs(replica: Replica) -> None:
    replicas = [replica() for _ in range(4)]
    for number in range(12):
        await replicas[0].accept(new_job(f"j{number:02}", f"d{number}"), None)

    async def all_of(store: JobStore) -> list[str]:
        taken: list[str] = []
        while claim := await store.claim():
            taken.append(claim.job_id)
        return taken

    taken = await asyncio.gather(*(all_of(store) for store in replicas))
    assert sorted(job_id for some in taken for job_id in some) == [
        f"j{number:02}" for number in range(12)
    ]


async def test_a_replica_whose_lease_expired_cannot_finish_the_job(
    replica: Replica, database: Database
) -> None:
    asleep, awake = replica(), replica()
    await asleep.accept(new_job("a", "x"), ReplyTo("answers", "a"))
    asleep.lease = timedelta(seconds=0)
    late = await claimed(asleep)
    await asyncio.sleep(0.01)
    again = await claimed(awake)
    assert again.fence > late.fence
    assert not await asleep.extend(late)
    await asleep.finish(late, JobAnswer(job_id="a", result="refused"))
    assert await answers_to(database, "answers") == 0
    await awake.finish(again, done(again))
    assert await answers_to(database, "answers") == 1
    there = await awake.find("a")
    assert there is not None
    assert there["result"] == "done"
    assert there["finished_at"] <= datetime.now(UTC)


async def test_an_answer_larger_than_an_event_is_stored_whole_and_published_shortened(
    replica: Replica, database: Database
) -> None:
    store = replica()
    await store.accept(new_job("a", "x"), ReplyTo("answers", "a"))
    claim = await claimed(store)
    each = Outcome(kind="dataset", name="n" * 60, pid="p" * 60, result="registered", version=1)
    await store.finish(claim, JobAnswer(job_id="a", result="done", outcomes=(each,) * 6000))
    there = await store.find("a")
    assert there is not None
    assert len(there["answer"]["outcomes"]) == 6000
    rows = {r["routing_key"]: r["body"] async for r in database["outbox"].find({})}
    assert len(rows["answers"]) > publisher.MAX_EVENT_BYTES > len(rows[JobFinished.key])
    assert "do not fit" in json.loads(rows[JobFinished.key])["answer"]["problems"][0]["reason"]
