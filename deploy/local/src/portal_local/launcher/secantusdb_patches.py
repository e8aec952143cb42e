"""What SecantusDB reads for a statement: no more than an index says, and no more than is asked for.

Both choose among what the original would find; it still decides what fits.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
from collections.abc import Callable, Mapping
from typing import Any

from secantus.query import matches
from secantus.storage import Storage

AT_ONCE = 50  # documents that are read until enough of them fit
Filter = Mapping[str, Any]


def beside_operators(choose: Callable[..., Any]) -> Callable[..., Any]:
    """`choose` of an index: by the fields of a filter, also where it has `$and` or `$or` besides.

    They can only narrow what the fields let through, and are applied to what was read.
    """

    @functools.wraps(choose)
    def chosen(there: Storage, db: str, coll: str, filter: Filter, **more: Any) -> Any:  # noqa: A002
        fields = {name: value for name, value in filter.items() if not name.startswith("$")}
        return choose(there, db, coll, fields, **more) if fields else None

    return chosen


def no_more_than_asked(find: Callable[..., Any]) -> Callable[..., Any]:
    """`find`, that reads on only until as many fit as are asked for, where order is no matter."""

    @functools.wraps(find)
    def found(
        there: Storage,
        db: str,
        coll: str,
        filter: Filter | None = None,  # noqa: A002
        *,
        limit: int = 0,
        **more: Any,
    ) -> Any:
        plain = not any(value for name, value in more.items() if name != "projection")
        if filter and limit > 0 and plain and "_id" not in filter:
            ids = _first(there, db, coll, filter, limit)
            if ids is not None:
                those = {"_id": {"$in": ids}, **filter}
                fitting = find(there, db, coll, those, limit=limit, **more) if ids else []
                if len(fitting) == len(ids):  # none was changed in between
                    return fitting
        return find(there, db, coll, filter, limit=limit, **more)

    return found


def _first(there: Storage, db: str, coll: str, which: Filter, limit: int) -> list[Any] | None:
    """Ids of the first so many that fit; None where no index says which may."""
    there._refresh_read_snapshot()  # noqa: SLF001
    ids: list[Any] = []
    with there._lock:  # noqa: SLF001
        records: Any = there._try_index_id_keys(db, coll, dict(which))  # noqa: SLF001
        if records is None:
            return None
        records = list(dict.fromkeys(records))
        for start in range(0, len(records), AT_ONCE):
            here = records[start : start + AT_ONCE]
            for document in there._docs_by_recordids(db, coll, here):  # noqa: SLF001
                if matches(document, dict(which)):
                    ids.append(document["_id"])
                if len(ids) == limit:
                    return ids
    return ids


def mend(storage: type[Storage]) -> None:
    """Make it read so."""
    storage._try_index_id_keys = beside_operators(storage._try_index_id_keys)  # noqa: SLF001
    storage.find_matching = no_more_than_asked(storage.find_matching)
