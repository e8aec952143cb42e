"""A corpus of PaNOSC records becomes jobs without losing a field, or is refused with the place."""

import json
from typing import Any

import pytest
from portal_cli.panosc.jobs import ORPHANS_PER_JOB, corpus_jobs
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


def made(corpus: object) -> list[Job]:
    return [Job.model_validate_json(job.body) for job in corpus_jobs(json.dumps(corpus).encode())]


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
    text = json.dumps(corpus).encode()
    assert corpus_jobs(text) == corpus_jobs(text)
    corpus["documents"][0]["title"] = "another"
    changed = corpus_jobs(json.dumps(corpus).encode())
    assert [a.job_id == b.job_id for a, b in zip(corpus_jobs(text), changed, strict=True)] == [
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
        ("documents/0/isPublic", None, "documents[0].isPublic: required"),
        ("documents/0/isPublic", "perhaps", "documents[0].isPublic: "),
        ("documents/0/type", ..., "documents[0].type: required"),
        ("documents/0/title", "", "documents[0].title: required"),
        ("documents/0/startDate", "soon", "documents[0].startDate: "),
        ("documents/0/members/0/person/fullName", 5, "documents[0].members[0].person.fullName: "),
        ("documents/0/members/0/person/shoeSize", 5, "documents[0].members[0].person.shoeSize: "),
        ("documents/0/datasets", {}, "documents[0].datasets: must be a list"),
        ("documents/0/datasets/0", "a", "documents[0].datasets[0]: must be an object"),
        ("documents/0/datasets/0/creationDate", "2020-05-05T00:00:00", "].creationDate: "),
        ("documents/0/datasets/0/creationDate", ..., "].creationDate: required"),
        ("documents/0/datasets/0/parameters/1/value", None, "datasets[0].parameters[1].value: "),
        ("documents/0/datasets/0/parameters/1/value", [1], "datasets[0].parameters[1].value: "),
        ("documents/0/datasets/0/files/1/size", -1, "documents[0].datasets[0].files[1].size: "),
        ("documents/0/datasets/0/size", "big", "documents[0].datasets[0].size: "),
        ("documents/0/datasets/0/instrument/name", "D9", "documents[0].datasets[0].instrument: "),
        ("orphan_datasets/0/pid", "10.1/set 1", "orphan_datasets[0]: "),
        ("orphan_datasets/0/pid", " x", "orphan_datasets[0].pid: "),
        ("orphans", [], "orphans: unknown field; a corpus has instruments"),
    ],
)
def test_an_error_has_its_place_in_the_file(
    corpus: dict[str, Any], place: str, value: object, expected: str
) -> None:
    put(corpus, place, value)
    with pytest.raises(Invalid) as caught:
        corpus_jobs(json.dumps(corpus).encode())
    assert expected in str(caught.value)


def test_a_document_must_not_occur_twice(corpus: dict[str, Any]) -> None:
    corpus["documents"].append({**corpus["documents"][0], "datasets": []})
    with pytest.raises(Invalid, match=r"documents\[1\]\.pid: .*documents\[0\]"):
        made(corpus)


def test_a_dataset_must_not_occur_twice_in_a_document(corpus: dict[str, Any]) -> None:
    corpus["documents"][0]["datasets"] *= 2
    with pytest.raises(Invalid, match=r"documents\[0\]\.datasets\[1\]: .*twice"):
        made(corpus)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"documents": NaN}', b"\xff\xfe\x00"])
def test_a_file_that_is_not_a_corpus_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        corpus_jobs(text)
