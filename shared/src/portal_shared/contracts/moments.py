"""Dates with a time in jobs: RFC 3339 with a time zone, and nothing else.

Numbers are refused: a spreadsheet writes its day numbers where a date was shown, and the seconds
since 1970 of a program look the same.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

MAX_CHARACTERS = 40
ERROR = "rfc3339"  # type of the error in pydantic's list
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)
_DAY_NUMBER = re.compile(r"\d{5}(\.\d+)?")  # of a spreadsheet: 1927 to 2173
_SPREADSHEET_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_SPREADSHEET_DAYS = range(29_221, 73_051)  # 1980 to 2099
_YEAR_FIRST = re.compile(
    r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})(?:[Tt ]+(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?)?"
    r"\s*([Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
)
_DAY_FIRST = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})")
_MAX_MONTH = 12


def parse_moment(value: object) -> datetime | None:
    """Returns the moment of an RFC 3339 text with a time zone; None for anything else."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        found = datetime.fromisoformat(value.upper())
        found.astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; a year 0 in UTC
        return None
    return found


def suggest_moment(value: object) -> str | None:
    """Returns the RFC 3339 text in UTC that another spelling probably means.

    Every suggestion is itself accepted. None where it is not clear which day is meant: 03/07/2021.
    """
    text = str(value).strip()[:MAX_CHARACTERS] if isinstance(value, str | int | float) else ""
    found = None
    if _DAY_NUMBER.fullmatch(text):
        found = _from_day_number(float(text))
    elif match := _YEAR_FIRST.fullmatch(text):
        found = _built(*match.groups())
    elif match := _DAY_FIRST.fullmatch(text):
        first, mark, second, year = match.groups()
        if mark == "." or int(first) > _MAX_MONTH or first == second:
            found = _built(year, second, first)
        elif int(second) > _MAX_MONTH:
            found = _built(year, first, second)
    return found if parse_moment(found) else None


def _from_day_number(number: float) -> str | None:
    if int(number) not in _SPREADSHEET_DAYS:
        return None
    moment = _SPREADSHEET_EPOCH + timedelta(seconds=round(number * 86_400))
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _built(  # noqa: PLR0917  # the groups of a pattern
    year: str,
    month: str,
    day: str,
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    zone: str | None = None,
) -> str:
    offset = zone if zone and zone[0] in "+-" else "Z"
    if offset != "Z":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        offset = f"{offset[0]}{digits[:2]}:{digits[2:]}"
    clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
    return f"{year}-{int(month):02d}-{int(day):02d}T{clock}{offset}"


def describe_moment(value: object) -> str:
    """Returns why a value is no RFC 3339 text, and what to write."""
    form = "a date and time with a time zone (RFC 3339), as in 2026-11-20T09:30:00Z"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return f"must be {form}"
    shown = repr(value)[:MAX_CHARACTERS]
    if not isinstance(value, str) or _DAY_NUMBER.fullmatch(value.strip()):
        return f"{shown} is a number, as a spreadsheet stores dates; write {form}"
    zone = "; Z stands for UTC" if _YEAR_FIRST.fullmatch(value.strip()[:MAX_CHARACTERS]) else ""
    return f"must be {form}{zone}, not {shown}"


def _check(value: Any) -> Any:
    if isinstance(value, datetime) or parse_moment(value):
        return value
    raise PydanticCustomError(ERROR, "{reason}", {"reason": describe_moment(value)})


Moment = Annotated[AwareDatetime, BeforeValidator(_check)]
"""A moment in a job: RFC 3339 text with a time zone."""


def within(moment: datetime, earliest: date, latest: date) -> bool:
    """Whether the moment's day in UTC is in the range, both ends included."""
    return earliest <= moment.astimezone(UTC).date() <= latest
