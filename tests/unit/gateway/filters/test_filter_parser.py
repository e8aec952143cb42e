"""Filters as they arrive: what is understood, and what is refused with which words."""

from typing import Any

import pytest
from portal_gateway.errors import BadRequest
from portal_gateway.filters import query_string
from portal_gateway.filters.ast import And, Compare, Or
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import DATASET, DOCUMENT


def sent(query: str) -> dict[str, Any]:
    return query_string.parse_object(query_string.parse_parameters(query.encode()), "filter")


def nested(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"title": "a"}
    for _ in range(levels):
        where = {"and": [where]}
    return where


def test_brackets_make_objects_and_arrays() -> None:
    query = "filter[where][or][0][title]=a&filter[where][or][1][title]=b&filter[limit]=2"
    assert sent(query) == {"where": {"or": [{"title": "a"}, {"title": "b"}]}, "limit": "2"}
    assert sent("filter[where][title][inq][]=a&filter[where][title][inq][]=b") == {
        "where": {"title": {"inq": ["a", "b"]}}
    }


def test_json_wins_over_brackets_and_blank_means_no_filter() -> None:
    assert sent('filter={"limit":1}&filter[limit]=2') == {"limit": 1}
    assert sent("filter=") == sent("filter=%20") == sent("") == {}


@pytest.mark.parametrize(
    "text",
    ["[]", "{bad", "1", '"a"', '{"limit": NaN}', '{"limit": 1e999}', '{"a": "\\ud800"}',
     '{"limit": 1' + "0" * 50 + "}"],
)  # fmt: skip
def test_a_filter_that_is_not_an_object_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Value is not an object"):
        query_string.parse_json(text)


def test_json_of_any_depth_is_refused_not_fatal() -> None:
    with pytest.raises(BadRequest):
        query_string.parse_json('{"where":' + '{"and":[' * 50_000)


def test_operands_are_of_the_type_of_the_field() -> None:
    search = parse_search(DATASET, {"where": {"size": {"gt": "10", "lt": 20}, "isPublic": "true"}})
    assert search.where == And(
        (
            Compare("size", "gt", 10),
            Compare("size", "lt", 20),
            Compare("isPublic", "eq", True),  # noqa: FBT003
        )
    )
    assert parse_search(DATASET, {"where": {"title": 5}}).where == Compare("title", "eq", "5")


def test_a_date_without_zone_is_utc_and_without_time_midnight() -> None:
    def found(text: str) -> Any:
        where = parse_search(DATASET, {"where": {"creationDate": text}}).where
        assert isinstance(where, Compare)
        return where.operand

    assert (
        found("2020-01-02") == found("2020-01-02T00:00:00Z") == found("2020-01-02T01:00:00+01:00")
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"where": []}, "The where clause [] is not an object"),
        ({"where": {"and": ["x"]}}, 'The where clause "x" is not an object'),
        ({"limit": -1}, "The limit parameter -1 is not valid"),
        ({"limit": "abc"}, "The limit parameter abc is not valid"),
        ({"limit": 1.5}, "The limit parameter 1.5 is not valid"),
        ({"skip": -1}, "The offset/skip parameter -1 is not valid"),
        ({"where": {"size": {"inq": "x"}}}, "The size property has invalid clause"),
        ({"where": {"size": {"between": [1]}}}, "The size property has invalid clause"),
        ({"where": {"size": "abc"}}, "is not a number"),
        ({"where": {"isPublic": "yes"}}, "is not a boolean"),
        ({"where": {"isPublic": {"gt": True}}}, "takes no gt"),
        ({"where": {"creationDate": "yesterday"}}, "is not an ISO 8601 date"),
        ({"where": {"title": {"regexp": "["}}}, "cannot be used"),
        ({"where": {"title": {"regexp": "(?=a)"}}}, "cannot be used"),
        ({"where": {"nope": 1}}, "Unknown property"),
        ({"where": {"title": {"near": 1}}}, "Unknown operator"),
        ({"where": {"techniques.pid": "x"}}, "Unknown property"),
        ({"include": ""}, "has no relation"),
        ({"include": [{"scope": {}}]}, "is not defined"),
        ({"include": [{"relation": "nope"}]}, "is not defined"),
        ({"include": [{"relation": "files", "scope": {"query": "x"}}]}, "Unknown scope key"),
        ({"order": "nope"}, "Unknown order field"),
        ({"order": "title UP"}, "is not valid"),
        ({"fields": ["nope"]}, "Unknown field"),
        ({"nope": 1}, "known are where, include, limit"),
        ({"where": nested(40)}, "exceeds maximum depth"),
        ({"where": {"title": {"inq": ["x"] * 3000}}}, "more than 2000 clauses"),
        ({"where": {"or": [{"text": "_a" * 30}] * 40}}, "more than 1000 wildcards"),
        ({"include": ["files"] * 101}, "more than 100 includes"),
    ],
)
def test_invalid_parts_of_a_filter_are_refused_by_name(raw: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_search(DATASET, raw)
    assert reason in str(refusal.value)
    assert refusal.value.status == 400


def test_fourteen_levels_of_where_and_four_of_includes_work() -> None:
    parse_search(DATASET, {"where": nested(14)})
    include: dict[str, Any] = {"relation": "person"}
    for relation in ("members", "documents", "datasets"):
        include = {"relation": relation, "scope": {"include": [include]}}
    parse_search(DOCUMENT, {"include": [include]})
    deeper = {"relation": "instrument", "scope": {"include": [include]}}
    with pytest.raises(BadRequest, match="maximum depth"):
        parse_search(DATASET, {"include": [deeper]})


def test_a_lone_include_is_an_array_of_one() -> None:
    names = [i.relation.name for i in parse_search(DATASET, {"include": "files"}).include]
    assert names == ["files"]
    assert parse_search(DATASET, {"include": {"relation": "document"}}).include[0].relation.many


def test_a_field_orders_once() -> None:
    order = parse_search(DATASET, {"order": ["size DESC", "title", *["size"] * 5000]}).paging.order
    assert order == (("size", True), ("title", False))


def test_zero_and_null_are_no_limit() -> None:
    for limit in (0, None, "0", ""):
        assert parse_search(DATASET, {"limit": limit}).paging.limit is None
    assert parse_search(DATASET, {"skip": 2, "offset": 3}).paging.skip == 2


def test_or_of_nothing_is_a_condition() -> None:
    assert parse_search(DATASET, {"where": {"or": []}}).where == Or()
