"""Beyond the standard: facets, suggestions, snippets, export."""

import csv
import io
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from portal_gateway.engine import number_ends
from portal_shared.contracts.events import DatasetRegistered, InstrumentRegistered
from portal_shared.contracts.records import Instrument

from tests.drivers.portal import Portal
from tests.integration.gateway.few_records import dataset, events, parameter

pytestmark = pytest.mark.asyncio(loop_scope="module")
HISTORY = "Lung tumour found in March 1999"
HOSTILE = dataset(
    "set-5",
    '=HYPERLINK("http://x") <img src=x> lung',
    keywords=["+1", "Röntgen, lung"],
    parameters=[
        parameter("organ", "lung"),
        parameter("organ", "achillesTendon"),
        parameter("medical_history", HISTORY),
        parameter("cause_of_death", "-"),
        parameter("voxel_size", 6.5, "um"),
        parameter("note", "-2+3"),
    ],
    samples=[{"pid": "s5", "name": "line\none\ttwo"}],
)
MORE = [dataset(f"set-6{n}", "many", parameters=[parameter("voxel_size", n, "mm")])
        for n in range(3)]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    machine = Instrument(pid="evil", name="@evil", facility="ESRF")
    await shared_portal.publish(
        [
            *events(),
            InstrumentRegistered(instrument=machine, version=1),
            *(DatasetRegistered(dataset=d, version=1) for d in (HOSTILE, *MORE)),
        ]
    )
    await shared_portal.wait_indexed()
    yield shared_portal


JUDGED = {"where": {"title": {"like": ""}}}  # the same rows, but not for the engine alone


@pytest.mark.parametrize(
    ("path", "facets"),
    [
        ("Datasets", "techniques,instrument,keywords,samples,license,availability"),
        ("Datasets", "parameter:organ,parameter:voxel_size[um],parameter:sample_temperature[K]"),
        ("Datasets", "parameter:run,parameter:current[A],parameter:field[T],parameter:unknown"),
        ("Documents", "techniques,instrument,keywords,samples,type,license"),
        ("Documents", "parameter:dose[Gy],parameter:sample_temperature[K],parameter:run"),
        ("Instruments", "name,facility"),
    ],
)
@pytest.mark.parametrize("few", [number_ends.FEW_ROWS, 0])
async def test_facets_are_the_same_counted_by_the_engine_and_row_by_row(
    api: Portal, path: str, facets: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_ends, "FEW_ROWS", few)
    counted = (await api.get(f"/api/{path}/facets", facets=facets)).json()
    where = {"where": {"name": {"like": ""}}} if path == "Instruments" else JUDGED
    looked_at = (await api.get(f"/api/{path}/facets", facets=facets, filter=where)).json()
    assert counted == looked_at
    assert set(counted["facets"]) == set(counted["missing"]) == set(facets.split(","))
    for values in counted["facets"].values():
        if isinstance(values, list):
            ranked = sorted(values, key=lambda v: (-v["count"], v["value"]))
            assert values == ranked


async def test_facets_count_all_values_of_a_row_also_those_that_includes_cut(api: Portal) -> None:
    params = {"facets": "techniques,samples", "filter": {"where": {"pid": "10.5072/doc-1"}}}
    whole = (await api.get("/api/Documents/facets", **params)).json()
    tags = [
        {"relation": "techniques", "scope": {"where": {"name": {"like": "emission"}}}},
        {"relation": "samples", "scope": {"skip": 5}},
    ]
    cut = [{"relation": "datasets", "scope": {"include": tags}}]
    params["filter"] = {"where": {"pid": "10.5072/doc-1"}, "include": cut}
    assert (await api.get("/api/Documents/facets", **params)).json() == whole
    assert len(whole["facets"]["techniques"]) > 1


async def test_facets_have_counts_ranges_and_what_is_not_recorded(api: Portal) -> None:
    names = "instrument,parameter:organ,parameter:voxel_size[um]"
    received = (await api.get("/api/Datasets/facets", facets=names, filter={"limit": 1})).json()
    assert received["total"] == 8
    assert received["facets"]["instrument"] == [
        {"value": "BM05", "count": 1},
        {"value": "BM18", "count": 1},
    ]
    assert received["facets"]["parameter:voxel_size[um]"] == {
        "min": 0, "max": 2000, "unit": "um", "count": 4,
    }  # fmt: skip
    assert received["missing"] == {
        "instrument": 6, "parameter:organ": 7, "parameter:voxel_size[um]": 4,
    }  # fmt: skip
    only = {"where": {"pid": "set-5"}}
    received = (await api.get("/api/Datasets/facets", facets=names, filter=only)).json()
    assert (received["total"], received["missing"]["instrument"]) == (1, 1)


@pytest.mark.parametrize("path", ["facets", "suggest"])
@pytest.mark.parametrize("facet", ["nope", "parameter:medical_history", "parameter:[m]"])
async def test_what_is_no_facet_is_refused(api: Portal, path: str, facet: str) -> None:
    answer = await api.get(f"/api/Datasets/{path}", facets=facet)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "params", "first"),
    [
        ("Datasets", {"typed": "achil"}, ("achillesTendon", "parameter:organ", 1)),
        ("Datasets", {"typed": "ESRF", "facets": "samples"}, None),
        ("Datasets", {"typed": "rontgen", "facets": "keywords"}, ("Röntgen, lung", "keywords", 1)),
        ("Datasets", {"typed": "lung roe", "facets": "keywords"}, None),
        ("Datasets", {"typed": "left", "facets": "samples"}, ("left lung", "samples", 1)),
        ("Datasets", {"typed": "LU", "facets": "samples"}, ("left lung", "samples", 1)),
        ("Datasets", {"typed": "", "facets": "instrument"}, ("BM05", "instrument", 1)),
        ("Documents", {"typed": "hip"}, ("HiP-CT", "keywords", 1)),
        ("Documents", {"typed": "ct", "facets": "keywords"}, ("HiP-CT", "keywords", 1)),
        ("Instruments", {"typed": "es"}, ("ESRF", "facility", 3)),
        ("Instruments", {"typed": "bm1"}, ("BM18", "name", 1)),
    ],
)
async def test_values_complete_what_is_being_typed(
    api: Portal, path: str, params: Any, first: Any
) -> None:
    answer = await api.get(f"/api/{path}/suggest", **params)
    assert answer.status_code == 200, answer.text
    received = [(s["value"], s["facet"], s["count"]) for s in answer.json()]
    assert received[:1] == ([first] if first else [])


async def test_suggestions_obey_the_search_and_the_limit(api: Portal) -> None:
    answer = await api.get("/api/Datasets/suggest", typed="", facets="keywords", limit="1")
    assert len(answer.json()) == 1
    raw_filter = {"where": {"pid": "set-4"}}
    answer = await api.get("/api/Datasets/suggest", typed="l", facets="keywords", filter=raw_filter)
    assert answer.json() == [{"value": "lung", "facet": "keywords", "count": 1}]
    for limit in ("0", "x", "1000", "-1"):
        assert (await api.get("/api/Datasets/suggest", limit=limit)).status_code == 400
    assert (await api.get("/api/Datasets/suggest", typed="x" * 200)).status_code == 400


async def test_snippets_show_the_words_found_and_are_safe(api: Portal) -> None:
    answer = await api.get("/api/Datasets", query="lung", snippets="true")
    by_pid = {row["pid"]: row["snippets"] for row in answer.json()}
    assert by_pid["10.5072/set-1"]["title"] == ["<mark>Lung</mark> overview"]
    assert by_pid["10.5072/set-1"]["samples"] == ["left <mark>lung</mark>"]
    title = by_pid["set-5"]["title"][0]
    assert "&lt;img src=x&gt;" in title
    assert "<mark>lung</mark>" in title
    plain = (await api.get("/api/Datasets", query="lung")).json()
    assert [r["pid"] for r in plain] == [r["pid"] for r in answer.json()]
    assert all("snippets" not in row for row in plain)


async def test_prose_about_a_person_is_searched_but_never_shown_or_counted(api: Portal) -> None:
    found = await api.get("/api/Datasets", query="tumour", snippets="true")
    assert [row["pid"] for row in found.json()] == ["set-5"]
    assert "1999" not in found.text
    assert "tumour" not in found.text
    for address in ("suggest?typed=lung", "suggest?typed=march", "suggest", "export"):
        assert "1999" not in (await api.reader.get(f"/api/Datasets/{address}")).text
    refused = await api.get("/api/Datasets/export", columns="pid,parameter:medical_history")
    assert refused.status_code == 400


async def test_snippets_are_refused_where_there_are_none(api: Portal) -> None:
    assert (await api.get("/api/Datasets", query="lung", snippets="perhaps")).status_code == 400
    raw_filter = {"query": "lung", "fields": ["title"]}
    assert (await api.get("/api/Datasets", filter=raw_filter, snippets="true")).status_code == 400
    without_query = await api.get("/api/Datasets", snippets="true")
    assert without_query.json() == (await api.get("/api/Datasets")).json()


def table(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


async def test_a_search_is_exported_as_a_table(api: Portal) -> None:
    columns = (
        "pid,title,size,keywords,samples,techniques,instrument,parameter:sample_temperature[K]"
    )
    for form, delimiter in (("csv", ","), ("tsv", "\t")):
        answer = await api.get("/api/Datasets/export", columns=columns, format=form)
        assert answer.headers["content-type"].startswith(
            {"csv": "text/csv", "tsv": "text/tab-separated-values"}[form]
        )
        assert answer.headers["content-disposition"] == f'attachment; filename="datasets.{form}"'
        rows = table(answer.text, delimiter)
        assert [r["pid"] for r in rows] == await api.pids("/api/Datasets")
        assert rows[0]["sample_temperature[K]"] == "293.15"
        assert rows[0]["techniques"] == "SAXS; x-ray emission"
        assert rows[1]["size"] == str(2**53 + 2)
        assert rows[4]["samples"] == "line one two"


async def test_no_cell_is_a_formula(api: Portal) -> None:
    columns = "title,keywords,parameter:note,parameter:voxel_size,parameter:organ"
    only = {"where": {"pid": "set-5"}}
    answer = await api.get("/api/Datasets/export", columns=columns, filter=only)
    row = table(answer.text)[0]
    assert row["title"].startswith("'=HYPERLINK")
    assert row["keywords"].startswith("'+1")
    assert row["note"] == "'-2+3"
    assert row["voxel_size"] == "6.5"
    assert row["organ"] == "achillesTendon; lung" or row["organ"] == "lung; achillesTendon"
    machines = table((await api.get("/api/Instruments/export")).text)
    assert {"'@evil", "BM05"} <= {m["name"] for m in machines}


@pytest.mark.parametrize(
    "raw_filter",
    [
        {"where": {"title": {"like": "u"}}},
        {"where": {"size": {"gt": 1}}},
        {"order": "title DESC"},
        {"order": "size DESC", "skip": 1, "limit": 3},
        {"query": "lung"},
        {"skip": 2, "limit": 4},
        {"skip": 100},
        {"where": {"or": []}},
        {"include": [{"relation": "techniques", "scope": {"where": {"pid": "PaNET01012"}}}]},
    ],
)
async def test_an_export_has_the_rows_of_the_list_in_its_order(
    api: Portal, raw_filter: Any
) -> None:
    rows = table((await api.get("/api/Datasets/export", filter=raw_filter, columns="pid")).text)
    assert [r["pid"] for r in rows] == await api.pids("/api/Datasets", filter=raw_filter)


async def test_members_of_documents_are_exported_by_name(api: Portal) -> None:
    rows = table((await api.get("/api/Documents/export", columns="pid,members,doi")).text)
    assert rows[0]["members"] == "Claire Walsh; Ada Byron"
    assert rows[1]["doi"] == ""


async def test_what_cannot_be_exported_is_refused(api: Portal) -> None:
    for params in ({"format": "xls"}, {"columns": "nope"}, {"columns": "parameter:"},
                  {"filter": {"limit": -1}}, {"columns": ",".join(["pid"] * 200)}):  # fmt: skip
        answer = await api.get("/api/Datasets/export", **params)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]
