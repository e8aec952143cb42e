"""A correct import of hoa-tools 2.0.0 yields these numbers."""

import json
from collections import Counter

import pytest
from portal_cli.hoa import jobs, registration
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.source import Source
from portal_cli.submission.message import JobMessage
from portal_shared import profile as profiles
from portal_shared import units
from portal_shared.contracts.jobs import MAX_JOB_BYTES, DatasetIn, Job

PROFILE = profiles.load("human-organs")


def value(dataset: DatasetIn, name: str) -> object:
    found = [p.value for p in dataset.parameters if p.name == name]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.fixture(autouse=True)
def of_the_release(installed: Source) -> None:
    if installed.version != "2.0.0":
        pytest.skip(f"the numbers are those of hoa-tools 2.0.0, not {installed.version}")


def test_all_datasets_donors_and_samples_are_there(datasets: dict[str, DatasetIn]) -> None:
    assert len(datasets) == 378
    assert len({value(d, "donor") for d in datasets.values()}) == 60
    assert len({s.pid for d in datasets.values() for s in d.samples}) == 94
    assert {d.pid for d in datasets.values()} == set(datasets)


def test_all_datasets_of_a_specimen_describe_it_alike(datasets: dict[str, DatasetIn]) -> None:
    assert len({s for d in datasets.values() for s in d.samples}) == 94


def test_there_is_a_document_per_organ_and_per_proposal(registered: list[Job]) -> None:
    types = Counter(job.document.type for job in registered if job.document)
    assert types == {"publication": 83, "proposal": 4, "atlas": 1}
    assert len({job.document.pid for job in registered if job.document}) == 88


def test_the_atlas_has_all_organs_as_parts_and_comes_last(registered: list[Job]) -> None:
    last = registered[-1].document
    assert last is not None
    organs = {j.document.pid for j in registered if j.document and j.document.type == "publication"}
    assert set(last.documents) == organs
    assert last.other_datasets == ()
    assert len(last.members) > 90


def test_registered_zooms_are_derived_from_their_overviews(datasets: dict[str, DatasetIn]) -> None:
    derived = {d.pid: r.pid for d in datasets.values() for r in d.relations}
    assert len(derived) == 224
    assert len(set(derived.values())) == 55


def test_proposals_refer_to_their_datasets(
    registered: list[Job], datasets: dict[str, DatasetIn]
) -> None:
    proposals = {
        job.document.name: set(job.document.other_datasets)
        for job in registered
        if job.document and job.document.type == "proposal"
    }
    counts = {name: len(pids) for name, pids in proposals.items()}
    assert counts == {
        "proposal-md1252": 149,
        "proposal-md1290": 183,
        "proposal-md1373": 1,
        "proposal-md1389": 45,
    }
    assert set().union(*proposals.values()) == set(datasets)


def test_proposals_are_summarised(registered: list[Job]) -> None:
    summaries = {
        job.document.pid: job.document.summary
        for job in registered
        if job.document and job.document.type == "proposal"
    }
    assert {pid: summary.partition(" of ")[0] for pid, summary in summaries.items() if summary} == {
        "proposal-md1252": "Proposal md1252 at the ESRF: 149 HiP-CT datasets",
        "proposal-md1290": "Proposal md1290 at the ESRF: 183 HiP-CT datasets",
        "proposal-md1373": "Proposal md1373 at the ESRF: 1 HiP-CT dataset",
        "proposal-md1389": "Proposal md1389 at the ESRF: 45 HiP-CT datasets",
    }


def test_dois_differ_from_pids(datasets: dict[str, DatasetIn]) -> None:
    dois = [d.doi for d in datasets.values() if d.doi]
    assert len(dois) == 372
    assert len(set(dois)) == 369
    pending = [d for d in datasets.values() if d.doi is None]
    assert all(any("DOI pending" in str(w) for w in [d.details["warnings"]]) for d in pending)
    assert len(pending) == 6


def test_a_person_is_one_whatever_the_spelling(datasets: dict[str, DatasetIn]) -> None:
    people = {
        m.person.id: m.person.organisation
        for d in datasets.values()
        for m in d.members
        if m.person is not None
    }
    assert Counter(people.values()) == {False: 100, True: 1}
    names = {
        m.person.full_name
        for d in datasets.values()
        for m in d.members
        if m.person and m.person.orcid == "0000-0003-3558-2576"
    }
    assert names == {"Mark P. Kuhnel", "Mark Kuehnel"}


def test_registrations_are_public_pending_or_missing(datasets: dict[str, DatasetIn]) -> None:
    states = Counter(value(d, "registration_state") for d in datasets.values())
    assert states == {
        registration.REGISTERED: 224,
        registration.PENDING: 14,
        registration.UNREGISTERED: 31,
        registration.OVERVIEW: 109,
    }
    pending = [
        d for d in datasets.values() if value(d, "registration_state") == "target not public"
    ]
    assert all(value(d, "registration_target") not in datasets for d in pending)


def test_zooms_without_a_position_refer_to_the_overviews_of_their_specimen(
    datasets: dict[str, DatasetIn],
) -> None:
    lost = [d for d in datasets.values() if value(d, "registration_state") == "not registered"]
    neighbours = [json.loads(json.dumps(d.details["registration"]))["same_specimen"] for d in lost]
    assert sum(not n for n in neighbours) == 2
    assert all(
        datasets[n].samples == d.samples for d, ns in zip(lost, neighbours, strict=True) for n in ns
    )


def test_most_zooms_lie_within_their_overview(datasets: dict[str, DatasetIn]) -> None:
    inside = {
        name: json.loads(json.dumps(d.details["registration"]))["inside"]
        for name, d in datasets.items()
        if value(d, "registration_state") == "registered"
    }
    assert sum(part == 1 for part in inside.values()) == 200
    assert sum(part < 0.9 for part in inside.values()) == 15
    assert [n for n, part in inside.items() if part == 0] == [
        "S-20-29_lung_left_ROI-3.1_2.256um_bm18"
    ]


def test_no_job_contains_a_date_of_death(sent: list[JobMessage], installed: Source) -> None:
    assert installed.dropped == 0
    assert not [job.job_id for job in sent if b"date_of_death" in job.body]


def test_pathology_is_counted_by_donor(datasets: dict[str, DatasetIn]) -> None:
    tags = {
        (str(value(d, "donor")), str(p.value))
        for d in datasets.values()
        for p in d.parameters
        if p.name == "pathology"
    }
    # COPD: three by the words, one (A210) by the abbreviation
    assert Counter(tag for _, tag in tags) == {
        "COVID-19": 12,
        "tetralogy of Fallot": 11,
        "hypertension": 9,
        "control": 6,
        "diabetes": 4,
        "COPD": 4,
        "none known": 2,
    }


def test_ages_are_numbers_or_groups(datasets: dict[str, DatasetIn]) -> None:
    ages = {value(d, "donor"): value(d, "donor_age") for d in datasets.values()}
    groups = Counter(
        {value(d, "donor"): value(d, "donor_age_group") for d in datasets.values()}.values()
    )
    assert sum(isinstance(a, int) for a in ages.values()) == 27
    assert sum(a is None for a in ages.values()) == 33
    assert groups["<18"] == 6
    assert groups["adult, age not recorded"] == 1
    assert groups[None] == 26


def test_display_titles_are_unique(datasets: dict[str, DatasetIn]) -> None:
    assert len({d.title for d in datasets.values()}) == 371
    assert len({str(d.details["display_title"]) for d in datasets.values()}) == 378


def test_every_parameter_is_one_of_the_profile_with_its_unit(
    datasets: dict[str, DatasetIn],
) -> None:
    found = {(p.name, p.unit) for d in datasets.values() for p in d.parameters}
    rules = PROFILE.parameters
    assert {name for name, _ in found} <= set(rules)
    assert all(unit == rules[name].unit for name, unit in found if unit is not None)
    for name in ("voxel_size", "incident_photon_energy", "donor_age", "exposure_time", "z_step"):
        unit = rules[name].unit
        assert unit is not None
        assert units.find(unit, name)
        assert (name, unit) in found


def test_fields_are_filled_as_often_as_the_atlas_fills_them(
    datasets: dict[str, DatasetIn],
) -> None:
    filled = Counter(name for d in datasets.values() for name in {p.name for p in d.parameters})
    expected = {
        "incident_photon_energy": 373, "ring_current": 346, "n_projections": 375, "n_darks": 366,
        "exposure_time": 375, "subframe_time": 199, "z_step": 174, "scan_time": 247,
        "filters": 334, "scintillator": 299, "optic": 270, "psho": 85, "sensor": 258,
        "distance_source_sample": 94, "xray_magnification": 44, "organ_context": 123,
        "donor_age_group": 314, "donor_sex": 306, "scan_solvent": 243, "organ_infilled": 47,
        "pixel_size": 378, "scan_temperature": 378, "streaming_format": 378,
    }  # fmt: skip
    assert {name: filled[name] for name in expected} == expected


def test_jobs_are_small_enough_and_their_ids_bound_to_the_content(
    sent: list[JobMessage], whole: Atlas, installed: Source
) -> None:
    again = list(
        jobs.publication_jobs(
            whole, jobs.select_documents(whole), release=installed.version, files={}
        )
    )
    assert [j.body for j in again] == [j.body for j in sent[: len(again)]]
    assert max(len(job.body) for job in sent) < MAX_JOB_BYTES / 10
    assert len({job.job_id for job in sent}) == 88
