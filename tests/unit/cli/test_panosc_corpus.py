"""A corpus of PaNOSC records becomes jobs without losing a field, or is refused with the place."""

import json
import math
from typing import Any

import pytest
from portal_cli.panosc.jobs import ORPHANS_PER_JOB, CorpusJobs, corpus_jobs
from portal_shared.contracts.jobs import Job
from portal_shared.runtime.errors import Invalid

DIFFRACTOMETER = {"pid": "ins/1", "name": "D1", "facility": "Lab"}
CAMERA = {"pid": "ins/2", "name": "C2", "facility": "Lab"}
DATASET: dict[str, Any] = {
    "pid": "10.1/set 1",
    "title": "First",
    "isPublic": True,
    "creationDate": "2020-05-05T15:01:02.341Z",
    "size": 12,
    "instrument": DIFFRACTOMETER,
    "techniques": [
        {"pid": "PaNET01102", "name": "one;\ntwo", "panetId": "PaNET01102"},
        {"pid": "http://example.org/other", "name": "other"},
    ],
    "samples": [{"pid": "s1", "name": "copper", "description": "solid"}],
    "parameters": [
        {"name": "wavelength", "value": 1064, "unit": "nm"},
        {"name": "wavelength", "value": "1064", "unit": "microns"},
        {"name": "formula", "value": "Cu", "unit": ""},
        {"name": "gdd", "value": 0.5, "unit": "fs^2"},
    ],
    "files": [{"id": 7, "name": "a.h5"}, {"name": "b.h5", "path": "raw/x", "size": 5}],
    "runNumber": 17,
}
DOCUMENT: dict[str, Any] = {
    "pid": "10.1/doc",
    "isPublic": False,
    "type": "Proposal",
    "title": "A proposal",
    "summary": "words",
    "doi": "10.1/doc",
    "startDate": "2020-01-01T00:00:00.000Z",
    "releaseDate": "2023-01-01T00:00:00+02:00",
    "license": "CC0-1.0",
    "keywords": ["b", "a"],
    "members": [
        {
            "id": 3,
            "role": "owner",
            "person": {"id": "p1", "fullName": "Ada B", "firstName": "Ada", "researcherId": "r"},
            "affiliation": {"id": "1", "name": "Lab", "city": "Lund", "country": "Sweden"},
        }
    ],
    "parameters": [{"name": "proposal number", "value": "0815", "unit": ""}],
    "datasets": [DATASET],
}


@pytest.fixture
def corpus() -> dict[str, Any]:
    orphan = {**DATASET, "pid": "10.1/orphan", "instrument": None, "size": None}
    found = {
        "corpus": "own",
        "source": "this test",
        "instruments": [DIFFRACTOMETER, CAMERA, DIFFRACTOMETER],
        "documents": [DOCUMENT],
        "orphan_datasets": [orphan],
    }
    return json.loads(json.dumps(found))  # nothing in it is shared


def read(corpus: object) -> CorpusJobs:
    return corpus_jobs(json.dumps(corpus).encode())


def made(corpus: object) -> list[Job]:
    """The jobs of a corpus without problems."""
    found = read(corpus)
    assert found.findings.problems == []
    return [Job.model_validate_json(job.body) for job in found.jobs]


def test_every_field_of_a_document_is_imported(corpus: dict[str, Any]) -> None:
    _, job, _ = made(corpus)
    document = job.document
    assert document is not None
    fields = document.model_dump(mode="json", exclude_unset=True)
    assert (fields["pid"], fields["type"], fields["is_public"]) == ("10.1/doc", "Proposal", False)
    assert (fields["doi"], fields["license"], fields["keywords"]) == (
        "10.1/doc",
        "CC0-1.0",
        ["b", "a"],
    )
    assert fields["start_date"] == "2020-01-01T00:00:00Z"
    assert fields["release_date"] == "2023-01-01T00:00:00+02:00"
    assert fields["parameters"] == DOCUMENT["parameters"]
    person = fields["members"][0]["person"]
    assert person["full_name"] == "Ada B"
    assert person["researcher_id"] == "r"
    assert fields["members"][0]["affiliation"]["city"] == "Lund"


def test_every_field_of_a_dataset_is_imported(corpus: dict[str, Any]) -> None:
    dataset = made(corpus)[1].datasets[0]
    fields = dataset.model_dump(mode="json", exclude_unset=True)
    assert fields["pid"] == "10.1/set 1"
    assert fields["created"] == "2020-05-05T15:01:02.341000Z"
    assert fields["size"] == 12
    assert fields["techniques"] == [
        {"pid": "PaNET01102", "name": "one;\ntwo", "panet_id": "PaNET01102"},
        {"pid": "http://example.org/other", "name": "other"},
    ]
    assert fields["parameters"] == DATASET["parameters"]
    assert [type(p.value) for p in dataset.parameters] == [int, str, str, float]
    assert fields["files"] == [{"name": "a.h5"}, {"name": "b.h5", "path": "raw/x", "size": 5}]
    assert fields["details"] == {"runNumber": 17}
    assert dataset.folder is None


def test_there_is_a_job_per_document_one_of_orphans_and_one_of_instruments(
    corpus: dict[str, Any],
) -> None:
    instruments, document, orphans = made(corpus)
    assert [i.name for i in instruments.instruments] == ["D1", "C2"]
    assert document.document is not None
    assert orphans.document is None
    assert [d.pid for d in orphans.datasets] == ["10.1/orphan"]
    assert {j.profile for j in (instruments, document, orphans)} == {"panosc"}


def test_many_orphans_are_several_jobs(corpus: dict[str, Any]) -> None:
    first = corpus["orphan_datasets"][0]
    count = ORPHANS_PER_JOB + 1
    corpus["orphan_datasets"] = [{**first, "pid": f"o{n}"} for n in range(count)]
    found = [job for job in made(corpus) if job.document is None and job.datasets]
    assert [len(job.datasets) for job in found] == [ORPHANS_PER_JOB, 1]


def test_a_dataset_under_two_documents_is_registered_once_and_referenced_twice(
    corpus: dict[str, Any],
) -> None:
    corpus["documents"].append({**corpus["documents"][0], "pid": "10.1/second"})
    _, first, second, _ = made(corpus)
    assert first.document is not None
    assert second.document is not None
    assert [d.pid for d in first.datasets] == ["10.1/set 1"]
    assert second.datasets == ()
    assert second.document.other_datasets == ("10.1/set 1",)


def test_the_same_corpus_makes_the_same_jobs(corpus: dict[str, Any]) -> None:
    first = read(corpus).jobs
    assert first == read(corpus).jobs
    corpus["documents"][0]["title"] = "another"
    changed = read(corpus).jobs
    assert [a.job_id == b.job_id for a, b in zip(first, changed, strict=True)] == [
        True,
        False,
        True,
    ]


def put(corpus: dict[str, Any], place: str, value: object) -> None:
    *way, last = place.split("/")
    target: Any = corpus
    for step in way:
        target = target[int(step) if step.isdigit() else step]
    if value is ...:
        del target[last]
    else:
        target[int(last) if last.isdigit() else last] = value


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("documents/0/pid", ..., "documents[0].pid: required"),
        ("documents/0/isPublic", None, "documents[0].isPublic: required, not null"),
        ("documents/0/isPublic", "perhaps", "documents[0].isPublic: "),
        ("documents/0/type", ..., "documents[0].type: required"),
        ("documents/0/title", "", "documents[0].title: required"),
        ("documents/0/startDate", "soon", "documents[0].startDate: "),
        ("documents/0/datasets", {}, "documents[0].datasets: must be a list"),
        ("documents/0/datasets/0", "a", "documents[0].datasets[0]: must be an object, not 'a'"),
        ("documents/0/datasets/0/creationDate", "2020-05-05T00:00:00", "].creationDate: "),
        ("documents/0/datasets/0/creationDate", ..., "].creationDate: required"),
        ("documents/0/datasets/0/size", "big", "documents[0].datasets[0].size: "),
        ("documents/0/datasets/0/instrument/name", "D9", "documents[0].datasets[0].instrument: "),
        ("orphan_datasets/0/pid", "10.1/set 1", "orphan_datasets[0]: "),
        ("orphan_datasets/0/pid", " x", "orphan_datasets[0].pid: "),
        ("instruments/1/facility", ..., "instruments[1]: "),
    ],
)
def test_a_record_with_a_problem_stops_no_other(
    corpus: dict[str, Any], place: str, value: object, expected: str
) -> None:
    good = {"pid": "good", "isPublic": True, "type": "publication", "title": "Good"}
    corpus["documents"].append(good)
    put(corpus, place, value)
    found = read(corpus)
    assert any(expected in str(problem) for problem in found.findings.problems)
    assert "good" in [job.label for job in found.jobs]


def test_all_problems_of_a_record_are_reported_with_value_and_place(corpus: dict[str, Any]) -> None:
    put(corpus, "documents/0/isPublic", "perhaps")
    put(corpus, "documents/0/endDate", 5.5e99)
    put(corpus, "documents/0/title", None)
    problems = list(map(str, read(corpus).findings.problems))
    for expected in ("documents[0].title: required", "isPublic: ", "'perhaps'", "endDate: "):
        assert any(expected in one for one in problems)
    assert "documents[0].datasets[0]: its document was refused" in problems


def test_a_document_occurs_once(corpus: dict[str, Any]) -> None:
    corpus["documents"].append({**corpus["documents"][0], "datasets": []})
    found = read(corpus)
    (problem,) = found.findings.problems
    assert problem.place == "documents[1].pid"
    assert "documents[0]" in problem.reason
    assert len(found.jobs) == 3


def test_a_dataset_occurs_once_in_a_document(corpus: dict[str, Any]) -> None:
    corpus["documents"][0]["datasets"] *= 2
    found = read(corpus)
    (problem,) = found.findings.problems
    assert problem.place == "documents[0].datasets[1]"
    assert "twice" in problem.reason


def test_rows_of_a_foreign_server_are_imported_without_its_keys(corpus: dict[str, Any]) -> None:
    document = corpus["documents"][0]
    document["score"] = 0.7
    member = document["members"][0]
    member |= {"documentId": "10.1/doc", "personId": "p1", "affiliationId": 1}
    member["affiliation"]["id"] = 1
    member["person"] |= {"id": 17, "shoeSize": 44}
    document["parameters"][0] |= {"id": 9, "documentId": "10.1/doc"}
    dataset = document["datasets"][0]
    dataset["samples"][0] |= {"name": 42, "mass": 3}
    dataset["files"][0]["datasetId"] = "x"
    dataset["techniques"][0]["panetId"] = None
    found = read(corpus)
    assert found.findings.problems == []
    assert {w.place for w in found.findings.warnings} == {
        "documents[].members[].person.shoeSize",
        "documents[].datasets[].samples[].mass",
    }
    job = Job.model_validate_json(found.jobs[1].body)
    assert job.document is not None
    (imported,) = job.document.members
    assert imported.person is not None
    assert imported.affiliation is not None
    assert (imported.person.id, imported.affiliation.id) == ("17", "1")
    assert job.datasets[0].samples[0].name == "42"
    assert "score" not in job.document.details


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, ("true", "nm")),
        (False, ("false", "nm")),
        (5, (5, "nm")),
        ([7.5], (7.5, "nm")),
        ({"value": 5, "unit": "K"}, (5, "K")),
        ({"value": 5}, (5, "nm")),
        (2**70, (str(2**70), "nm")),
        (None, None),
        ([1, 2], None),
        ([], None),
        ({"min": 1, "max": 2}, None),
        (math.nan, None),
        (-math.inf, None),
    ],
)
def test_a_value_stays_if_the_model_can_express_it(
    corpus: dict[str, Any], value: object, stored: tuple[object, str] | None
) -> None:
    rows = [{"name": "odd", "value": value, "unit": "nm"}, {"name": "plain", "value": 1}]
    corpus["documents"][0]["datasets"][0]["parameters"] = rows
    found = read(corpus)
    assert found.findings.problems == []
    (dataset,) = Job.model_validate_json(found.jobs[1].body).datasets
    odd = [(p.value, p.unit) for p in dataset.parameters if p.name == "odd"]
    assert odd == ([stored] if stored else [])
    assert [p.value for p in dataset.parameters if p.name == "plain"] == [1]
    if not stored:
        (warning,) = found.findings.warnings
        assert warning.place == "documents[0].datasets[0].parameters[0].value"
        assert "allowed are numbers, texts, true and false: left out" in warning.reason


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("members/0/person", {"role": "x"}),
        ("members/0/person/fullName", {"a": 1}),
        ("datasets/0/techniques/1", {"alias": "other"}),
        ("datasets/0/files/1/size", -1),
        ("datasets/0/files/1/size", "big"),
        ("datasets/0/samples/0", "copper"),
        ("datasets/0/samples/0/name", ["copper"]),
        ("datasets/0/parameters/1/name", ""),
    ],
)
def test_a_row_that_is_not_valid_is_left_out_with_a_warning(
    corpus: dict[str, Any], place: str, value: object
) -> None:
    put(corpus, f"documents/0/{place}", value)
    found = read(corpus)
    assert found.findings.problems == []
    assert any("left out" in warning.reason for warning in found.findings.warnings)
    assert len(found.jobs) == 3


def test_characters_that_cannot_be_stored_are_left_out(corpus: dict[str, Any]) -> None:
    corpus["documents"][0]["title"] = "A\0 pro\ud800posal"
    found = read(corpus)
    document = Job.model_validate_json(found.jobs[1].body).document
    assert document is not None
    assert document.title == "A proposal"
    assert found.findings.warnings


def test_an_answer_of_a_search_api_is_a_corpus(corpus: dict[str, Any]) -> None:
    records = [CAMERA, *corpus["documents"], *corpus["orphan_datasets"]]
    instruments, document, orphans = made(records)
    assert [i.name for i in instruments.instruments] == ["C2", "D1"]
    assert document.document is not None
    assert [d.pid for d in orphans.datasets] == ["10.1/orphan"]


def test_an_empty_list_stays_one(corpus: dict[str, Any]) -> None:
    corpus["documents"][0] |= {"keywords": [], "parameters": [], "members": []}
    document = made(corpus)[1].document
    assert document is not None
    assert (document.keywords, document.parameters, document.members) == ((), (), ())
    assert {"keywords", "parameters", "members"} <= document.model_fields_set


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b"5", b'{"a": 1}', b"\xff\xfe\x00"])
def test_a_file_that_is_not_a_corpus_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        corpus_jobs(text)
