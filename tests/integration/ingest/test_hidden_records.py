"""What ingest publishes of records that are not public, and of their instruments and editions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.builders import dataset_part, document_part, job
from tests.drivers.services.ingest import Event, Ingest, results
from tests.integration.ingest.test_changing_records import change

FAR = (datetime.now(UTC) + timedelta(days=300)).isoformat()
NEW_INSTRUMENT = {"pid": "ESRF-ID99", "name": "ID99", "facility": "ESRF"}


def instruments(events: list[Event]) -> list[str]:
    return [e.body["instrument"]["pid"] for e in events if e.key == "instrument.registered.v1"]


def record_events(events: list[Event]) -> dict[tuple[str, int], dict[str, Any]]:
    """Returns the datasets and documents of events, by pid and version."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for event in events:
        record = event.body.get("dataset") or event.body.get("document")
        if record and event.key.endswith("registered.v1"):
            found[record["pid"], event.body["version"]] = record
    return found


async def register_editions(ingest: Ingest, **second: Any) -> list[Event]:
    """Registers a public dataset, then one with other files and these fields; its events."""
    files = [ingest.file(f"hoa/a{n}", "v.tif", f"{n}".encode()) for n in (1, 2)]
    await ingest.run(job(dataset_part("a", folder="hoa/a1", files=files[:1]), job_id="j1"))
    await ingest.all_events()
    part = dataset_part("a", folder="hoa/a2", files=files[1:], **second)
    answer = await ingest.run(job(part, job_id="j2"))
    assert [(o.pid, o.supersedes) for o in answer.outcomes if o.kind == "dataset"] == [
        ("a.v2", "a")
    ]
    return await ingest.all_events()


async def test_the_instrument_of_an_embargoed_dataset_is_published_with_the_dataset(
    ingest: Ingest,
) -> None:
    part = dataset_part("a", release_date=FAR, instrument=NEW_INSTRUMENT)
    await ingest.run(job(part, job_id="j1"))
    assert instruments(await ingest.all_events()) == []
    await ingest.run(change("p1", "patch", {"pid": "a", "fields": {"title": "Still hidden"}}))
    assert instruments(await ingest.all_events()) == []
    await ingest.run(change("r1", "release", {"pid": "a"}))
    assert instruments(await ingest.all_events()) == ["ESRF-ID99"]


async def test_a_hidden_dataset_does_not_rename_a_public_instrument(ingest: Ingest) -> None:
    await ingest.run(job(dataset_part("a", instrument=NEW_INSTRUMENT), job_id="j1"))
    assert instruments(await ingest.all_events()) == ["ESRF-ID99"]
    secret = {**NEW_INSTRUMENT, "name": "ID99 of the secret upgrade"}
    hidden = dataset_part("b", instrument=secret, is_public=False)
    await ingest.run(job(hidden, job_id="j2", document=None, profile="human-organs"))
    assert instruments(await ingest.all_events()) == []
    await ingest.run(change("r1", "release", {"pid": "b"}))
    assert instruments(await ingest.all_events()) == []


async def test_the_instrument_of_a_job_is_public_at_once(ingest: Ingest) -> None:
    await ingest.run(
        {"version": 1, "job_id": "i1", "profile": "human-organs", "instruments": [NEW_INSTRUMENT]}
    )
    assert instruments(await ingest.all_events()) == ["ESRF-ID99"]


async def test_a_public_edition_stays_until_the_embargoed_one_is_released(ingest: Ingest) -> None:
    found = record_events(await register_editions(ingest, release_date=FAR))
    assert ("a", 2) not in found
    assert found["a.v2", 1]["is_public"] is False
    assert found["D1_kidney", 2]["datasets"] == ["a", "a.v2"]
    again = await ingest.run(job(dataset_part("a", release_date=FAR), job_id="j3"))
    assert results(again) == {"D1_kidney": "unchanged", "a": "unchanged"}
    await ingest.run(change("r1", "release", {"pid": "a.v2"}))
    found = record_events(await ingest.all_events())
    assert found["a.v2", 2]["is_public"] is True
    assert found["a", 2]["superseded_by"] == "a.v2"
    assert found["D1_kidney", 3]["datasets"] == ["a.v2"]


async def test_an_edition_replaces_the_earlier_one_when_its_embargo_ends(ingest: Ingest) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=8)
    await register_editions(ingest, release_date=soon.isoformat())
    old = await ingest.published("dataset.registered.v1", "a", 2)
    assert datetime.now(UTC) >= soon
    assert old["dataset"]["superseded_by"] == "a.v2"
    document = await ingest.published("document.registered.v1", "D1_kidney", 3)
    assert document["document"]["datasets"] == ["a.v2"]


async def test_a_patch_that_shows_an_edition_replaces_the_earlier_one(ingest: Ingest) -> None:
    await register_editions(ingest, is_public=False)
    fields = {"is_public": True, "title": "Reconstructed again"}
    await ingest.run(change("p1", "patch", {"pid": "a.v2", "fields": fields}))
    found = record_events(await ingest.all_events())
    assert found["a", 2]["superseded_by"] == "a.v2"
    assert found["a.v2", 2]["title"] == "Reconstructed again"


async def test_a_patch_of_the_public_edition_does_not_release_the_hidden_one(
    ingest: Ingest,
) -> None:
    await register_editions(ingest, release_date=FAR, title="Secret title")
    await ingest.run(change("p1", "patch", {"pid": "a", "fields": {"title": "Corrected"}}))
    found = record_events(await ingest.all_events())
    assert {pid for pid, _ in found} == {"a"}
    assert found["a", 2]["title"] == "Corrected"
    assert found["a", 2]["superseded_by"] is None
    await ingest.run(change("r1", "release", {"pid": "a.v2"}))
    await ingest.all_events()
    await ingest.run(change("p2", "patch", {"pid": "a", "fields": {"title": "Newest"}}))
    found = record_events(await ingest.all_events())
    assert {pid for pid, _ in found} == {"a.v2"}  # as for jobs with the first pid


async def test_an_edition_after_a_hidden_one_replaces_both(ingest: Ingest) -> None:
    await register_editions(ingest, release_date=FAR)
    third = ingest.file("hoa/a3", "v.tif", b"3")
    await ingest.run(job(dataset_part("a", folder="hoa/a3", files=[third]), job_id="j3"))
    found = record_events(await ingest.all_events())
    assert found["a.v3", 1]["is_public"] is True
    assert found["a", 2]["superseded_by"] == "a.v3"
    assert found["a.v2", 2]["superseded_by"] == "a.v3"
    assert found["D1_kidney", 3]["datasets"] == ["a.v3"]
    await ingest.run(change("r1", "release", {"pid": "a.v2"}))
    found = record_events(await ingest.all_events())
    assert set(found) == {("a.v2", 3)}
    assert found["a.v2", 3]["superseded_by"] == "a.v3"


async def test_the_withdrawal_of_a_hidden_record_publishes_nothing_of_it(ingest: Ingest) -> None:
    document = document_part(release_date=FAR, title="Secret organ", summary="Secret summary")
    await ingest.run(job(dataset_part("a", title="Secret"), job_id="j1", document=document))
    await ingest.all_events()
    gone = [{"pid": pid, "reason": "consent was withdrawn"} for pid in ("a", "D1_kidney")]
    await ingest.run(change("w1", "withdraw", *gone))
    for key, pid in (("dataset", "a"), ("document", "D1_kidney")):
        body = await ingest.published(f"{key}.withdrawn.v1", pid, 2)
        assert "Secret" not in str(body)
        assert (body[key], body["title"], body["history"]) == (None, "", [])


async def test_the_withdrawal_of_a_record_hidden_after_it_was_public_shows_what_was_public(
    ingest: Ingest,
) -> None:
    await ingest.run(job(dataset_part("a", title="Public"), job_id="j1"))
    hidden = {"is_public": False, "title": "Secret", "details.scan": {"note": "Secret"}}
    await ingest.run(change("p1", "patch", {"pid": "a", "fields": hidden}))
    await ingest.run(change("w1", "withdraw", {"pid": "a", "reason": "wrong donor"}))
    body = await ingest.published("dataset.withdrawn.v1", "a", 3)
    assert body["title"] == body["dataset"]["title"] == "Public"
    assert "Secret" not in str(body)
    assert [(c["version"], c["kind"]) for c in body["history"]] == [
        (1, "registered"),
        (3, "withdrawn"),
    ]


async def test_a_withdrawn_edition_that_was_never_public_stops_no_later_job(
    ingest: Ingest,
) -> None:
    await register_editions(ingest, release_date=FAR)
    gone = {"pid": "a.v2", "reason": "wrong reconstruction"}
    await ingest.run(change("w1", "withdraw", gone))
    same = ingest.file("hoa/a1", "v.tif", b"1")
    part = dataset_part("a", folder="hoa/a1", files=[same], title="Corrected")
    answer = await ingest.run(job(part, job_id="j3"))
    assert [(o.pid, o.result, o.version) for o in answer.outcomes if o.kind == "dataset"] == [
        ("a", "registered", 2)
    ]
    assert answer.result == "done"
    await ingest.all_events()
    again = ingest.file("hoa/a2", "v.tif", b"2")
    answer = await ingest.run(job(dataset_part("a", folder="hoa/a2", files=[again]), job_id="j4"))
    assert [(o.pid, o.supersedes) for o in answer.outcomes if o.kind == "dataset"] == [
        ("a.v3", "a")
    ]
    found = record_events(await ingest.all_events())
    assert found["a", 3]["superseded_by"] == "a.v3"
    assert found["a.v3", 1]["edition"] == 3
    refused = await ingest.run(job(dataset_part("x", pid="a.v2"), job_id="j5"))
    assert refused.outcomes[1].problems[0].reason.startswith("'a.v2' was withdrawn")


async def test_a_withdrawn_edition_that_was_public_still_refuses_later_jobs(
    ingest: Ingest,
) -> None:
    await register_editions(ingest)
    await ingest.run(change("w1", "withdraw", {"pid": "a.v2", "reason": "wrong donor"}))
    answer = await ingest.run(job(dataset_part("a", title="Corrected"), job_id="j3"))
    assert answer.outcomes[1].problems[0].reason.startswith("'a.v2' was withdrawn")
