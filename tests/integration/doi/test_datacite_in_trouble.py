"""DataCite down, slow, rude or forgetful: nothing is lost, nothing is minted twice."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from portal_doi.settings import DoiSettings
from portal_doi.store.leases import Claims
from portal_shared.runtime import mongo

Records = Callable[..., Any]
PUT, GET = "PUT /dois/{doi}", "GET /dois/{doi}"


async def test_what_is_heard_while_datacite_is_down_is_minted_when_it_is_back(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    datacite.stop()
    await doi.say(dataset("a"), dataset("b"), dataset("c", doi="10.15151/c"))
    told = await doi.until(
        lambda s: s["settled"]["ok"] == 3 and "identifiers" in s["trouble"] and not s["outbox"]
    )
    assert told["pending"] >= 2
    assert (await doi.minted()).keys() == {"c"}  # needs no DataCite
    datacite.start()
    await doi.idle(3)
    assert datacite.all() == sorted([datacite.ours("a"), datacite.ours("b")])
    assert (await doi.minted()).keys() == {"a", "b"}


async def test_an_answer_that_was_lost_is_asked_for(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    datacite.fail(effect="drop", when="after", kind=PUT)
    await doi.say(dataset("a"))
    await doi.idle(1)
    assert datacite.calls() == {PUT: 1, GET: 1}
    assert [e["doi"] for _, e in await doi.said()] == [datacite.ours("a")]
    assert datacite.all() == [datacite.ours("a")]


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "drop", "when": "before"},
        {"effect": "status", "status": 500},
        {"effect": "status", "status": 409},
        {"effect": "status", "status": 429, "retry_after": 1},
        {"effect": "html", "status": 502},
        {"effect": "html", "status": 200},
    ],
    ids=lambda f: "-".join(str(v) for v in f.values()),
)
async def test_what_may_pass_is_tried_again(
    doi: Any, datacite: Any, dataset: Records, fault: dict[str, Any]
) -> None:
    datacite.fail(kind=PUT, times=1, **fault)
    await doi.say(dataset("a"))
    await doi.idle(1)
    assert [e["doi"] for _, e in await doi.said()] == [datacite.ours("a")]
    assert datacite.doi(datacite.ours("a"))["state"] == "findable"


async def test_a_doi_is_told_only_when_it_resolves(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    datacite.fail(effect="handle", times=2)
    await doi.say(dataset("a"))
    await doi.until(lambda _: datacite.calls().get(PUT, 0) == 1)
    assert await doi.said() == []
    await doi.idle(1)
    assert datacite.doi(datacite.ours("a"))["registered"]
    assert len(await doi.said()) == 1
    assert datacite.calls()[PUT] == 3


async def test_a_refusal_is_told_in_datacites_words_and_stops_nobody_else(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    datacite.fail(effect="status", status=422, kind=PUT)
    await doi.say(dataset("a"))
    await doi.idle(1)
    ((key, event),) = await doi.said()
    assert key == "doi.failed.v1"
    assert "422" in event["reason"]
    assert "This fault was asked for" in event["reason"]
    await doi.say(dataset("b"))
    await doi.idle(2)
    assert (await doi.minted()).keys() == {"b"}


async def test_credentials_refused_show_in_health_and_cost_no_record(
    doi_settings: DoiSettings, datacite: Any, dataset: Records, run: Callable[[DoiSettings], Any]
) -> None:
    wrong = doi_settings.model_copy(update={"datacite_user": "SOMEBODY.ELSE"})
    async with run(wrong) as service:
        await service.say(dataset("a"))
        told = await service.until(lambda s: "DataCite" in s["problems"])
        assert "401" in told["problems"]["DataCite"]
        assert told["identifiers"]["pending"] == 1
        assert (await service.http.get("/health")).status_code == 503
    async with run(doi_settings) as service:
        await service.idle(0)
        assert (await service.minted()).keys() == {"a"}
        assert (await service.http.get("/health")).status_code == 200


async def test_killed_between_the_answer_and_the_record_it_is_the_same_doi(
    doi_settings: DoiSettings,
    datacite: Any,
    dataset: Records,
    run: Callable[[DoiSettings], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_args: object, **_kept: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(Claims, "settle", never)
        async with run(doi_settings) as service:
            await service.say(dataset("a"))
            await service.until(lambda _: datacite.calls().get(PUT, 0) == 1)
            assert await service.said() == []
    client = mongo.connect(doi_settings)
    rows = mongo.database(client, doi_settings, "doi")["identifiers"]
    held = await rows.update_one(
        {"_id": "a", "until": {"$gt": datetime.now(UTC)}},
        {"$set": {"until": datetime(2000, 1, 1, tzinfo=UTC)}},  # its lease has run out
    )
    client.close()
    assert held.matched_count == 1
    async with run(doi_settings) as service:
        await service.idle(0)
        assert [e["doi"] for _, e in await service.said()] == [datacite.ours("a")]
    assert datacite.all() == [datacite.ours("a")]
    assert datacite.calls()[PUT] == 1


async def test_two_replicas_share_the_work_and_mint_each_once(
    doi_settings: DoiSettings, datacite: Any, dataset: Records, run: Callable[[DoiSettings], Any]
) -> None:
    pids = [f"volume {n}" for n in range(20)]
    async with run(doi_settings) as one, run(doi_settings) as other:
        await one.say(*(dataset(pid) for pid in pids))
        await one.until(lambda s: s["identifiers"]["minted"] == len(pids))
        await other.idle(0)
    assert datacite.all() == sorted(map(datacite.ours, pids))
    assert datacite.calls()[PUT] == len(pids)
