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


def test_an_exact_collation_tells_them_apart(start: Callable[..., IcatSimulator]) -> None:
    client = start("--collation", "exact").client()
    for name in ("Gain", "gain"):
        client.new("Facility", name=name).create()
    assert client.search("SELECT f.name FROM Facility f WHERE f.name = 'gain'") == ["gain"]
