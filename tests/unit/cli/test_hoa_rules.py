"""The irregularities of the Atlas, one by one."""

import math

import pytest
from portal_cli.hoa import donors, filters, labels, people, registration
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Contributor, Donor
from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Job
from portal_shared.registration import transform


def describe(**fields: object) -> donors.DonorFacts:
    return donors.describe_donor(Donor.model_validate({"id": "D", **fields}))


@pytest.mark.parametrize(
    ("age", "number", "group", "band"),
    [
        (63, 63, "adult", "60-69"),
        (59, 59, "adult", "18-59"),
        (94, 94, "adult", "90+"),
        (17, 17, "minor", "<18"),
        ("<18", None, "minor", "<18"),
        (">18", None, "adult", "adult, age not recorded"),
        (None, None, "unknown", None),
    ],
)
def test_an_age_is_a_number_a_group_or_unknown(
    age: object, number: int | None, group: str, band: str | None
) -> None:
    found = describe(age=age)
    assert (found.age, found.age_group, found.age_band) == (number, group, band)


def test_not_applicable_is_no_cause_of_death() -> None:
    found = describe(cause_of_death="not applicable - transplant organ")
    assert found.explant
    assert found.cause_of_death is None
    assert not describe(cause_of_death="Pancreatic cancer").explant


@pytest.mark.parametrize(
    "text", ["Covid", "COVID", "COVID19 Jan 2022", "COVID-19", "SARS-CoV2 infection"]
)
def test_covid_has_one_tag_however_it_is_written(text: str) -> None:
    assert describe(medical_history=text).pathology == ("COVID-19",)


def test_free_of_disease_is_no_disease() -> None:
    assert describe(medical_history="Disease free").pathology == ("control",)
    assert describe(medical_history="no known medical history").pathology == ("none known",)


def test_a_missing_value_is_neither_yes_nor_no() -> None:
    assert describe(diabetes=None, hypertension=None).pathology == ()
    assert describe(diabetes="No", hypertension="No").pathology == ()
    assert describe(diabetes="Type 2", hypertension="Yes").pathology == ("hypertension", "diabetes")


@pytest.mark.parametrize(
    ("text", "material", "mm"),
    [
        ("Sapphire 5mm", "sapphire", 5.0),
        ("Sapphire 5.0mm", "sapphire", 5.0),
        ("Mo 0.21mm", "molybdenum", 0.21),
        ("Molybdenum 0.21mm", "molybdenum", 0.21),
        ("Al 2.3mm", "aluminium", 2.3),
        ("Aluminium Oxide 7mm", "aluminium oxide", 7.0),
        ("SiO2 12mm rods 3x4mm", "silica", 12.0),
        ("SiO2 24 mm rods 6x4mm", "silica", 24.0),
        ("SiO2 bars 25mm", "silica", 25.0),
        ("Glassy carbon bloc 30mm block", "glassy carbon", 30.0),
        ("G-carbon 10mm block", "glassy carbon", 10.0),
        ("Carbon rod 64mm", "glassy carbon", 64.0),
        ("Silver 0.10mm", "silver", 0.1),
        ("SiO2 13mm rods 3x4mm", None, None),
        ("UNKNOWN sapphire 5mm", None, None),
        ("HiP-CT 100mm", None, None),
        ("Psho 10mm", None, None),
        ("", None, None),
    ],
)
def test_a_filter_is_understood_only_when_that_is_certain(
    text: str, material: str | None, mm: float | None
) -> None:
    assert filters.parse_filter(text) == filters.Filter(text, material, mm)


@pytest.mark.parametrize(
    ("organ", "context", "words"),
    [
        ("kidney", "left", "the left kidney"),
        ("testis", "1", "testis 1"),
        ("kidney", "top", "the kidney (top)"),
        ("lung", "left_upper_lobe", "the left upper lobe of the lung"),
        ("brain", "internalCapsule", "the internal capsule of the brain"),
        ("achillesTendon", None, "the Achilles tendon"),
        ("femaleGenitalia", None, "the female genitalia"),
    ],
)
def test_specimens_have_names_in_words(organ: str, context: str | None, words: str) -> None:
    assert labels.specimen(organ, context) == words


def test_regions_are_opaque_but_found_in_both_ways_of_numbering() -> None:
    assert labels.voi_key("VOI-01.2b") == labels.voi_key("VOI-1.2b")
    assert labels.voi_key("VOI-10") != labels.voi_key("VOI-1")
    assert sorted(["VOI-10", "VOI-2", "VOI-1"], key=labels.natural_key) == [
        "VOI-1",
        "VOI-2",
        "VOI-10",
    ]


def test_a_voxel_of_a_zoom_is_found_in_its_overview(whole: Atlas) -> None:
    names = [n for n in whole.entries if n.startswith("LADAF-2020-27_heart_ROI-01_6.5um_bm18")]
    matrix = registration.geometry(whole.entries[names[0]].record).voxel_matrix
    found = transform(matrix, (300, 200, 100))
    expected = (2459.469, 1239.470, 2516.108)
    assert all(math.isclose(f, e, abs_tol=1e-3) for f, e in zip(found, expected, strict=True))


def test_a_contradicting_name_and_a_differing_pixel_are_warned_of(
    datasets: dict[str, DatasetIn],
) -> None:
    def warned(text: str) -> set[str]:
        return {n for n, d in datasets.items() if text in str(d.details["warnings"])}

    assert warned("the scan is right") == {
        "LADAF-2020-27_lung_left_complete-organ_42.34um_bm05",
        "LADAF-2020-31_lung_right_complete-organ_42.34um_bm05",
    }
    assert len(warned("reconstructed with voxels")) == 3
    assert warned("registration scales") == {
        "FO-20-129_lung_left_upper_lobe_VOI-aa_0.65um_bm05",
        "LADAF-2020-31_brain_hippocampus_2.45um_bm05",
        "UCL-ZCR-3340_heart_VOI-1_2.196um_bm18",
    }
    instrument = datasets["LADAF-2020-27_lung_left_complete-organ_42.34um_bm05"].instrument
    assert instrument is not None
    assert instrument.pid == "ESRF-BM18"


def test_the_summary_of_a_document_describes_its_content(registered: list[Job]) -> None:
    kidney = next(
        j.document for j in registered if j.document and j.document.pid == "LADAF-2021-17_kidney"
    )
    assert kidney.title == "Kidney of donor LADAF-2021-17 (HiP-CT)"
    assert kidney.summary is not None
    for part in ("left kidney", "right kidney", "2 overviews", "10 zooms", "25.14 µm", "VOI-01.1"):
        assert part in kidney.summary
    assert kidney.keywords == ("kidney", "left", "right", "HiP-CT", "LADAF-2021-17")


def ids(members: DatasetIn | DocumentIn) -> list[str]:
    return [m.person.id for m in members.members if m.person]


def test_authors_are_cited_in_the_given_order(registered: list[Job], whole: Atlas) -> None:
    for job in registered:
        for dataset in job.datasets:
            given = whole.entries[dataset.name].record.citation.author_list
            assert [m.person.full_name for m in dataset.members if m.person] == list(given)
            place = iter(ids(job.document)) if job.document else iter(())
            assert all(person in place for person in ids(dataset))  # in that order


def test_merged_members_keep_the_order_of_each_list() -> None:
    def member(name: str, *roles: str) -> object:
        return people.member(Contributor(first_name=name, last_name="X", roles=roles))

    a, b, c = member("A", "Software"), member("B"), member("C")
    found = people.merge_members([[a, c], [a, b, c], [member("A", "Investigation")]])  # type: ignore[list-item]
    assert [m.person.first_name for m in found if m.person] == ["A", "B", "C"]
    assert found[0].roles == ("Software", "Investigation")


def test_proposers_are_recognised_among_the_contributors(registered: list[Job]) -> None:
    document = next(
        j.document for j in registered if j.document and j.document.pid == "proposal-md1252"
    )
    known = {m.person.full_name: m.person.orcid for m in document.members if m.person}
    assert known["Paul Tafforeau"] == "0000-0002-5962-1683"
    assert list(known)[:2] == ["Peter Lee", "Paul Tafforeau"]
    assert {m.role for m in document.members} == {"proposer"}
