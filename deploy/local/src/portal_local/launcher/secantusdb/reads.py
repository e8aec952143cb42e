"""Patches that make SecantusDB read fewer documents for a query. Written for secantus as locked.

1. An index is also used for filters with `$and` or `$or`; the original then scans the collection.
2. A `find` with a limit stops reading once enough documents match.

Both only narrow the candidates; the original code still decides which documents match.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
from collections.abc import Callable, Mapping
from typing import Any

from secantus.query import matches
from secantus.storage import Storage

BATCH_DOCUMENTS = 50  # read at a time until enough of them match
Filter = Mapping[str, Any]


def ignoring_operators(choose: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the choice of an index: top-level operators such as `$and` and `$or` are ignored.

    They can only narrow the result of the other fields, and are applied to the documents read.
    """

    @functools.wraps(choose)
    def choose_by_fields(storage: Storage, db: str, coll: str, filter: Filter, **more: Any) -> Any:  # noqa: A002
        fields = {name: value for name, value in filter.items() if not name.startswith("$")}
        return choose(storage, db, coll, fields, **more) if fields else None

    return choose_by_fields


def stop_at_limit(find: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps `find`: without a sort order it stops reading once `limit` documents match."""

    @functools.wraps(find)
    def find_up_to_limit(
        storage: Storage,
        db: str,
        coll: str,
        filter: Filter | None = None,  # noqa: A002
        *,
        limit: int = 0,
        **more: Any,
    ) -> Any:
        plain = not any(value for name, value in more.items() if name != "projection")
        if filter and limit > 0 and plain and "_id" not in filter:
            ids = _first_matching_ids(storage, db, coll, filter, limit)
            if ids is not None:
                by_id = {"_id": {"$in": ids}, **filter}
                documents = find(storage, db, coll, by_id, limit=limit, **more) if ids else []
                if len(documents) == len(ids):  # none was changed in between
                    return documents
        return find(storage, db, coll, filter, limit=limit, **more)

    return find_up_to_limit


def _first_matching_ids(
    storage: Storage, db: str, coll: str, query: Filter, limit: int
) -> list[Any] | None:
    """Returns the ids of the first `limit` matching documents, or None if no index applies."""
    storage._refresh_read_snapshot()  # noqa: SLF001
    ids: list[Any] = []
    with storage._lock:  # noqa: SLF001
        records: Any = storage._try_index_id_keys(db, coll, dict(query))  # noqa: SLF001
        if records is None:
            return None
        records = list(dict.fromkeys(records))
        for start in range(0, len(records), BATCH_DOCUMENTS):
            batch = records[start : start + BATCH_DOCUMENTS]
            for document in storage._docs_by_recordids(db, coll, batch):  # noqa: SLF001
                if matches(document, dict(query)):
                    ids.append(document["_id"])
                if len(ids) == limit:
                    return ids
    return ids


def apply(storage: type[Storage]) -> None:
    """Replaces the two methods of the storage class."""
    storage._try_index_id_keys = ignoring_operators(storage._try_index_id_keys)  # noqa: SLF001
    storage.find_matching = stop_at_limit(storage.find_matching)
