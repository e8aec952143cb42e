"""Converts attribute values between their text in XML and their stored form.

Dates are stored as milliseconds since 1970 in UTC, booleans as 0 and 1.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from xml.sax.saxutils import escape

from portal_local.icat.errors import IcatError, invalid
from portal_local.icat.schema.schema import Field, Schema

Value = str | int | float | None

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANGES = {"Long": 1 << 63, "Integer": 1 << 31}
_TRUTHS = {"true": 1, "1": 1, "false": 0, "0": 0, "": 0}
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Values:
    """Converts values; dates without a time zone are in `zone`, dates are written in it."""

    def __init__(self, schema: Schema, zone: tzinfo) -> None:
        self._enums = schema.enums
        self.zone = zone

    def read(self, bean: str, field: Field, text: str) -> Value:
        """Returns the value to store. Raises VALIDATION with the field and the reason."""
        if field.type == "String":
            return text
        text = text.strip()
        if field.type == "boolean":
            if text not in _TRUTHS:
                raise invalid(f"{bean}: {field.name} must be true or false, not {text!r}")
            return _TRUTHS[text]
        if not text:
            return None
        try:
            return self._read(field.type, text)
        except (ValueError, OverflowError) as error:
            raise _unreadable(bean, field, text) from error

    def _read(self, kind: str, text: str) -> Value:
        if kind == "Date":
            return self.milliseconds(text)
        if kind == "Double":
            number = float(text)
            if math.isnan(number):
                raise ValueError("not a number")
            return number
        if kind in _RANGES:
            whole = long(text)
            if whole is None or not -_RANGES[kind] <= whole < _RANGES[kind]:
                raise OverflowError
            return whole
        if text not in self._enums[kind]:
            raise ValueError(f"not one of {self._enums[kind]}")
        return text

    def milliseconds(self, text: str) -> int:
        """Parses an ISO 8601 date, with `T` or a blank. Raises ValueError or OverflowError."""
        if not _DATE.fullmatch(text):
            raise ValueError(f"{text!r} is not a date")
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        since = (moment - EPOCH) // timedelta(milliseconds=1) * timedelta(milliseconds=1)
        _ = EPOCH + since  # a zone may move the first and the last day out of the calendar
        return since // timedelta(milliseconds=1)

    def text(self, kind: str, value: str | float) -> str:
        """Returns the value as XML text, escaped."""
        if kind == "Date":
            return self._date(int(value))
        if kind == "boolean":
            return "true" if value else "false"
        if isinstance(value, float) and math.isinf(value):
            return "INF" if value > 0 else "-INF"
        return markup(value) if isinstance(value, str) else repr(value)

    def _date(self, value: int) -> str:
        moment = EPOCH + timedelta(milliseconds=value)
        try:
            moment = moment.astimezone(self.zone)
        except OverflowError:  # the last day of the calendar, in a zone where it has ended
            moment = moment.astimezone(UTC)
        return moment.isoformat(timespec="milliseconds")


def long(text: str) -> int | None:
    """Returns the number, or None if the text is not a 64-bit integer."""
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if -_RANGES["Long"] <= number < _RANGES["Long"] else None


def markup(text: str) -> str:
    """Escapes text for an element; characters that XML does not allow are replaced."""
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), {"\r": "&#13;"})


def _unreadable(bean: str, field: Field, text: str) -> IcatError:
    return invalid(f"{bean}: {field.name} is not a valid {field.type}: {text[:80]!r}")
