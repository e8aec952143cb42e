"""Outcomes of jobs: registered in ICAT and published, unchanged, or refused with a reason."""

import json
from datetime import UTC, datetime
from typing import Any

import icat
import pytest

from tests.builders import dataset_part, job
from tests.drivers.services.ingest import Ingest, results

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def test_a_job_is_registered_published_and_answered(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    file = ingest.file("hoa/a", "0/c", b"voxels")
    answer = await ingest.run(
        job(dataset_part("a", folder="hoa/a", files=[file]), dataset_part("b"), job_id="j1")
    )
    assert answer.result == "done"
    assert results(answer) == {"D1_kidney": "registered", "a": "registered", "b": "registered"}
    events = await ingest.all_events()
    assert sorted(e.key for e in events) == [
        "dataset.files-listed.v1",
        "dataset.files-listed.v1",
        "dataset.registered.v1",
        "dataset.registered.v1",
        "document.registered.v1",
        "ingest.job.finished.v1",
        "instrument.registered.v1",
    ]
    document = next(e.body["document"] for e in events if e.key == "document.registered.v1")
    assert document["datasets"] == ["a", "b"]
    found = catalogue.assertedSearch(
        "SELECT o FROM Dataset o WHERE o.name = 'a' INCLUDE o.parameters AS p, p.type,"
        " o.datafiles, o.sample, o.investigation AS i, o.datasetTechniques AS dt, dt.technique"
    )[0]
    assert found.complete
    assert found.investigation.name == "md1290"
    assert found.sample.name == "D1_kidney"
    assert {
        (p.type.name, p.type.units or "", p.numericValue or p.stringValue) for p in found.parameters
    } == {
        ("TOMOReconstruction_voxel_size_x", "um", 25.14),
        ("SamplePatient_organ_name", "", "kidney"),
        ("voi", "", "L'organe"),
    }
    assert [(f.name, f.location, f.fileSize) for f in found.datafiles] == [("0/c", "hoa/a/0/c", 6)]


async def test_a_time_is_a_date_in_icat_and_not_a_text(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    rows = dataset_part("a")["parameters"]
    rows.append({"name": "scan_start", "value": "2026-11-20T09:30:00+01:00"})
    for title in ("first", "changed"):
        given = dataset_part("a", title=title, parameters=rows)
        assert (await ingest.run(job(given, job_id=title))).result == "done"
    found = catalogue.assertedSearch(
        "SELECT o FROM DatasetParameter o WHERE o.type.name = 'startDate' INCLUDE o.type"
    )[0]
    assert found.type.valueType == "DATE_AND_TIME"
    assert found.dateTimeValue == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert found.stringValue is None


async def test_the_same_job_again_gives_the_same_answer_and_no_work(ingest: Ingest) -> None:
    first = await ingest.run(job(dataset_part("a"), job_id="j1"))
    await ingest.all_events()
    second = await ingest.run(job(dataset_part("a"), job_id="j1"))
    assert second == first.model_copy(update={"repeated": True})
    assert second.finished_at is not None
    assert await ingest.all_events() == []


async def test_a_refused_job_runs_again_when_its_files_are_there(ingest: Ingest) -> None:
    present = ingest.file("hoa/x", "f.txt", b"abc")
    (ingest.root / "hoa/x/f.txt").unlink()
    given = job(dataset_part("a", folder="hoa/x", files=[present]), dataset_part("b"), job_id="j1")
    first = await ingest.run(given)
    assert results(first) == {"D1_kidney": "registered", "a": "refused", "b": "registered"}
    again = await ingest.run(given)
    assert (results(again)["a"], again.repeated) == ("refused", False)
    assert ingest.file("hoa/x", "f.txt", b"abc") == present
    third = await ingest.run(given)
    assert results(third) == {"D1_kidney": "registered", "a": "registered", "b": "registered"}
    assert (third.result, third.repeated) == ("done", False)
    stored = (await ingest.http.get("/jobs/j1")).json()
    assert stored["answer"]["result"] == "done"
    assert (await ingest.run(given)).repeated


async def test_the_same_content_in_another_job_changes_nothing(ingest: Ingest) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await ingest.all_events()
    again = await ingest.run(job(dataset_part("a"), job_id="j2"))
    assert results(again) == {"D1_kidney": "unchanged", "a": "unchanged"}
    assert [e.key for e in await ingest.all_events()] == ["ingest.job.finished.v1"]


async def test_changed_content_makes_the_next_version_of_the_same_dataset(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await ingest.all_events()
    voxels = {"name": "voxel_size", "value": 25, "unit": "um"}
    organ = {"name": "organ", "value": "kidney"}
    other = dataset_part("a", title="Another title", parameters=[voxels, organ])
    answer = await ingest.run(job(other, job_id="j2"))
    assert [(o.name, o.result, o.version) for o in answer.outcomes] == [
        ("D1_kidney", "unchanged", 1),
        ("a", "registered", 2),
    ]
    found = catalogue.assertedSearch(
        "SELECT o FROM Dataset o WHERE o.name = 'a' INCLUDE o.parameters AS p, p.type"
    )[0]
    assert found.description == "Another title"
    assert {p.type.name: p.numericValue or p.stringValue for p in found.parameters} == {
        "TOMOReconstruction_voxel_size_x": 25,
        "SamplePatient_organ_name": "kidney",
    }


async def test_invalid_datasets_are_refused_by_field_and_the_others_registered(
    ingest: Ingest,
) -> None:
    good = ingest.file("hoa/x", "f.txt", b"abc")
    wrong = {**good, "sha256": "0" * 64}
    bad: dict[str, dict[str, Any]] = {
        "unit": dataset_part(
            "unit",
            parameters=[
                {"name": "voxel_size", "value": 1, "unit": "furlong"},
                {"name": "organ", "value": "kidney"},
            ],
        ),
        "technique": dataset_part("technique", techniques=[{"pid": "PaNET99999", "name": "magic"}]),
        "leaves": dataset_part("leaves", folder="../etc", files=[]),
        "leaves too": dataset_part("leaves too", folder="hoa/x", files=[{**good, "path": "../.."}]),
        "missing": dataset_part("missing", folder="hoa/x", files=[{**good, "name": "none.txt"}]),
        "checksum": dataset_part("checksum", folder="hoa/x", files=[wrong]),
        "size": dataset_part("size", folder="hoa/x", files=[{**good, "size": 4}]),
        "unknown field": dataset_part("unknown field", colour="red"),
        "no title": {k: v for k, v in dataset_part("no title").items() if k != "title"},
        "orcid": dataset_part(
            "orcid",
            members=[{"person": {"id": "p", "full_name": "A B", "orcid": "0000-0003-0907-0316"}}],
        ),
    }
    answer = await ingest.run(
        job(dataset_part("good", folder="hoa/x", files=[good]), *bad.values(), job_id="j1")
    )
    assert answer.result == "partial"
    assert results(answer) == {
        "D1_kidney": "registered",
        "good": "registered",
        **dict.fromkeys(bad, "refused"),
    }
    fields = {o.name: [p.field for p in o.problems] for o in answer.outcomes if o.problems}
    assert fields == {
        "unit": ["datasets[1].parameters[0].unit"],
        "technique": ["datasets[2].techniques[0].pid"],
        "leaves": ["datasets[3].folder"],
        "leaves too": ["datasets[4].files[0].path"],
        "missing": ["datasets[5].files[0].name"],
        "checksum": ["datasets[6].files[0].sha256"],
        "size": ["datasets[7].files[0].size"],
        "unknown field": ["datasets[8].colour"],
        "no title": ["datasets[9].title"],
        "orcid": ["datasets[10].members[0].person.orcid"],
    }
    shown = (await ingest.http.get("/jobs/j1")).json()
    assert shown["answer"]["result"] == "partial"


async def test_two_datasets_with_the_same_name_are_both_refused(ingest: Ingest) -> None:
    answer = await ingest.run(
        job(dataset_part("a"), dataset_part("a", title="Other"), dataset_part("b"), job_id="j1")
    )
    assert [(o.name, o.result) for o in answer.outcomes] == [
        ("D1_kidney", "registered"),
        ("a", "refused"),
        ("a", "refused"),
        ("b", "registered"),
    ]


async def test_a_link_that_leads_out_of_the_folder_is_not_followed(ingest: Ingest) -> None:
    described = ingest.file("hoa/x", "f.txt", b"abc")
    (ingest.root / "hoa/x/link.txt").symlink_to("/etc/passwd")
    link = {**described, "name": "link.txt", "size": None}
    answer = await ingest.run(job(dataset_part("a", folder="hoa/x", files=[link]), job_id="j1"))
    problem = next(p for o in answer.outcomes for p in o.problems)
    assert problem.field == "datasets[0].files[0].name"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"not json", "job", "line 1, column 1"),
        (b'{"version": 1, "job_id": "x", "datasets": [NaN]}', "job", "NaN"),
        (b'{"version": 1, "version": 1}', "job", "appears twice"),
        (b"[1]", "job", "JSON object"),
        (b"\xff", "job", "UTF-8"),
        (b"[" * 100_000, "job", "nested"),
        (b'{"version": 7, "job_id": "x"}', "version", "7"),
        (b'{"version": 1, "job_id": "a b"}', "job_id", "must be 1 to 128 letters"),
        (b'{"version": 1, "job_id": "x", "kind": "melt"}', "kind", "register"),
        (b'{"version": 1, "job_id": "x", "profile": "none"}', "profile", "no profile"),
        (b'{"version": 1, "job_id": "x", "more": 1}', "more", "not a known field"),
        (b'{"version": 1, "job_id": "x", "sender": "\\ud800"}', "sender", "surrogate"),
        (b'{"version": 1, "job_id": "x"}', "job", "contains no document"),
        (b" " * 8_000_001, "job", "8000001 bytes"),
    ],
    ids=lambda v: repr(v)[:30],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_an_unreadable_job_is_answered_and_shown(
    ingest_of_module: Ingest, body: bytes, field: str, reason: str
) -> None:
    answer = await ingest_of_module.run(body)
    assert answer.result == "refused"
    assert answer.problems[0].field == field
    assert reason in answer.problems[0].reason
    listed = (await ingest_of_module.http.get("/jobs")).json()["jobs"]
    assert listed[0]["answer"]["result"] == "refused"


async def test_a_job_id_used_before_with_other_content_is_refused(ingest: Ingest) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    answer = await ingest.run(job(dataset_part("b"), job_id="j1"))
    assert answer.result == "refused"
    assert answer.problems[0].field == "job_id"


async def test_a_date_of_death_reaches_no_record_log_or_event(
    ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    details = {"donor": {"id": "D1", "date_of_death": "2019-12-24", "hospital": "H"}}
    answer = await ingest.run(job(dataset_part("a", details=details), job_id="j1"))
    assert answer.result == "done"
    events = json.dumps([e.body for e in await ingest.all_events()])
    stored = json.dumps((await ingest.http.get("/jobs/j1")).json())
    assert "2019-12-24" not in events + stored + caplog.text
    assert '"id": "D1"' in events
    assert json.loads(stored)["dropped"] == 2
    places = [f"datasets[0].details.donor.{name}" for name in ("date_of_death", "hospital")]
    assert answer.dropped_fields == tuple(places)
    assert json.loads(stored)["dropped_fields"] == places


async def test_a_doi_of_two_datasets_is_registered_with_a_warning(ingest: Ingest) -> None:
    answer = await ingest.run(
        job(
            dataset_part("a", doi="10.15151/ESRF-DC-1"),
            dataset_part("b", doi="10.15151/esrf-dc-1"),
            job_id="j1",
        )
    )
    assert answer.result == "done"
    warnings = {o.name: [w.field for w in o.warnings] for o in answer.outcomes}
    assert warnings == {"D1_kidney": [], "a": [], "b": ["datasets[1].doi"]}
