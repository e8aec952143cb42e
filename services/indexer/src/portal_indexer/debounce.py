"""Which marked records are to be packed now. Pure.

A record that is registered is marked several times within seconds: by its files, its DOI, what it
belongs to. Alone it is packed at once; in a crowd it waits until nothing marks it any more, or for
as long as we have patience, so that most are packed once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CROWD = 12  # records
QUIET = timedelta(seconds=4)
PATIENCE = timedelta(seconds=12)
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass
class Marked:
    """The marks of one record."""

    oldest: datetime
    newest: datetime
    ids: list[Any] = field(default_factory=list[Any])

    def is_settled(self, now: datetime) -> bool:
        return self.newest <= now - QUIET or self.oldest <= now - PATIENCE


def ready(marks: Iterable[Mapping[str, Any]], now: datetime, most: int) -> dict[str, list[Any]]:
    """Marks (_id, pid, at) of at most so many records by pid, those that wait longest first."""
    found: dict[str, Marked] = {}
    for mark in marks:
        at = mark.get("at") or LONG_AGO
        one = found.setdefault(mark["pid"], Marked(at, at))
        one.ids.append(mark["_id"])
        one.oldest, one.newest = min(one.oldest, at), max(one.newest, at)
    chosen = found.items()
    if len(found) > CROWD:
        chosen = [(pid, one) for pid, one in chosen if one.is_settled(now)]
    first = sorted(chosen, key=lambda pair: pair[1].oldest)[:most]
    return {pid: one.ids for pid, one in first}
