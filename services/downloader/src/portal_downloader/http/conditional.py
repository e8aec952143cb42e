"""Conditional requests (RFC 9110, section 13) for a file with a strong tag and a date."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal


def http_date(moment: datetime) -> str:
    """Returns a date in the format of HTTP headers."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _moment(header: str | None) -> datetime | None:
    """Parses a date; None for an invalid one, whose condition is ignored."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",") if tag.strip()]


def evaluate_conditions(
    headers: Mapping[str, str], *, tag: str, modified: datetime
) -> Literal[200, 304, 412]:
    """Returns the status that follows from the conditions; tags take precedence over dates."""
    if_match, since = headers.get("if-match"), _moment(headers.get("if-unmodified-since"))
    if if_match is not None:
        if not {"*", tag} & set(_tags(if_match)):
            return 412
    elif since is not None and modified > since:
        return 412
    none_match, since = headers.get("if-none-match"), _moment(headers.get("if-modified-since"))
    if none_match is not None:
        weak = {known.removeprefix("W/") for known in _tags(none_match)}
        return 304 if {"*", tag} & weak else 200
    return 304 if since is not None and modified <= since else 200


def if_range_matches(if_range: str | None, *, tag: str, modified: datetime) -> bool:
    """Returns whether a range may be sent, by strong comparison of If-Range."""
    if if_range is None:
        return True
    value = if_range.strip()
    if value.startswith(('"', "W/")):
        return value == tag
    return _moment(value) == modified
