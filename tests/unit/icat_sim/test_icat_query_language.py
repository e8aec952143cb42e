"""The query language: accepted and refused queries; values become SQL parameters only."""

from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from portal_local.icat.errors import IcatError
from portal_local.icat.jpql.parser import parse_get, parse_search
from portal_local.icat.jpql.plan import Plan, Planner
from portal_local.icat.jpql.syntax import (
    And,
    Compare,
    Constant,
    Include,
    Join,
    Link,
    Not,
    Or,
    Order,
    Path,
    Query,
)
from portal_local.icat.schema.schema import load
from portal_local.icat.schema.values import Values

SCHEMA = load()
PLANNER = Planner(SCHEMA, Values(SCHEMA, UTC))


def plan(text: str) -> Plan:
    return PLANNER.search(text, "simple/root", 10, lambda _: None)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_a_query_is_parsed_clause_by_clause() -> None:
    text = (
        "SELECT DISTINCT o FROM Dataset AS o LEFT JOIN o.sample AS s JOIN o.type t"
        " WHERE s.name = 'x' ORDER BY o.name DESC, s.id INCLUDE o.type AS k, k.facility LIMIT 5, 7"
    )
    assert parse_search(text) == Query(
        bean="Dataset",
        variable="o",
        select=(Path(("o",)),),
        distinct=True,
        joins=(
            Join(Path(("o", "sample")), "s", optional=True),
            Join(Path(("o", "type")), "t", optional=False),
        ),
        where=Compare("=", Path(("s", "name")), Constant("x")),
        order=(
            Order(Path(("o", "name")), descending=True),
            Order(Path(("s", "id")), descending=False),
        ),
        includes=(Include(("o", "type"), "k"), Include(("k", "facility"))),
        offset=5,
        limit=7,
    )


def test_include_and_limit_come_in_either_order() -> None:
    first = parse_search("SELECT o FROM Dataset o INCLUDE 1 LIMIT 0, 9")
    assert first == parse_search("select o from Dataset o limit 0, 9 include 1")
    assert first.includes_ones


def test_and_binds_closer_than_or_and_not_closest() -> None:
    def equals(name: str, value: int) -> Compare:
        return Compare("=", Path(("o", name)), Constant(value))

    query = parse_search("SELECT o FROM Job o WHERE o.a = 1 OR NOT o.b = 2 AND o.c = 3 OR o.d = -4")
    assert query.where == Or(
        (equals("a", 1), And((Not(equals("b", 2)), equals("c", 3))), equals("d", -4))
    )


def test_names_in_the_old_form_are_fields_of_its_bean() -> None:
    query = parse_search(
        "2,3 DISTINCT Dataset.name INCLUDE Sample [id = 1] <-> Investigation [id = 2]"
    )
    assert query == Query(
        bean="Dataset",
        variable="$0",
        select=(Path(("name",), "$0"),),
        distinct=True,
        links=(Link("Investigation", "$1", Compare("=", Path(("id",), "$1"), Constant(2))),),
        where=Compare("=", Path(("id",), "$0"), Constant(1)),
        includes=(Include(("Sample",)),),
        offset=2,
        limit=3,
    )


def test_get_has_a_bean_and_its_includes() -> None:
    assert parse_get("Dataset ds INCLUDE ds.type").includes == (Include(("ds", "type")),)
    assert parse_get("Dataset INCLUDE 1").includes_ones
    with pytest.raises(IcatError):
        parse_get("Dataset ds WHERE ds.id = 1")


@given(st.text())
@example("'); DROP TABLE Dataset --")
@example("{}")
@example("?")
def test_a_string_reaches_the_database_as_a_parameter_only(text: str) -> None:
    without = plan("SELECT o FROM Dataset o WHERE o.name = ''")
    made = plan(f"SELECT o FROM Dataset o WHERE o.name = {quoted(text)}")  # noqa: S608
    assert made.sql == without.sql
    assert made.parameters == (text, 10, 0)


WORDS = st.sampled_from(
    """
    SELECT o FROM Dataset Investigation AS JOIN LEFT WHERE AND OR NOT IN LIKE IS NULL EMPTY BETWEEN
    ORDER BY INCLUDE LIMIT COUNT MAX DISTINCT o.name o.type.name o.datafiles name 1 2.5 'x' = <> <
    ( ) , . [ ] <-> + - * / :user {ts TRUE UPPER ESCAPE
    """.split()  # noqa: SIM905
)


@given(st.lists(WORDS | st.text(max_size=3), max_size=25).map(" ".join))
def test_any_text_is_a_query_or_a_bad_parameter(text: str) -> None:
    try:
        plan(text)
    except IcatError as error:
        assert error.kind == "BAD_PARAMETER"  # noqa: PT017


def test_paths_share_their_joins_and_an_id_needs_none() -> None:
    assert "JOIN" not in plan("SELECT o.type.id FROM Dataset o WHERE o.investigation.id = 1").sql
    shared = plan("SELECT o.type.name FROM Dataset o WHERE o.type.name = 'x' ORDER BY o.type.name")
    assert shared.sql.count("JOIN") == 1


def test_queries_nest_deep_enough() -> None:
    condition = "(" * 50 + "o.id = 1" + ")" * 50
    assert plan(f"SELECT o FROM Dataset o WHERE {condition}").parameters[0] == 1  # noqa: S608
    chain = " + ".join("1" * 200)
    assert len(plan(f"SELECT o FROM Dataset o WHERE o.id = {chain}").parameters) == 202  # noqa: S608


def test_limits_never_exceed_what_is_allowed() -> None:
    assert plan("SELECT o FROM Dataset o LIMIT 3, 500").parameters == (10, 3)
    assert plan("SELECT o FROM Dataset o LIMIT 3, 4").parameters == (4, 3)


def test_keywords_are_names_where_only_a_name_may_follow() -> None:
    assert parse_search("SELECT select FROM Dataset from JOIN from.join AS where") == Query(
        bean="Dataset",
        variable="from",
        select=(Path(("select",)),),
        joins=(Join(Path(("from", "join")), "where", optional=False),),
    )
    assert parse_search("Dataset INCLUDE Sample include").includes == (
        Include(("Sample",), "include"),
    )
    assert parse_get("Dataset limit INCLUDE limit.type").variable == "limit"
    assert parse_get("Dataset AS include").variable == "include"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT o FROM Dataset o WHERE", "unexpected the end at character 29 of the query, "),
        ("SELECT o FROM Dataset WHERE", "'WHERE' at character 22 of the query, expected AS or a v"),
        ("SELECT o FROM Dataset o JOIN o.type", "expected AS or a name"),
        ("SELECT o FROM Dataset o WHERE o.id =", "expected a value"),
        ("SELECT o FROM Dataset o WHERE o.id 1", "unexpected '1' at character 35 .* an operator"),
        ("SELECT o FROM Dataset o LIMIT 1", "expected ','"),
        ("SELECT oFROM Dataset o", "unexpected 'Dataset' at character 13"),
        ("SELECT o FROM Dataset o ; DROP", "unexpected '; DROP' at character 24 of the query"),
        ("SELECT size(o) FROM Dataset o", "size is not a function that queries know"),
        ("count", "unexpected 'count' at character 0 of the query, expected .*the name of a bean"),
    ],
)
def test_a_refusal_states_where_and_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(IcatError, match=reason):
        parse_search(text)


def test_queries_nest_and_calculate_up_to_a_limit() -> None:
    def search(depth: int, operators: int) -> Query:
        value = " + ".join("1" * (operators + 1))
        return parse_search(f"Dataset [{'(' * depth}{value}{')' * depth}]")

    assert search(59, 200).where
    with pytest.raises(IcatError, match="more than 60 levels deep"):
        search(60, 0)
    with pytest.raises(IcatError, match="more than 200 sums and products"):
        search(0, 201)
