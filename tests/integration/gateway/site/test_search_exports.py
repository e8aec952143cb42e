"""Exports of exactly the result of a search."""

import csv
import io
from typing import Any

import pytest

from tests.integration.gateway.site.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")
QUERY = "organ=kidney&type=zoom&sort=voxel_um"


async def names(site: Site) -> list[str]:
    answer = await site.reader.get(f"/api/search?{QUERY}&per_page=100")
    return [card["name"] for card in answer.json()["rows"]]


async def exported(site: Site, form: str, query: str = QUERY) -> str:
    page = (await site.reader.get(f"/api/search?{query}")).json()
    (link,) = [one for one in page["exports"] if one["format"] == form]
    answer = await site.reader.get(link["href"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(link["media_type"])
    assert "attachment" in answer.headers["content-disposition"]
    return answer.text


@pytest.mark.parametrize(("form", "delimiter"), [("tsv", "\t"), ("csv", ",")])
async def test_a_table_has_the_rows_of_the_search_in_its_order(
    site: Site, form: str, delimiter: str
) -> None:
    text = await exported(site, form)
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    assert [row["name"] for row in rows] == await names(site)
    assert [float(row["voxel_um"]) for row in rows] == sorted(float(r["voxel_um"]) for r in rows)


async def test_json_has_the_cards_of_the_search(site: Site) -> None:
    answer = await site.reader.get(f"/api/search/export?{QUERY}&format=json")
    assert [card["name"] for card in answer.json()] == await names(site)
    nothing = await site.reader.get("/api/search/export?organ=stomach&format=json")
    assert nothing.json() == []


@pytest.mark.parametrize(("form", "mark"), [("bibtex", "@misc{"), ("ris", "TY  - ")])
async def test_citations_have_an_entry_for_each_dataset(site: Site, form: str, mark: str) -> None:
    text = await exported(site, form)
    assert text.count(mark) == len(await names(site))


async def test_a_metalink_is_well_formed_also_without_files(site: Site) -> None:
    text = await exported(site, "metalink")
    assert text.startswith("<?xml")
    assert text.rstrip().endswith("</metalink>")


async def test_unknown_formats_are_refused(site: Site) -> None:
    answer = await site.reader.get("/api/search/export?format=xlsx")
    assert (answer.status_code, answer.json()["field"]) == (400, "format")
