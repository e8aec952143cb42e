"""Formats of one record agree on title, authors, DOI, licence, size and year."""

import json
import re
from dataclasses import replace
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
import yaml
from portal_gateway.citation import formats
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.formats import BY_NAME, FORMATS

TITLE = 'Zoom of a left kidney: "2.6 µm" & <more>'
DOI = "10.5072/abc-1"
LICENCE = "https://creativecommons.org/licenses/by/4.0/legalcode"
BYTES = 385_100_262_400
NAMES = ("Tafforeau", "Müller", "The Human Organ Atlas Collaboration")
SHA256 = "ab" * 32
HAS_NO_SIZE = {"cff", "croissant"}  # these list no size of the whole


def record(year: str = "2024", **more: Any) -> CitedRecord:
    people = [("Tafforeau", "Paul"), ("Müller", "Ana")]
    fields: dict[str, Any] = {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceType": "Dataset", "resourceTypeGeneral": "Dataset"},
        "titles": [{"title": TITLE}],
        "creators": [
            *(
                {
                    "name": f"{family}, {given}",
                    "nameType": "Personal",
                    "familyName": family,
                    "givenName": given,
                }
                for family, given in people
            ),
            {"name": NAMES[2], "nameType": "Organizational"},
        ],
        "publisher": {"name": "ESRF"},
        "publicationYear": year,
        "dates": [
            *([{"date": f"{year}-05-06", "dateType": "Available"}] if year != "0000" else []),
            {"date": "2021-09-27", "dateType": "Collected"},
            {"date": "2026-11-02", "dateType": "Updated"},
        ],
        "rightsList": [
            {"rights": "CC BY 4.0", "rightsUri": LICENCE, "rightsIdentifier": "cc-by-4.0"}
        ],
        "descriptions": [
            {"description": "What was scanned, and how.", "descriptionType": "Abstract"}
        ],
        "subjects": [{"subject": "kidney"}],
        "sizes": [f"{BYTES} bytes"],
        "version": "2",
        "language": "en",
    }
    files = ({"name": "a.tif", "path": "s", "size": 12, "sha256": SHA256},)
    return CitedRecord(
        "kidney-1", "dataset", DOI, "https://portal.example/datasets/kidney-1",
        fields, files=files, data_url="https://portal.example/data/kidney-1",
        bytes=BYTES, file_count=1, instrument="BM05", **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_every_format_has_the_same_facts(name: str) -> None:
    text = _plain(name, BY_NAME[name].write(record()))
    assert TITLE in text
    for family in NAMES:
        assert family in text
    assert DOI in text
    assert any(one in text for one in (LICENCE, "CC-BY-4.0", "CC BY 4.0"))
    if name not in HAS_NO_SIZE:
        assert str(BYTES) in text
    assert _year(name, BY_NAME[name].write(record())) == "2024"


@pytest.mark.parametrize("name", BY_NAME)
def test_no_format_makes_up_a_year_that_is_not_known(name: str) -> None:
    """DataCite and RO-Crate require one: "not known" in digits, and the day of the description."""
    found = _year(name, BY_NAME[name].write(record("0000")))
    required = {"datacite-json": "0000", "datacite-xml": "0000", "ro-crate": "2026"}
    assert found == required.get(name)


def test_a_citation_without_a_year_shows_it() -> None:
    assert "(n.d.)" in formats.text(record("0000"), "apa", "en-US")
    assert "(2024)" in formats.text(record(), "apa", "en-US")


LINK = {
    "relatedIdentifier": "10.5072/other",
    "relatedIdentifierType": "DOI",
    "relationType": "IsPartOf",
    "resourceTypeGeneral": "Collection",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_formats_show_whether_they_have_links_to_records_and_files(name: str) -> None:
    bare = record()
    linked = replace(bare, metadata={**bare.metadata, "relatedIdentifiers": [LINK]})
    without = replace(bare, files=())
    texts = {BY_NAME[name].write(one) for one in (linked, without)}
    assert (len(texts) > 1) == BY_NAME[name].has_links


def _year(name: str, text: str) -> str | None:
    """Returns the year of publication in a format."""
    pattern = {
        "datacite-json": r'"publicationYear": "(\d{4})"',
        "datacite-xml": r"<publicationYear>(\d{4})<",
        "csl-json": r'"issued": \{\s*"date-parts": \[\s*\[\s*(\d{4})',
        "bibtex": r"year = \{(\d{4})\}",
        "ris": r"PY  - (\d{4})",
        "turtle": r'datePublished> "(\d{4})|datePublished "(\d{4})',
        "cff": r"date-released: '?(\d{4})",
    }.get(name, r'"datePublished": "(\d{4})')
    found = re.search(pattern, text)
    return next((part for part in found.groups() if part), None) if found else None


def _plain(name: str, text: str) -> str:
    """Returns what a reader of the format reads: values without their escapes."""
    if name in ("datacite-json", "csl-json", "json-ld", "ro-crate", "croissant"):
        return " ".join(_leaves(json.loads(text)))
    if name == "datacite-xml":
        return " ".join(ET.fromstring(text).itertext())  # noqa: S314  # our own
    if name == "cff":
        return " ".join(_leaves(yaml.safe_load(text)))
    if name == "turtle":
        from rdflib import Graph  # noqa: PLC0415  # slow to import

        graph = Graph().parse(data=text, format="turtle")
        return " ".join(str(term) for triple in graph for term in triple)
    return text.replace("\\&", "&").replace("\r\n", "\n")


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return _leaves(list(cast("dict[str, Any]", value).values()))
    if isinstance(value, list):
        return [leaf for one in cast("list[Any]", value) for leaf in _leaves(one)]
    return [str(value)]


def test_a_crate_is_flat_and_its_references_lead_somewhere() -> None:
    crate = json.loads(BY_NAME["ro-crate"].write(record()))
    graph = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(graph) == len(crate["@graph"])
    descriptor = graph["ro-crate-metadata.json"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.2"}
    root = graph[descriptor["about"]["@id"]]
    for name in ("name", "description", "datePublished", "license", "creator", "hasPart"):
        assert root[name], name
    values = [value for entity in crate["@graph"] for value in entity.values()]
    for one in [item for value in values for item in _items(value)]:
        assert not isinstance(one, dict) or list(cast("dict[str, Any]", one)) == ["@id"]
    file = graph["https://portal.example/data/kidney-1/s/a.tif"]
    assert (file["@type"], file["sha256"], file["contentSize"]) == ("File", SHA256, "12")
    assert graph["#scan"]["instrument"] == {"@id": "#instrument"}


def test_croissant_lists_the_files_with_checksums() -> None:
    found = json.loads(BY_NAME["croissant"].write(record()))
    assert found["distribution"][0]["sha256"] == SHA256
    assert found["recordSet"][0]["data"][0]["files/bytes"] == 12


def test_media_types_with_a_profile_have_it_as_parameter() -> None:
    types = [one.content_type for one in FORMATS]
    assert len(types) == len(set(types))
    assert BY_NAME["ro-crate"].content_type.endswith('profile="https://w3id.org/ro/crate"')


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]
