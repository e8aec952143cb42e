"""The registry alone: who may write an outcome, and what two records with one suffix are given."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_doi.domain import outcome, suffix
from portal_doi.store.clock import Clock
from portal_doi.store.intent_writer import Keeping
from portal_doi.store.leases import Claim, Claims
from portal_doi.store.rate_limit import Pace
from portal_doi.store.registry import Registry
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings

Records = Callable[..., Any]
PREFIX = "10.5072"


@pytest.fixture
async def registry(mongo_server: str, settings: Settings) -> AsyncIterator[Registry]:
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "doi")
    made = Registry(client, database, Outbox(database, "doi"), Clock(database))
    await made.prepare()
    yield made
    client.close()


async def intend(registry: Registry, event: Any) -> bool:
    return await Keeping(registry, prefix=PREFIX).intent(event.dataset, event.version)


async def claim(registry: Registry, pid: str) -> Claim:
    (found,) = await Claims(registry).take(1, only=pid)
    return found


async def said(registry: Registry) -> int:
    return await Outbox(registry.rows.database, "doi").pending()


async def test_what_is_claimed_is_not_given_to_another(
    registry: Registry, dataset: Records
) -> None:
    await intend(registry, dataset("a"))
    claims = Claims(registry)
    (first,) = await claims.take(10)
    assert first.pid == "a"
    assert not first.row["unsure"]
    assert await Claims(registry).take(10) == []
    await claims.give_back([first])
    (again,) = await Claims(registry).take(10)
    assert not again.row["unsure"]


async def test_what_others_took_meanwhile_is_passed_over(
    registry: Registry, dataset: Records
) -> None:
    """Both have seen all of it as due."""
    for number in range(6):
        await intend(registry, dataset(f"a{number}"))
    one, other = Claims(registry), Claims(registry)
    taken = [*await one.take(2), *await other.take(2)]
    taken += [claim for _ in range(4) for claims in (one, other) for claim in await claims.take(1)]
    assert sorted(claim.pid for claim in taken) == [f"a{number}" for number in range(6)]
    assert await one.take(1) == await other.take(1) == []


async def test_who_lost_its_claim_while_asleep_writes_nothing(
    registry: Registry, dataset: Records
) -> None:
    await intend(registry, dataset("a"))
    asleep = await claim(registry, "a")
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    await registry.rows.update_one({"_id": "a"}, {"$set": {"until": long_ago}})
    awake = await claim(registry, "a")
    assert awake.row["unsure"]  # what the other did is not known
    assert await Claims(registry).settle(awake, outcome.adopted(awake.row, "10.1/x", "findable"))
    assert not await Claims(registry).settle(asleep, outcome.failed(asleep.row, "late"))
    row = await registry.find("a")
    assert row is not None
    assert (row["state"], row["doi"]) == ("adopted", "10.1/x")
    assert row["waiting"]  # it is looked at again what the late one may have told DataCite
    assert await said(registry) == 1


async def test_a_version_that_comes_during_the_work_is_worked_on_after(
    registry: Registry, dataset: Records
) -> None:
    await intend(registry, dataset("a"))
    first = await claim(registry, "a")
    await intend(registry, dataset("a", version=2, title="Changed"))
    assert not await Claims(registry).settle(first, outcome.failed(first.row, "the first was bad"))
    assert await said(registry) == 0
    second = await claim(registry, "a")
    assert second.row["version"] == 2
    assert second.row["state"] == "pending"


async def test_two_pids_with_one_suffix_are_given_two_dois(
    registry: Registry, dataset: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suffix, "suffix", lambda _pid, attempt=0, _rules=None: f"same-{attempt}")
    for pid in ("a", "b", "c"):
        assert await intend(registry, dataset(pid))
    rows = [await registry.find(pid) for pid in ("a", "b", "c")]
    assert [r["own"] for r in rows if r] == [f"{PREFIX}/same-{n}" for n in range(3)]


async def test_replicas_share_one_pace(registry: Registry) -> None:
    database = registry.rows.database
    one, other = (Pace(database, Clock(database), rate=0.01, burst=16) for _ in range(2))
    for _ in range(8):
        await one.take()
        await other.take()
    for pace in (one, other):
        with pytest.raises(Unavailable, match="rate limit"):
            await pace.take()


async def test_a_pause_that_datacite_asks_for_holds_for_all(registry: Registry) -> None:
    database = registry.rows.database
    one, other = (Pace(database, Clock(database), rate=10, burst=16) for _ in range(2))
    await one.pause(300)
    with pytest.raises(Unavailable, match=r"again in (29\d|30\d) s"):
        await other.take()


async def test_the_clock_is_the_databases(registry: Registry) -> None:
    told = await registry.clock.now()
    assert told.tzinfo is not None
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=5)
    assert await registry.clock.now() >= told
