"""Rules of fields: dates, licences, languages, types, identifiers, pids and what a DOI needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from datacite import schema45
from portal_shared import profile
from portal_shared.citation.datacite import Source, metadata
from portal_shared.contracts.records import Dataset
from portal_shared.validation.field_rules import RESOURCE_TYPES
from portal_shared.validation.job_parser import parse_envelope
from portal_shared.validation.validator import DatasetPart, validate

from .test_job_validation import ANY, DATASET, HOA, job

PERSON = {"id": "p", "full_name": "Ada Lovelace"}
MEMBERS = [{"person": PERSON}]


def judged(rules: profile.Profile = HOA, **fields: Any) -> DatasetPart:
    given = {**DATASET, "members": MEMBERS, **fields}
    return validate(parse_envelope(job(given)), rules).datasets[0]


def problems(rules: profile.Profile = HOA, **fields: Any) -> list[tuple[str, str | None]]:
    found = judged(rules, **fields).problems
    return [(p.field.removeprefix("datasets[0]."), p.suggestion) for p in found]


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [
        (44380, "2021-07-03T00:00:00Z"),
        ("44380", "2021-07-03T00:00:00Z"),
        (44380.5, "2021-07-03T12:00:00Z"),
        (-5, None),
        (0, None),
        (1625300000, None),
        (True, None),
        ("2021-07-03", "2021-07-03T00:00:00Z"),
        ("2021-07-03Z", "2021-07-03T00:00:00Z"),
        ("2021-07-03T09:30", "2021-07-03T09:30:00Z"),
        ("2021-07-03 09:30:00+0100", "2021-07-03T09:30:00+01:00"),
        ("20210703", "2021-07-03T00:00:00Z"),
        ("03.07.2021", "2021-07-03T00:00:00Z"),
        ("07/13/2021", "2021-07-13T00:00:00Z"),
        ("03/07/2021", None),
        ("2021-02-30", None),
        ("2199-01-01", None),  # is itself refused
        ("2021-W05-1T00:00:00Z", None),
        ("yesterday", None),
    ],
)
@pytest.mark.parametrize("name", ["created", "release_date", "scan_start"])
def test_a_date_is_rfc_3339_and_every_suggestion_is_accepted(
    name: str, given: Any, suggestion: str | None
) -> None:
    def fields(value: Any) -> dict[str, Any]:
        if name != "scan_start":
            return {name: value}
        return {"parameters": [*DATASET["parameters"], {"name": name, "value": value}]}

    place = name if name != "scan_start" else "parameters[2].value"
    if name == "scan_start" and given is True:
        return  # a boolean is no value of a parameter
    assert problems(**fields(given)) == [(place, suggestion)]
    if suggestion:
        assert problems(**fields(suggestion)) == []


@pytest.mark.parametrize("rules", [HOA, ANY], ids=["strict", "lenient"])
def test_a_date_is_plausible_by_the_profile(rules: profile.Profile) -> None:
    future = datetime.now(UTC) + timedelta(days=800)
    for given in ("2199-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1899-12-30T00:00:00Z"):
        assert problems(rules, created=given) == [("created", None)]
    assert problems(rules, created=future.isoformat()) == [("created", None)]
    assert problems(rules, release_date=future.isoformat()) == []
    assert problems(rules, created="2021-07-03t09:30:00.123456789+01:00") == []


def test_a_document_ends_after_its_start() -> None:
    document = {
        "name": "d",
        "title": "D",
        "members": MEMBERS,
        "start_date": "2021-02-01T00:00:00Z",
        "end_date": "2021-01-01T00:00:00Z",
    }
    result = validate(parse_envelope(job(document=document)), HOA).document
    assert result is not None
    assert [p.field for p in result.problems] == ["document.end_date"]


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [
        ("Creative Commons Attribution 4.0", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://spdx.org/licenses/MIT.html", "MIT"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("CC BY-NC-SA 3.0", "CC-BY-NC-SA-3.0"),
        ("CC0", "CC0-1.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("MIT OR Apache-2.0", None),
        ("LicenseRef-ours", None),
        ("open", None),
        ("x" * 300, None),
    ],
)
def test_a_licence_is_of_the_spdx_list(given: str, suggestion: str | None) -> None:
    assert problems(license=given) == [("license", suggestion)]
    assert judged(ANY, license=given).problems == []
    assert [w.field for w in judged(ANY, license=given).warnings] == ["datasets[0].license"]
    if suggestion:
        assert problems(license=suggestion) == []
    small = judged(license="cc-by-4.0").dataset
    assert small is not None
    assert small.license == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [
        ("en_US", "en-US"),
        ("English (US)", "en-US"),
        ("German", "de"),
        ("fr_FR.UTF-8", "fr-FR"),
        ("en, fr", "en"),
        ("Borgesian, Spanish", None),
        ("x" * 300, None),
        ("zz-ZZ", None),
    ],
)
def test_a_language_is_a_tag(given: str, suggestion: str | None) -> None:
    assert problems(language=given) == [("language", suggestion)]
    for tag in filter(None, (suggestion, "pt-BR", "zh-Hans", "en")):
        assert problems(language=tag) == []


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [
        ("Article", "JournalArticle"),
        ("journal article", "JournalArticle"),
        ("paper", "JournalArticle"),
        ("Thesis", "Dissertation"),
        ("dataset", "Dataset"),
        ("Data set", "Dataset"),
        ("qqq", None),
    ],
)
def test_the_type_of_a_related_work_is_one_of_datacite(given: str, suggestion: str | None) -> None:
    work = {"relation": "IsSupplementTo", "identifier": "10.5555/paper", "type": given}
    assert problems(related=[work]) == [("related[0].type", suggestion)]
    if suggestion:
        assert problems(related=[{**work, "type": suggestion}]) == []


def test_the_resource_types_are_those_of_the_schema() -> None:
    schema: Any = schema45.validator.schema
    assert set(RESOURCE_TYPES) == set(schema["definitions"]["resourceTypeGeneral"]["enum"])


def test_terms_that_are_not_valid_do_not_reach_datacite() -> None:
    work = {"relation": "IsSupplementTo", "identifier": "10.5555/paper", "type": "Article"}
    record = Dataset.model_validate(
        {
            **{k: DATASET[k] for k in ("name", "title", "created")},
            "pid": "p",
            "profile": "panosc",
            "license": "all rights reserved",
            "language": "en_US",
            "related": [work],
        }
    )
    made = metadata(Source(record, ANY))
    assert made["rightsList"] == [{"rights": "all rights reserved"}]
    assert "language" not in made
    assert "resourceTypeGeneral" not in made["relatedIdentifiers"][0]


@pytest.mark.parametrize(
    "orcid",
    [
        "0000-0002-1825-0097", "orcid.org/0000-0002-1825-0097", "0000000218250097",
        "https://www.orcid.org/0000-0002-1825-0097/", "ORCID iD: 0000 0002 1825 0097",
        "0000\u20130002\u20131825\u20130097", "https://orcid.org/0000-0002-1825-0097?lang=en",
    ],
)  # fmt: skip
def test_every_spelling_of_an_orcid_is_taken_as_the_same(orcid: str) -> None:
    found = judged(members=[{"person": {**PERSON, "orcid": orcid}}])
    assert found.problems == []
    assert found.dataset is not None
    person = found.dataset.members[0].person
    assert person is not None
    assert person.orcid == "0000-0002-1825-0097"


@pytest.mark.parametrize(
    "doi",
    [
        "10.5555/x", "doi.org/10.5555/x", "https://www.doi.org/10.5555/x", "doi: 10.5555/X",
        "https://doi.org/10.5555%2Fx", "DOI 10.5555/x", "info:doi/10.5555/x", "//doi.org/10.5555/x",
        "https://doi.org/doi:10.5555/x", "http://dx.doi.org/10.5555/x",
    ],
)  # fmt: skip
def test_every_spelling_of_a_doi_is_the_doi_at_datacite(doi: str) -> None:
    found = judged(doi=doi, related=[{"relation": "References", "identifier": doi}])
    assert found.problems == []
    assert found.dataset is not None
    content = found.dataset.model_dump(exclude={"files", "manifest", "pid"})
    record = Dataset.model_validate({**content, "pid": "p", "profile": "human-organs"})
    [related] = metadata(Source(record, HOA))["relatedIdentifiers"]
    assert (related["relatedIdentifier"], related["relatedIdentifierType"]) == ("10.5555/x", "DOI")


def test_a_doi_inside_another_address_is_suggested_and_a_mistyped_ror_refused() -> None:
    address = "see https://publisher.example/article/10.1234/abc"
    assert problems(doi=address) == [("doi", "10.1234/abc")]
    place = {"id": "i", "name": "ESRF", "ror": "https://ror.org/02550n021"}
    assert problems(members=[{"person": PERSON, "affiliation": place}]) == [
        ("members[0].affiliation.ror", None)
    ]
    right = judged(members=[{"person": PERSON, "affiliation": {**place, "ror": "02550N020"}}])
    assert right.dataset is not None
    affiliation = right.dataset.members[0].affiliation
    assert affiliation is not None
    assert affiliation.ror == "https://ror.org/02550n020"


@pytest.mark.parametrize(
    "pid",
    [
        ".", "..", "a/..", "./a", "count", "COUNT", "facets", "suggest", "export", "x/files",
        "x/files/count", "x/citation", "x/history", "files", "https://example.org/x", "a//b", "/a",
        "a/", "a%2Fb", "a\\b", "file:x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("rules", [HOA, ANY], ids=["strict", "lenient"])
def test_a_pid_that_is_no_part_of_an_address_is_refused(pid: str, rules: profile.Profile) -> None:
    assert problems(rules, pid=pid) == [("pid", None)]
    assert problems(rules, name=pid) == [("name", None)]
    assert problems(rules, name=pid, pid="p") == []
    document = {"name": pid, "title": "D", "members": MEMBERS}
    result = validate(parse_envelope(job(document=document)), rules).document
    assert result is not None
    assert [p.field for p in result.problems] == ["document.name"]


@pytest.mark.parametrize("pid", ["10.5072/abc", "icat:/data/a", "a/b", "über", "counts", "a.v2"])
def test_an_ordinary_pid_is_accepted(pid: str) -> None:
    assert problems(pid=pid) == []


def test_what_a_doi_lacks_is_a_warning_of_the_part() -> None:
    def warned(rules: profile.Profile = HOA, **fields: Any) -> list[str]:
        return [w.field.removeprefix("datasets[0].") for w in judged(rules, **fields).warnings]

    assert warned(members=[]) == ["members"]
    assert warned(members=[{"person": {"id": "p", "full_name": " "}}]) == ["members"]
    assert warned() == []
    assert warned(members=[], doi="10.1234/own") == []
    assert warned(ANY, members=[]) == []  # no DOI is registered for it


def test_a_count_with_decimals_is_refused() -> None:
    def found(value: float) -> list[tuple[str, str | None]]:
        row = {"name": "shape_x", "value": value, "unit": ""}
        return problems(parameters=[*DATASET["parameters"], row])

    assert found(1.024) == [("parameters[2].value", "1024")]
    assert found(1024) == found(1024.0) == []


@pytest.mark.parametrize(
    ("text", "suggestion"), [("25,14 um", "value 25.14, unit um"), ("1,024", None)]
)
def test_a_number_that_is_a_text_is_suggested_only_if_it_is_certain(
    text: str, suggestion: str | None
) -> None:
    rows = [{"name": "organ", "value": "kidney"}, {"name": "voxel_size", "value": text}]
    assert problems(parameters=rows) == [("parameters[1].value", suggestion)]


def test_identifiers_copied_with_something_more_are_refused_with_a_suggestion() -> None:
    person = {**PERSON, "orcid": "<https://orcid.org/0000-0002-1825-0097>"}
    place = {"id": "e", "name": "ESRF", "ror": "ROR 02550n020"}
    related = [{"relation": "Cites", "identifier": "https://doi.org/10.5555/x."}]
    found = problems(
        doi="10.5555/x,", members=[{"person": person, "affiliation": place}], related=related
    )
    assert found == [
        ("doi", "10.5555/x"),
        ("members[0].person.orcid", "0000-0002-1825-0097"),
        ("members[0].affiliation.ror", "https://ror.org/02550n020"),
        ("related[0].identifier", "10.5555/x"),
    ]


def test_a_word_as_the_unit_of_a_count_is_refused_with_what_to_do() -> None:
    rows = [*DATASET["parameters"], {"name": "n_projections", "value": 6000, "unit": "images"}]
    [problem] = judged(parameters=rows).problems
    assert problem.field == "datasets[0].parameters[2].unit"
    assert "leave 'unit' out" in problem.reason
