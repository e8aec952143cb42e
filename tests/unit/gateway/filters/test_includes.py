"""Includes: which rows remain, and which related rows they have."""

from typing import Any

import pytest
from portal_gateway.filters import includes
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import DATASET, DOCUMENT

XES = "http://purl.org/pan-science/PaNET/PaNET01200"
SAS = "http://purl.org/pan-science/PaNET/PaNET01124"
GISAXS = "http://purl.org/pan-science/PaNET/PaNET01162"
PROBE = "PaNET01012"


def dataset(pid: str, *tags: str, energy: float = 10) -> dict[str, Any]:
    return {
        "pid": pid,
        "title": f"title of {pid}",
        "techniques": [{"pid": t, "name": f"name {t[-5:]}"} for t in tags],
        "samples": [],
        "parameters": [
            {"id": "1", "name": "energy", "value": energy, "unit": "keV"},
            {"id": "2", "name": "state", "value": "solid"},
        ],
    }


def include(*listed: Any) -> Any:
    return parse_search(DATASET, {"include": list(listed)}).include


def where(relation: str, **condition: Any) -> dict[str, Any]:
    return {"relation": relation, "scope": {"where": condition}}


def select(row: dict[str, Any], *listed: Any, listed_row: bool = True) -> Any:
    return includes.select_relations(DATASET, row, include(*listed), {}, in_list=listed_row)


def pids(row: dict[str, Any], **condition: Any) -> list[str] | None:
    found = select(row, where("techniques", **condition))
    return None if found is None else [t["pid"] for t in found["techniques"]]


def test_without_condition_the_parent_stays_with_an_empty_list() -> None:
    assert select(dataset("a"), "samples", "techniques") == {"samples": [], "techniques": []}


def test_a_condition_drops_the_parent_without_such_a_row() -> None:
    assert select(dataset("a"), where("samples", name="lung")) is None


def test_a_term_includes_its_descendants() -> None:
    row = dataset("a", XES, GISAXS)
    assert pids(row, pid=SAS) == [GISAXS]
    assert pids(row, pid=PROBE) == [XES, GISAXS]
    assert pids(row, name="XES") == [XES]
    assert pids(row, name="small angle scattering technique") == [GISAXS]
    assert pids(row, name="unheard of") is None
    assert pids(row, pid={"neq": SAS}) is None
    assert pids(dataset("b", XES), pid={"neq": SAS}) == [XES]
    assert pids(dataset("c"), pid={"neq": SAS}) == []


def test_terms_of_a_conjunction_may_be_met_by_different_tags() -> None:
    row = dataset("a", XES, GISAXS)
    assert pids(row, **{"and": [{"pid": XES}, {"pid": SAS}]}) == [XES, GISAXS]
    assert pids(dataset("b", XES), **{"and": [{"pid": XES}, {"pid": SAS}]}) is None
    assert pids(dataset("b", XES), **{"or": [{"pid": XES}, {"pid": SAS}]}) == [XES]


def test_a_listed_dataset_has_all_parameters_with_matching_ones_converted() -> None:
    condition = where("parameters", name="energy", value={"gt": 9000}, unit="eV")
    received = select(dataset("a"), condition)["parameters"]
    assert [(p["name"], p["value"]) for p in received] == [("energy", 10000), ("state", "solid")]
    cut = select(dataset("a"), condition, listed_row=False)["parameters"]
    assert [p["name"] for p in cut] == ["energy"]


@pytest.mark.parametrize("listed_row", [True, False])
def test_a_row_has_the_unit_of_the_first_include_with_a_unit(
    listed_row: bool,  # noqa: FBT001  # a case
) -> None:
    plain = {"relation": "parameters"}
    in_ev, in_mev = (
        where("parameters", name="energy", value={"gt": 0}, unit=unit) for unit in ("eV", "MeV")
    )
    found = select(dataset("a"), plain, in_ev, in_mev, listed_row=listed_row)
    assert [p.get("unit") for p in found["parameters"]] == ["eV", None]
    found = select(dataset("a"), in_mev, in_ev, plain, listed_row=listed_row)
    assert [p.get("unit") for p in found["parameters"]] == ["MeV", None]


def test_conditions_under_datasets_hold_of_one_and_the_same_dataset() -> None:
    document = {"pid": "d", "datasets": [dataset("a", XES, energy=5), dataset("b", energy=50)]}

    def found(least: float) -> Any:
        nested = [
            where("techniques", pid=XES),
            where("parameters", name="energy", value={"gt": least}),
        ]
        both = {"relation": "datasets", "scope": {"include": nested}}
        search = parse_search(DOCUMENT, {"include": [both]})
        return includes.select_relations(DOCUMENT, document, search.include, {})

    assert [d["pid"] for d in found(1)["datasets"]] == ["a"]
    assert [p["name"] for p in found(1)["datasets"][0]["parameters"]] == ["energy"]
    assert found(10) is None


def test_two_includes_of_one_relation_are_two_conditions() -> None:
    row = dataset("a")
    solid, energy = where("parameters", value="solid"), where("parameters", name="energy")
    assert len(select(row, solid, energy)["parameters"]) == 2
    assert select(row, solid, where("parameters", name="nope")) is None


def test_limit_in_a_scope_cuts_the_array_and_keeps_the_parent() -> None:
    scope = {"where": {"pid": PROBE}, "limit": 1, "skip": 5}
    assert select(dataset("a", XES), {"relation": "techniques", "scope": scope}) == {
        "techniques": []
    }


def test_fields_in_a_scope_keep_relations() -> None:
    document = {"pid": "d", "datasets": [dataset("a", XES)]}
    scope = {"fields": ["pid"], "include": ["techniques"]}
    search = parse_search(DOCUMENT, {"include": [{"relation": "datasets", "scope": scope}]})
    found: Any = includes.select_relations(DOCUMENT, document, search.include, {})
    assert found["datasets"][0].keys() == {"pid", "techniques"}


def test_rows_without_the_field_come_last_in_either_direction() -> None:
    listed: list[dict[str, Any]] = [{"pid": "a"}, {"pid": "b", "size": 1}, {"pid": "c", "size": 2}]
    assert includes.sort_positions(listed, [("size", False)], DATASET) == [1, 2, 0]
    assert includes.sort_positions(listed, [("size", True)], DATASET) == [2, 1, 0]
