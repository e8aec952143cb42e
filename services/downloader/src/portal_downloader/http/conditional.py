"""Conditions of a request (RFC 9110, section 13), for a file with a strong tag and a date. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _moment(header: str | None) -> datetime | None:
    """None for what is no date: such a condition is ignored."""
    if not header:
        return None
    try:
        found = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",") if tag.strip()]


def judged(headers: Mapping[str, str], *, tag: str, modified: datetime) -> Literal[200, 304, 412]:
    """In the order the standard gives; tags win over dates."""
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


def range_holds(if_range: str | None, *, tag: str, modified: datetime) -> bool:
    """Whether the part asked for continues what the asker has: strong comparison only."""
    if if_range is None:
        return True
    sent = if_range.strip()
    if sent.startswith(('"', "W/")):
        return sent == tag
    return _moment(sent) == modified
