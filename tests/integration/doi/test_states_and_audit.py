"""States by rule and by operator, relations, dead letters, and the audit of all DOIs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import pytest
from portal_shared.contracts.events import DatasetWithdrawn
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

from tests.builders import dataset_registered, document_registered
from tests.drivers.datacite import PUT, DataCiteServer
from tests.drivers.services.doi import DoiService


def related(datacite: DataCiteServer, pid: str) -> set[tuple[str, str]]:
    related = datacite.record(pid)["relatedIdentifiers"]
    return {(r["relationType"], r["relatedIdentifier"]) for r in related}


async def audit(doi: DoiService, **options: Any) -> list[tuple[str | None, str]]:
    """Run an audit; return pid and kind of every difference."""
    found: list[dict[str, Any]] = []
    for path in ("/audit/listed", "/audit/unlisted"):
        answer = await doi.http.post(path, params={"run": str(options), **options})
        found += answer.raise_for_status().json()["differences"]
    return [(d["pid"], d["what"]) for d in found]


async def request(
    doi: DoiService, action: str, name: str, **more: str
) -> tuple[int, dict[str, Any]]:
    answer = await doi.http.post(f"/{action}", json={"id": name, **more})
    return answer.status_code, answer.json()


async def test_relations_are_registered_at_both_ends(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    derived = {"type": "IsDerivedFrom", "pid": "overview"}
    paper = {"relation": "IsDocumentedBy", "identifier": "10.1038/s41592-021-01317-x"}
    await doi.publish(
        document_registered("atlas", (), type="atlas", documents=["organ"]),
        document_registered("organ", ("overview", "zoom")),
        dataset_registered("overview", document="organ"),
        dataset_registered("zoom", document="organ", relations=[derived], related=[paper]),
        dataset_registered("zoom 2", document="organ", supersedes="zoom"),
    )
    await doi.wait_idle(messages=5)
    doi_of = datacite.doi_of
    assert related(datacite, "atlas") == {("HasPart", doi_of("organ"))}
    assert related(datacite, "organ") == {
        ("HasPart", doi_of("overview")), ("HasPart", doi_of("zoom")), ("IsPartOf", doi_of("atlas")),
    }  # fmt: skip
    assert related(datacite, "overview") == {
        ("IsPartOf", doi_of("organ")), ("IsSourceOf", doi_of("zoom")),
    }  # fmt: skip
    assert related(datacite, "zoom") == {
        ("IsPartOf", doi_of("organ")),
        ("IsDerivedFrom", doi_of("overview")),
        ("IsPreviousVersionOf", doi_of("zoom 2")),
        ("IsDocumentedBy", "10.1038/s41592-021-01317-x"),
    }
    assert ("IsNewVersionOf", doi_of("zoom")) in related(datacite, "zoom 2")


async def test_a_relation_to_an_unknown_pid_is_omitted_until_its_record_comes(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        dataset_registered("zoom", relations=[{"type": "IsDerivedFrom", "pid": "late"}])
    )
    await doi.wait_idle(messages=1)
    assert related(datacite, "zoom") == set()
    await doi.publish(dataset_registered("late"))
    await doi.wait_idle(messages=2)
    assert related(datacite, "zoom") == {("IsDerivedFrom", datacite.doi_of("late"))}


async def test_an_embargo_ends_by_itself(doi: DoiService, datacite: DataCiteServer) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=8)
    await doi.publish(
        dataset_registered("a", release_date=soon), dataset_registered("b", document=None)
    )
    await doi.wait_idle(messages=2)
    assert datacite.record("a")["state"] == "draft"
    await doi.wait_until(lambda _: datacite.record("a")["state"] == "findable")
    record = datacite.record("a")
    assert {"date": soon.date().isoformat(), "dateType": "Available"} in record["dates"]


async def test_a_withdrawn_record_keeps_its_doi_with_the_reason(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(dataset_registered("a"), dataset_registered("draft", is_public=False))
    await doi.wait_idle(messages=2)
    await doi.published()
    at = datetime(2026, 5, 6, tzinfo=UTC)
    for pid in ("a", "draft", "unknown"):
        await doi.publish(
            DatasetWithdrawn(pid=pid, version=2, reason="wrong organ", withdrawn_at=at)
        )
    await doi.wait_idle(messages=5)
    record = datacite.record("a")
    assert record["state"] == "registered"
    assert {"date": "2026-05-06", "dateType": "Withdrawn"} in record["dates"]
    assert "Withdrawn: wrong organ" in [d["description"] for d in record["descriptions"]]
    assert datacite.record("draft")["state"] == "draft"
    assert [e["state"] for _, e in await doi.published()] == ["registered"]
    await doi.publish(dataset_registered("a", version=3))
    await doi.wait_idle(messages=6)
    assert datacite.record("a")["state"] == "findable"


async def test_an_incomplete_record_has_a_draft_until_it_is_complete(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        dataset_registered("a", members=()),
        dataset_registered("b", title="x" * 100_000),
        dataset_registered("c"),
    )
    await doi.wait_idle(messages=3)
    reasons = await doi.failures()
    assert "creators" in reasons["a"]
    assert "100000 characters" in reasons["b"]
    assert datacite.record("a")["state"] == "draft"
    assert datacite.record("a")["titles"][0]["title"] == "Volume a"
    assert datacite.record("c")["state"] == "findable"
    await doi.publish(dataset_registered("a", version=2))
    await doi.wait_idle(messages=4)
    assert datacite.record("a")["state"] == "findable"


async def test_a_record_that_datacite_refuses_is_a_dead_letter_until_it_is_replayed(
    doi: DoiService, datacite: DataCiteServer, settings: Settings
) -> None:
    datacite.fail(effect="status", status=422, kind=PUT)
    await doi.publish(dataset_registered("a"))
    await doi.wait_idle(messages=1)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(topology.dead_queue("doi"))
        letter = await queue.get(no_ack=True)
        assert "This fault" in str(letter.headers["x-reason"])
        assert letter.headers["x-queue"] == "doi.dataset.registered.v1"
        assert json.loads(letter.body)["dataset"]["pid"] == "a"
        again = aio_pika.Message(letter.body, message_id=letter.message_id)
        await channel.default_exchange.publish(again, "doi.dataset.registered.v1")
        await doi.wait_idle(messages=2)
    assert datacite.record("a")["state"] == "findable"


async def test_a_doi_is_reserved_before_its_record_comes(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    status, answer = await request(doi, "reserve", "a")
    assert (status, datacite.all()) == (404, [])
    assert "level" in answer["detail"]
    status, answer = await request(doi, "reserve", "a", level="dataset")
    assert (status, answer["doi"]) == (200, datacite.doi_of("a"))
    await doi.wait_idle(messages=0)
    assert datacite.record("a")["state"] == "draft"
    status, answer = await request(doi, "publish", "a")
    assert status == 409
    assert "no record" in answer["detail"]
    await doi.publish(dataset_registered("a"))
    await doi.wait_idle(messages=1)
    assert datacite.record("a")["state"] == "findable"
    assert datacite.all() == [datacite.doi_of("a")]


async def test_a_doi_is_hidden_and_published_but_never_a_draft_again(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        dataset_registered("a"),
        dataset_registered("theirs", doi="10.15151/x"),
        dataset_registered("b", is_public=False),
    )
    await doi.wait_idle(messages=3)
    status, answer = await request(doi, "hide", datacite.doi_of("a"))
    assert (status, answer["pending"]) == (200, True)
    await doi.wait_idle(messages=3)
    assert datacite.record("a")["state"] == "registered"
    await doi.publish(dataset_registered("a", version=2, title="Changed while hidden"))
    await doi.wait_idle(messages=4)
    assert datacite.record("a")["state"] == "registered"
    assert (await request(doi, "publish", "a"))[0] == 200
    await doi.wait_idle(messages=4)
    assert datacite.record("a")["state"] == "findable"
    for action, name, status, reason in (
        ("reserve", "a", 409, "cannot become a draft"),
        ("reserve", "theirs", 409, "not ours"),
        ("hide", "10.15151/x", 409, "not registered by us"),
        ("publish", "b", 409, "not public"),
        ("hide", "b", 409, "nothing to hide"),
        ("publish", "nobody", 404, "no identifier"),
        ("reserve", "10.9999/x", 422, "is a DOI"),
    ):
        given_status, body = await request(doi, action, name)
        assert given_status == status, (action, name, body)
        assert reason in body["detail"]


async def test_the_audit_finds_differences_and_repairs_them(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        document_registered("organ", ("a", "b")),
        dataset_registered("a"),
        dataset_registered("b"),
        dataset_registered("c"),
    )
    await doi.wait_idle(messages=4)
    assert await audit(doi) == []
    datacite.change(datacite.doi_of("a"), titles=[{"title": "Theirs"}], event="publish")
    datacite.change(datacite.doi_of("b"), event="hide")
    datacite.change(datacite.doi_of("c"), url="https://elsewhere.example/")
    datacite.change(f"{datacite.prefix}/stray", titles=[{"title": "Nobody's"}])
    expected = {("a", "metadata"), ("b", "state"), ("c", "url"), (None, "unknown")}
    assert set(await audit(doi, repair=True)) == expected
    await doi.wait_idle(messages=4)
    assert await audit(doi) == [(None, "unknown")]
    assert datacite.record("b")["state"] == "findable"


async def test_what_datacite_refused_is_reported_and_sent_again(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    datacite.fail(effect="status", status=422, kind=PUT)
    await doi.publish(dataset_registered("a"))
    await doi.wait_idle(messages=1)
    await doi.publish(dataset_registered("b", doi="no DOI"))
    await doi.wait_idle(messages=2)
    refusals = (await doi.http.get("/status")).json()["refusals"]
    assert "This fault" in refusals["a"]
    assert "is not a DOI" in refusals["b"]
    assert set(await audit(doi, repair=True)) == {("a", "refused"), ("b", "refused")}
    await doi.wait_idle(messages=2)
    assert await audit(doi) == [("b", "refused")]
    assert datacite.record("a")["state"] == "findable"


@pytest.mark.parametrize("name", ["a", "10.15151/shared"])
async def test_an_identifier_is_shown_by_pid_and_by_doi(doi: DoiService, name: str) -> None:
    await doi.publish(
        dataset_registered("a", doi="10.15151/SHARED"),
        dataset_registered("b", doi="10.15151/shared"),
    )
    await doi.wait_idle(messages=2)
    found = (await doi.http.get("/identifiers", params={"id": name})).json()["identifiers"]
    assert [one["pid"] for one in found] == (["a"] if name == "a" else ["a", "b"])
    assert {one["state"] for one in found} == {"adopted"}
