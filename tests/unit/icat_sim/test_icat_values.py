"""Conversion of attribute values between XML and the store."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_local.icat.errors import IcatError
from portal_local.icat.schema.schema import load
from portal_local.icat.schema.values import Values

SCHEMA = load()
VALUES = Values(SCHEMA, UTC)
DATASET = SCHEMA.beans["Dataset"].fields


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("2024-05-17", "2024-05-17T00:00:00.000+02:00"),
        ("2024-05-17T10:00:00", "2024-05-17T10:00:00.000+02:00"),
        ("2024-12-17 10:00:00", "2024-12-17T10:00:00.000+01:00"),
        ("2024-05-17T10:00:00.123456Z", "2024-05-17T12:00:00.123+02:00"),
        ("1900-01-01T00:00:00.5-03:30", "1900-01-01T04:30:00.500+01:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000+00:00"),
    ],
)
def test_dates_are_read_and_written_in_the_servers_zone(text: str, back: str) -> None:
    values = Values(SCHEMA, ZoneInfo("Europe/Berlin"))
    assert values.text("Date", values.milliseconds(text)) == back


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_every_date_is_stored_to_the_millisecond_or_refused(moment: object) -> None:
    try:
        stored = VALUES.milliseconds(str(moment).replace(" ", "T"))
    except (ValueError, OverflowError):
        return
    assert VALUES.milliseconds(VALUES.text("Date", stored)) == stored


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("startDate", "17.5.2024"),
        ("startDate", "2024-13-01"),
        ("startDate", "20240517"),
        ("fileSize", "1.5"),
        ("fileSize", str(1 << 63)),
        ("fileSize", "9" * 5000),
        ("complete", "yes"),
    ],
)
def test_an_invalid_value_is_refused_with_its_field(field: str, text: str) -> None:
    with pytest.raises(IcatError, match=f"Dataset: {field} ") as refused:
        VALUES.read("Dataset", DATASET[field], text)
    assert refused.value.kind == "VALIDATION"


def test_enums_know_their_constants() -> None:
    kind = SCHEMA.beans["ParameterType"].fields["valueType"]
    assert VALUES.read("ParameterType", kind, "NUMERIC") == "NUMERIC"
    with pytest.raises(IcatError, match="valueType is not a valid ParameterValueType: 'NUMBER'"):
        VALUES.read("ParameterType", kind, "NUMBER")


def test_empty_text_is_null_except_for_strings() -> None:
    assert VALUES.read("Dataset", DATASET["name"], "") == ""
    assert VALUES.read("Dataset", DATASET["fileSize"], " ") is None
    assert VALUES.read("Dataset", DATASET["complete"], "") == 0
