"""Totals, organs, donors, people and proposals, and suggestions, on the Atlas."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.gateway.site.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def got(site: Site, path: str) -> dict[str, Any]:
    answer = await site.reader.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_totals_are_those_of_all_public_datasets(site: Site) -> None:
    found = await got(site, "/api/totals")
    assert (found["datasets"], found["overviews"], found["zooms"]) == (378, 109, 269)
    assert (found["donors"], found["organs"]) == (60, 14)
    assert found["voxels"] == {"min_um": 0.65, "max_um": 42.4}
    rows = [await got(site, f"/api/search?per_page=100&page={n}") for n in range(1, 5)]
    cards = [card for page in rows for card in page["rows"]]
    # The engine counts numbers with twelve digits.
    assert found["full_bytes"] == pytest.approx(sum(c["full_bytes"] for c in cards), rel=1e-11)
    dates = [card["date"] for card in found["newest"]]
    assert dates == sorted((card["date"] for card in cards), reverse=True)[: len(dates)]


async def test_organs_add_up_to_the_totals(site: Site) -> None:
    totals = await got(site, "/api/totals")
    organs = (await got(site, "/api/organs"))["organs"]
    assert sum(organ["datasets"] for organ in organs) == totals["datasets"]
    by_organ = sum(organ["full_bytes"] for organ in organs)
    assert by_organ == pytest.approx(totals["full_bytes"], rel=1e-11)
    kidney = next(organ for organ in organs if organ["value"] == "kidney")
    search = await got(site, f"/api/search?{kidney['search']}&per_page=100")
    assert search["total"] == kidney["datasets"] == 38
    voxels = [card["voxel_um"] for card in search["rows"]]
    assert kidney["voxels"] == {"min_um": min(voxels), "max_um": max(voxels)}
    assert kidney["donors"] == len({card["donor"] for card in search["rows"]})
    assert "stomach" not in [organ["value"] for organ in organs]


async def test_donors_have_their_organs_and_what_is_recorded(site: Site) -> None:
    donors = (await got(site, "/api/donors"))["donors"]
    assert len(donors) == 60
    found = await got(site, "/api/donors/LADAF-2021-17")
    assert found["datasets"] == donors[0]["datasets"] == 87
    assert sum(organ["count"] for organ in found["by_organ"]) == 87
    assert len(found["overviews_first"]) == 87
    (group,) = found["groups"]
    fields = {f["field"]: f for f in group["fields"]}
    assert (fields["donor_age"]["value"], fields["donor_age"]["unit"]) == (63, "years")
    assert fields["donor_sex"]["value_label"] == "Male"
    assert "LADAF-2021-17_kidney" in [d["pid"] for d in found["documents"]]


async def test_a_person_has_roles_datasets_and_documents(site: Site) -> None:
    people = (await got(site, "/api/suggest?q=tafforeau"))["people"]
    assert people[0]["name"] == "Paul Tafforeau"
    found = await got(site, f"/api{people[0]['page']}")
    assert found["orcid_url"] == f"https://orcid.org/{found['orcid']}"
    assert found["datasets"] == people[0]["count"] > 300
    assert (await got(site, f"/api/search?{found['search']}"))["total"] == found["datasets"]
    assert found["roles"]
    assert {d["type"] for d in found["documents"]} <= {"publication", "proposal"}


@pytest.mark.parametrize("typed", list("abcdefghijklmnopqrstuvwxyz"))
async def test_a_person_is_suggested_once_with_all_datasets(site: Site, typed: str) -> None:
    """Some people have two names in the records of the Atlas, such as Kuhnel and Kuehnel."""
    people = (await got(site, f"/api/suggest?q={typed}"))["people"]
    assert len({one["id"] for one in people}) == len(people)
    for one in people:
        assert one["count"] == (await got(site, f"/api{one['page']}"))["datasets"]


async def test_a_person_has_the_name_of_most_records(site: Site) -> None:
    (suggested,) = (await got(site, "/api/suggest?q=kuehnel"))["people"]
    assert suggested["name"] == "Mark Kuehnel"
    assert (await got(site, f"/api{suggested['page']}"))["name"] == "Mark P. Kuhnel"


async def test_a_proposal_has_its_title_people_and_datasets(site: Site) -> None:
    found = await got(site, "/api/proposals/md1290")
    assert found["datasets"] == 183
    assert found["document"]["pid"] == "proposal-md1290"
    assert found["title"]
    assert found["people_list"]


@pytest.mark.parametrize(
    "path", ["donors/nobody", "donors/x%2Fy", "people/0000-0000-0000-0000", "people/%F0%9F%AB%80",
             "proposals/none", "donors/%00"],
)  # fmt: skip
async def test_what_has_no_public_record_is_not_found(site: Site, path: str) -> None:
    answer = await site.reader.get(f"/api/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("typed", "value", "field"),
    [
        ("kid", "kidney", "organ"),
        ("renal", "kidney", "organ"),
        ("achilles t", "achillesTendon", "organ"),
        ("LADAF-2021", "LADAF-2021-17", "donor"),
        ("covid", "COVID-19", "pathology"),
        ("2021", "2021", "year"),
    ],
)
async def test_values_are_suggested_with_labels_and_counts(
    site: Site, typed: str, value: str, field: str
) -> None:
    values = (await got(site, f"/api/suggest?q={quote(typed)}"))["values"]
    found = next(v for v in values if (v["value"], v["field"]) == (value, field))
    assert (await got(site, f"/api/search?{found['search']}"))["total"] == found["count"]


async def test_datasets_and_documents_are_suggested_by_their_words(site: Site) -> None:
    found = await got(site, "/api/suggest?q=left+kidney+LADAF-2021-17")
    assert all("LADAF-2021-17" in d["title"] for d in found["datasets"])
    assert "LADAF-2021-17_kidney" in [d["pid"] for d in found["documents"]]


async def test_popular_values_come_before_the_first_letter(site: Site) -> None:
    found = await got(site, "/api/suggest")
    assert found["values"][0]["value"] == "heart"
    assert {v["field"] for v in found["values"]} >= {"organ", "dataset_type"}


@pytest.mark.parametrize("typed", ["%00", "%22", "::", "stomach", "%F0%9F%AB%80", "a" * 500, "-"])
async def test_any_typed_text_has_an_answer(site: Site, typed: str) -> None:
    found = await got(site, f"/api/suggest?q={typed}")
    assert "stomach" not in [v["value"] for v in found["values"]]
