"""The portal as a whole: status, sitemap, catalogue."""

import pytest
from portal_gateway.records.sitemap import find_parts
from portal_gateway.routes import portal

from tests.integration.gateway.site.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_the_status_has_a_state_for_each_part(site: Site) -> None:
    status = (await site.reader.get("/api/service-status")).json()
    parts = {part["name"]: part["state"] for part in status["parts"]}
    assert (parts["search"], parts["index"]) == ("up", "up")
    assert parts["downloads"] == parts["ingest"] == "down"  # they do not run here
    assert status["state"] == "degraded"


async def test_the_status_has_what_waits_and_how_new_the_search_is(site: Site) -> None:
    status = (await site.reader.get("/api/service-status")).json()
    parts = {part["name"]: part for part in status["parts"]}
    assert parts["index"]["waiting"] == 0
    assert parts["index"]["newest"] < status["at"]
    assert parts["search"]["waiting"] is None


async def test_the_sitemap_has_every_public_page_once(site: Site) -> None:
    found = (await site.reader.get("/api/sitemap")).json()
    pages = [entry["page"] for entry in found["entries"]]
    assert len(pages) == len(set(pages)) == 378 + 87
    assert found["next"] is None
    assert "/datasets/LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05" in pages
    assert not [page for page in pages if "stomach" in page]
    rest = (await site.reader.get("/api/sitemap?after=dataset:S")).json()["entries"]
    assert [entry["page"] for entry in rest] == pages[-len(rest) :]
    assert (await site.reader.get("/api/sitemap?after=x")).status_code == 400


@pytest.mark.parametrize("size", [40, 87, 155, 465, 1000])
async def test_the_parts_of_the_sitemap_are_those_of_its_pages(
    site: Site, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal, "PAGE_SIZE", size)
    sizes: list[int] = []
    parts = (await find_parts(site.catalogue, size)).parts
    for number, after in enumerate(parts):
        part = (await site.reader.get("/api/sitemap", params={"after": after})).json()
        sizes.append(len(part["entries"]))
        assert part["next"] == (parts[number + 1] if number + 1 < len(parts) else part["next"])
    assert sum(sizes) == 378 + 87
    assert all(0 < n <= size for n in sizes)
    assert set(sizes[:-1]) <= {size}


async def test_the_index_of_the_sitemap_has_one_part_for_the_atlas(site: Site) -> None:
    assert (await site.reader.get("/api/sitemap/parts")).json() == {"parts": [""]}


async def test_the_portal_is_a_data_catalog(site: Site) -> None:
    answer = await site.reader.get("/api/catalog.jsonld")
    assert answer.headers["content-type"] == "application/ld+json"
    found = answer.json()
    assert (found["@type"], found["name"]) == ("DataCatalog", "Human Organ Atlas")
