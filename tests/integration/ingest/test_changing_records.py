"""Changes of registered records: patches, editions, embargoes, withdrawals, and their history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import icat
import pytest
from portal_shared.runtime.mongo import connect
from portal_shared.runtime.settings import Settings

from tests.builders import dataset_part, document_part, job
from tests.drivers.services.ingest import Ingest, results

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def change(job_id: str, kind: str, *records: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"version": 1, "job_id": job_id, "kind": kind, "records": list(records), **fields}


async def test_a_patch_changes_the_given_fields_and_no_others(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a", keywords=["kidney"]), job_id="j1"))
    await ingest.all_events()
    fields = {
        "title": "Corrected",
        "parameters.voxel_size": {"value": 25, "unit": "um"},
        "parameters.voi": None,
        "details.scan": {"note": "x"},
    }
    answer = await ingest.run(
        change("p1", "patch", {"pid": "a", "fields": fields}, sender="Ada <ada@example.org>")
    )
    assert [(o.name, o.result, o.version) for o in answer.outcomes] == [("a", "registered", 2)]
    body = await ingest.published("dataset.registered.v1", "a", 2)
    assert body["dataset"]["title"] == "Corrected"
    assert body["dataset"]["keywords"] == ["kidney"]
    assert body["dataset"]["document"] == "D1_kidney"
    assert {p["name"]: p["value"] for p in body["dataset"]["parameters"]} == {
        "voxel_size": 25,
        "organ": "kidney",
    }
    assert [(c["version"], c["kind"], c["job_id"]) for c in body["history"]] == [
        (1, "registered", "j1"),
        (2, "changed", "p1"),
    ]
    assert set(body["history"][1]["fields"]) == {
        "title",
        "parameters.voxel_size",
        "parameters.voi",
        "details.scan",
    }
    assert "ada@example.org" not in str(body)
    internal = (await ingest.http.get("/records/a/history")).json()["history"][1]
    assert internal["sender"] == "Ada <ada@example.org>"
    assert ["title", "Volume a", "Corrected"] in internal["changes"]
    found = catalogue.assertedSearch("SELECT o FROM Dataset o WHERE o.name = 'a'")[0]
    assert found.description == "Corrected"


async def test_a_patch_is_judged_like_a_job_and_refused_by_field(ingest: Ingest) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    wrong = {
        "titel": "x",
        "pid": "b",
        "parameters.organ": "hart",
    }
    answer = await ingest.run(
        change(
            "p1",
            "patch",
            {"pid": "a", "fields": wrong},
            {"pid": "nothing", "fields": {"title": "x"}},
            {"pid": "D1_kidney", "fields": {"summary": "A summary"}},
            {"pid": "x"},
        )
    )
    assert answer.result == "partial"
    problems = {p.field: p.suggestion for o in answer.outcomes for p in o.problems}
    assert problems == {
        "records[0].fields.titel": "title",
        "records[0].fields.pid": None,
        "records[1].pid": None,
        "records[3].fields": None,
    }
    organ = await ingest.run(
        change("p2", "patch", {"pid": "a", "fields": {"parameters.organ": "hart"}})
    )
    assert organ.outcomes[0].problems[0].suggestion == "heart"


async def test_changed_files_make_a_dataset_that_supersedes_the_old_one(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    first = ingest.file("hoa/a1", "v.tif", b"one")
    second = ingest.file("hoa/a2", "v.tif", b"two")
    await ingest.run(job(dataset_part("a", folder="hoa/a1", files=[first]), job_id="j1"))
    await ingest.all_events()
    answer = await ingest.run(job(dataset_part("a", folder="hoa/a2", files=[second]), job_id="j2"))
    outcomes = {o.name: (o.pid, o.result, o.version, o.supersedes) for o in answer.outcomes}
    assert outcomes == {
        "D1_kidney": ("D1_kidney", "registered", 2, None),
        "a": ("a.v2", "registered", 1, "a"),
    }
    events = {
        (e.key, (e.body.get("dataset") or e.body["document"])["pid"]): e.body
        for e in await ingest.all_events()
        if e.key.endswith("registered.v1") and "instrument" not in e.key
    }
    assert events["dataset.registered.v1", "a.v2"]["dataset"]["supersedes"] == "a"
    assert events["dataset.registered.v1", "a.v2"]["dataset"]["edition"] == 2
    old = events["dataset.registered.v1", "a"]
    assert (old["version"], old["dataset"]["superseded_by"]) == (2, "a.v2")
    assert old["dataset"]["files"]["count"] == 1
    assert events["document.registered.v1", "D1_kidney"]["document"]["datasets"] == ["a.v2"]
    names = catalogue.search("SELECT o.name FROM Dataset o ORDER BY o.name")
    assert names == ["a", "a.v2"]
    again = await ingest.run(job(dataset_part("a", folder="hoa/a2", files=[second]), job_id="j3"))
    assert results(again) == {"D1_kidney": "unchanged", "a": "unchanged"}
    words = await ingest.run(job(dataset_part("a", title="Only the title"), job_id="j4"))
    assert [(o.pid, o.version) for o in words.outcomes if o.kind == "dataset"] == [("a.v2", 2)]


async def test_an_embargo_ends_by_itself_and_the_release_date_stays(ingest: Ingest) -> None:
    until = datetime.now(UTC) + timedelta(seconds=8)
    answer = await ingest.run(job(dataset_part("a", release_date=until.isoformat()), job_id="j1"))
    assert answer.result == "done"
    first = await ingest.published("dataset.registered.v1", "a", 1)
    assert first["dataset"]["is_public"] is False
    second = await ingest.published("dataset.registered.v1", "a", 2)
    assert second["dataset"]["is_public"] is True
    assert datetime.now(UTC) >= until
    assert second["history"][1]["kind"] == "released"
    again = await ingest.run(job(dataset_part("a", release_date=until.isoformat()), job_id="j2"))
    assert results(again)["a"] == "unchanged"


async def test_an_embargo_that_ended_while_ingest_was_down_ends_when_it_is_back(
    ingest: Ingest, settings: Settings
) -> None:
    far = datetime.now(UTC) + timedelta(days=300)
    await ingest.run(job(dataset_part("a", release_date=far.isoformat()), job_id="j1"))
    client = connect(settings)
    rows = client[settings.database_prefix + "ingest"]["records"]
    before = datetime.now(UTC) - timedelta(days=1)  # as if it had slept until then
    await rows.update_one({"_id": "a"}, {"$set": {"release_at": before}})
    client.close()
    body = await ingest.published("dataset.registered.v1", "a", 2)
    assert body["dataset"]["is_public"] is True


async def test_a_release_ends_an_embargo_now(ingest: Ingest) -> None:
    far = datetime.now(UTC) + timedelta(days=300)
    document = document_part(release_date=far.isoformat())
    await ingest.run(job(dataset_part("a"), job_id="j1", document=document))
    assert (await ingest.published("dataset.registered.v1", "a", 1))["dataset"][
        "is_public"
    ] is False
    answer = await ingest.run(change("r1", "release", {"pid": "a"}, {"pid": "D1_kidney"}))
    assert answer.result == "done"
    body = await ingest.published("document.registered.v1", "D1_kidney", 2)
    assert body["document"]["is_public"] is True
    again = await ingest.run(change("r2", "release", {"pid": "a"}))
    assert results(again) == {"a": "unchanged"}


async def test_a_withdrawal_leaves_a_tombstone_and_no_way_back(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), dataset_part("b"), job_id="j1"))
    gone = {"pid": "a", "reason": "consent was withdrawn"}
    answer = await ingest.run(change("w1", "withdraw", gone))
    assert [(o.name, o.result, o.version) for o in answer.outcomes] == [("a", "withdrawn", 2)]
    body = await ingest.published("dataset.withdrawn.v1", "a", 2)
    assert body["reason"] == "consent was withdrawn"
    assert body["title"] == "Volume a"
    again = await ingest.run(change("w1", "withdraw", gone))
    assert again == answer.model_copy(update={"repeated": True})
    assert results(await ingest.run(change("w2", "withdraw", gone))) == {"a": "unchanged"}
    back = await ingest.run(job(dataset_part("a", title="New"), dataset_part("b"), job_id="j2"))
    refused = next(o for o in back.outcomes if o.name == "a")
    assert "consent was withdrawn" in refused.problems[0].reason
    patch = await ingest.run(change("p1", "patch", {"pid": "a", "fields": {"title": "x"}}))
    assert patch.result == "refused"
    reasons = catalogue.assertedSearch(
        "SELECT p.stringValue FROM DatasetParameter p WHERE p.type.name = 'withdrawn'"
    )
    assert reasons == ["consent was withdrawn"]
    await ingest.all_events()
    republished = await ingest.http.post("/republish")
    assert republished.status_code == httpx.codes.OK
    events = await ingest.all_events()
    assert any(e.is_of("dataset.withdrawn.v1", "a", 2) for e in events)
    assert len(events) == republished.json()["events"]


async def test_datasets_of_others_in_icat_are_only_changed_with_take_over(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    theirs = catalogue.assertedSearch("SELECT o FROM Investigation o")[0]
    kind = catalogue.assertedSearch("SELECT o FROM DatasetType o")[0]
    made = catalogue.new("dataset", name="b", investigation=theirs, type=kind, description="mine")
    made.complete = True
    made.create()
    answer = await ingest.run(job(dataset_part("b"), job_id="j2"))
    problem = next(p for o in answer.outcomes for p in o.problems)
    assert problem.field == "datasets[0].name"
    assert "take_over" in problem.reason
    found = catalogue.assertedSearch("SELECT o FROM Dataset o WHERE o.name = 'b'")[0]
    assert found.description == "mine"
    taken = await ingest.run(job(dataset_part("b"), job_id="j3", take_over=True))
    assert taken.result == "done"
    found = catalogue.assertedSearch("SELECT o FROM Dataset o WHERE o.name = 'b'")[0]
    assert found.description == "Volume b"


async def test_jobs_of_a_document_run_in_the_order_in_which_they_arrived(ingest: Ingest) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j0"))
    for number in range(12):
        patch = change(f"p{number}", "patch", {"pid": "a", "fields": {"title": f"T{number}"}})
        await ingest.broker.send(patch)
    answers = [await ingest.broker.answer() for _ in range(12)]
    assert [a.outcomes[0].version for a in answers] == list(range(2, 14))
    assert [a.job_id for a in answers] == [f"p{n}" for n in range(12)]


async def test_a_manifest_lists_more_files_than_a_job_could(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    lines = []
    for number in range(700):
        file = ingest.file("hoa/m", f"slices/{number:04d}.tif", str(number).encode())
        lines.append(f"{file['sha256']}  slices/{number:04d}.tif\n")
    (ingest.root / "hoa/m/SHA256SUMS").write_text("".join(lines))
    await ingest.run(job(dataset_part("a", folder="hoa/m", manifest="SHA256SUMS"), job_id="j1"))
    body = await ingest.published("dataset.registered.v1", "a", 1)
    assert body["dataset"]["files"]["count"] == 700
    assert body["dataset"]["size"] == sum(len(str(n)) for n in range(700))
    rows = catalogue.search("SELECT o FROM Datafile o")
    assert [(r.name, r.fileSize) for r in rows] == [("slices", body["dataset"]["size"])]
    (ingest.root / "hoa/m/slices/0003.tif").write_bytes(b"other")
    lines[5] = f"{'0' * 64}  ../../etc/passwd\n"
    (ingest.root / "hoa/m/SHA256SUMS").write_text("".join(lines))
    answer = await ingest.run(
        job(dataset_part("a", folder="hoa/m", manifest="SHA256SUMS"), job_id="j2")
    )
    assert [p.field for o in answer.outcomes for p in o.problems] == [
        "datasets[0].manifest[4].sha256",
        "datasets[0].manifest[6]",
    ]


async def test_a_patch_is_judged_by_the_fields_that_it_changes(
    ingest: Ingest, settings: Settings
) -> None:
    document = document_part(license="CC-BY-4.0", language="en")
    await ingest.run(job(dataset_part("a", license="CC-BY-4.0"), job_id="j1", document=document))
    client = connect(settings)
    rows = client[f"{settings.database_prefix}ingest"]["records"]
    for pid in ("a", "D1_kidney"):  # as an earlier version accepted it
        row = await rows.find_one({"_id": pid})
        assert row is not None
        body = row["body"].replace("CC-BY-4.0", "Free for all").replace('"kidney"', '"kidny"')
        await rows.update_one({"_id": pid}, {"$set": {"body": body}})
    client.close()
    for number, (pid, fields) in enumerate(
        [
            ("a", {"title": "New", "parameters.voi": None}),
            ("a", {"parameters.voxel_size": {"value": 25, "unit": "um"}}),
            ("D1_kidney", {"summary": "A summary"}),
        ]
    ):
        answer = await ingest.run(change(f"p{number}", "patch", {"pid": pid, "fields": fields}))
        [result] = answer.outcomes
        assert (result.result, result.problems) == ("registered", ()), fields
        assert "records[0].fields.license" in [w.field for w in result.warnings]
    for number, (fields, place) in enumerate(
        [
            ({"license": "Free for all"}, "license"),
            ({"parameters.organ": "kidny"}, "parameters[1].value"),
            ({"title": "x", "language": "klingon_x"}, "language"),
        ]
    ):
        answer = await ingest.run(change(f"q{number}", "patch", {"pid": "a", "fields": fields}))
        [result] = answer.outcomes
        assert result.result == "refused", fields
        assert [p.field for p in result.problems] == [f"records[0].fields.{place}"]
