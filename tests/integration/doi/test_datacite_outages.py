"""DataCite out of reach, slow, faulty or forgetful: nothing is lost, nothing is minted twice."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from portal_doi.settings import DoiSettings
from portal_doi.store.leases import Leases
from portal_shared.runtime import mongo

from tests.builders import dataset_registered
from tests.drivers.datacite import GET, PUT, DataCiteServer
from tests.drivers.services.doi import DoiService, running_doi


async def test_records_that_come_during_an_outage_are_minted_after_it(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    datacite.stop()
    await doi.publish(
        dataset_registered("a"), dataset_registered("b"), dataset_registered("c", doi="10.15151/c")
    )
    status = await doi.wait_until(
        lambda s: s["settled"]["ok"] == 3 and "identifiers" in s["trouble"] and not s["outbox"]
    )
    assert status["pending"] >= 2
    assert (await doi.minted()).keys() == {"c"}  # needs no DataCite
    datacite.start()
    await doi.wait_idle(messages=3)
    assert datacite.all() == sorted([datacite.doi_of("a"), datacite.doi_of("b")])
    assert (await doi.minted()).keys() == {"a", "b"}


async def test_after_a_lost_answer_the_state_is_queried(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    datacite.fail(effect="drop", when="after", kind=PUT)
    await doi.publish(dataset_registered("a"))
    await doi.wait_idle(messages=1)
    assert datacite.calls() == {PUT: 1, GET: 1}
    assert [e["doi"] for _, e in await doi.published()] == [datacite.doi_of("a")]
    assert datacite.all() == [datacite.doi_of("a")]


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
async def test_a_passing_fault_is_retried(
    doi: DoiService, datacite: DataCiteServer, fault: dict[str, Any]
) -> None:
    datacite.fail(kind=PUT, times=1, **fault)
    await doi.publish(dataset_registered("a"))
    await doi.wait_idle(messages=1)
    assert [e["doi"] for _, e in await doi.published()] == [datacite.doi_of("a")]
    assert datacite.record("a")["state"] == "findable"


async def test_a_doi_is_published_only_when_it_resolves(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    datacite.fail(effect="handle", times=2)
    await doi.publish(dataset_registered("a"))
    await doi.wait_until(lambda _: datacite.calls().get(PUT, 0) == 1)
    assert await doi.published() == []
    await doi.wait_idle(messages=1)
    assert datacite.record("a")["registered"]
    assert len(await doi.published()) == 1
    assert datacite.calls()[PUT] == 3


async def test_a_refusal_has_datacites_reason_and_does_not_stop_other_records(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    datacite.fail(effect="status", status=422, kind=PUT)
    await doi.publish(dataset_registered("a"))
    await doi.wait_idle(messages=1)
    ((key, event),) = await doi.published()
    assert key == "doi.failed.v1"
    assert "422" in event["reason"]
    assert "This fault" in event["reason"]
    await doi.publish(dataset_registered("b"))
    await doi.wait_idle(messages=2)
    assert (await doi.minted()).keys() == {"b"}


async def test_refused_credentials_show_in_health_and_no_record_fails(
    doi_settings: DoiSettings, datacite: DataCiteServer
) -> None:
    wrong = doi_settings.model_copy(update={"datacite_user": "SOMEBODY.ELSE"})
    async with running_doi(wrong) as service:
        await service.publish(dataset_registered("a"))
        status = await service.wait_until(lambda s: "DataCite" in s["problems"])
        assert "401" in status["problems"]["DataCite"]
        assert status["identifiers"]["pending"] == 1
        assert (await service.http.get("/health")).status_code == 503
    async with running_doi(doi_settings) as service:
        await service.wait_idle(messages=0)
        assert (await service.minted()).keys() == {"a"}
        assert (await service.http.get("/health")).status_code == 200


async def test_killed_between_the_answer_and_its_storage_it_registers_the_same_doi(
    doi_settings: DoiSettings,
    datacite: DataCiteServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_args: object, **_options: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(Leases, "complete", never)
        async with running_doi(doi_settings) as service:
            await service.publish(dataset_registered("a"))
            await service.wait_until(lambda _: datacite.calls().get(PUT, 0) == 1)
            assert await service.published() == []
    client = mongo.connect(doi_settings)
    rows = mongo.database(client, doi_settings, "doi")["identifiers"]
    expired = await rows.update_one(
        {"_id": "a", "until": {"$gt": datetime.now(UTC)}},
        {"$set": {"until": datetime(2000, 1, 1, tzinfo=UTC)}},  # the lease has run out
    )
    client.close()
    assert expired.matched_count == 1
    async with running_doi(doi_settings) as service:
        await service.wait_idle(messages=0)
        assert [e["doi"] for _, e in await service.published()] == [datacite.doi_of("a")]
    assert datacite.all() == [datacite.doi_of("a")]
    assert datacite.calls()[PUT] == 1


async def test_two_replicas_share_the_work_and_mint_each_record_once(
    doi_settings: DoiSettings, datacite: DataCiteServer
) -> None:
    pids = [f"volume {n}" for n in range(20)]
    async with running_doi(doi_settings) as one, running_doi(doi_settings) as other:
        await one.publish(*(dataset_registered(pid) for pid in pids))
        await one.wait_until(lambda s: s["identifiers"]["minted"] == len(pids))
        await other.wait_idle(messages=0)
    assert datacite.all() == sorted(map(datacite.doi_of, pids))
    assert datacite.calls()[PUT] == len(pids)
