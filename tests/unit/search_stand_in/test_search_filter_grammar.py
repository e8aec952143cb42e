"""The filter grammar: which expressions are parsed, and that all others are refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portal_local.search.errors import Failure
from portal_local.search.query.filter_ast import And, Condition, Node, Not, Or
from portal_local.search.query.filter_parameter import parse_filter


def plain(node: "Node | None") -> Any:
    match node:
        case Condition(field, operator, values):
            return (field, operator, *values)
        case Not(inner):
            return ("not", plain(inner))
        case And(nodes):
            return ["and", *map(plain, nodes)]
        case Or(nodes):
            return ["or", *map(plain, nodes)]


def code_of(text: str) -> str | None:
    """Returns the error message for the filter, None if it is parsed."""
    try:
        parse_filter(text)
    except Failure as failure:
        return failure.code
    return None


def test_not_binds_before_and_and_before_or() -> None:
    tree = parse_filter("NOT a = 1 AND b = 2 OR c = 3 AND (d = 4 OR e = 5)")
    assert plain(tree) == [
        "or",
        ["and", ("not", ("a", "=", "1")), ("b", "=", "2")],
        ["and", ("c", "=", "3"), ["or", ("d", "=", "4"), ("e", "=", "5")]],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"a = 'it\'s'", ("a", "=", "it's")),
        (r'a = "tab\there \u{e9} \x41 \\"', ("a", "=", "tab\there é A \\")),
        ("a.b-c_d>=-1.5e", ("a.b-c_d", ">=", "-1.5e")),
        ("größe = 5", ("größe", "=", "5")),
        ("a 1 TO 2", ("a", "TO", "1", "2")),
        ("a TO = 1", None),
        ("a STARTS WITH 'x y'", ("a", "STARTS", "x y")),
        ("a NOT STARTS WITH x", ("not", ("a", "STARTS", "x"))),
        ("a IN [1,'b c' , d,]", ("a", "IN", "1", "b c", "d")),
        ("a IS NOT EMPTY", ("not", ("a", "EMPTY"))),
        ("'AND' = 'OR'", ("AND", "=", "OR")),
        ("Android = 1", ("Android", "=", "1")),
        ("and = or", ("and", "=", "or")),
    ],
)
def test_one_condition_is_read(text: str, expected: Any) -> None:
    if expected is None:
        with pytest.raises(Failure):
            parse_filter(text)
    else:
        assert plain(parse_filter(text)) == expected


def test_contains_is_refused_as_the_experimental_feature_it_is() -> None:
    with pytest.raises(Failure) as caught:
        parse_filter("a CONTAINS x")
    assert caught.value.code == "feature_not_enabled"


@settings(deadline=None)
@given(st.text())
def test_any_quoted_value_comes_back_as_it_was(value: str) -> None:
    for quote in "'\"":
        text = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
        assert plain(parse_filter(f"a = {quote}{text}{quote}")) == ("a", "=", value)


pieces = st.sampled_from(
    [
        *("a", "é", "b.c", "="),
        *("!=", "<", "<=", "TO", "IN", "[", "]", ",", "(", ")", "NOT", "AND", "OR"),
        *("EXISTS", "IS", "NULL", "EMPTY", "STARTS", "WITH", "'", '"', "'x'", "\\", "_geoRadius"),
        " ",
    ]
)


@settings(deadline=None)
@given(st.lists(pieces, max_size=30).map(" ".join) | st.lists(pieces, max_size=12).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert code_of(text) in (None, "invalid_search_filter")


def test_any_depth_is_read_or_refused() -> None:
    for many in (100, 200, 201, 5000):
        for text in ("(" * many + "a = 1" + ")" * many, "NOT " * many + "a = 1", "(" * many):
            assert code_of(text) in (None, "invalid_search_filter")
