"""Compiled filters: expressions of the engine, and when they are exact."""

from typing import Any

import pytest
from portal_gateway.engine import compiler
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import DATASET, DOCUMENT, Entity

HOSTILE = ['x" OR pid EXISTS OR "', "a\\", "'", "IN [", "\n"]


def compiled(entity: Entity, **raw: Any) -> compiler.Filter:
    return compiler.compile_filter(parse_search(entity, raw), {})


def where(relation: str, **condition: Any) -> dict[str, Any]:
    return {"relation": relation, "scope": {"where": condition}}


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"title": "a"},
        {"title": {"neq": "a"}},
        {"title": {"inq": ["a", None]}},
        {"size": {"gt": 3, "lt": 9}},
        {"creationDate": {"between": ["2020-01-01", "2021-01-01"]}},
        {"or": [{"size": None}, {"keywords": "x"}]},
    ],
)
def test_equality_and_numbers_are_exact(condition: dict[str, Any]) -> None:
    assert compiled(DATASET, where=condition).exact


@pytest.mark.parametrize(
    "condition",
    [{"title": {"like": "a"}}, {"text": "a"}, {"title": {"gt": "a"}}, {"size": {"gt": 2**60}}],
)
def test_patterns_and_order_of_texts_are_evaluated_on_candidates(condition: dict[str, Any]) -> None:
    assert not compiled(DATASET, where=condition).exact


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_request_never_reaches_the_expression(text: str) -> None:
    name = {"and": [{"name": text}, {"value": text}, {"unit": text}]}
    made = compiled(
        DATASET,
        where={"title": {"inq": [text]}, "keywords": {"neq": text}},
        include=[where("parameters", **name), where("instrument", name=text)],
    )
    assert made.text is not None
    assert text not in made.text.replace(" IN [", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_technique_outside_panet_is_quoted(text: str) -> None:
    made = compiled(DATASET, include=[where("techniques", pid=f"x{text}x")])
    assert made.text is not None
    inside = made.text.removeprefix('t IN ["').removesuffix('"]')
    assert '"' not in inside.replace("\\\\", "").replace('\\"', "")


def test_an_unsatisfiable_filter_selects_nothing() -> None:
    assert compiled(DATASET, where={"isPublic": False}).nothing
    assert compiled(DATASET, where={"or": []}).nothing
    assert compiled(DATASET, include=[where("techniques", name="unheard of")]).nothing
    assert not compiled(DATASET, where={"isPublic": True}).nothing


def test_one_positive_condition_on_datasets_is_exact_two_are_candidates() -> None:
    def below(*includes: Any, **scope: Any) -> compiler.Filter:
        nested = {"relation": "datasets", "scope": {"include": list(includes), **scope}}
        return compiled(DOCUMENT, include=[nested])

    technique = where("techniques", pid="PaNET01012")
    assert below(technique).exact
    assert not below(technique, where("samples", name="x")).exact
    assert not below(where("techniques", pid={"neq": "PaNET01012"})).exact
    assert not below(where("parameters", name="x")).exact
    assert not below(where={"and": [{"title": "a"}, {"pid": "b"}]}).exact
    assert below(where={"title": "a"}).exact


def test_a_condition_on_the_instrument_needs_an_instrument() -> None:
    made = compiled(DATASET, include=[where("instrument", name={"neq": "BM18"})])
    assert made.text is not None
    assert "i.pid EXISTS" in made.text
