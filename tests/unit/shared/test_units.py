"""Units by way of SI."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_shared import units


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (930, "eV", "keV", 0.93),
        (21, "keV", "eV", 21000),
        (20, "celsius", "K", 293.15),
        (68, "fahrenheit", "celsius", 20),
        (152.72, "mA", "A", 0.15272),
        (152.72, "mA", "uA", 152720),
        (7.3127, "cm", "um", 73127),
        (1, "Å", "nm", 0.1),
        (1, "Angstrom", "angstrom", 1),
        (1, "microns", "µm", 1),
        (180, "degrees", "rad", math.pi),
        (1, "bar", "Pa", 1e5),
        (1, "kiloelectronvolt", "electronvolts", 1000),
        (1, "W/cm^2", "W m^-2", 1e4),
        (1, "fs^2", "s2", 1e-30),
        (1, "min", "s", 60),
        (1, "kB", "bits", 8000),
        (-100, "uT", "T", -1e-4),
        (2, "kiloohms", "ohm", 2000),
        (1013, "millibar", "hPa", 1013),
        (1, "1/nm", "m^-1", 1e9),
        (1, "cm⁻¹", "1 / m", 100),
        (1, "W⋅cm⁻²", "W/m^2", 1e4),
    ],
)
def test_a_value_is_converted(value: float, source: str, target: str, expected: float) -> None:
    found = units.convert(value, source, target)
    assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    "name", ["", None, "%", "count", "furlong", "m/", "/s", "m^400", "1/", "1", "1 s", "x" * 101]
)
def test_what_is_no_unit_is_none(name: str | None) -> None:
    assert units.find(name) is None


def test_metres_are_not_seconds() -> None:
    assert units.convert(1, "m", "s") is None


def test_c_and_f_are_degrees_where_the_parameter_is_a_temperature() -> None:
    assert units.convert(20, "C", "K", "sample_temperature") == 293.15
    assert units.convert(20, "C", "K", "charge") is None


def test_exact_names_come_before_prefixes() -> None:
    for name, dimension in [
        ("min", "time"),
        ("Pa", "pressure"),
        ("cd", "light"),
        ("T", "magnetic field"),
    ]:
        found = units.find(name)
        assert found is not None
        assert found.dimension[0][0] == dimension


@given(
    st.floats(min_value=-1e12, max_value=1e12),
    st.sampled_from(["um", "mm", "m", "Å", "inch", "km"]),
)
def test_there_and_back_again(value: float, unit: str) -> None:
    there = units.convert(value, "m", unit)
    if unit == "inch":
        assert there is None
    else:
        assert there is not None
        back = units.convert(there, unit, "m")
        assert back == pytest.approx(value, rel=1e-9)


@given(st.text(max_size=40))
def test_no_text_is_an_error(text: str) -> None:
    units.find(text)
    units.convert(1.0, text, "m")
