"""The rules of the search API that concern conditions, order, fields, text and scores."""
# pyright: reportUnknownArgumentType=false

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from tests.drivers.portal import Portal
from tests.integration.gateway.few_records import events

pytestmark = pytest.mark.asyncio(loop_scope="module")
SET1, SET2 = "10.5072/set-1", "10.5072/set-2"
LETTERS = {SET1: "1", SET2: "2", "set-3": "3", "set-4": "4",
           "10.5072/doc-1": "1", "doc-2": "2", "doc-3": "3"}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    yield shared_portal


async def found(api: Portal, path: str, **raw_filter: Any) -> str:
    """The records of an answer, one digit each; its total and count must be theirs."""
    answer = await api.get(f"/api/{path}", filter=raw_filter)
    assert answer.status_code == 200, answer.text
    counted = (await api.get(f"/api/{path}/count", filter=raw_filter)).json()
    assert counted == {"count": int(answer.headers["x-total-count"])}
    assert all(0 < row["score"] < 1 for row in answer.json())
    return "".join(LETTERS[row["pid"]] for row in answer.json())


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"title": "Heart"}, "3"),
        ({"title": "heart"}, ""),
        ({"title": {"eq": "Heart"}}, "3"),
        ({"title": {"neq": "Heart"}}, "124"),
        ({"title": {"inq": ["Heart", "Lung overview"]}}, "13"),
        ({"title": {"inq": []}}, ""),
        ({"title": {"nin": ["Heart"]}}, "124"),
        ({"title": {"nin": []}}, "1234"),
        ({"title": {"gt": "Heart"}}, "124"),
        ({"title": {"between": ["H", "I"]}}, "3"),
        ({"title": {"between": ["I", "H"]}}, ""),
        ({"title": {"like": "Lung"}}, "1"),
        ({"title": {"like": "L%view"}}, "1"),
        ({"title": {"like": "%Lung%"}}, "1"),
        ({"title": {"ilike": "LUNG"}}, "12"),
        ({"title": {"ilike": "(50%)_x.y*"}}, "2"),
        ({"title": {"like": "x_y*"}}, "2"),
        ({"title": {"like": "x.z"}}, ""),
        ({"title": {"like": ".*"}}, ""),
        ({"title": {"like": "\\ back"}}, "4"),
        ({"title": {"like": 'a "quoted"'}}, "4"),
        ({"title": {"nlike": "Lung"}}, "234"),
        ({"title": {"nilike": "LUNG"}}, "34"),
        ({"title": {"regexp": "^Lung"}}, "1"),
        ({"title": {"regexp": "/^lung/i"}}, "12"),
        ({"title": {"regexp": "t$"}}, "3"),
        ({"title": {"like": "u", "nlike": "zoom"}}, "14"),
        ({"size": 10}, "14"),
        ({"size": "10"}, "14"),
        ({"size": None}, "3"),
        ({"size": {"neq": None}}, "124"),
        ({"size": {"exists": True}}, "124"),
        ({"size": {"isnull": True}}, "3"),
        ({"size": {"neq": 10}}, "23"),
        ({"size": {"gt": 10}}, "2"),
        ({"size": {"gte": 10, "lt": 11}}, "14"),
        ({"size": {"gt": 2**53 + 1}}, "2"),
        ({"size": {"gt": 2**53 + 2}}, ""),
        ({"size": 2**53 + 2}, "2"),
        ({"size": {"inq": [None, 10]}}, "134"),
        ({"size": {"nin": [None, 10]}}, "2"),
        ({"size": {"between": ["9", 11]}}, "14"),
        ({"isPublic": True}, "1234"),
        ({"isPublic": "false"}, ""),
        ({"isPublic": {"inq": [True, False]}}, "1234"),
        ({"creationDate": "2021-06-01"}, "234"),
        ({"creationDate": {"lt": "2020-01-01T12:00:00.501Z"}}, "1"),
        ({"creationDate": "2020-01-01T13:00:00.500+01:00"}, "1"),
        ({"creationDate": {"gt": "2020-01-01T12:00:00.5"}}, "234"),
        ({"creationDate": {"between": ["2020-01-01", "2020-12-31"]}}, "1"),
        ({"keywords": "Lung"}, "1"),
        ({"keywords": {"inq": ["CT", "lung"]}}, "14"),
        ({"keywords": {"ilike": "LUN"}}, "14"),
        ({"keywords": {"neq": "Lung"}}, "234"),
        ({"keywords": {"nin": ["Lung", "lung"]}}, "23"),
        ({"keywords": {"nlike": "un"}}, "23"),
        ({"keywords": None}, "23"),
        ({"text": "LUNG"}, "12"),
        ({"and": []}, "1234"),
        ({"or": []}, ""),
        ({"or": [{}]}, "1234"),
        ({"and": [{"text": "lung"}, {"size": 10}]}, "1"),
        ({"or": [{"text": "heart"}, {"and": [{"text": "lung"}, {"size": {"gt": 10}}]}]}, "23"),
        ({"pid": SET1, "title": {"like": "u"}}, "1"),
    ],
)
async def test_datasets_that_a_condition_selects(api: Portal, where: Any, expected: str) -> None:
    assert await found(api, "Datasets", where=where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"type": "publication"}, "13"),
        ({"type": "Proposal"}, "2"),
        ({"type": "proposal"}, ""),
        ({"type": {"ilike": "proposal"}}, "2"),
        ({"summary": {"ilike": "SCANS"}}, "1"),
        ({"text": "one organ"}, "1"),
        ({"summary": None}, "23"),
        ({"summary": {"nlike": "x"}}, "123"),
        ({"doi": "10.5072/doc-1"}, "1"),
        ({"doi": "10.5072/DOC-1"}, "1"),
        ({"doi": {"inq": ["https://doi.org/10.5072/Doc-1"]}}, "1"),
        ({"doi": {"like": "10.5072/doc"}}, "1"),
        ({"license": {"exists": True}}, "1"),
        ({"releaseDate": {"gte": "2022-01-01"}}, "1"),
        ({"releaseDate": {"neq": "2022-01-01"}}, "23"),
    ],
)
async def test_documents_that_a_condition_selects(api: Portal, where: Any, expected: str) -> None:
    assert await found(api, "Documents", where=where) == expected


async def test_text_of_instruments_and_of_files(api: Portal) -> None:
    assert await api.pids("/api/Instruments", filter={"where": {"text": "esrf"}}) == [
        "bm05",
        "bm18",
    ]
    path = f"/api/Datasets/{SET1}/files"
    answer = await api.get(path, filter={"where": {"or": [{"text": "LOG"}, {"size": 5}]}})
    assert [f["name"] for f in answer.json()] == ["log.txt", "b.h5"]
    assert (await api.get(f"{path}/count", where={"text": "h5"})).json() == {"count": 2}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("title", "3142"),
        ("title DESC", "2413"),
        ("title desc", "2413"),
        (["size DESC", "pid DESC"], "2413"),
        ("size ASC", "1423"),
        ("size DESC", "2143"),
        (["size", "title DESC"], "4123"),
        ("creationDate DESC", "2341"),
        ("pid DESC", "4321"),
        ("score DESC", "1234"),
        ("isPublic", "1234"),
        ("", "1234"),
    ],
)
async def test_rows_come_in_the_requested_order(api: Portal, order: Any, expected: str) -> None:
    assert await found(api, "Datasets", order=order) == expected
    assert await found(api, "Datasets", order=order, skip=1, limit=2) == expected[1:3]
    assert await found(api, "Datasets", order=order, skip="3", limit="0") == expected[3:]


async def test_an_order_overrides_relevance_not_the_selection(api: Portal) -> None:
    assert set(await found(api, "Datasets", query="lung")) >= {"1", "2"}
    by_size = await found(api, "Datasets", query="lung", order="size DESC")
    assert by_size[0] == "2"
    assert sorted(by_size) == sorted(await found(api, "Datasets", query="lung"))


@pytest.mark.parametrize(
    ("fields", "there"),
    [
        (["title"], {"title", "score"}),
        ("title", {"title", "score"}),
        ({"pid": True, "size": True}, {"pid", "size", "score"}),
        ({"title": "true"}, {"title", "score"}),
    ],
)
async def test_fields_are_those_requested_and_the_score(
    api: Portal, fields: Any, there: Any
) -> None:
    rows = (await api.get("/api/Datasets", filter={"fields": fields, "limit": 1})).json()
    assert set(rows[0]) == there


async def test_fields_may_be_left_out_and_relations_stay(api: Portal) -> None:
    raw_filter = {"fields": {"title": False}, "include": "techniques", "limit": 1}
    row = (await api.get("/api/Datasets", filter=raw_filter)).json()[0]
    assert "title" not in row
    assert row["pid"] == SET1
    raw_filter = {"fields": ["title"], "include": "techniques"}
    one = (await api.get(f"/api/Datasets/{SET1}", filter=raw_filter)).json()
    assert set(one) == {"title", "techniques"}


async def test_instants_have_milliseconds_and_missing_fields_are_left_out(
    api: Portal,
) -> None:
    first, _, third, _ = (await api.get("/api/Datasets")).json()
    assert first["creationDate"] == "2020-01-01T12:00:00.500Z"
    assert "size" not in third
    assert all(value is not None for row in (first, third) for value in row.values())
    one = (await api.get("/api/Documents/10.5072/doc-1")).json()
    assert one["releaseDate"] == "2022-01-01T00:00:00.000Z"
    assert one["doi"] == "10.5072/DOC-1"


@pytest.mark.parametrize(
    "raw_filter",
    [
        {"where": {"size": "abc"}},
        {"where": {"isPublic": "yes"}},
        {"where": {"isPublic": {"gt": True}}},
        {"where": {"creationDate": "yesterday"}},
        {"where": {"creationDate": 5}},
        {"where": {"title": {"regexp": "("}}},
        {"where": {"title": {"regexp": "(?<=a)b"}}},
        {"where": {"title": {}}},
        {"where": {"and": {}}},
        {"where": {"text": {"like": "x"}}},
        {"where": {"techniques.pid": "x"}},
        {"where": {"near": 1}},
        {"include": ""},
        {"include": [{"scope": {}}]},
        {"include": [{"relation": "techniques", "scope": {"nope": 1}}]},
        {"order": "size SIDEWAYS"},
        {"order": ["keywords"]},
        {"fields": ["nope"]},
        {"limit": True},
        {"query": ["lung"]},
    ],
)
async def test_an_invalid_filter_is_refused(api: Portal, raw_filter: Any) -> None:
    for path in ("Datasets", "Datasets/count"):
        answer = await api.get(f"/api/{path}", filter=raw_filter)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


async def test_every_item_has_a_score_between_zero_and_one_in_any_search(api: Portal) -> None:
    for path in ("Datasets", "Documents", "Instruments"):
        for raw_filter in ({}, {"fields": ["pid"]}, {"query": "lung esrf heart"}, {"limit": 1}):
            for row in (await api.get(f"/api/{path}", filter=raw_filter)).json():
                assert isinstance(row["score"], float)
                assert 0 < row["score"] < 1
    assert {r["score"] for r in (await api.get("/api/Documents")).json()} == {0.5}


async def test_a_query_selects_ranks_and_takes_conditions(api: Portal) -> None:
    assert await found(api, "Datasets", query="nobodyhasthis") == ""
    assert (await found(api, "Documents", query="lung"))[0] == "1"
    assert await found(api, "Datasets", query="lung", where={"size": {"gt": 10}}) == "2"
    raw_filter = {"query": "lung", "where": {"title": {"like": "zoom"}}}
    assert await found(api, "Datasets", **raw_filter) == "2"
    ranked = (await api.get("/api/Datasets", filter={"query": "lung overview"})).json()
    scores = [row["score"] for row in ranked]
    assert scores == sorted(scores, reverse=True)
    assert ranked[0]["pid"] == SET1
    for words in ("overveiw", "overv", "overviews"):
        assert (await found(api, "Datasets", query=words))[:1] == "1", words
    assert await api.pids("/api/Instruments", query="bm18") == ["bm18"]
