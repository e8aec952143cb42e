"""The filter language."""
# pyright: basic, reportArgumentType=false

from collections.abc import Callable
from typing import Any

import pytest
from meilisearch.errors import MeilisearchApiError
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search.engine import IndexFactory

DOCUMENTS = [
    {"id": 1, "organ": "Kidney", "size": 6.49, "tags": ["zoom", "left"], "p": {"energy": 82}},
    {"id": 2, "organ": "kidney", "size": 25.14, "tags": ["overview"], "p": {"energy": -1.5}},
    {"id": 3, "organ": "Heart", "size": 20, "tags": [], "note": None},
    {"id": 4, "organ": "left lung", "size": "n/a", "tags": ["zoom", "it's", 'say "a"'], "note": ""},
    {"id": 5, "name.dotted": "x", "p": {"energy": 82, "list": [{"u": 1}, {"u": 2}]}, "flag": True},
    {"id": 6, "organ": "Kidney", "size": [1, 30], "note": {}, "date": "2021-05-01", "flag": False},
]
FILTERABLE = ["organ", "size", "tags", "note", "p", "name.dotted", "flag", "date", "id"]


@pytest.fixture(scope="module")
def index(make_index: IndexFactory) -> Index:
    return make_index(DOCUMENTS, {"filterableAttributes": FILTERABLE})


def selected(index: Index, expression: Any) -> list[int]:
    found = index.search("", {"filter": expression, "hitsPerPage": 50})
    assert found["totalHits"] == len(found["hits"])
    return sorted(hit["id"] for hit in found["hits"])


CASES = [
    ("organ = kidney", [1, 2, 6]),
    ("organ = KIDNEY", [1, 2, 6]),
    ("organ=kidney", [1, 2, 6]),
    ("organ = 'left lung'", [4]),
    ('organ = "left lung"', [4]),
    ("organ = left", []),
    ("organ != kidney", [3, 4, 5]),
    ("NOT organ = kidney", [3, 4, 5]),
    ("tags = zoom", [1, 4]),
    ("tags != zoom", [2, 3, 5, 6]),
    (r"tags = 'it\'s'", [4]),
    ('tags = "it\'s"', [4]),
    (r'tags = "say \"a\""', [4]),
    ("size = 20", [3]),
    ("size = 20.0", [3]),
    ("size = 'n/a'", [4]),
    ("size != 20", [1, 2, 4, 5, 6]),
    ("size >= 20 AND size != 'n/a'", [2, 3, 6]),
    ("size < 6.49", [6]),
    ("size <= 6.49", [1, 6]),
    ("size 6.49 TO 20", [1, 3]),
    ("p.energy < 0", [2]),
    ("p.energy = -1.5", [2]),
    ("p.energy = 82", [1, 5]),
    ("p.list.u = 2", [5]),
    ("name.dotted = x", [5]),
    ("flag = true", [5]),
    ("flag = false", [6]),
    ("organ IN [kidney, 'left lung']", [1, 2, 4, 6]),
    ("organ IN[heart]", [3]),
    ("organ IN []", []),
    ("organ NOT IN [kidney, heart]", [4, 5]),
    ("NOT organ IN [kidney, heart]", [4, 5]),
    ("size IN [20, 25.14]", [2, 3]),
    ("organ EXISTS", [1, 2, 3, 4, 6]),
    ("organ NOT EXISTS", [5]),
    ("NOT organ EXISTS", [5]),
    ("tags EXISTS", [1, 2, 3, 4]),
    ("p EXISTS", [1, 2, 5]),
    ("note EXISTS", [3, 4, 6]),
    ("note IS NULL", [3]),
    ("note IS NOT NULL", [1, 2, 4, 5, 6]),
    ("note IS EMPTY", [4, 6]),
    ("tags IS EMPTY", [3]),
    ("tags IS NOT EMPTY", [1, 2, 4, 5, 6]),
    ("organ = heart OR organ = kidney AND tags = overview", [2, 3]),
    ("(organ = heart OR organ = kidney) AND tags = overview", [2]),
    ("NOT (organ = heart OR organ = kidney)", [4, 5]),
    ("NOT organ = heart AND NOT organ = kidney", [4, 5]),
    ("NOT NOT organ = heart", [3]),
    ("organ = heart\nOR\torgan = 'left lung'", [3, 4]),
    ("'organ' = heart", [3]),
    ("organ = nothing", []),
    ("id = 3", [3]),
    (["organ = kidney", "tags = zoom"], [1]),
    ([["organ = heart", "organ = kidney"], "tags EXISTS"], [1, 2, 3]),
    ([["organ = heart", "tags = overview"]], [2, 3]),
    ([], [1, 2, 3, 4, 5, 6]),
    ("", [1, 2, 3, 4, 5, 6]),
    ("   ", [1, 2, 3, 4, 5, 6]),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_a_filter_selects(index: Index, expression: Any, expected: Any) -> None:
    assert selected(index, expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "organ",
        "organ =",
        "organ kidney",
        "= kidney",
        "organ = 'kidney",
        "(organ = kidney",
        "organ = kidney)",
        "organ = kidney organ = heart",
        "organ = kidney AND",
        "OR organ = kidney",
        "organ IN kidney",
        "organ IN [kidney",
        "organ IS kidney",
        "AND = 1",
        "organ = AND",
        "organ & kidney",
        "size 1 TO",
        "title = x",
        "p.energy = 82 AND title EXISTS",
        ["organ = kidney", 3],
        True,
        {"organ": "kidney"},
    ],
    ids=str,
)
def test_a_wrong_filter_is_refused(index: Index, expression: Any) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        index.search("", {"filter": expression})
    assert (caught.value.status_code, caught.value.code) == (400, "invalid_search_filter")
    assert caught.value.type == "invalid_request"
    assert caught.value.message


def test_a_refusal_names_the_field_that_is_not_filterable(index: Index) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        index.search("", {"filter": "title = x"})
    assert "`title` is not filterable" in caught.value.message


def test_a_filter_nested_too_deeply_is_refused(index: Index) -> None:
    deep = "(" * 37 + "organ = kidney" + ")" * 37
    with pytest.raises(MeilisearchApiError) as caught:
        index.search("", {"filter": deep})
    assert caught.value.code == "invalid_search_filter"
    fine = "(" * 36 + "organ = heart" + ")" * 36
    assert selected(index, fine) == [3]


def test_a_long_list_of_values_is_served(index: Index) -> None:
    values = ", ".join(f"'value {number}'" for number in range(2000))
    assert selected(index, f"organ IN [{values}, heart]") == [3]
    ored = [f"organ = v{number}" for number in range(1000)]
    assert selected(index, [[*ored, "organ = heart"]]) == [3]


def test_granular_rules_allow_what_they_name(make_index: IndexFactory) -> None:
    rules = [
        "organ",
        {
            "attributePatterns": ["p.*", "*_size"],
            "features": {"facetSearch": False, "filter": {"equality": True, "comparison": True}},
        },
        {"attributePatterns": ["tags"]},
    ]
    documents = [
        {"id": 1, "organ": "a", "p": {"x": 1, "y": {"z": "q"}}, "voxel_size": 5, "tags": ["t"]},
        {"id": 2, "organ": "b", "p": {"x": 9}, "voxel_size": 7, "other": 1},
    ]
    index = make_index(documents, {"filterableAttributes": rules})
    assert selected(index, "p.x > 1") == [2]
    assert selected(index, "p.y.z = q") == [1]
    assert selected(index, "voxel_size < 6") == [1]
    assert selected(index, "tags = t") == [1]
    for refused in ("other = 1", "tags > 1"):
        with pytest.raises(MeilisearchApiError) as caught:
            selected(index, refused)
        assert caught.value.code == "invalid_search_filter"
    stored = index.get_filterable_attributes()
    assert stored[0] == "organ"
    assert stored[1] == rules[1]
    assert stored[2]["features"]["filter"] == {"equality": True, "comparison": False}


def test_filters_follow_a_change_of_the_filterable_fields(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index([{"id": 1, "a": 1, "b": 2}], {"filterableAttributes": ["a"]})
    assert selected(index, "a = 1") == [1]
    wait_task(index.update_filterable_attributes(["b"]))
    assert selected(index, "b = 2") == [1]
    with pytest.raises(MeilisearchApiError):
        selected(index, "a = 1")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('k > "000010"', {17, 300, 900}),
        ('k >= "000010"', {16, 17, 300, 900}),
        ('k < "00012c"', {9, 16, 17}),
        ('k "000010" TO "00012c"', {16, 17, 300}),
        ('k > "1e5"', set[int]()),
        ('k > "000010" OR (k = "000010" AND n > 3) OR k NOT EXISTS', {16, 17, 300, 900, 5}),
    ],
)
def test_strings_are_compared_also_if_they_look_like_numbers(
    make_index: IndexFactory, expression: str, expected: set[int]
) -> None:
    documents: list[dict[str, Any]] = [
        {"id": n, "k": f"{n:06x}", "n": n} for n in (900, 16, 9, 300, 17)
    ]
    index = make_index([*documents, {"id": 5, "n": 5}], {"filterableAttributes": ["k", "n"]})
    assert {hit["id"] for hit in index.search("", {"filter": expression})["hits"]} == expected


def test_a_range_of_strings_is_of_one_value(make_index: IndexFactory) -> None:
    documents = [{"id": 1, "k": ["a1", "a9"]}, {"id": 2, "k": ["a5"]}]
    index = make_index(documents, {"filterableAttributes": ["k"]})
    answer = index.search("", {"filter": "k a3 TO a7"})
    assert [hit["id"] for hit in answer["hits"]] == [2]
    answer = index.search("", {"filter": "k >= a3 AND k <= a7"})
    assert {hit["id"] for hit in answer["hits"]} == {1, 2}
