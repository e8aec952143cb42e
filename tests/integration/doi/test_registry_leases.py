"""The registry alone: who may write an outcome, equal suffixes, the rate limit, the clock."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from portal_doi.domain import outcome, suffix
from portal_doi.store.clock import Clock
from portal_doi.store.intent_writer import IntentWriter
from portal_doi.store.leases import Lease, Leases
from portal_doi.store.rate_limit import RateLimiter
from portal_doi.store.registry import Registry
from portal_doi.store.rows import stored
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings

from tests.builders import dataset

PREFIX = "10.5072"


@pytest.fixture
async def registry(mongo_server: str, settings: Settings) -> AsyncIterator[Registry]:
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "doi")
    made = Registry(client, database, Outbox(database, "doi"), Clock(database))
    await made.prepare()
    yield made
    client.close()


async def write_intent(registry: Registry, pid: str, version: int = 1, title: str = "A") -> bool:
    writer = IntentWriter(registry, prefix=PREFIX)
    return await writer.write_registration(dataset(pid, title=title), version)


async def claim(registry: Registry, pid: str) -> Lease:
    (found,) = await Leases(registry).claim(1, only=pid)
    return found


async def count_events(registry: Registry) -> int:
    return await Outbox(registry.rows.database, "doi").pending()


async def test_a_claimed_row_is_not_given_to_another(registry: Registry) -> None:
    await write_intent(registry, "a")
    leases = Leases(registry)
    (first,) = await leases.claim(10)
    assert first.pid == "a"
    assert not first.row.datacite_unknown
    assert await Leases(registry).claim(10) == []
    await leases.release_unused([first])
    (second,) = await Leases(registry).claim(10)
    assert not second.row.datacite_unknown


async def test_rows_that_others_claimed_meanwhile_are_skipped(registry: Registry) -> None:
    """Both have loaded the pids of all rows."""
    for number in range(6):
        await write_intent(registry, f"a{number}")
    one, other = Leases(registry), Leases(registry)
    found = [*await one.claim(2), *await other.claim(2)]
    found += [lease for _ in range(4) for leases in (one, other) for lease in await leases.claim(1)]
    assert sorted(lease.pid for lease in found) == [f"a{number}" for number in range(6)]
    assert await one.claim(1) == await other.claim(1) == []


async def test_a_lease_that_ran_out_writes_nothing(registry: Registry) -> None:
    await write_intent(registry, "a")
    late = await claim(registry, "a")
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    await registry.rows.update_one({"_id": "a"}, {"$set": stored(lease_until=long_ago)})
    valid = await claim(registry, "a")
    assert valid.row.datacite_unknown  # because of the other
    leases = Leases(registry)
    assert await leases.complete(valid, outcome.adopted(valid.row, "10.1/x", "findable"))
    assert not await leases.complete(late, outcome.failed(late.row, "late"))
    row = await registry.find("a")
    assert row is not None
    assert (row.state, row.doi) == ("adopted", "10.1/x")
    assert row.needs_work  # to query what the late one may have sent to DataCite
    assert await count_events(registry) == 1


async def test_a_version_that_comes_during_the_work_is_worked_on_after(registry: Registry) -> None:
    await write_intent(registry, "a")
    first = await claim(registry, "a")
    await write_intent(registry, "a", version=2, title="Changed")
    failure = outcome.failed(first.row, "the first was bad")
    assert not await Leases(registry).complete(first, failure)
    assert await count_events(registry) == 0
    second = await claim(registry, "a")
    assert second.row.version == 2
    assert second.row.state == "pending"


async def test_two_pids_with_the_same_suffix_are_given_two_dois(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suffix, "suffix", lambda _pid, attempt=0, _rules=None: f"same-{attempt}")
    for pid in ("a", "b", "c"):
        assert await write_intent(registry, pid)
    rows = [await registry.find(pid) for pid in ("a", "b", "c")]
    assert [r.our_doi for r in rows if r] == [f"{PREFIX}/same-{n}" for n in range(3)]


async def test_replicas_share_one_rate_limit(registry: Registry) -> None:
    database = registry.rows.database
    one, other = (RateLimiter(database, Clock(database), rate=0.01, burst=16) for _ in range(2))
    for _ in range(8):
        await one.acquire()
        await other.acquire()
    for limiter in (one, other):
        with pytest.raises(Unavailable, match="rate limit"):
            await limiter.acquire()


async def test_a_pause_that_datacite_demands_applies_to_all(registry: Registry) -> None:
    database = registry.rows.database
    one, other = (RateLimiter(database, Clock(database), rate=10, burst=16) for _ in range(2))
    await one.pause(300)
    with pytest.raises(Unavailable, match=r"again in (29\d|30\d) s"):
        await other.acquire()


async def test_the_clock_is_the_databases(registry: Registry) -> None:
    now = await registry.clock.now()
    assert now.tzinfo is not None
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=5)
    assert await registry.clock.now() >= now


async def test_a_row_that_waits_for_a_change_is_free_if_it_came_during_the_work(
    registry: Registry,
) -> None:
    await write_intent(registry, "a")
    leases, later = Leases(registry), datetime(2100, 1, 1, tzinfo=UTC)
    first = await claim(registry, "a")
    await write_intent(registry, "a", 2, "B")
    await leases.release(first, next_attempt_at=later, datacite_unknown=False, is_awaited=True)
    second = await claim(registry, "a")
    await leases.release(second, next_attempt_at=later, datacite_unknown=False, is_awaited=True)
    assert await Leases(registry).claim(1) == []
