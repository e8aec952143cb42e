"""From the bytes of a job to records and ICAT entries, without servers."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_ingest.domain.mapping import content_hash as record_hash
from portal_ingest.domain.mapping import dataset_record, file_list_parts
from portal_ingest.icat.mapping import cut_name, dataset_entry, file_entries
from portal_shared import profile
from portal_shared.contracts.identifiers import is_orcid
from portal_shared.contracts.jobs import DatasetIn, FileIn
from portal_shared.contracts.records import File, FileSummary, files_digest
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.hashes import content_hash
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.redaction import redact
from portal_shared.validation.rules import path_problem
from portal_shared.validation.validator import validate

HOA, ANY = profile.load("human-organs"), profile.load("panosc")
PANET = "http://purl.org/pan-science/PaNET/PaNET01333"
NOTHING = FileSummary()
DATASET: dict[str, Any] = {
    "name": "a",
    "title": "A",
    "created": "2021-01-01T00:00:00Z",
    "instrument": {"pid": "ESRF-BM05", "name": "BM05", "facility": "ESRF"},
    "techniques": [{"pid": PANET, "name": "x-ray propagation phase contrast microtomography"}],
    "samples": [{"pid": "D1_kidney", "name": "D1_kidney"}],
    "parameters": [
        {"name": "voxel_size", "value": 25.14, "unit": "um"},
        {"name": "organ", "value": "kidney"},
    ],
}


def job(*datasets: Any, **more: Any) -> dict[str, Any]:
    return {"version": 1, "job_id": "j", "datasets": list(datasets), **more}


@given(st.binary(max_size=200))
def test_no_bytes_cause_an_unexpected_error(body: bytes) -> None:
    with suppress(Invalid):
        parse_envelope(parse_job(body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=4), json_values)
def test_any_json_in_a_job_is_validated_without_a_crash(datasets: list[Any], document: Any) -> None:
    raw = job(*datasets, **({"document": document} if isinstance(document, dict) else {}))
    validated = validate(parse_envelope(redact(raw, HOA)[0]), HOA)
    assert len(validated.datasets) == len(datasets)
    assert all(d.problems for d in validated.datasets if d.dataset is None)


def test_all_problems_are_reported_at_once() -> None:
    broken = {"name": "a", "created": "yesterday", "colour": 1, "size": -1}
    validated = validate(parse_envelope(job(broken)), HOA)
    fields = {p.field for p in validated.datasets[0].problems}
    assert fields == {
        "datasets[0].title",
        "datasets[0].created",
        "datasets[0].colour",
        "datasets[0].size",
        "datasets[0].instrument",
        "datasets[0].techniques",
        "datasets[0].samples",
        "datasets[0].parameters",
    }


def test_a_date_without_zone_is_refused() -> None:
    validated = validate(parse_envelope(job({**DATASET, "created": "2021-01-01T00:00:00"})), HOA)
    assert [p.field for p in validated.datasets[0].problems] == ["datasets[0].created"]


def test_a_known_parameter_without_its_unit_is_refused() -> None:
    organ = {"name": "organ", "value": "kidney"}
    given_ = {**DATASET, "parameters": [organ, {"name": "voxel_size", "value": 2.5}]}
    assert validate(parse_envelope(job(given_)), HOA).datasets[0].problems
    assert not validate(parse_envelope(job(given_)), ANY).datasets[0].problems


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("2026-11-20T09:30:00", "2026-11-20T09:30:00Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("yesterday", None),
        (20261120, "2026-11-20T00:00:00Z"),
    ],
)
def test_a_parameter_that_is_a_time_needs_a_time_zone(value: Any, suggestion: str | None) -> None:
    def problems(given_: Any, rules: profile.Profile) -> list[Any]:
        rows = [*DATASET["parameters"], {"name": "scan_start", "value": given_}]
        found = (
            validate(parse_envelope(job({**DATASET, "parameters": rows})), rules)
            .datasets[0]
            .problems
        )
        return [(p.field, p.suggestion) for p in found]

    assert problems(value, HOA) == [("datasets[0].parameters[2].value", suggestion)]
    assert problems(value, ANY) == []
    assert problems("2026-11-20T09:30:00+01:00", HOA) == []


def test_a_refused_document_takes_its_datasets_with_it() -> None:
    raw = job(DATASET, document={"name": "d", "title": "", "type": "poem"})
    validated = validate(parse_envelope(raw), HOA)
    assert validated.document is not None
    assert "document.title" in {p.field for p in validated.document.problems}
    assert [p.field for p in validated.datasets[0].problems] == ["document"]


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../b",
        "/etc/passwd",
        "C:/x",
        "a//b",
        "a/./b",
        "a\\b",
        "a\x00b",
        "",
        ".",
        "..",
        "a/",
    ],
)
def test_a_path_that_leaves_its_folder_or_hides_something_is_refused(path: str) -> None:
    assert path_problem(path)


@pytest.mark.parametrize("path", ["a", "a/b.txt", "0/c/0/0/0", "über/ä b", "...", "a..b"])
def test_an_ordinary_path_is_accepted(path: str) -> None:
    assert path_problem(path) is None


def test_an_orcid_has_a_check_digit() -> None:
    assert is_orcid("0000-0003-0907-0315")
    assert is_orcid("https://orcid.org/0000-0002-1694-233X")
    assert not is_orcid("0000-0003-0907-0316")
    assert not is_orcid("0000")


def test_unknown_donor_keys_are_dropped_and_counted() -> None:
    details = {"donor": {"id": "D1", "date_of_death": "2019", "x": 1}, "scan": {"date": "2021"}}
    clean, dropped = redact(job({**DATASET, "details": details}), HOA)
    assert clean["datasets"][0]["details"] == {"donor": {"id": "D1"}, "scan": {"date": "2021"}}
    assert dropped == ["datasets[0].details.donor.date_of_death", "datasets[0].details.donor.x"]
    hidden, places = redact(job({**DATASET, "details": {"donor": ["2019"]}}), HOA)
    assert hidden["datasets"][0]["details"] == {}
    assert places == ["datasets[0].details.donor"]


def test_equal_content_has_an_equal_hash() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    given_ = DatasetIn.model_validate(DATASET)
    one = dataset_record(given_, NOTHING, profile="panosc", document="x")
    two = dataset_record(given_, NOTHING, profile="panosc", document="y")
    assert record_hash(one) == record_hash(two)


def test_a_long_list_of_files_is_split_into_parts() -> None:
    files = tuple(FileIn(name=f"f{n}", size=1) for n in range(700))
    summary = FileSummary(count=700, bytes=700, digest=files_digest(list(files)))
    given_ = DatasetIn.model_validate({**DATASET, "files": files})
    record = dataset_record(given_, summary, profile="panosc", document=None)
    parts = file_list_parts(record, files, 3)
    assert [(p.part, p.parts, len(p.files)) for p in parts] == [
        (0, 3, 300),
        (1, 3, 300),
        (2, 3, 100),
    ]
    assert {p.digest for p in parts} == {record.files.digest}
    assert record.size == 700
    assert all(len(p.model_dump_json()) < 64_000 for p in parts)


def test_a_record_fits_into_icat() -> None:
    long = "x" * 400
    raw = {
        **DATASET,
        "title": long,
        "techniques": [{"pid": "p", "name": long}],
        "parameters": [
            {"name": "n", "value": 1, "unit": "m"},
            {"name": "n", "value": 2, "unit": "m"},
            {"name": "t", "value": "y" * 5000},
        ],
    }
    record = dataset_record(DatasetIn.model_validate(raw), NOTHING, profile="panosc", document=None)
    entry = dataset_entry(record, (), ANY)
    assert len(entry.description) == 255
    assert all(len(t.name) <= 255 for t in entry.techniques)
    assert [p.name for p in entry.parameters] == ["n", "n#2", "t"]
    assert len(str(entry.parameters[2].value)) == 4000
    assert cut_name(long) != cut_name(long + "y")


def test_many_files_become_logical_files() -> None:
    files = [File(name=str(n), path=f"vol.zarr/{n % 7}", size=2) for n in range(1000)]
    entries = file_entries("hoa/a", files)
    assert [(e.name, e.location, e.size) for e in entries] == [("vol.zarr", "hoa/a/vol.zarr", 2000)]


def test_a_job_is_equal_after_a_json_round_trip() -> None:
    raw = job(DATASET)
    assert parse_job(json.dumps(raw).encode()) == raw
