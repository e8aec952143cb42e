"""Converts attribute values between their text in XML and their stored form.

Dates are stored as milliseconds since 1970 in UTC, booleans as 0 and 1. Like the columns of ICAT's
database, dates have whole seconds and no offset: of an hour that comes twice, the second is read.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from xml.sax.saxutils import escape

from portal_local.icat.errors import IcatError, invalid
from portal_local.icat.schema.schema import Field, Schema

Value = str | int | float | None

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
_FEBRUARY = 2
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
            return number if math.isfinite(number) else None  # MariaDB has no such numbers
        if kind in _RANGES:
            whole = long(text)
            if whole is None or not -_RANGES[kind] <= whole < _RANGES[kind]:
                raise OverflowError
            return whole
        return text if text in self._enums[kind] else None

    def milliseconds(self, text: str) -> int:
        """Parses an ISO 8601 date, with `T` or a blank. Raises ValueError or OverflowError."""
        if not _DATE.fullmatch(text):
            raise ValueError(f"{text!r} is not a date")
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        _ = moment.astimezone(UTC)  # a zone may move the first and the last day out of the calendar
        seconds = (moment - EPOCH) // timedelta(seconds=1)
        return self._as_stored(EPOCH + timedelta(seconds=seconds))

    def _as_stored(self, moment: datetime) -> int:
        """Returns the date that is read after this one was stored without its offset."""
        if moment < _GREGORIAN:
            moment = _julian(moment)
        try:
            local = moment.astimezone(self.zone)
            moment = local.replace(fold=1).astimezone(UTC)
        except OverflowError:  # the first or the last day of the calendar
            pass
        return (moment - EPOCH) // timedelta(milliseconds=1)

    def text(self, kind: str, value: str | float) -> str:
        """Returns the value as XML text, escaped."""
        if kind == "Date":
            return self._date(int(value))
        if kind == "boolean":
            return "true" if value else "false"
        return markup(value) if isinstance(value, str) else repr(value)

    def _date(self, value: int) -> str:
        moment = EPOCH + timedelta(milliseconds=value)
        try:
            moment = moment.astimezone(self.zone)
        except OverflowError:  # the last day of the calendar, in a zone where it has ended
            moment = moment.astimezone(UTC)
        if (moment.utcoffset() or timedelta()) % timedelta(minutes=1):
            moment = moment.astimezone(UTC)  # clients read no offsets with seconds
        return moment.isoformat(timespec="milliseconds")


def _julian(moment: datetime) -> datetime:
    """Returns the moment whose Gregorian date has the digits of this moment's Julian date.

    ICAT's drivers write dates before 1582 in the Julian calendar and read them in the Gregorian.
    """
    year = moment.year - (moment.month <= _FEBRUARY)
    days = year // 100 - year // 400 - 2
    return moment - timedelta(days=days)


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
