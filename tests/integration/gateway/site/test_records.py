"""The full record of a dataset or document, on the Atlas."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.drivers.portal import Portal
from tests.integration.gateway.site.conftest import EMBARGOED, WITHDRAWN

pytestmark = pytest.mark.asyncio(loop_scope="package")
ZOOM = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
WHOLE = "LADAF-2021-17_kidney_left_complete-organ_25.14um_bm05"
DOI = "10.15151/ESRF-DC-1773966407"


async def record(site: Portal, name: str) -> dict[str, Any]:
    answer = await site.reader.get(f"/api/records/{quote(name)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_dataset_has_its_metadata_in_groups_with_labels(site: Portal) -> None:
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


async def test_searches_of_values_find_the_dataset(site: Portal) -> None:
    found = await record(site, ZOOM)
    queries = [f["search"] for g in found["groups"] for f in g["fields"] if f["search"]]
    assert len(queries) > 30
    for query in queries:
        answer = await site.reader.get(f"/api/search?{query}&donor=LADAF-2021-17&per_page=100")
        assert ZOOM in [row["pid"] for row in answer.json()["rows"]], query


async def test_relations_are_overview_zooms_and_other_organs(site: Portal) -> None:
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


async def test_a_dataset_has_its_documents_and_a_document_its_datasets(site: Portal) -> None:
    zoom = await record(site, ZOOM)
    assert [d["pid"] for d in zoom["documents"]] == ["LADAF-2021-17_kidney", "proposal-md1290"]
    document = await record(site, "LADAF-2021-17_kidney")
    assert document["level"] == "document"
    assert len(document["datasets"]) == 12
    assert ZOOM in [card["pid"] for card in document["datasets"]]
    assert document["page"] == "/documents/LADAF-2021-17_kidney"


@pytest.mark.parametrize("name", [DOI, DOI.lower(), f"https://doi.org/{DOI}"])
async def test_a_record_is_found_by_its_doi(site: Portal, name: str) -> None:
    assert (await record(site, name))["pid"] == ZOOM


async def test_sentences_can_be_used_in_a_paper(site: Portal) -> None:
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


async def test_addresses_of_a_record_work(site: Portal) -> None:
    found = await record(site, ZOOM)
    for link in (*found["formats"], {"href": found["history_url"]}):
        assert (await site.reader.get(link["href"])).status_code == 200, link
    assert (await site.reader.get(found["files"]["list_url"])).status_code == 200


async def test_people_have_roles_and_pages(site: Portal) -> None:
    people = {p["name"]: p for p in (await record(site, ZOOM))["people"]}
    walsh = people["Claire Walsh"]
    assert walsh["orcid"] == "0000-0003-3769-3392"
    assert walsh["page"] == "/people/0000-0003-3769-3392"
    assert walsh["roles"] == ["Conceptualization", "Funding acquisition", "Investigation"]
    assert people["The Human Organ Atlas Collaboration"]["organisation"]


async def test_a_withdrawn_record_leaves_its_public_part(site: Portal) -> None:
    answer = await site.reader.get(f"/api/records/{WITHDRAWN.pid}")
    assert answer.status_code == 410
    problem = answer.json()
    assert problem["code"] == "WITHDRAWN"
    assert problem["record_title"] == WITHDRAWN.title
    assert problem["reason"] == "The sample was mixed up"
    assert WITHDRAWN.title in problem["citation"]


@pytest.mark.parametrize("name", [EMBARGOED.pid, EMBARGOED.name, "no such record", "a/b/c", "%00"])
async def test_what_is_not_public_does_not_exist(site: Portal, name: str) -> None:
    answer = await site.reader.get(f"/api/records/{quote(name)}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
