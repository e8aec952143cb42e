"""Timestamps and durations in Meilisearch's format."""

from datetime import UTC, datetime


def now() -> str:
    """Returns the time as RFC 3339 in UTC with microseconds; sorts as text in time order."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def duration(started: str | None, finished: str | None) -> str | None:
    """Returns the ISO 8601 duration between two timestamps, None if one is missing."""
    if started is None or finished is None:
        return None
    seconds = (parse(finished) - parse(started)).total_seconds()
    return f"PT{max(seconds, 0.0):.6f}S"


def parse(moment: str) -> datetime:
    """Parses a timestamp or a day (its start in UTC). Raises ValueError."""
    found = datetime.fromisoformat(moment)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
