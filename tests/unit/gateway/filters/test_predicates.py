"""Operators on plain fields, as the search API means them."""

from typing import Any

import pytest
from portal_gateway.filters import predicates
from portal_gateway.filters.parser import FilterParser
from portal_gateway.filters.schema import DATASET, DOCUMENT

ROW = {
    "pid": "10.1/A",
    "title": "Lung (x.5) 100%",
    "isPublic": True,
    "creationDate": "2020-05-05T15:01:02.341Z",
    "size": 4000,
    "doi": "10.5072/Abc",
    "keywords": ["HiP-CT", "lung"],
}


def holds(where: dict[str, Any], row: dict[str, Any] | None = None) -> bool:
    return predicates.satisfies(DATASET, FilterParser().parse_where(DATASET, where), row or ROW)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, True),
        ({"and": []}, True),
        ({"or": []}, False),
        ({"title": "lung (x.5) 100%"}, False),
        ({"title": {"like": "x.5"}}, True),
        ({"title": {"like": "x_5"}}, True),
        ({"title": {"like": "LUNG"}}, False),
        ({"title": {"ilike": "LUNG"}}, True),
        ({"title": {"like": "x?5"}}, False),
        ({"title": {"like": "%ung%100%"}}, True),
        ({"title": {"nlike": "zzz"}}, True),
        ({"title": {"nilike": "LUNG"}}, False),
        ({"title": {"regexp": "^Lung"}}, True),
        ({"title": {"regexp": "/^lung/i"}}, True),
        ({"title": {"regexp": "^lung"}}, False),
        ({"size": {"gt": 3999, "lt": 4000}}, False),
        ({"size": {"between": [4000, 4000]}}, True),
        ({"size": {"between": [5000, 3000]}}, False),
        ({"size": {"inq": []}}, False),
        ({"size": {"nin": []}}, True),
        ({"size": {"inq": [1, "4000"]}}, True),
        ({"size": None}, False),
        ({"size": {"neq": None}}, True),
        ({"size": {"exists": True}}, True),
        ({"size": {"isnull": True}}, False),
        ({"creationDate": {"lt": "2020-05-05T16:01:03+00:00"}}, True),
        ({"creationDate": "2020-05-05T17:01:02.341+02:00"}, True),
        ({"keywords": "lung"}, True),
        ({"keywords": {"neq": "lung"}}, False),
        ({"keywords": {"like": "CT"}}, True),
        ({"keywords": {"nlike": "CT"}}, False),
        ({"keywords": {"nin": ["x"]}}, True),
        ({"text": "LUNG"}, True),
        ({"doi": "10.5072/ABC"}, True),
        ({"doi": "https://doi.org/10.5072/abc"}, True),
        ({"doi": {"nin": ["10.5072/AbC"]}}, False),
        ({"doi": {"like": "5072/a"}}, True),
        ({"doi": {"nlike": "5072/ABC"}}, False),
        ({"doi": {"gt": "10.5072/abb"}}, True),
        ({"and": [{"text": "lung"}, {"or": [{"size": 1}, {"isPublic": "true"}]}]}, True),
    ],
)
def test_operators(where: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert holds(where) is expected


@pytest.mark.parametrize("op", ["gt", "gte", "lt", "lte", "eq", "like", "ilike", "regexp"])
def test_a_missing_field_satisfies_no_positive_operator(op: str) -> None:
    field = "doi" if op in ("like", "ilike", "regexp") else "size"
    row = {"pid": "a", "title": "b"}
    assert not holds({field: {op: "1"}}, row)


def test_a_long_text_is_found_by_itself_as_a_pattern() -> None:
    """Names of techniques run over many lines, with the wildcard _ in each."""
    long = "photon_and_neutron_technique.defined_by_purpose;\n" * 40
    assert holds({"title": {"ilike": long.upper()}}, {**ROW, "title": long})
    assert not holds({"title": {"like": long}}, {**ROW, "title": long[1:]})


@pytest.mark.parametrize("op", ["neq", "nlike", "nilike"])
def test_a_missing_field_satisfies_the_negative_ones(op: str) -> None:
    assert holds({"doi": {op: "1"}}, {"pid": "a"})
    assert holds({"doi": {"nin": ["1"]}}, {"pid": "a"})
    assert holds({"doi": {"inq": ["1", None]}}, {"pid": "a"})


def test_text_looks_at_title_and_summary_of_a_document() -> None:
    where = FilterParser().parse_where(DOCUMENT, {"text": "alveoli"})
    assert predicates.satisfies(DOCUMENT, where, {"title": "Lung", "summary": "Alveoli and more"})
    assert not predicates.satisfies(DOCUMENT, where, {"title": "Lung", "type": "alveoli"})


def test_a_costly_expression_is_fast() -> None:
    assert not holds({"title": {"regexp": "(a+)+$"}}, {"title": "a" * 50_000 + "b"})
