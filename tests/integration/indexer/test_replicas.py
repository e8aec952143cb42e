"""Indexers share the work: each record is indexed once, and no older state after a newer one."""

import asyncio
import json
from collections.abc import AsyncGenerator, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import BATCHES_AT_ONCE, IndexWorker
from portal_indexer.marks.claims import Claim, Claims
from portal_shared.contracts.events import DatasetAvailability, DoiMinted
from portal_shared.contracts.records import pid_key
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.telemetry.origin import Origin, resume
from portal_shared.search.index_fields import DATASETS
from structlog.testing import capture_logs

from tests import builders

RECORDS = [f"d{n}" for n in range(40)]
A = pid_key("a")


class Index:
    """What was sent to the search engine, in order; a sender may be stopped before it sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []  # key and version
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.has_begun = asyncio.Event()
        self.waiting = 0  # calls that have begun and have not ended

    async def replace(self, _index: str, documents: list[bytes]) -> None:
        self.has_begun.set()
        self.waiting += 1
        await self.may_send.wait()
        self.waiting -= 1
        for line in documents:
            version = next(v for v in ("version 2", "version 1") if v in line.decode())
            self.sent.append((json.loads(line)["id"], version))

    async def delete(self, _index: str, _ids: list[str]) -> None:
        """Nothing is deleted here."""


@pytest.fixture
async def catalogue(settings: Settings) -> AsyncGenerator[Catalogue]:
    client = mongo.connect(settings)
    made = Catalogue(mongo.database(client, settings, "catalogue"))
    await made.prepare()
    yield made
    client.close()


def worker(
    catalogue: Catalogue, index: Any, *, batch: int = 5, claims: Claims | None = None
) -> IndexWorker:
    return IndexWorker(catalogue, claims or Claims(catalogue.database), index, batch)


async def store(catalogue: Catalogue, pid: str, version: int) -> None:
    await catalogue.store(DATASETS, builders.dataset(pid, title=f"version {version}"), version)
    await catalogue.mark(**{DATASETS: [pid]})


async def run(one: IndexWorker) -> None:
    while await one.step():
        await asyncio.sleep(0)


async def test_log_entries_have_the_ids_of_the_jobs_whose_records_are_indexed(
    catalogue: Catalogue,
) -> None:
    for number, pid in enumerate(RECORDS[:3]):
        with resume(Origin(f"c{number % 2}", f"j{number % 2}"), "test"):
            await store(catalogue, pid, 1)
    with capture_logs() as entries:
        await run(worker(catalogue, Index()))
    found = [(e["job_id"], e["correlation_id"], e["records"]) for e in entries]
    assert sorted(found) == [("j0", "c0", 2), ("j1", "c1", 1)]


@pytest.mark.parametrize("replicas", [2, 4])
async def test_replicas_index_each_record_once(catalogue: Catalogue, replicas: int) -> None:
    for pid in RECORDS:
        await store(catalogue, pid, 1)
    await catalogue.database["dirty"].update_many({}, {"$unset": {"at": ""}})  # none waits
    indexes = [Index() for _ in range(replicas)]
    workers = [worker(catalogue, index) for index in indexes]
    while await catalogue.count_dirty():
        await asyncio.gather(*(run(one) for one in workers))
    assert sorted(pid for index in indexes for pid, _ in index.sent) == sorted(
        pid_key(p) for p in RECORDS
    )
    assert sum(one.indexed for one in workers) == len(RECORDS)
    assert not await Claims(catalogue.database).taken(DATASETS)


async def test_batches_of_a_replica_wait_for_the_engine_together(catalogue: Catalogue) -> None:
    index = Index()
    index.may_send.clear()
    for pid in RECORDS:
        await store(catalogue, pid, 1)
    await catalogue.database["dirty"].update_many({}, {"$unset": {"at": ""}})  # none waits
    running = asyncio.create_task(run(worker(catalogue, index)))
    while index.waiting < BATCHES_AT_ONCE:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert index.waiting == BATCHES_AT_ONCE
    index.may_send.set()
    await running
    assert sorted(pid for pid, _ in index.sent) == sorted(pid_key(p) for p in RECORDS)
    assert not await catalogue.count_dirty()


async def test_a_record_that_another_replica_indexes_waits_for_it(catalogue: Catalogue) -> None:
    slow, index = Index(), Index()
    slow.may_send.clear()
    await store(catalogue, "a", 1)
    first = asyncio.create_task(worker(catalogue, slow).step())
    await slow.has_begun.wait()
    await store(catalogue, "a", 2)
    await worker(catalogue, index).step()
    assert not index.sent
    slow.may_send.set()
    await first
    await worker(catalogue, index).step()
    assert (slow.sent, index.sent) == ([(A, "version 1")], [(A, "version 2")])


async def test_a_record_that_was_indexed_before_the_claim_is_not_indexed_again(
    catalogue: Catalogue,
) -> None:
    class LateClaims(Claims):
        """Another replica finishes its step between the reading of marks and their claim."""

        async def acquire(self, name: str, pids: Collection[str]) -> Claim:
            if pids:
                await quick.step()
            return await super().acquire(name, pids)

    quick, index = worker(catalogue, Index()), Index()
    late = worker(catalogue, index, claims=LateClaims(catalogue.database))
    for pid in ("a", "b"):
        await store(catalogue, pid, 1)
    await late.step()
    assert (quick.indexed, late.indexed, index.sent) == (2, 0, [])
    assert not await Claims(catalogue.database).taken(DATASETS)


async def test_a_claim_lasts_as_long_as_its_records_are_indexed(catalogue: Catalogue) -> None:
    slow, index = Index(), Index()
    slow.may_send.clear()
    claims = Claims(catalogue.database, duration=timedelta(seconds=1))
    await store(catalogue, "a", 1)
    first = asyncio.create_task(worker(catalogue, slow, claims=claims).step())
    await slow.has_begun.wait()
    [begun] = await catalogue.database["claims"].find().to_list(None)
    while datetime.now(UTC) < begun["until"].replace(tzinfo=UTC):
        await asyncio.sleep(0.1)
    await worker(catalogue, index).step()
    assert not index.sent
    slow.may_send.set()
    await first
    assert slow.sent == [(A, "version 1")]
    assert not await Claims(catalogue.database).taken(DATASETS)


async def test_a_replica_that_lost_its_claim_has_the_record_indexed_again(
    catalogue: Catalogue,
) -> None:
    slow, index = Index(), Index()
    slow.may_send.clear()
    claims = Claims(catalogue.database)
    await store(catalogue, "a", 1)
    stopped = asyncio.create_task(worker(catalogue, slow, claims=claims).step())
    await slow.has_begun.wait()
    await catalogue.database["claims"].update_many({}, {"$set": {"until": datetime.now(UTC)}})
    await store(catalogue, "a", 2)
    await worker(catalogue, index).step()
    assert index.sent == [(A, "version 2")]
    slow.may_send.set()  # it goes on, and sends the old state after the new one
    await stopped
    await worker(catalogue, index).step()
    assert index.sent[-1] == (A, "version 2")
    assert not await catalogue.count_dirty()


async def test_different_states_of_an_unknown_record_that_come_together_are_all_stored(
    catalogue: Catalogue,
) -> None:
    minted = DoiMinted(pid="a", level="dataset", doi="10.5072/a", url="https://x.org",
                       adopted=False, state="findable", version=1)  # fmt: skip
    seen = DatasetAvailability(pid="a", availability="ONLINE", version=1, files=1, files_online=1)
    assert await asyncio.gather(
        catalogue.store_doi(minted), catalogue.store_availability(seen)
    ) == [True, True]
    [row] = await catalogue.find(DATASETS, {"_id": "a"})
    assert (row["doi"], row["availability"]) == ("10.5072/a", "ONLINE")
