"""Records as DataCite metadata: complete, valid by the schema, and without private details."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portal_doi.datacite import schema_problems
from portal_doi.domain.registration import Registration
from portal_shared import profile as profiles
from portal_shared.citation.datacite import Metadata, Source, landing_page, metadata
from portal_shared.citation.people import creators
from portal_shared.citation.relations import Related
from portal_shared.contracts.identifiers import normalize_orcid
from portal_shared.contracts.records import (
    Affiliation,
    Dataset,
    Document,
    FileSummary,
    Member,
    Person,
    Technique,
)

from tests import builders

PROFILE = profiles.load("human-organs")
TEXT = st.text(max_size=30)
JANE = Member(
    role="Investigation",
    roles=("Investigation", "Data curation"),
    person=Person(
        id="0000-0002-1825-0097",
        full_name="Jane Doe",
        first_name="Jane",
        last_name="Doe",
        orcid="0000-0002-1825-0097",
    ),
    affiliation=Affiliation(id="esrf", name="ESRF", ror="https://ror.org/02550n020"),
)
ALL = Member(
    person=Person(id="hoa", full_name="The Human Organ Atlas Collaboration", organisation=True)
)


def dataset(**fields: Any) -> Dataset:
    return builders.dataset("LADAF-2021-17_left-kidney", **{"members": (ALL, JANE), **fields})


def document(**fields: Any) -> Document:
    return builders.document("LADAF-2021-17_kidney", **{"members": (ALL, JANE), **fields})


def metadata_of(record: Document | Dataset, *related: Related) -> Metadata:
    return metadata(Source(record, PROFILE, year=2026, related=related))


def problems_of(made: Metadata) -> dict[str, str]:
    registration = Registration("10.5072/x", "https://portal.example/x", "findable", made)
    return schema_problems(registration.attributes)


def test_the_metadata_of_a_dataset_are_complete() -> None:
    panet = "http://purl.org/pan-science/PaNET/PaNET01333"
    made = metadata_of(
        dataset(
            keywords=("kidney", "HiP-CT", "kidney"),
            techniques=(Technique(pid=panet, name="HiP-CT", panet_id="PaNET01333"),),
            proposal="md1290",
            license="CC-BY-4.0",
            files=FileSummary(count=3, bytes=2048, digest="d"),
        ),
        Related("IsPartOf", "10.5072/organ", "Collection"),
        Related("IsPartOf", "10.5072/organ", "Collection"),
    )
    assert problems_of(made) == {}
    assert [c["name"] for c in made["creators"]] == [
        "The Human Organ Atlas Collaboration",
        "Doe, Jane",
    ]
    assert made["creators"][0]["nameType"] == "Organizational"
    jane = made["creators"][1]
    assert jane["nameIdentifiers"][0]["nameIdentifier"] == "https://orcid.org/0000-0002-1825-0097"
    assert jane["affiliation"][0]["affiliationIdentifier"] == "https://ror.org/02550n020"
    assert [c["contributorType"] for c in made["contributors"]] == ["DataCollector", "DataCurator"]
    assert made["publisher"]["publisherIdentifier"] == "https://ror.org/02550n020"
    assert made["types"] == {"resourceTypeGeneral": "Dataset", "resourceType": "HiP-CT volume"}
    assert [s["subject"] for s in made["subjects"]] == ["kidney", "HiP-CT", "HiP-CT"]
    assert made["subjects"][2]["valueUri"] == panet
    assert made["sizes"] == ["2048 bytes", "3 files"]
    assert made["rightsList"][0]["rightsIdentifier"] == "cc-by-4.0"
    assert made["dates"] == [
        {"date": "2021-03-04", "dateType": "Collected"},
        {"date": "2021-03-04", "dateType": "Created"},
    ]
    assert made["relatedIdentifiers"] == [
        {
            "relatedIdentifier": "10.5072/organ",
            "relatedIdentifierType": "DOI",
            "relationType": "IsPartOf",
            "resourceTypeGeneral": "Collection",
        }
    ]
    assert [i["alternateIdentifier"] for i in made["alternateIdentifiers"]] == [
        "LADAF-2021-17_left-kidney",
        "md1290",
    ]


def test_a_document_is_a_collection_with_the_dates_of_its_collection() -> None:
    start, end = datetime(2020, 5, 20, tzinfo=UTC), datetime(2021, 1, 2, tzinfo=UTC)
    made = metadata_of(document(summary="An organ.\x00", start_date=start, end_date=end))
    assert problems_of(made) == {}
    assert made["types"]["resourceTypeGeneral"] == "Collection"
    assert made["descriptions"] == [{"description": "An organ.", "descriptionType": "Abstract"}]
    assert made["dates"] == [{"date": "2020-05-20/2021-01-02", "dateType": "Collected"}]


def test_the_year_is_that_of_release_or_registration_not_of_the_scan() -> None:
    released = document(release_date=datetime(2024, 6, 1, tzinfo=UTC))
    assert metadata_of(released)["publicationYear"] == "2024"
    assert (
        metadata_of(document(start_date=datetime(2020, 1, 1, tzinfo=UTC)))["publicationYear"]
        == "2026"
    )
    assert metadata_of(dataset())["publicationYear"] == "2026"


def test_details_and_medical_parameters_of_a_donor_are_not_sent() -> None:
    made = metadata_of(
        dataset(
            details={"donor": {"medical_history": "secret-1"}},
            parameters=({"name": "medical_history", "value": "secret-2"},),
        )
    )
    assert "secret" not in str(made)


def test_empty_lists_are_sent_so_that_removed_values_disappear() -> None:
    made = metadata_of(dataset(license=None))
    for name in ("contributors", "subjects", "relatedIdentifiers", "sizes", "descriptions"):
        assert isinstance(made[name], list), name


@pytest.mark.parametrize(
    ("fields", "reason"), [({"members": ()}, "creators"), ({"title": " \x01 "}, "titles")]
)
def test_a_missing_required_property_is_reported_by_its_name(
    fields: dict[str, Any], reason: str
) -> None:
    assert reason in problems_of(metadata_of(dataset(**fields)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0000-0002-1825-0097", "0000-0002-1825-0097"),
        ("https://orcid.org/0000-0002-1694-233x", "0000-0002-1694-233X"),
        ("0000-0002-1825-0098", None),  # wrong check digit
        ("Jane", None),
        (None, None),
    ],
)
def test_only_a_valid_orcid_is_sent(text: str | None, found: str | None) -> None:
    assert normalize_orcid(text) == found


def test_people_stay_in_order_and_appear_once() -> None:
    names = ["Zoe Z", "Ann A", "Zoe Z", "Bob B"]
    members = [Member(person=Person(id=n, full_name=n)) for n in names]
    assert [c["name"] for c in creators([*members, Member(role="nobody")])] == [
        "Zoe Z", "Ann A", "Bob B",
    ]  # fmt: skip


def test_a_landing_page_escapes_any_pid() -> None:
    page = landing_page("https://portal.example/", "dataset", "a/b ?#ü")
    assert page == "https://portal.example/datasets/a%2Fb%20%3F%23%C3%BC"


PEOPLE = st.builds(
    Member,
    roles=st.lists(st.sampled_from(["Investigation", "Data curation", "Flying"])).map(tuple),
    person=st.none()
    | st.builds(
        Person,
        id=TEXT,
        full_name=TEXT,
        first_name=st.none() | TEXT,
        last_name=st.none() | TEXT,
        orcid=st.none() | st.sampled_from(["0000-0002-1825-0097", "0000-0000-0000-0000", ""]),
        organisation=st.booleans(),
    ),
    affiliation=st.none()
    | st.builds(Affiliation, id=TEXT, name=st.none() | TEXT, ror=st.none() | TEXT),
)


RECORDS = st.builds(
    Dataset,
    pid=st.just("p"),
    name=st.just("p"),
    title=st.text(max_size=50),
    profile=st.just("human-organs"),
    created=st.just(datetime(2021, 3, 4, tzinfo=UTC)),
    keywords=st.lists(TEXT, max_size=4).map(tuple),
    members=st.lists(PEOPLE, max_size=5).map(tuple),
    techniques=st.lists(st.builds(Technique, pid=st.just("t"), name=TEXT), max_size=2).map(tuple),
    license=st.none() | TEXT,
    size=st.none() | st.integers(0, 10**15),
)


@settings(deadline=None)  # speed is not tested
@given(RECORDS)
def test_any_record_with_a_title_and_a_creator_is_valid(record: Dataset) -> None:
    made = metadata_of(record)
    lacking = {name for name in ("creators", "titles") if not made[name]}
    assert problems_of(made).keys() == lacking
