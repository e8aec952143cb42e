"""States by rule and by hand, relations of every kind, dead letters, and the audit of all DOIs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import pytest
from portal_shared.contracts.events import DatasetWithdrawn
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

Records = Callable[..., Any]
PUT = "PUT /dois/{doi}"


def related(datacite: Any, pid: str) -> set[tuple[str, str]]:
    told = datacite.doi(datacite.ours(pid))["relatedIdentifiers"]
    return {(r["relationType"], r["relatedIdentifier"]) for r in told}


async def audited(doi: Any, **asked: Any) -> list[tuple[Any, str]]:
    """Pid and kind of every difference."""
    found: list[dict[str, Any]] = []
    for path in ("/audit/listed", "/audit/unlisted"):
        answer = await doi.http.post(path, params={"run": str(asked), **asked})
        found += answer.raise_for_status().json()["differences"]
    return [(d["pid"], d["what"]) for d in found]


async def asked(doi: Any, action: str, name: str) -> tuple[int, dict[str, Any]]:
    answer = await doi.http.post(f"/{action}", json={"id": name})
    return answer.status_code, answer.json()


async def test_relations_are_told_from_both_ends(
    doi: Any, datacite: Any, dataset: Records, document: Records
) -> None:
    derived = {"type": "IsDerivedFrom", "pid": "overview"}
    paper = {"relation": "IsDocumentedBy", "identifier": "10.1038/s41592-021-01317-x"}
    await doi.say(
        document("atlas", [], type="atlas", documents=["organ"]),
        document("organ", ["overview", "zoom"]),
        dataset("overview", document="organ"),
        dataset("zoom", document="organ", relations=[derived], related=[paper]),
        dataset("zoom 2", document="organ", supersedes="zoom"),
    )
    await doi.idle(5)
    ours = datacite.ours
    assert related(datacite, "atlas") == {("HasPart", ours("organ"))}
    assert related(datacite, "organ") == {
        ("HasPart", ours("overview")), ("HasPart", ours("zoom")), ("IsPartOf", ours("atlas")),
    }  # fmt: skip
    assert related(datacite, "overview") == {
        ("IsPartOf", ours("organ")), ("IsSourceOf", ours("zoom")),
    }  # fmt: skip
    assert related(datacite, "zoom") == {
        ("IsPartOf", ours("organ")),
        ("IsDerivedFrom", ours("overview")),
        ("IsPreviousVersionOf", ours("zoom 2")),
        ("IsDocumentedBy", "10.1038/s41592-021-01317-x"),
    }
    assert ("IsNewVersionOf", ours("zoom")) in related(datacite, "zoom 2")


async def test_a_relation_to_a_pid_nobody_knows_is_left_out_until_it_comes(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("zoom", relations=[{"type": "IsDerivedFrom", "pid": "late"}]))
    await doi.idle(1)
    assert related(datacite, "zoom") == set()
    await doi.say(dataset("late"))
    await doi.idle(2)
    assert related(datacite, "zoom") == {("IsDerivedFrom", datacite.ours("late"))}


async def test_an_embargo_ends_by_itself(doi: Any, datacite: Any, dataset: Records) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=8)
    await doi.say(dataset("a", release_date=soon), dataset("b", document=None))
    await doi.idle(2)
    assert datacite.doi(datacite.ours("a"))["state"] == "draft"
    await doi.until(lambda _: datacite.doi(datacite.ours("a"))["state"] == "findable")
    told = datacite.doi(datacite.ours("a"))
    assert {"date": soon.date().isoformat(), "dateType": "Available"} in told["dates"]


async def test_what_is_withdrawn_keeps_its_doi_and_says_why(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a"), dataset("draft", is_public=False))
    await doi.idle(2)
    await doi.said()
    at = datetime(2026, 5, 6, tzinfo=UTC)
    for pid in ("a", "draft", "unheard of"):
        await doi.say(DatasetWithdrawn(pid=pid, version=2, reason="wrong organ", withdrawn_at=at))
    await doi.idle(5)
    told = datacite.doi(datacite.ours("a"))
    assert told["state"] == "registered"
    assert {"date": "2026-05-06", "dateType": "Withdrawn"} in told["dates"]
    assert "Withdrawn: wrong organ" in [d["description"] for d in told["descriptions"]]
    assert datacite.doi(datacite.ours("draft"))["state"] == "draft"
    assert [e["state"] for _, e in await doi.said()] == ["registered"]
    await doi.say(dataset("a", version=3))
    await doi.idle(6)
    assert datacite.doi(datacite.ours("a"))["state"] == "findable"


async def test_an_incomplete_record_has_a_draft_until_it_is_complete(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a", members=()), dataset("b", title="x" * 100_000), dataset("c"))
    await doi.idle(3)
    reasons = {e["pid"]: e["reason"] for key, e in await doi.said() if key == "doi.failed.v1"}
    assert "creators" in reasons["a"]
    assert "100000 characters" in reasons["b"]
    assert datacite.doi(datacite.ours("a"))["state"] == "draft"
    assert datacite.doi(datacite.ours("a"))["titles"][0]["title"] == "Volume a"
    assert datacite.doi(datacite.ours("c"))["state"] == "findable"
    await doi.say(dataset("a", version=2))
    await doi.idle(4)
    assert datacite.doi(datacite.ours("a"))["state"] == "findable"


async def test_what_datacite_refuses_lies_with_the_dead_and_is_tried_when_replayed(
    doi: Any, datacite: Any, dataset: Records, settings: Settings
) -> None:
    datacite.fail(effect="status", status=422, kind=PUT)
    await doi.say(dataset("a"))
    await doi.idle(1)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(topology.dead_queue("doi"))
        letter = await queue.get(no_ack=True)
        assert "This fault was asked for" in str(letter.headers["x-reason"])
        assert letter.headers["x-queue"] == "doi.dataset.registered.v1"
        assert json.loads(letter.body)["dataset"]["pid"] == "a"
        again = aio_pika.Message(letter.body, message_id=letter.message_id)
        await channel.default_exchange.publish(again, "doi.dataset.registered.v1")
        await doi.idle(2)
    assert datacite.doi(datacite.ours("a"))["state"] == "findable"


async def test_a_doi_is_reserved_before_its_record_comes(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    status, told = await asked(doi, "reserve", "a")
    assert (status, told["doi"]) == (200, datacite.ours("a"))
    await doi.idle(0)
    assert datacite.doi(datacite.ours("a"))["state"] == "draft"
    status, told = await asked(doi, "publish", "a")
    assert status == 409
    assert "no record" in told["detail"]
    await doi.say(dataset("a"))
    await doi.idle(1)
    assert datacite.doi(datacite.ours("a"))["state"] == "findable"
    assert datacite.all() == [datacite.ours("a")]


async def test_a_doi_is_hidden_and_published_but_never_a_draft_again(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a"), dataset("theirs", doi="10.15151/x"), dataset("b", is_public=False))
    await doi.idle(3)
    status, _ = await asked(doi, "hide", datacite.ours("a"))
    assert status == 200
    await doi.idle(3)
    assert datacite.doi(datacite.ours("a"))["state"] == "registered"
    await doi.say(dataset("a", version=2, title="Changed while hidden"))
    await doi.idle(4)
    assert datacite.doi(datacite.ours("a"))["state"] == "registered"
    assert (await asked(doi, "publish", "a"))[0] == 200
    await doi.idle(4)
    assert datacite.doi(datacite.ours("a"))["state"] == "findable"
    for action, name, status, reason in (
        ("reserve", "a", 409, "draft no more"),
        ("reserve", "theirs", 409, "not ours"),
        ("hide", "10.15151/x", 409, "not registered by us"),
        ("publish", "b", 409, "not public"),
        ("hide", "b", 409, "nothing to hide"),
        ("publish", "nobody", 404, "no identifier"),
        ("reserve", "10.9999/x", 422, "is a DOI"),
    ):
        told = await asked(doi, action, name)
        assert told[0] == status, (action, name, told)
        assert reason in told[1]["detail"]


async def test_the_audit_finds_what_differs_and_mends_it(
    doi: Any, datacite: Any, dataset: Records, document: Records
) -> None:
    await doi.say(document("organ", ["a", "b"]), dataset("a"), dataset("b"), dataset("c"))
    await doi.idle(4)
    assert await audited(doi) == []
    changed = {"data": {"attributes": {"titles": [{"title": "Theirs"}], "event": "publish"}}}
    datacite.http.put(f"/dois/{datacite.ours('a')}", json=changed).raise_for_status()
    hidden = {"data": {"attributes": {"event": "hide"}}}
    datacite.http.put(f"/dois/{datacite.ours('b')}", json=hidden).raise_for_status()
    moved = {"data": {"attributes": {"url": "https://elsewhere.example/"}}}
    datacite.http.put(f"/dois/{datacite.ours('c')}", json=moved).raise_for_status()
    stray = {"data": {"attributes": {"titles": [{"title": "Nobody's"}]}}}
    datacite.http.put(f"/dois/{datacite.prefix}/stray", json=stray).raise_for_status()
    wanted = {("a", "metadata"), ("b", "state"), ("c", "url"), (None, "unknown")}
    assert set(await audited(doi, repair=True)) == wanted
    await doi.idle(4)
    assert await audited(doi) == [(None, "unknown")]
    assert datacite.doi(datacite.ours("b"))["state"] == "findable"


@pytest.mark.parametrize("name", ["a", "10.15151/shared"])
async def test_an_identifier_is_shown_by_pid_and_by_doi(
    doi: Any, dataset: Records, name: str
) -> None:
    await doi.say(dataset("a", doi="10.15151/SHARED"), dataset("b", doi="10.15151/shared"))
    await doi.idle(2)
    told = (await doi.http.get("/identifiers", params={"id": name})).json()["identifiers"]
    assert [one["pid"] for one in told] == (["a"] if name == "a" else ["a", "b"])
    assert {one["state"] for one in told} == {"adopted"}
