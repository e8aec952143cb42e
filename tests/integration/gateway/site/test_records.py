"""The full record of a dataset or document, on the Atlas."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.integration.gateway.loaded_atlas import EMBARGOED, WITHDRAWN
from tests.integration.gateway.site.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")
ZOOM = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
WHOLE = "LADAF-2021-17_kidney_left_complete-organ_25.14um_bm05"
DOI = "10.15151/ESRF-DC-1773966407"


async def record(site: Site, name: str) -> dict[str, Any]:
    answer = await site.reader.get(f"/api/records/{quote(name)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_dataset_has_its_metadata_in_groups_with_labels(site: Site) -> None:
    found = await record(site, ZOOM)
    assert found["title"] == "Left kidney of LADAF-2021-17, zoom VOI-01.1"
    assert found["citation_title"].startswith("Zoom (VOI-01.1) at 2.6um")
    groups = {g["group"]: {f["field"]: f for f in g["fields"]} for g in found["groups"]}
    organ = groups["sample"]["organ"]
    assert (organ["label"], organ["value_label"], organ["search"]) == (
        "Organ", "Kidney", "organ=kidney",
    )  # fmt: skip
    assert organ["link"] == "http://purl.obolibrary.org/obo/UBERON_0002113"
    voxel = groups["volume"]["voxel_size"]
    assert (voxel["value"], voxel["unit"], voxel["search"]) == (2.6, "µm", "voxel_um=2.6")
    assert groups["donor"]["donor_age"]["search"] is None
    assert "Fixed by" in found["not_recorded"]
    assert found["licence"]["name"] == "CC BY 4.0"


async def test_searches_of_values_find_the_dataset(site: Site) -> None:
    found = await record(site, ZOOM)
    queries = [f["search"] for g in found["groups"] for f in g["fields"] if f["search"]]
    assert len(queries) > 30
    for query in queries:
        answer = await site.reader.get(f"/api/search?{query}&donor=LADAF-2021-17&per_page=100")
        assert ZOOM in [row["pid"] for row in answer.json()["rows"]], query


async def test_relations_are_overview_zooms_and_other_organs(site: Site) -> None:
    zoom, whole = await record(site, ZOOM), await record(site, WHOLE)
    assert zoom["relations"]["overview"]["pid"] == WHOLE
    below = {card["pid"] for card in whole["relations"]["zooms"]}
    assert ZOOM in below
    assert {c["pid"] for c in zoom["relations"]["siblings"]} == below - {ZOOM}
    assert whole["card"]["zooms"] == len(below)
    others = whole["relations"]["same_donor"]
    assert {c["donor"] for c in others} == {"LADAF-2021-17"}
    assert "stomach" not in {c["organ"] for c in others}
    assert {c["type"] for c in others} == {"overview"}
    similar = zoom["relations"]["similar"]
    assert {c["organ"] for c in similar} == {"kidney"}
    assert "LADAF-2021-17" not in {c["donor"] for c in similar}
    assert zoom["registration"]["scale"]
    assert len(zoom["registration"]["box_start"]) == 3
    assert "10.1126/sciadv.adz2240" in [p["identifier"] for p in zoom["relations"]["papers"]]


async def test_a_dataset_has_its_documents_and_a_document_its_datasets(site: Site) -> None:
    zoom = await record(site, ZOOM)
    assert [d["pid"] for d in zoom["documents"]] == ["LADAF-2021-17_kidney", "proposal-md1290"]
    document = await record(site, "LADAF-2021-17_kidney")
    assert document["level"] == "document"
    assert len(document["datasets"]) == 12
    assert ZOOM in [card["pid"] for card in document["datasets"]]
    assert document["page"] == "/documents/LADAF-2021-17_kidney"


@pytest.mark.parametrize("name", [DOI, DOI.lower(), f"https://doi.org/{DOI}"])
async def test_a_record_is_found_by_its_doi(site: Site, name: str) -> None:
    assert (await record(site, name))["pid"] == ZOOM


async def test_sentences_can_be_used_in_a_paper(site: Site) -> None:
    sentences = (await record(site, ZOOM))["sentences"]
    assert sentences["methods"] == (
        "We used data of the left kidney of donor LADAF-2021-17 from the Human Organ Atlas at a "
        "voxel size of 2.6 µm (zoom VOI-01.1), scanned at ESRF on BM05 with X-rays of 83 keV."
    )
    assert sentences["availability"] == (
        f"The data are openly available under CC BY 4.0 at https://doi.org/{DOI}."
    )
    assert sentences["citation"].startswith("The Human Organ Atlas Collaboration")
    assert DOI in sentences["citation"]


async def test_addresses_of_a_record_work(site: Site) -> None:
    found = await record(site, ZOOM)
    for link in (*found["formats"], {"href": found["history_url"]}):
        assert (await site.reader.get(link["href"])).status_code == 200, link
    assert (await site.reader.get(found["files"]["list_url"])).status_code == 200


async def test_people_have_roles_and_pages(site: Site) -> None:
    people = {p["name"]: p for p in (await record(site, ZOOM))["people"]}
    walsh = people["Claire Walsh"]
    assert walsh["orcid"] == "0000-0003-3769-3392"
    assert walsh["page"] == "/people/0000-0003-3769-3392"
    assert walsh["roles"] == ["Conceptualization", "Funding acquisition", "Investigation"]
    assert people["The Human Organ Atlas Collaboration"]["organisation"]


async def test_a_withdrawn_record_leaves_its_public_part(site: Site) -> None:
    answer = await site.reader.get(f"/api/records/{WITHDRAWN.pid}")
    assert answer.status_code == 410
    problem = answer.json()
    assert problem["code"] == "WITHDRAWN"
    assert problem["record_title"] == WITHDRAWN.title
    assert problem["reason"] == "The sample was mixed up"
    assert WITHDRAWN.title in problem["citation"]


@pytest.mark.parametrize("name", [EMBARGOED.pid, EMBARGOED.name, "no such record", "a/b/c", "%00"])
async def test_what_is_not_public_does_not_exist(site: Site, name: str) -> None:
    answer = await site.reader.get(f"/api/records/{quote(name)}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_all_formats_have_the_same_title_authors_doi_licence_and_size(site: Site) -> None:
    found = await record(site, ZOOM)
    names = [p["family_name"] or p["name"] for p in found["people"]]

    async def read(form: str) -> httpx.Response:
        (link,) = [one for one in found["formats"] if one["name"] == form]
        answer = await site.reader.get(link["href"])
        assert answer.headers["content-type"].startswith(link["media_type"])
        return answer

    schema = (await read("json-ld")).json()
    datacite = (await read("datacite-json")).json()
    csl = (await read("csl-json")).json()
    bibtex, ris = (await read("bibtex")).text, (await read("ris")).text
    xml = (await read("datacite-xml")).text
    title = found["citation_title"]
    titles = [schema["name"], datacite["titles"][0]["title"], csl["title"]]
    assert titles == [title] * 3
    assert all(title in text for text in (ris, xml, bibtex))
    authors = [
        [c.get("familyName", c["name"]) for c in schema["creator"]],
        [c.get("familyName", c["name"]) for c in datacite["creators"]],
        [c.get("family") or c["literal"] for c in csl["author"]],
    ]
    assert authors == [names] * 3
    assert all(name in text for name in names for text in (bibtex, ris, xml))
    dois = [schema["@id"].removeprefix("https://doi.org/"), datacite["doi"], csl["DOI"]]
    assert dois == [found["doi"]] * 3 == [DOI] * 3
    assert all(DOI in text for text in (bibtex, ris, xml))
    licences = [schema["license"], datacite["rightsList"][0]["rightsUri"], csl["license"]]
    assert all(found["licence"]["id"] in url for url in licences)
    shape = found["card"]["shape"]
    assert datacite["sizes"][0] == f"{shape[2]} x {shape[1]} x {shape[0]} voxels"
    assert datacite["sizes"][0] in xml
    assert "size" not in schema  # that of the files, of which this record has none


async def test_json_ld_describes_what_was_measured(site: Site) -> None:
    answer = await site.reader.get(f"/api/records/{ZOOM}/jsonld")
    found = answer.json()
    assert answer.headers["content-type"] == "application/ld+json"
    assert 'rel="describes"' in answer.headers["link"]
    voxel = next(v for v in found["variableMeasured"] if v["unitText"] == "um")
    assert (voxel["value"], voxel["unitCode"]) == (2.6, "4H")
    assert found["includedInDataCatalog"]["name"] == "Human Organ Atlas"
    assert len(found["description"]) > 50
    collection = (await site.reader.get("/api/records/LADAF-2021-17_kidney/jsonld")).json()
    assert collection["@type"] == "Collection"


async def test_links_for_machines_lead_to_metadata_and_back(site: Site) -> None:
    found = await record(site, ZOOM)
    header = found["link_header"]
    for relation in ("cite-as", "type", "license", "author", "describedby", "linkset"):
        assert f'rel="{relation}"' in header
    assert len(header) < 4000
    answer = await site.reader.get(f"/api/records/{ZOOM}/linkset")
    assert answer.headers["content-type"] == "application/linkset+json"
    page, *others = answer.json()["linkset"]
    assert page["anchor"].endswith(f"/datasets/{ZOOM}")
    assert page["cite-as"] == [{"href": f"https://doi.org/{DOI}"}]
    orcids = [p["orcid"] for p in found["people"] if p["orcid"]]
    assert [a["href"].rpartition("/")[2] for a in page["author"]] == orcids
    back = {o["anchor"]: o["describes"][0]["href"] for o in others if "describes" in o}
    assert set(back) == {d["href"] for d in page["describedby"]}
    assert set(back.values()) == {page["anchor"]}


async def test_the_timeline_has_what_is_recorded_in_order(site: Site) -> None:
    events = (await site.reader.get(f"/api/records/{ZOOM}/timeline")).json()["events"]
    assert events[0] == {
        "kind": "scanned", "label": "Date of the scan", "date": "2021-09-27",
        "detail": "ESRF, BM05", "version": None, "fields": [], "link": None,
    }  # fmt: skip
    assert {"imported"} <= {e["kind"] for e in events}
    dates = [e["date"] for e in events if e["date"]]
    assert dates == sorted(dates)


@pytest.mark.parametrize("part", ["", "/jsonld", "/linkset", "/timeline"])
async def test_every_view_of_a_withdrawn_or_hidden_record_shows_it(site: Site, part: str) -> None:
    withdrawn = await site.reader.get(f"/api/records/{WITHDRAWN.pid}{part}")
    assert (withdrawn.status_code, withdrawn.json()["code"]) == (410, "WITHDRAWN")
    hidden = await site.reader.get(f"/api/records/{EMBARGOED.pid}{part}")
    assert hidden.status_code == 404
