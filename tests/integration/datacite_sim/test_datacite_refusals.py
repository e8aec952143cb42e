"""Refusals: 422 with DataCite's errors, or another 4xx, never 5xx."""

from typing import Any

import httpx
import pytest

from tests.drivers.datacite import Publisher, payload

REFUSED = [
    ({"creators": None}, "creators", "Missing child element"),
    ({"creators": []}, "creators", "creators"),
    ({"creators": [{"givenName": "Jane"}]}, "creators", "'name' is a required property"),
    ({"titles": None}, "titles", "Missing child element"),
    ({"publisher": None}, "publisher", "Missing child element"),
    ({"publicationYear": "MMXXV"}, "publicationYear", "MMXXV"),
    ({"types": {"resourceTypeGeneral": "Voxels"}}, "types", "Voxels"),
    ({"contributors": [{"name": "X", "contributorType": "Reader"}]}, "contributors", "Reader"),
    ({"dates": [{"date": "2025", "dateType": "Eaten"}]}, "dates", "Eaten"),
    ({"titles": [{"title": "a\u0001b"}]}, "metadata", "characters that XML cannot hold"),
    ({"titles": ["A title"]}, "titles", "should be an object instead of a string"),
    ({"types": "Dataset"}, "types", "should be an object instead of a string"),
    ({"language": "en_US"}, "language", "xs:language"),
    ({"language": "English (US)"}, "language", "xs:language"),
    ({"language": "x" * 300}, "language", "xs:language"),
    ({"titles": [{"title": "A", "lang": "en_US"}]}, "titles", "en_US"),
    ({"xml": "PHJlc291cmNlLz4="}, "xml", "JSON"),
    ({"url": None}, "url", "Can't be blank"),
    ({"url": "gopher://example.org/1"}, "url", "URL is not valid"),
    ({"url": "javascript:alert(1)"}, "url", "URL is not valid"),
    ({"url": "https://"}, "url", "URL is not valid"),
    ({"url": ["https://example.org"]}, "url", "URL is not valid"),
]


@pytest.mark.parametrize("case", REFUSED)
def test_a_doi_with_invalid_metadata_does_not_become_public(
    publish: Publisher, client: httpx.Client, doi: str, case: tuple[dict[str, Any], str, str]
) -> None:
    changes, source, reason = case
    refused = publish(doi, **changes)
    assert refused.status_code == 422
    errors = refused.json()["errors"]
    assert [e for e in errors if e["source"] == source and reason in e["title"]], errors
    assert all(e["uid"] == doi for e in errors)
    assert client.get(f"/dois/{doi}").status_code == 404


def test_every_missing_attribute_is_reported(client: httpx.Client, doi: str) -> None:
    sent = payload(event="publish", url="https://example.org", doi=doi)
    errors = client.post("/dois", json=sent).json()["errors"]
    missing = {"creators", "titles", "publisher", "publicationYear", "types"}
    assert {error["source"] for error in errors} == missing


def test_a_draft_may_be_incomplete_but_its_url_is_checked(client: httpx.Client, doi: str) -> None:
    assert client.put(f"/dois/{doi}", json=payload(titles=[{"title": "Soon"}])).status_code == 201
    assert client.put(f"/dois/{doi}", json=payload(url="file:///etc/passwd")).status_code == 422


def test_a_public_doi_takes_invalid_metadata_as_at_datacite(publish: Publisher, doi: str) -> None:
    publish(doi)
    assert publish(doi, creators=[]).json()["data"]["attributes"]["creators"] == []


def test_an_invalid_doi_is_refused(client: httpx.Client) -> None:
    for suffix in ("a b", "ä", "a%25b", ""):
        answer = client.put(f"/dois/10.5072/{suffix}", json=payload())
        assert answer.status_code == 422, suffix
        assert answer.json()["errors"][0]["source"] == "doi"
    nameless = client.post("/dois", json=payload())
    assert nameless.json()["errors"] == [{"source": "doi", "title": "Can't be blank"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'"data"',
        b"{}",
        b'{"data": []}',
        b'{"data": {}}',
        b'{"data": {"attributes": [1]}}',
        b'{"data": {"attributes": {"version": NaN}}}',
        b'{"data": {"attributes": {"version": "\\ud800"}}}',
        b'{"data": {"attributes": {"version": ' + b"[" * 200 + b"]" * 200 + b"}}}",
        b'{"data": {"attributes": {"version": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}}",
        b'{"data": {"attributes": {"version": ' + b"9" * 10_000 + b"}}}",
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_payload_is_a_bad_request(
    client: httpx.Client, doi: str, body: bytes
) -> None:
    answer = client.put(f"/dois/{doi}", content=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["title"]


def test_a_body_without_end_is_too_large(client: httpx.Client, doi: str) -> None:
    answer = client.put(f"/dois/{doi}", content=b"x" * (8 * 2**20 + 1))
    assert answer.status_code == 413


ODD: list[Any] = [0, -1.5, True, "", "x", [], [None], [[]], [1], {}, {"a": {}}, [{"name": 1}]]
NAMES = (
    "creators", "titles", "publisher", "publicationYear", "types", "dates", "subjects", "sizes",
    "identifiers", "alternateIdentifiers", "contributors", "geoLocations", "container", "url",
    "event", "doi", "prefix", "schemaVersion", "rightsList", "language",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_attributes_of_any_shape_are_accepted_or_refused(
    client: httpx.Client, anonymous: httpx.Client, doi: str, name: str
) -> None:
    for number, value in enumerate(ODD):
        for event in (None, "publish"):
            sent = {"event": event, "url": "https://example.org", name: value}
            put = client.put(f"/dois/{doi}-{number}", json=payload(**sent))
            assert put.status_code in (200, 201, 422), (name, value, put.text)
            if put.is_success:
                assert client.get(f"/dois/{doi}-{number}").status_code == 200
    assert anonymous.get("/dois").status_code == 200
    assert (
        client.get("/dois", params={"query": f"doi:{doi}*", "page[size]": 100}).status_code == 200
    )
