"""Selects the marked records that are indexed now; records that still change wait a little.

A newly registered record is marked several times within seconds: by its files, its DOI and its
related records. While few records are marked, all are indexed at once. While many are marked, a
record waits until it was not marked for QUIET_PERIOD, at most MAX_DELAY in all, so that most
records are indexed once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_UNDELAYED_RECORDS = 12
QUIET_PERIOD = timedelta(seconds=4)
MAX_DELAY = timedelta(seconds=12)
EPOCH = datetime.fromtimestamp(0, UTC)  # the time of marks that have none


@dataclass
class MarkedRecord:
    """The marks of one record."""

    oldest: datetime
    newest: datetime
    ids: list[Any] = field(default_factory=list[Any])

    def is_settled(self, now: datetime) -> bool:
        return self.newest <= now - QUIET_PERIOD or self.oldest <= now - MAX_DELAY


def select_ready(
    marks: Iterable[Mapping[str, Any]], now: datetime, limit: int
) -> dict[str, list[Any]]:
    """Returns the mark ids of at most `limit` records by pid, the longest waiting first.

    A mark has `_id`, `pid` and mostly `at`.
    """
    records: dict[str, MarkedRecord] = {}
    for mark in marks:
        at = mark.get("at") or EPOCH
        record = records.setdefault(mark["pid"], MarkedRecord(at, at))
        record.ids.append(mark["_id"])
        record.oldest, record.newest = min(record.oldest, at), max(record.newest, at)
    ready = list(records.items())
    if len(records) > MAX_UNDELAYED_RECORDS:
        ready = [(pid, record) for pid, record in ready if record.is_settled(now)]
    first = sorted(ready, key=lambda pair: pair[1].oldest)[:limit]
    return {pid: record.ids for pid, record in first}
