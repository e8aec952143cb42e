"""Conditions on parameters: units, tolerance, ranges, and in which unit the answer is."""

from typing import Any

import pytest
from portal_gateway.filters import parameters
from portal_gateway.filters.parser import FilterParser
from portal_gateway.filters.schema import PARAMETER


def rows(*listed: tuple[str, Any, str]) -> list[dict[str, Any]]:
    return [{"id": str(n), "name": a, "value": v, "unit": u} for n, (a, v, u) in enumerate(listed)]


def matching(where: dict[str, Any], *listed: tuple[str, Any, str]) -> list[tuple[Any, str]]:
    there = rows(*listed)
    found = parameters.matching_rows(FilterParser().parse_where(PARAMETER, where), there)
    received = [parameters.convert_row(there[i], unit) for i, unit in found.items()]
    return [(t["value"], t["unit"]) for t in received]


def condition(name: str, value: Any, unit: str | None = None) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": name}, {"value": value}]
    return {"and": [*parts, {"unit": unit}] if unit is not None else parts}


ENERGY = ("energy", 21, "keV")


def test_matching_rows_have_the_unit_of_the_condition() -> None:
    assert matching(condition("energy", {"gte": "21000"}, "eV"), ENERGY) == [(21000, "eV")]
    assert matching(condition("w", {"between": [0.9, 1]}, "nm"), ("w", 9.3, "Å")) == [(0.93, "nm")]
    assert matching(condition("energy", 21), ENERGY) == [(21, "keV")]


def test_the_first_matching_branch_with_a_unit_determines_the_unit() -> None:
    branches = [{"name": "energy"}, {"value": 21000, "unit": "eV"}, {"value": 0.021, "unit": "MeV"}]
    assert matching({"or": branches}, ENERGY) == [(21000, "eV")]
    assert matching({"or": branches[:1]}, ENERGY) == [(21, "keV")]


@pytest.mark.parametrize(
    ("value", "unit"),
    [(152.72, "mA"), (0.15272, "A"), (152720, "uA"), ({"between": [152720, 152720]}, "uA")],
)
def test_one_record_in_each_spelling_of_its_unit(value: Any, unit: str) -> None:
    assert len(matching(condition("current", value, unit), ("current", 152.72, "mA"))) == 1


def test_strictly_between_leaves_the_bounds_out() -> None:
    where = condition("e", {"gt": 4, "lt": 5}, "MeV")
    there = [("e", 4, "MeV"), ("e", 4500, "keV"), ("e", 5, "MeV"), ("e", 4.5, "keV")]
    assert matching(where, *there) == [(4.5, "MeV")]


def test_negative_values_compare() -> None:
    field = ("field", -100, "uT")
    assert matching(condition("field", -0.1, "mT"), field)
    assert matching(condition("field", {"between": [-101, -99]}, "uT"), field)
    assert not matching(condition("field", {"gte": -99}, "uT"), field)


@pytest.mark.parametrize("unit", ["K", "florps"])
def test_another_dimension_or_an_unknown_unit_matches_nothing(unit: str) -> None:
    assert matching(condition("energy", {"neq": 5}, unit), ENERGY) == []


def test_an_unknown_unit_matches_its_own_spelling() -> None:
    assert matching(condition("x", {"gt": 1}, "florps"), ("x", 2, "florps")) == [(2, "florps")]


def test_c_is_a_temperature_by_the_name_of_the_parameter() -> None:
    where = {"value": {"lt": 353.15}, "unit": "K", "name": "sample_temperature"}
    assert matching(where, ("sample_temperature", 21, "C")) == [(294.15, "K")]
    assert not matching({**where, "name": "charge"}, ("charge", 21, "C"))


def test_a_text_stays_a_text() -> None:
    assert not matching(condition("e", {"gte": "21"}), ("e", "9.3", ""))
    assert matching(condition("formula", {"like": "Cu"}), ("formula", "CuSO4", ""))
    assert matching(condition("e", "9.3"), ("e", "9.3", ""))


def test_a_unit_alone_is_compared_as_a_unit() -> None:
    assert matching({"unit": "micron"}, ("l", 1, "um"), ("l", 1, "mm")) == [(1, "um")]
    assert matching({"unit": {"neq": "um"}}, ("l", 1, "um"), ("l", 1, "mm")) == [(1, "mm")]


def test_a_unit_beside_an_or_is_for_its_branches() -> None:
    where = {"unit": "eV", "or": [{"value": {"gt": 20000}}, {"value": {"lt": 5}}]}
    assert matching(where, ENERGY, ("energy", 1, "keV")) == [(21000, "eV")]


def test_a_unit_for_a_value_does_not_bind_an_or_of_names() -> None:
    where = {"and": [{"value": {"gt": 20000}}, {"unit": "eV"}, {"or": [{"name": "energy"}]}]}
    assert matching(where, ENERGY) == [(21000, "eV")]


def test_a_stored_range_matches_conditions_on_its_parameter() -> None:
    there = [("t_min", 10, "K"), ("t_max", 20, "K")]
    assert len(matching(condition("t", {"between": [15, 16]}, "K"), *there)) == 2
    assert len(matching(condition("t", {"gte": 20}, "K"), *there)) == 2
    assert matching(condition("t", {"gt": 20}, "K"), *there) == []
    assert matching(condition("t", 9, "K"), *there) == []
