"""The one call of a page of results, on the Atlas."""

import itertools
from typing import Any

import pytest

from tests.integration.gateway.site.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")
KIDNEYS, ALL = 38, 378


async def page(site: Site, query: str = "") -> dict[str, Any]:
    answer = await site.reader.get(f"/api/search?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def facet(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(f for f in found["facets"] if f["field"] == name)


def counts(found: dict[str, Any], name: str) -> dict[str, int]:
    return {v["value"]: v["count"] for v in facet(found, name)["values"]}


async def test_all_public_datasets_are_found_without_criteria(site: Site) -> None:
    found = await page(site)
    assert (found["total"], found["pages"], len(found["rows"])) == (ALL, 19, 20)
    assert (found["chips"], found["drop"], found["corrections"]) == ([], [], [])
    assert sum(counts(found, "organ").values()) == ALL


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("q=kidney", KIDNEYS),
        ("q=renal", KIDNEYS),
        ("organ=kidney", KIDNEYS),
        ("organ=Kidney", KIDNEYS),
        ("q=organ:kidney", KIDNEYS),
        ("organ=kidney&organ=liver", KIDNEYS + 7),
        ("organ=Achilles+tendon", 5),
        ("type=overview", 109),
        ("donor=LADAF-2021-17", 87),
        ("side=~missing", ALL - 123),
        ("side=left&side=~missing", ALL - 123 + 44),
        ("beamline=BM18", 207),
        ("energy_kev=~missing", 5),
        ("document=LADAF-2021-17_kidney", 12),
        ("organ=stomach", 0),
    ],
)
async def test_criteria_select(site: Site, query: str, total: int) -> None:
    assert (await page(site, query))["total"] == total


async def test_ranges_select_the_same_in_every_unit(site: Site) -> None:
    found = [await page(site, f"voxel_um={given}")
             for given in ("2..3", "2um..0.003mm", "2000nm..3000nm")]  # fmt: skip
    assert len({f["total"] for f in found}) == 1
    assert found[0]["total"] > 50
    assert all(2 <= row["voxel_um"] <= 3 for row in found[0]["rows"])
    assert {f["query"] for f in found} == {"voxel_um=2..3"}
    exact = await page(site, "voxel_um=6.5")
    assert exact["total"] == 50


async def test_a_card_has_what_a_list_shows(site: Site) -> None:
    name = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
    found = await page(site, "document=LADAF-2021-17_kidney&sort=voxel_um&per_page=100")
    card = next(row for row in found["rows"] if row["name"] == name)
    assert card == {
        "pid": name,
        "name": name,
        "title": "Left kidney of LADAF-2021-17, zoom VOI-01.1",
        "page": f"/datasets/{name}",
        "thumbnail": f"/data/{name}/thumbnail/small",
        "organ": "kidney",
        "organ_label": "Left kidney",
        "side": "left",
        "donor": "LADAF-2021-17",
        "type": "zoom",
        "type_label": "Zoom",
        "region": "VOI-01.1",
        "voxel_um": 2.6,
        "size_um": [33670.0, 10025.6, 10025.6],
        "shape": [12950, 3856, 3856],
        "bytes": None,
        "full_bytes": 385100262400,
        "date": "2021-09-27T00:00:00Z",
        "availability": None,
        "availability_label": None,
        "zooms": 0,
        "overview": "LADAF-2021-17_kidney_left_complete-organ_25.14um_bm05",
        "doi": "10.15151/ESRF-DC-1773966407",
        "licence": "CC-BY-4.0",
    }
    whole = next(row for row in found["rows"] if row["name"] == card["overview"])
    registered = [row for row in found["rows"] if row["overview"] == whole["name"]]
    assert whole["zooms"] == len(registered) > 1


async def test_facets_ignore_their_own_selection_and_keep_zeros(site: Site) -> None:
    everything = await page(site)
    found = await page(site, "organ=kidney&type=zoom")
    zooms = await page(site, "type=zoom")
    assert counts(found, "organ") == counts(zooms, "organ")
    assert counts(found, "dataset_type") == counts(await page(site, "organ=kidney"), "dataset_type")
    assert counts(found, "donor").keys() == counts(everything, "donor").keys()
    assert 0 in counts(found, "donor").values()
    chosen = [v["value"] for v in facet(found, "organ")["values"] if v["selected"]]
    assert chosen == ["kidney"]


async def test_facet_counts_are_what_their_selection_finds(site: Site) -> None:
    found = await page(site, "organ=lung")
    for one in found["facets"]:
        for value in one["values"][:3]:
            more = f"organ=lung&{one['parameter']}={value['value']}"
            if one["field"] != "organ":
                assert (await page(site, more))["total"] == value["count"], more
        if one["field"] != "organ":
            missing = f"organ=lung&{one['parameter']}={one['missing']['value']}"
            assert (await page(site, missing))["total"] == one["missing"]["count"], missing


async def test_histograms_count_every_number_once(site: Site) -> None:
    voxels = facet(await page(site), "voxel_size")
    assert voxels["unit"] == "µm"
    assert sum(b["count"] for b in voxels["buckets"]) == ALL
    assert voxels["min"] == voxels["buckets"][0]["start"] <= 0.65
    assert voxels["max"] == voxels["buckets"][-1]["end"] > 42
    ends = [(b["start"], b["end"]) for b in voxels["buckets"]]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ends))
    fine = facet(await page(site, "voxel_um=..3&organ=kidney"), "voxel_size")
    assert fine["selected"] == [{"low": None, "high": 3.0}]
    assert sum(b["count"] for b in fine["buckets"]) == KIDNEYS
    assert [(b["start"], b["end"]) for b in fine["buckets"]] == ends


async def test_years_are_counted_and_selected(site: Site) -> None:
    years = counts(await page(site), "year")
    assert sum(years.values()) == ALL
    found = await page(site, "year=2021..2022")
    assert found["total"] == years["2021"] + years["2022"]
    assert {row["date"][:4] for row in found["rows"]} <= {"2021", "2022"}
    days = await page(site, "date=2021-01-01..2022-12-31")
    assert days["total"] == found["total"]


@pytest.mark.parametrize(("sort", "key"), [("voxel_um", "voxel_um"), ("date", "date"),
                                           ("raw_size_estimate", "full_bytes")])  # fmt: skip
async def test_rows_are_in_the_requested_order_also_with_words(
    site: Site, sort: str, key: str
) -> None:
    for query in ("organ=kidney", "q=kidney"):
        up = [r[key] for r in (await page(site, f"{query}&sort={sort}&per_page=100"))["rows"]]
        down = [r[key] for r in (await page(site, f"{query}&sort=-{sort}&per_page=100"))["rows"]]
        assert up == sorted(up)
        assert down == sorted(up, reverse=True)
        assert len(up) == KIDNEYS


async def test_pages_have_every_row_once(site: Site) -> None:
    names: list[str] = []
    for number in range(1, 5):
        found = await page(site, f"per_page=100&page={number}&sort=name")
        names += [row["name"] for row in found["rows"]]
    assert len(names) == len(set(names)) == ALL
    assert (await page(site, "per_page=100&page=5"))["rows"] == []


async def test_corrections_are_reported_and_can_be_refused(site: Site) -> None:
    found = await page(site, "q=kidny")
    assert (found["total"], found["corrections"]) == (
        KIDNEYS,
        [{"from_word": "kidny", "to_word": "kidney"}],
    )
    refused = await page(site, "q=kidny&exact=1")
    assert (refused["total"], refused["corrections"], refused["rows"]) == (0, [], [])
    assert (await page(site, "q=kidn"))["corrections"] == []  # the beginning of a word
    assert (await page(site, "q=covid+lung+xyzzyx"))["ignored_words"] == ["xyzzyx"]


async def test_what_empties_a_search_is_reported(site: Site) -> None:
    found = await page(site, "organ=liver&side=left&voxel_um=2..40")
    assert found["total"] == 0
    dropped = {d["chip"]["field"]: d["count_without"] for d in found["drop"]}
    for name, parameter in (("organ", "side=left"), ("organ_context", "organ=liver")):
        other = await page(site, f"{parameter}&voxel_um=2..40")
        assert dropped[name] == other["total"] > 0
    assert dropped["voxel_size"] == 0
    assert [d["count_without"] for d in found["drop"]] == sorted(dropped.values(), reverse=True)


async def test_chips_have_words_and_what_to_leave_out(site: Site) -> None:
    found = await page(site, "q=organ:kidney+cortex&voxel_um=2..30&side=~missing")
    shown = [(c["label"], c["value_label"], c["parameter"], c["value"]) for c in found["chips"]]
    assert shown == [
        ("Organ", "Kidney", "organ", "kidney"),
        ("Voxel size", "2 to 30 µm", "voxel_um", "2..30"),
        ("Side or part", "not recorded", "side", "~missing"),
    ]
    assert found["words"] == "cortex"
    assert found["query"] == "q=cortex&organ=kidney&side=~missing&voxel_um=2..30"


async def test_hidden_and_withdrawn_datasets_are_neither_counted_nor_listed(site: Site) -> None:
    found = await page(site, "per_page=100&sort=name")
    assert "stomach" not in counts(found, "organ")
    finest = await page(site, "donor=LADAF-2021-17&organ=kidney&voxel_um=3")
    assert finest["total"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("organs=kidney", "organs"),
        ("voxel_um=fine", "voxel_um"),
        ("voxel_um=5..2", "voxel_um"),
        ("voxel_um=2kg..", "voxel_um"),
        ("voxel_um=..", "voxel_um"),
        ("voxel_um=1..2..3", "voxel_um"),
        ("date=2021-13-01..", "date"),
        ("year=21", "year"),
        ("year=2000..9999", "year"),
        ("page=0", "page"),
        ("page=1e3", "page"),
        ("per_page=101", "per_page"),
        ("sort=colour", "sort"),
        ("exact=perhaps", "exact"),
        ("medical_history=diabetes", "medical_history"),
        ("donor_age=94", "donor_age"),
        (f"organ={'x' * 301}", "organ"),
        (f"q={'x' * 501}", "q"),
    ],
)
async def test_wrong_parameters_are_reported(site: Site, query: str, field: str) -> None:
    answer = await site.reader.get(f"/api/search?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert field in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "q=%00", "q=%F0%9F%AB%80", "q=organ:", "q=::::", "organ=%22%5D%20OR%20id%20EXISTS",
        "donor=%27%3B--", "voxel_um=1e308..", "voxel_um=-1e308..0", "year=0000", "year=9998..9999",
        "date=0001-01-01..9999-12-31", "page=1000000&per_page=100", "q=%22", "document=%2F..%2F",
        "q=organ:%22kidney", "technique=%E2%80%8F", "q=NOT+kidney+AND", "person=x", "sort=-name",
    ],
)  # fmt: skip
async def test_no_input_is_an_error_of_the_server(site: Site, query: str) -> None:
    answer = await site.reader.get(f"/api/search?{query}")
    assert answer.status_code in (200, 400), answer.text
