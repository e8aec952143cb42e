"""One record in every format in which it can be cited, by content negotiation and by name."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from datacite import schema45
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered, DoiMinted, Event
from portal_shared.contracts.records import Change, Dataset, Document

from tests.drivers.portal import Portal

pytestmark = pytest.mark.asyncio(loop_scope="module")
ZOOM, OVERVIEW, ORGAN, WHOLE = "kidney/zoom", "kidney/overview", "kidney", "atlas"
DOIS = {
    ZOOM: "10.5072/zoom",
    OVERVIEW: "10.15151/shared",
    ORGAN: "10.5072/organ",
    WHOLE: "10.5072/atlas",
}
MEMBERS = [
    {"person": {"id": "hoa", "full_name": "The Collaboration", "organisation": True}},
    {
        "person": {
            "id": "0000-0002-1825-0097", "orcid": "0000-0002-1825-0097",
            "full_name": "Zoë Müller", "first_name": "Zoë", "last_name": "Müller",
        }
    },
    {"person": {"id": "a", "full_name": "Ada Adams", "first_name": "Ada", "last_name": "Adams"}},
]  # fmt: skip
TITLE = "Left kidney & its 50% zoom"
HISTORY = (Change(version=1, at=datetime(2024, 5, 6, tzinfo=UTC), kind="registered"),)


def dataset(pid: str, **more: Any) -> DatasetRegistered:
    given = {
        "pid": pid, "name": pid, "title": TITLE, "profile": "human-organs",
        "created": "2021-03-04T00:00:00Z", "members": MEMBERS, "document": ORGAN,
        "license": "CC-BY-4.0", "size": 2048, "summary": "A zoom into a kidney.",
        "parameters": [{"name": "organ", "value": "kidney"}], **more,
    }  # fmt: skip
    return DatasetRegistered(dataset=Dataset.model_validate(given), version=1, history=HISTORY)


def document(pid: str, **more: Any) -> DocumentRegistered:
    given = {
        "pid": pid, "name": pid, "title": f"The {pid}", "profile": "human-organs",
        "type": "publication", "members": MEMBERS, **more,
    }  # fmt: skip
    return DocumentRegistered(document=Document.model_validate(given), version=1, history=HISTORY)


def minted(pid: str) -> DoiMinted:
    return DoiMinted(
        pid=pid, level="document" if pid in (ORGAN, WHOLE) else "dataset", doi=DOIS[pid],
        url="u", adopted=pid == OVERVIEW, state="findable", version=1, revision=1,
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kidney(shared_portal: Portal) -> Portal:
    """A portal with an atlas, an organ and two scans, shared by the tests of this module."""
    derived = [{"type": "IsDerivedFrom", "pid": OVERVIEW}]
    events: list[Event] = [
        document(WHOLE, type="atlas", documents=[ORGAN]),
        document(ORGAN, datasets=[OVERVIEW, ZOOM]),
        dataset(OVERVIEW, doi=DOIS[OVERVIEW]),
        dataset(ZOOM, relations=derived),
        *map(minted, DOIS),
    ]
    await shared_portal.publish(events)
    await shared_portal.wait_indexed()
    return shared_portal


async def resolve(portal: Portal, doi: str, accept: str) -> Any:
    return await portal.reader.get(f"/doi/{doi}", headers={"accept": accept})


async def test_every_format_describes_the_same_record(kidney: Portal) -> None:
    accepts = {
        "application/vnd.datacite.datacite+json": TITLE,
        "application/vnd.datacite.datacite+xml": "Left kidney &amp; its 50% zoom",
        "application/ld+json": TITLE,
        "application/vnd.schemaorg.ld+json": TITLE,
        "application/vnd.citationstyles.csl+json": TITLE,
        "application/x-bibtex": r"Left kidney \& its 50\% zoom",
        "application/x-research-info-systems": TITLE,
        "text/x-bibliography; style=ieee": TITLE,
    }
    for accept, title in accepts.items():
        answer = await resolve(kidney, DOIS[ZOOM], accept)
        assert answer.status_code == 200, accept
        assert answer.headers["content-type"].startswith(accept.split(";", 1)[0])
        assert "Accept" in answer.headers["vary"]
        assert title in answer.text, accept
        assert DOIS[ZOOM] in answer.text, accept
        assert "Müller" in answer.text or "ieee" in accept, accept
        assert "2024" in answer.text, accept


async def test_datacite_json_and_xml_are_valid_and_name_the_relatives(kidney: Portal) -> None:
    for doi in DOIS.values():
        found = (await resolve(kidney, doi, "application/vnd.datacite.datacite+json")).json()
        metadata = {k: v for k, v in found.items() if k != "id"}
        assert list(schema45.validator.iter_errors(metadata)) == []
        text = (await resolve(kidney, doi, "application/vnd.datacite.datacite+xml")).text
        root = ET.fromstring(text)  # noqa: S314  # our own answer
        assert root.findtext("{http://datacite.org/schema/kernel-4}identifier") == doi
    found = (await resolve(kidney, DOIS[ZOOM], "application/vnd.datacite.datacite+json")).json()
    related = {(r["relationType"], r["relatedIdentifier"]) for r in found["relatedIdentifiers"]}
    assert related == {("IsDerivedFrom", DOIS[OVERVIEW]), ("IsPartOf", DOIS[ORGAN])}
    found = (await resolve(kidney, DOIS[ORGAN], "application/vnd.datacite.datacite+json")).json()
    related = {(r["relationType"], r["relatedIdentifier"]) for r in found["relatedIdentifiers"]}
    assert related == {
        ("HasPart", DOIS[OVERVIEW]), ("HasPart", DOIS[ZOOM]), ("IsPartOf", DOIS[WHOLE]),
    }  # fmt: skip


async def test_schema_org_has_what_search_engines_for_data_want(kidney: Portal) -> None:
    found = (await resolve(kidney, DOIS[ZOOM], "application/ld+json")).json()
    assert found["@type"] == "Dataset"
    assert found["@id"] == f"https://doi.org/{DOIS[ZOOM]}"
    assert found["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert [c["@type"] for c in found["creator"]] == ["Organization", "Person", "Person"]
    assert found["creator"][1]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    assert found["isPartOf"] == [{"@id": f"https://doi.org/{DOIS[ORGAN]}"}]
    assert found["about"][0]["@id"] == "http://purl.obolibrary.org/obo/UBERON_0002113"
    whole = (await resolve(kidney, DOIS[WHOLE], "application/ld+json")).json()
    assert whole["@type"] == "Collection"
    assert whole["hasPart"] == [{"@id": f"https://doi.org/{DOIS[ORGAN]}"}]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/x-bibtex;q=0.3, application/ld+json;q=0.9", "application/ld+json"),
        ("application/json;q=0.1, application/x-bibtex", "application/x-bibtex"),
        ("image/png, application/*;q=0.5", "application/json"),
    ],
)
async def test_what_is_liked_best_is_answered(kidney: Portal, accept: str, kind: str) -> None:
    answer = await resolve(kidney, DOIS[ZOOM], accept)
    assert answer.headers["content-type"].split(";")[0] == kind


async def test_what_nobody_has_is_not_acceptable(kidney: Portal) -> None:
    assert (await resolve(kidney, DOIS[ZOOM], "image/png")).status_code == 406
    unknown = await resolve(kidney, DOIS[ZOOM], "text/x-bibliography; style=../../etc/passwd")
    assert unknown.status_code == 406
    assert (await resolve(kidney, "10.5072/none", "application/x-bibtex")).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["", "/jsonld", "/linkset", "/timeline", "/citations", "/citation?format=bibtex", "/history"],
)
async def test_headers_alone_are_those_of_the_answer(kidney: Portal, path: str) -> None:
    address = f"/api/records/{quote(ZOOM, safe='')}{path}"
    whole, head = await kidney.reader.get(address), await kidney.reader.head(address)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    for name in ("content-type", "content-length", "etag", "link", "vary"):
        assert head.headers.get(name) == whole.headers.get(name), name


async def test_headers_of_what_is_missing_or_not_acceptable(kidney: Portal) -> None:
    assert (await kidney.reader.head("/api/records/none")).status_code == 404
    assert (await kidney.reader.head("/api/downloads")).status_code == 404
    for method in ("GET", "HEAD"):
        answer = await kidney.reader.request(
            method, f"/doi/{DOIS[ZOOM]}", headers={"accept": "image/png"}
        )
        assert answer.status_code == 406
        assert "Accept" in answer.headers["vary"]


async def test_a_browser_is_led_to_the_page_of_whatever_level(kidney: Portal) -> None:
    for pid, page in ((WHOLE, "/documents/atlas"), (ZOOM, "/datasets/kidney%2Fzoom")):
        answer = await resolve(kidney, DOIS[pid], "text/html")
        assert (answer.status_code, answer.headers["location"]) == (302, page)
        assert (await kidney.reader.get(page, headers={"accept": "text/html"})).status_code == 200


async def test_the_atlas_is_no_document_of_the_search_api(kidney: Portal) -> None:
    assert await kidney.pids("/api/Documents") == [ORGAN]


@pytest.mark.parametrize(
    ("style", "start"),
    [
        ("apa", "The Collaboration, Müller, Z., & Adams, A. (2024). "),
        ("mla", "The Collaboration, et al. "),
        ("chicago", "The Collaboration, Z. Müller, and A. Adams. 2024. "),
        ("harvard", "The Collaboration, "),
        ("vancouver", "The Collaboration"),
        ("ieee", "The Collaboration, Z. Müller"),
        ("nature", "The Collaboration, Müller, Z."),
    ],
)
async def test_a_citation_in_the_order_of_the_authors(
    kidney: Portal, style: str, start: str
) -> None:
    answer = await kidney.get(f"/api/records/{ZOOM}/citation", format=style)
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith(start)
    by_doi = await kidney.get(f"/api/records/{DOIS[ZOOM]}/citation", format="text", style=style)
    assert by_doi.text == answer.text


async def test_files_of_a_citation_keep_what_their_readers_need(kidney: Portal) -> None:
    ris = (await kidney.get(f"/api/records/{ZOOM}/citation", format="ris")).content
    assert ris.startswith(b"TY  - DATA\r\n")
    assert ris.endswith(b"ER  - \r\n")
    bibtex = (await kidney.get(f"/api/records/{ZOOM}/citation", format="bibtex")).text
    assert "author = {{The Collaboration} and Müller, Zoë and Adams, Ada}" in bibtex
    csl = (await kidney.get(f"/api/records/{ZOOM}/citation", format="csl-json")).json()
    assert csl["author"][0] == {"literal": "The Collaboration"}
    assert csl["issued"] == {"date-parts": [[2024]]}


async def test_the_year_of_an_adopted_doi_is_not_made_up(kidney: Portal) -> None:
    text = (await kidney.get(f"/api/records/{OVERVIEW}/citation", format="apa")).text
    assert "(n.d.)" in text
    csl = (await kidney.get(f"/api/records/{OVERVIEW}/citation", format="csl-json")).json()
    assert "issued" not in csl
    accept = "application/vnd.datacite.datacite+json"
    found = (await resolve(kidney, DOIS[OVERVIEW], accept)).json()
    assert found["publicationYear"] == "0000"
    assert {one["dateType"] for one in found["dates"]}.isdisjoint({"Issued", "Available"})


@pytest.mark.parametrize(
    ("path", "params", "status", "message"),
    [
        (ZOOM, {"format": "word"}, 400, "bibtex"),
        (ZOOM, {"style": "no-such-style"}, 400, "citationstyles"),
        (ZOOM, {"locale": "xx"}, 400, "en-US"),
        ("nothing", {}, 404, "nothing"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_a_reason(
    kidney: Portal, path: str, params: dict[str, str], status: int, message: str
) -> None:
    answer = await kidney.get(f"/api/records/{path}/citation", **params)
    assert answer.status_code == status
    assert message in json.dumps(answer.json())


async def test_a_shared_doi_lists_its_records_in_any_format(kidney: Portal) -> None:
    shared = DOIS[OVERVIEW]
    event = minted(OVERVIEW).model_copy(update={"pid": "another"})
    await kidney.publish([dataset("another", doi=shared), event])
    await kidney.wait_indexed()
    page = await resolve(kidney, shared, "text/html")
    assert (page.status_code, page.headers["location"]) == (302, f"/shared-doi/{shared}")
    choice = await resolve(kidney, shared, "application/x-bibtex")
    assert choice.status_code == 300
    assert {r["pid"] for r in choice.json()["records"]} == {"another", OVERVIEW}


@pytest.mark.parametrize("accept", ["*/*", "image/png, */*;q=0.1", ""])
async def test_a_doi_leads_to_the_page_unless_a_format_is_requested(
    kidney: Portal, accept: str
) -> None:
    answer = await resolve(kidney, DOIS[ZOOM], accept)
    assert (answer.status_code, answer.headers["location"]) == (
        302,
        f"/datasets/{quote(ZOOM, safe='')}",
    )
    chosen = await resolve(kidney, DOIS[ZOOM], "application/json, */*;q=0.5")
    assert chosen.json()["records"][0]["pid"] == ZOOM


async def test_a_doi_is_found_in_any_case_and_shown_as_it_was_registered(kidney: Portal) -> None:
    given = "10.15151/ESRF-DC-7"
    event = minted(OVERVIEW).model_copy(update={"pid": "capitals", "doi": given.lower()})
    await kidney.publish([dataset("capitals", doi=f"https://doi.org/{given}"), event])
    await kidney.wait_indexed()
    for spelling in (given, given.lower(), given.title()):
        assert (await kidney.get(f"/datasets/{spelling}")).json()["doi"] == given
        assert (await kidney.get(f"/api/Datasets/{spelling}")).json()["doi"] == given
        found = await kidney.get("/api/Datasets", filter={"where": {"doi": spelling}})
        assert [row["doi"] for row in found.json()] == [given]
        assert (await kidney.get(f"/api/records/{spelling}/history")).json()["doi"] == given
        cited = await resolve(kidney, spelling, "application/vnd.datacite.datacite+json")
        assert (cited.json()["doi"], cited.json()["id"]) == (given, f"https://doi.org/{given}")
