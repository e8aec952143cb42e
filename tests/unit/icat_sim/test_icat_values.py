"""Conversion of attribute values between XML and the store."""

import hashlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_local.icat.errors import IcatError
from portal_local.icat.schema.collation import compare, weight
from portal_local.icat.schema.schema import load
from portal_local.icat.schema.values import Values

from tests.mariadb_weights import BASIC_PLANE, WEIGHTS_SHA256

SCHEMA = load()
VALUES = Values(SCHEMA, UTC)
FIRST_GREGORIAN = datetime(1582, 10, 17)  # noqa: DTZ001  # hypothesis adds the zone
DATASET = SCHEMA.beans["Dataset"].fields


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("2024-05-17", "2024-05-17T00:00:00.000+02:00"),
        ("2024-05-17T10:00:00", "2024-05-17T10:00:00.000+02:00"),
        ("2024-12-17 10:00:00", "2024-12-17T10:00:00.000+01:00"),
        ("2024-05-17T10:00:00.123456Z", "2024-05-17T12:00:00.000+02:00"),
        ("1900-01-01T00:00:00.5-03:30", "1900-01-01T04:30:00.000+01:00"),
        ("2021-10-31T00:30:00Z", "2021-10-31T02:30:00.000+01:00"),  # it comes twice
        ("1700-01-01T00:00:00Z", "1700-01-01T00:00:00.000+00:00"),  # an offset with seconds
        ("1500-01-01T00:00:00Z", "1499-12-23T00:00:00.000+00:00"),  # by the Julian calendar
        ("0001-01-02T00:00:00Z", "0001-01-04T00:00:00.000+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000+00:00"),
    ],
)
def test_dates_are_read_and_written_in_the_servers_zone(text: str, back: str) -> None:
    values = Values(SCHEMA, ZoneInfo("Europe/Berlin"))
    assert values.text("Date", values.milliseconds(text)) == back


@given(st.datetimes(FIRST_GREGORIAN, timezones=st.timezones() | st.just(UTC)))
def test_every_date_is_stored_to_the_second_or_refused(moment: object) -> None:
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
    assert VALUES.read("ParameterType", kind, "NUMBER") is None


@pytest.mark.parametrize("text", ["NaN", "INF", "-INF"])
def test_numbers_that_the_database_does_not_have_are_null(text: str) -> None:
    number = SCHEMA.beans["DatasetParameter"].fields["numericValue"]
    assert VALUES.read("DatasetParameter", number, text) is None


def test_empty_text_is_null_except_for_strings() -> None:
    assert VALUES.read("Dataset", DATASET["name"], "") == ""
    assert VALUES.read("Dataset", DATASET["fileSize"], " ") is None
    assert VALUES.read("Dataset", DATASET["complete"], "") == 0


def test_text_has_the_weights_of_mariadb() -> None:
    weights = "".join(map(weight, BASIC_PLANE))
    assert hashlib.sha256(weights.encode()).hexdigest() == WEIGHTS_SHA256
    assert compare("심장", "신장") != 0
    assert compare("Straße ", "STRASE") == 0
    assert compare("🫀", "🫁") == 0
