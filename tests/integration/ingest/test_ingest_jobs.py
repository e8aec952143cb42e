"""What becomes of a job: registered in ICAT and said, unchanged, or refused by field and reason."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import icat
import pytest

from .conftest import Ingest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def catalogue(icat_url: str) -> Iterator[icat.Client]:
    """ICAT as anybody else sees it."""
    client = icat.Client(icat_url)
    client.autoLogout = False
    client.login("simple", {"username": "ingest", "password": "ingest"})
    yield client
    client.logout()


def dataset(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"Volume {name}",
        "created": "2021-09-26T00:00:00Z",
        "proposal": "md1290",
        "instrument": {"pid": "ESRF-BM05", "name": "BM05", "facility": "ESRF"},
        "techniques": [
            {
                "pid": "http://purl.org/pan-science/PaNET/PaNET01333",
                "name": "x-ray propagation phase contrast microtomography",
            }
        ],
        "samples": [{"pid": "D1_kidney", "name": "D1_kidney"}],
        "parameters": [
            {"name": "voxel_size", "value": 25.14, "unit": "um"},
            {"name": "organ", "value": "kidney"},
            {"name": "voi", "value": "L'organe"},
        ],
        **more,
    }


def job(job_id: str, *datasets: dict[str, Any], **more: Any) -> dict[str, Any]:
    document = {
        "name": "D1_kidney",
        "title": "Kidney of donor D1",
        "type": "publication",
        "members": [{"person": {"id": "p", "full_name": "Ada Lovelace"}}],
    }
    return {
        "version": 1,
        "job_id": job_id,
        "document": document,
        "datasets": list(datasets),
        **more,
    }


def results(answer: Any) -> dict[str, str]:
    return {o.name: o.result for o in answer.outcomes}


async def test_a_job_is_registered_said_and_answered(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    file = ingest.file("hoa/a", "0/c", b"voxels")
    answer = await ingest.do(job("j1", dataset("a", folder="hoa/a", files=[file]), dataset("b")))
    assert answer.result == "done"
    assert results(answer) == {"D1_kidney": "registered", "a": "registered", "b": "registered"}
    events = await ingest.heard(7)
    assert sorted(key for key, _ in events) == [
        "dataset.files-listed.v1",
        "dataset.files-listed.v1",
        "dataset.registered.v1",
        "dataset.registered.v1",
        "document.registered.v1",
        "ingest.job.finished.v1",
        "instrument.registered.v1",
    ]
    said = next(body for key, body in events if key == "document.registered.v1")
    assert said["document"]["datasets"] == ["a", "b"]
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


async def test_an_instant_is_one_in_icat_and_no_text(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    rows = dataset("a")["parameters"]
    rows.append({"name": "scan_start", "value": "2026-11-20T09:30:00+01:00"})
    for title in ("first", "changed"):
        given = dataset("a", title=title, parameters=rows)
        assert (await ingest.do(job(title, given))).result == "done"
    found = catalogue.assertedSearch(
        "SELECT o FROM DatasetParameter o WHERE o.type.name = 'startDate' INCLUDE o.type"
    )[0]
    assert found.type.valueType == "DATE_AND_TIME"
    assert found.dateTimeValue == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert found.stringValue is None


async def test_the_same_job_again_gives_the_same_answer_and_no_work(ingest: Ingest) -> None:
    first = await ingest.do(job("j1", dataset("a")))
    await ingest.heard(5)
    second = await ingest.do(job("j1", dataset("a")))
    assert second == first
    assert await ingest.heard(0) == []


async def test_the_same_content_in_another_job_changes_nothing(ingest: Ingest) -> None:
    await ingest.do(job("j1", dataset("a")))
    await ingest.heard(5)
    again = await ingest.do(job("j2", dataset("a")))
    assert results(again) == {"D1_kidney": "unchanged", "a": "unchanged"}
    assert [key for key, _ in await ingest.heard(1)] == ["ingest.job.finished.v1"]


async def test_changed_content_is_the_next_version_in_the_same_place(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.do(job("j1", dataset("a")))
    await ingest.heard(5)
    voxels = {"name": "voxel_size", "value": 25, "unit": "um"}
    organ = {"name": "organ", "value": "kidney"}
    other = dataset("a", title="Another title", parameters=[voxels, organ])
    answer = await ingest.do(job("j2", other))
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


async def test_what_is_wrong_is_refused_by_field_and_the_rest_goes_through(ingest: Ingest) -> None:
    good = ingest.file("hoa/x", "f.txt", b"abc")
    wrong = {**good, "sha256": "0" * 64}
    bad: dict[str, dict[str, Any]] = {
        "unit": dataset(
            "unit",
            parameters=[
                {"name": "voxel_size", "value": 1, "unit": "furlong"},
                {"name": "organ", "value": "kidney"},
            ],
        ),
        "technique": dataset("technique", techniques=[{"pid": "PaNET99999", "name": "magic"}]),
        "leaves": dataset("leaves", folder="../etc", files=[]),
        "leaves too": dataset("leaves too", folder="hoa/x", files=[{**good, "path": "../.."}]),
        "missing": dataset("missing", folder="hoa/x", files=[{**good, "name": "none.txt"}]),
        "checksum": dataset("checksum", folder="hoa/x", files=[wrong]),
        "size": dataset("size", folder="hoa/x", files=[{**good, "size": 4}]),
        "unknown field": dataset("unknown field", colour="red"),
        "no title": {k: v for k, v in dataset("no title").items() if k != "title"},
        "orcid": dataset(
            "orcid",
            members=[{"person": {"id": "p", "full_name": "A B", "orcid": "0000-0003-0907-0316"}}],
        ),
    }
    answer = await ingest.do(
        job("j1", dataset("good", folder="hoa/x", files=[good]), *bad.values())
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


async def test_two_datasets_of_one_name_are_refused_both(ingest: Ingest) -> None:
    answer = await ingest.do(job("j1", dataset("a"), dataset("a", title="Other"), dataset("b")))
    assert [(o.name, o.result) for o in answer.outcomes] == [
        ("D1_kidney", "registered"),
        ("a", "refused"),
        ("a", "refused"),
        ("b", "registered"),
    ]


async def test_a_link_that_leads_out_of_the_folder_is_not_followed(ingest: Ingest) -> None:
    described = ingest.file("hoa/x", "f.txt", b"abc")
    (ingest.root / "hoa/x/link.txt").symlink_to("/etc/passwd")
    named = {**described, "name": "link.txt", "size": None}
    answer = await ingest.do(job("j1", dataset("a", folder="hoa/x", files=[named])))
    problem = next(p for o in answer.outcomes for p in o.problems)
    assert problem.field == "datasets[0].files[0].name"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"not json", "job", "line 1, column 1"),
        (b'{"version": 1, "job_id": "x", "datasets": [NaN]}', "job", "NaN"),
        (b'{"version": 1, "version": 1}', "job", "stands twice"),
        (b"[1]", "job", "JSON object"),
        (b"\xff", "job", "UTF-8"),
        (b"[" * 100_000, "job", "nested"),
        (b'{"version": 7, "job_id": "x"}', "version", "7"),
        (b'{"version": 1, "job_id": "a b"}', "job_id", "pattern"),
        (b'{"version": 1, "job_id": "x", "kind": "melt"}', "kind", "register"),
        (b'{"version": 1, "job_id": "x", "profile": "none"}', "profile", "no profile"),
        (b'{"version": 1, "job_id": "x", "more": 1}', "more", "not permitted"),
        (b'{"version": 1, "job_id": "x", "sender": "\\ud800"}', "sender", "surrogate"),
        (b'{"version": 1, "job_id": "x"}', "job", "neither"),
        (b" " * 8_000_001, "job", "8000001 bytes"),
    ],
    ids=lambda v: repr(v)[:30],
)
async def test_a_job_that_cannot_be_read_is_answered_and_shown(
    ingest: Ingest, body: bytes, field: str, reason: str
) -> None:
    answer = await ingest.do(body)
    assert answer.result == "refused"
    assert answer.problems[0].field == field
    assert reason in answer.problems[0].reason
    listed = (await ingest.http.get("/jobs")).json()["jobs"]
    assert listed[0]["answer"]["result"] == "refused"


async def test_an_id_used_for_another_content_is_refused(ingest: Ingest) -> None:
    await ingest.do(job("j1", dataset("a")))
    answer = await ingest.do(job("j1", dataset("b")))
    assert answer.result == "refused"
    assert answer.problems[0].field == "job_id"


async def test_a_date_of_death_reaches_no_record_log_or_event(
    ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    details = {"donor": {"id": "D1", "date_of_death": "2019-12-24", "hospital": "H"}}
    answer = await ingest.do(job("j1", dataset("a", details=details)))
    assert answer.result == "done"
    events = json.dumps(await ingest.heard(5))
    stored = json.dumps((await ingest.http.get("/jobs/j1")).json())
    assert "2019-12-24" not in events + stored + caplog.text
    assert '"id": "D1"' in events
    assert json.loads(stored)["dropped"] == 2


async def test_a_doi_of_two_datasets_is_kept_with_a_warning(ingest: Ingest) -> None:
    answer = await ingest.do(
        job("j1", dataset("a", doi="10.15151/ESRF-DC-1"), dataset("b", doi="10.15151/esrf-dc-1"))
    )
    assert answer.result == "done"
    warnings = {o.name: [w.field for w in o.warnings] for o in answer.outcomes}
    assert warnings == {"D1_kidney": [], "a": [], "b": ["datasets[1].doi"]}
