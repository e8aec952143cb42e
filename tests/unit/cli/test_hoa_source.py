"""Invalid records are skipped with the reason; private values are dropped and counted."""

import json
from typing import Any

import pytest
from portal_cli.hoa import details, jobs, source
from portal_cli.hoa.atlas import build_atlas
from portal_cli.hoa.source import Source


def read(*records: dict[str, Any]) -> Source:
    found = [(f"{r.get('name', n)}.json", json.dumps(r).encode()) for n, r in enumerate(records)]
    return source.read_records(found, release="9.9")


def test_a_bad_record_is_skipped_and_the_rest_is_read(raw: dict[str, Any]) -> None:
    bad = {**raw, "name": "bad", "data": {**raw["data"], "voxel_size_um": "6.5"}}
    found = read(raw, bad)
    assert [e.record.name for e in found.entries] == [raw["name"]]
    assert [s.name for s in found.skipped] == ["bad.json"]
    assert found.skipped[0].reason.startswith("data.voxel_size_um:")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("scan.energy", "80"),
        ("scan.n_frames", "many"),
        ("donor.age", "about 60"),
        ("data.shape", [10, 10]),
        ("scan.date", "yesterday"),
        ("dataset_type", "panorama"),
    ],
)
def test_text_where_a_number_belongs_is_no_number(
    raw: dict[str, Any], place: str, value: object
) -> None:
    group, _, name = place.rpartition(".")
    if group:
        raw[group][name] = value
    else:
        raw[name] = value
    found = read(raw)
    assert found.entries == ()
    assert found.skipped[0].reason.startswith(place)


def test_a_schema_of_another_first_number_is_not_read(raw: dict[str, Any]) -> None:
    found = read({**raw, "metadata_version": "2.0"}, {**raw, "metadata_version": "1.9.3"})
    assert [s.reason for s in found.skipped] == [
        "metadata_version: version '2.0' is not supported, only 1.x"
    ]
    assert len(found.entries) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
def test_what_is_no_record_is_skipped(body: bytes) -> None:
    assert len(source.read_records([("a.json", body)], release="9").skipped) == 1


def test_a_file_must_have_the_name_of_its_dataset(raw: dict[str, Any]) -> None:
    found = source.read_records([("other.json", json.dumps(raw).encode())], release="9")
    assert found.skipped[0].reason.startswith("name:")


def test_private_values_never_leave_the_reader(raw: dict[str, Any]) -> None:
    raw["donor"]["date_of_death"] = "2019-03-04"
    raw["donor"]["hospital"] = "somewhere"
    raw["scan"]["death_date"] = "2019-03-04"
    raw["sample"]["birth_year"] = 1950
    raw["notes"] = "2019-03-04"
    found = read(raw)
    assert found.dropped == 5
    whole = build_atlas(found.entries)
    sent = list(jobs.publication_jobs(whole, jobs.select_documents(whole), release="9", files={}))
    assert b"2019-03-04" not in sent[0].body
    assert b"somewhere" not in sent[0].body
    assert b"birth_year" not in sent[0].body
    assert "date_of_death" not in found.entries[0].content["donor"]


def test_private_names_of_the_profile_never_leave_the_reader(raw: dict[str, Any]) -> None:
    raw["scan"]["patient_name"] = raw["sample"]["dob"] = "Zanzibar"
    raw["citation"]["contact_email"] = "Zanzibar"
    found = read(raw)
    assert found.dropped == 3
    assert "Zanzibar" not in json.dumps(found.entries[0].content)
    first = found.entries[0].record.citation.contributors[0]
    assert found.entries[0].content["citation"]["contributors"][0]["last_name"] == first.last_name


def test_a_misspelt_role_is_corrected(raw: dict[str, Any]) -> None:
    raw["citation"]["contributors"][1]["roles"] = ["Vlisualization", "Software"]
    found = read(raw).entries[0]
    assert found.record.citation.contributors[1].roles == ("Visualization", "Software")
    assert "Vlisualization" not in json.dumps(found.content)


def test_values_of_mixed_types_keep_theirs(raw: dict[str, Any]) -> None:
    raw["sample"].update(scan_temperature=4.5, organ_infilled=True)
    whole = build_atlas(read(raw).entries)
    job = json.loads(
        next(jobs.publication_jobs(whole, jobs.select_documents(whole), release="9", files={})).body
    )
    found = {p["name"]: (p["value"], p["unit"]) for p in job["datasets"][0]["parameters"]}
    assert found["scan_temperature"] == (4.5, "celsius")
    assert found["organ_infilled"] == ("yes", None)
    assert job["datasets"][0]["details"]["sample"]["organ_infilled"] is True


def test_details_contain_the_record_and_label_added_fields(installed: Source) -> None:
    whole = build_atlas(installed.entries)
    for entry in installed.entries:
        found = details.dataset_details(entry, whole, installed.version)
        for group in ("data", "sample", "scan", "proposal", "citation"):
            assert found[group] == entry.content[group]
        x, y, z = entry.record.data.shape
        assert found["raw_size_estimate"]["bytes"] == 2 * x * y * z
        assert found["raw_size_estimate"]["note"].startswith("estimate")


def test_a_changed_record_makes_another_job(raw: dict[str, Any]) -> None:
    def job_id() -> str:
        whole = build_atlas(read(raw).entries)
        return next(
            jobs.publication_jobs(whole, jobs.select_documents(whole), release="9", files={})
        ).job_id

    before = job_id()
    assert job_id() == before
    raw["scan"]["energy"] = 99.5
    assert job_id() != before
