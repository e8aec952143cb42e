"""Moments and durations as Meilisearch writes them."""

from datetime import UTC, datetime


def now() -> str:
    """RFC 3339 in UTC with microseconds; sorts as text in time order."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def duration(started: str | None, finished: str | None) -> str | None:
    """ISO 8601 duration between two moments."""
    if started is None or finished is None:
        return None
    seconds = (parsed(finished) - parsed(started)).total_seconds()
    return f"PT{max(seconds, 0.0):.6f}S"


def parsed(moment: str) -> datetime:
    """A moment or a day (its beginning, UTC); ValueError if it is neither."""
    found = datetime.fromisoformat(moment)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
