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
        (2, "kGy", "Gy", 2000),
        (32, "Gy/s", "J/kg/s", 32),
        (1, "rem", "mSv", 10),
        (1, "mCi", "MBq", 37),
        (5, "mL", "cm^3", 5),
        (500, "ml", "litres", 0.5),
        (1, "mmol/L", "mol/m^3", 1),
        (1, "mM", "mol/L", 1e-3),
        (1, "inch", "mm", 25.4),
        (12, "inches", "ft", 1),
        (10, "kG", "T", 1),
        (1, "gauss", "uT", 100),
        (1, "mTorr", "Pa", 101.325 / 760),
        (760, "mmHg", "atm", 760 * 133.322387415 / 101325),
        (1, "N m", "J", 1),
        (1, "J/s", "W", 1),
        (1, "C/s", "A", 1),
        (1, "Wb/m^2", "T", 1),
        (1, "J/(kg K)", "J kg^-1 K^-1", 1),
        (60, "counts/min", "counts per second", 1),
        (70, "%", "ppm", 7e5),
        (3, "KeV", "eV", 3000),
        (1, "GiB", "MiB", 1024),
        (1, "V/Hz^0.5", "V s^0.5", 1),
        (1, "g.cm-3", "kg/m^3", 1000),
        (60, "mm.min-1", "mm/s", 1),
        (1, "min.", "s", 60),
        (254, "dpi", "px/mm", 10),
        (1, "kcps", "counts/s", 1000),
        (1, "kVp", "V", 1000),
        (1, "mAs", "mC", 1),
        (30, "fps", "frames/s", 30),
        (70, "% (v/v)", "vol.%", 70),
        (1, "kDa", "g", 1.66053906660e-21),
        (300, "rpm", "rad/s", 10 * math.pi),
    ],
)
def test_a_value_is_converted(value: float, source: str, target: str, expected: float) -> None:
    found = units.convert(value, source, target)
    assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    "name",
    ["", None, "furlong", "m/", "/s", "m^400", "1/", "1", "1 s", "()", "m(s", "a.u.", "x" * 101],
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
        ("min", "s"),
        ("Pa", "N/m^2"),
        ("cd", "lm/sr"),
        ("T", "V s/m^2"),
        ("ft", "inch"),
        ("ha", "m^2"),
        ("dB", "Np"),
    ]:
        assert units.convert(1, name, dimension) is not None


@pytest.mark.parametrize(
    ("source", "target"),
    [("Gy", "Sv"), ("Bq", "Hz"), ("dB", "B"), ("wt%", "vol%"), ("rad", "Gy"), ("dBm", "dB")],
)
def test_quantities_of_different_kinds_are_not_converted(source: str, target: str) -> None:
    assert units.find(source)
    assert units.find(target)
    assert units.convert(1, source, target) is None


@pytest.mark.parametrize("unit", ["degC/min", "celsius/min", "°C/min", "K/min", "°C min^-1"])
def test_degrees_in_a_compound_are_differences(unit: str) -> None:
    assert units.convert(5, unit, "K/h") == 300


@pytest.mark.parametrize(
    ("parameter", "value", "source", "target", "expected"),
    [
        ("sample_temperature", 500, "C", "K", 773.15),
        ("furnace_temp", 500, "C", "K", 773.15),
        ("SampleTemp", 500, "C", "K", 773.15),
        ("heating_rate", 5, "C/min", "K/min", 5),
        ("temperature", 212, "F", "celsius", 100),
        ("oven_temperature", 100, "deg", "K", 373.15),
        ("temperature_stability", 0.1, "degC", "K", 0.1),
        ("incident_wavelength", 1, "A", "nm", 0.1),
        ("beam_charge", 5, "C", "A s", 5),
        ("capacitance", 1, "F", "C/V", 1),
        ("coil_current_distance", 2, "A", "mA", 2000),
        ("two_theta", 180, "deg", "rad", math.pi),
    ],
)
def test_an_ambiguous_symbol_is_read_by_the_parameter(
    parameter: str, value: float, source: str, target: str, expected: float
) -> None:
    assert units.convert(value, source, target, parameter) == pytest.approx(expected, rel=1e-11)


def test_one_unit_in_two_spellings_is_the_same() -> None:
    millilitre, cubic = units.find("mL"), units.find("cm^3")
    assert millilitre is not None
    assert cubic is not None
    assert millilitre.is_same(cubic)


@given(
    st.floats(min_value=-1e12, max_value=1e12),
    st.sampled_from(["um", "mm", "m", "Å", "inch", "km", "s"]),
)
def test_there_and_back_again(value: float, unit: str) -> None:
    there = units.convert(value, "m", unit)
    if unit == "s":
        assert there is None
    else:
        assert there is not None
        back = units.convert(there, unit, "m")
        assert back == pytest.approx(value, rel=1e-9)


@given(st.text(max_size=40))
def test_no_text_is_an_error(text: str) -> None:
    units.find(text)
    units.convert(1.0, text, "m")
