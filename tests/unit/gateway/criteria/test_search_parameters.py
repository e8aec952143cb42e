"""Readable parameters: the cases that the web site is tested with, the table of the manual."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from portal_gateway.criteria import compiler
from portal_gateway.criteria.criteria import Criteria
from portal_gateway.criteria.parser import parse
from portal_gateway.errors import BadRequest
from portal_gateway.generate import FILE
from portal_gateway.labels.fields import FieldTable
from portal_shared import profile

CASES: list[dict[str, Any]] = json.loads(
    (FILE.parent / "search-parameters.json").read_text("utf-8")
)["cases"]
MANUAL = Path(__file__).parents[4] / "docs" / "search-parameters.md"
TABLE = FieldTable(profile.load("human-organs"))


def pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_a_query_string_has_one_canonical_form(case: dict[str, Any]) -> None:
    criteria = parse(TABLE, pairs(case["query"]))
    found = {name: c.parameters() for name, c in criteria.conditions.items()}
    assert (criteria.words, found) == (case["words"], case["conditions"])
    assert criteria.address(TABLE) == case["canonical"]
    assert parse(TABLE, pairs(case["canonical"])).address(TABLE) == case["canonical"]


def test_the_manual_lists_the_parameters_of_the_profile() -> None:
    text = MANUAL.read_text("utf-8").partition("profile `human-organs`")[2]
    rows = re.findall(r"\| `(\w+)` \| `(\w+)` \| (\w+) \| (\S*) ?\|", text)
    differing = {f.name: f for f in TABLE.by_name.values() if f.address != f.name and not f.own}
    assert {(f.address, f.name, f.kind, f.public_unit or "") for f in differing.values()} == set(
        rows
    )


@pytest.mark.parametrize("name", profile.names())
def test_every_parameter_of_every_profile_has_its_own_address(name: str) -> None:
    table = FieldTable(profile.load(name))
    assert len({f.address for f in table.by_name.values()}) == len(table.by_name)
    assert all(table.by_address[f.address] == f for f in table.by_name.values() if f.searchable)


def test_a_condition_loses_one_value_at_a_time() -> None:
    criteria = parse(TABLE, pairs("organ=lung&organ=kidney&side=~missing"))
    left = criteria.without_value("organ", "lung")
    assert left.address(TABLE) == "organ=kidney&side=~missing"
    assert left.without_value("organ", "kidney").address(TABLE) == "side=~missing"
    assert criteria.without_value("organ_context", "~missing").address(TABLE) == (
        "organ=kidney&organ=lung"
    )


@pytest.mark.parametrize(
    "text", ["organ=", "organ=%20", "instrument=%09&voxel_um=%20", 'q=organ:""']
)
def test_a_blank_value_is_no_condition(text: str) -> None:
    assert parse(TABLE, pairs(text)).conditions == {}


def test_text_of_a_request_does_not_reach_the_engine() -> None:
    hostile = '"] OR id EXISTS'
    names = [
        f.address for f in TABLE.by_address.values() if f.kind == "choice" and f.name != "year"
    ]
    criteria = parse(TABLE, [(name, hostile) for name in names])
    for expression in compiler.compile_conditions(TABLE, criteria).values():
        assert "EXISTS" not in expression


def parsed(given_pairs: list[tuple[str, str]]) -> Criteria | None:
    """The criteria; None if the parser names the parameter that is wrong."""
    try:
        return parse(TABLE, given_pairs)
    except BadRequest as error:
        field = error.field
    assert field
    return None


NAMES = st.sampled_from([*TABLE.by_address, "q", "sort", "page", "per_page", "exact", "other"])


@example([("instrument", " ")])
@given(st.lists(st.tuples(NAMES, st.text(max_size=40)), max_size=8))
def test_any_input_is_criteria_or_names_what_is_wrong(given_pairs: list[tuple[str, str]]) -> None:
    criteria = parsed(given_pairs)
    if criteria is None:
        return
    compiler.compile_conditions(TABLE, criteria)
    compiler.sort_rules(TABLE, criteria)
    again = parse(TABLE, pairs(criteria.address(TABLE)))
    assert again.address(TABLE) == criteria.address(TABLE)
