"""Comparison of text as MariaDB's default collation does, which ICAT's real database has."""

from collections.abc import Callable

import icat
import pytest

from tests.drivers.icat import IcatSimulator

PAIRS = [("mW", "MW"), ("µ", "μ"), ("Muller", "Müller"), ("a", "a "), ("🫀", "🫁")]


@pytest.mark.parametrize(("stored", "other"), PAIRS)
def test_a_look_alike_is_found_and_cannot_be_created(
    client: icat.Client, stored: str, other: str
) -> None:
    facility = client.new("Facility", name=f"collation {stored}")
    facility.create()
    one = client.new("ParameterType", facility=facility, name="p", units=stored)
    one.valueType, one.applicableToDataset = "NUMERIC", True
    one.create()
    [found] = client.search(
        f"SELECT t FROM ParameterType t WHERE t.facility.id = {facility.id} AND t.units = '{other}'"  # noqa: S608
    )
    assert found.units == stored
    again = client.new("ParameterType", facility=facility, name="P", units=other)
    again.valueType, again.applicableToDataset = "NUMERIC", True
    with pytest.raises(icat.ICATObjectExistsError):
        again.create()


def test_an_exact_collation_distinguishes_them(start: Callable[..., IcatSimulator]) -> None:
    client = start("--collation", "exact").client()
    for name in ("Gain", "gain"):
        client.new("Facility", name=name).create()
    assert client.search("SELECT f.name FROM Facility f WHERE f.name = 'gain'") == ["gain"]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("grosse-like", 1), ("GR_SSE-l%", 1), ("gró%-LIKE", 1), ("grösse-like ", 0)],
)
def test_like_ignores_case_and_accents_but_not_spaces(
    client: icat.Client, pattern: str, count: int
) -> None:
    if not client.search("SELECT f FROM Facility f WHERE f.name = 'GRÖSSE-like'"):
        client.new("Facility", name="GRÖSSE-like").create()
    query = f"SELECT f.name FROM Facility f WHERE f.name LIKE '{pattern}'"  # noqa: S608
    assert len(client.search(query)) == count


def test_like_compares_exactly_with_an_exact_collation(start: Callable[..., IcatSimulator]) -> None:
    client = start("--collation", "exact").client()
    client.new("Facility", name="Größe_1").create()
    for pattern, count in (("Größe!_%", 1), ("größe!_%", 0), ("Grosse%", 0)):
        query = f"SELECT f.name FROM Facility f WHERE f.name LIKE '{pattern}' ESCAPE '!'"  # noqa: S608
        assert len(client.search(query)) == count
