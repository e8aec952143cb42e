"""Patches that make SecantusDB's updates do only what the update changes.

1. Copies: an update copied the whole document with `copy.deepcopy`, which takes longer than the
   engine needs to store it. Here only the top-level fields that the operators name are copied,
   and the others are the same objects in the old and the new document.
2. Indexes: an update removed the document's entries from all indexes of the collection and wrote
   them again, after it had looked for each unique key in the index. Here this is done for the
   indexes of which a field, or a field of the partial filter, has changed.
3. Comparison: old and new document were encoded whole to see whether they differ. Here the fields
   are encoded that are not the same object.

The original code still updates, compares and writes; it gets fewer fields and indexes to do so.
"""
# pyright: reportPrivateUsage=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import copy
import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from secantus import projection, storage, update
from secantus.storage import Storage

Document = Mapping[str, Any]
Index = tuple[str, Mapping[str, Any], bool, bool]  # name, key, sparse, unique
IMMUTABLE = frozenset((str, int, float, bool, type(None), bytes, datetime, UUID)).union(
    (Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp)
)
COMPARABLE = frozenset((str, int, bool, bytes, datetime, ObjectId))  # equal ones are stored equally
MISSING = object()
_thread = threading.local()


class Change:
    """A document before and after the update that this thread is doing."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old = old
        self.new = new
        self._all_indexes: Sequence[Index] | None = None
        self._concerned: Sequence[Index] = ()

    def concerned(self, storage: Storage, db: str, coll: str, indexes: Any) -> Sequence[Index]:
        """Returns those of the indexes whose entries may change."""
        if self._all_indexes is not indexes:
            partials: Mapping[str, Document] = storage._partial_filters(db, coll)  # noqa: SLF001
            options: Mapping[str, Document] = storage._index_options_map(db, coll)  # noqa: SLF001
            self._concerned = [
                index
                for index in indexes
                if self.concerns(index, partials.get(index[0]), options.get(index[0], {}))
            ]
            self._all_indexes = indexes
        return self._concerned

    def has_changed(self, path: str) -> bool:
        """Returns whether the top-level field of a path may have another value."""
        field = path.partition(".")[0]
        old, new = self.old.get(field, MISSING), self.new.get(field, MISSING)
        if old is new:
            return False
        return type(old) is not type(new) or type(old) not in COMPARABLE or old != new

    def concerns(self, index: Index, partial: Document | None, options: Document) -> bool:
        """Returns whether the entries of the document in an index may change."""
        key = index[1]
        return (
            any(direction not in (1, -1) for direction in key.values())  # of another kind
            or "prepareUnique" in options  # entries are checked although they do not change
            or any(map(self.has_changed, key))
            or any(name.startswith("$") or self.has_changed(name) for name in partial or ())
        )


def copied(value: Any, _memo: Any = None) -> Any:
    """Returns what `copy.deepcopy` returns for values of BSON; immutable ones are not copied."""
    kind = type(value)
    if kind in IMMUTABLE:
        return value
    if kind is dict:
        fields: frozenset[str] | None = getattr(_thread, "copied_fields", None)
        if fields is not None and value is _thread.document:
            return {k: copied(v) if k in fields else v for k, v in value.items()}
        return {name: copied(part) for name, part in value.items()}
    if kind is list:
        return [copied(part) for part in value]
    return copy.deepcopy(value)


def updated_fields(operators: Any) -> frozenset[str] | None:
    """Returns the top-level fields that an update with operators names; None for other updates."""
    if not isinstance(operators, Mapping) or not operators:
        return None
    paths: list[str] = []
    for operator, operand in operators.items():
        if not operator.startswith("$") or not isinstance(operand, Mapping):
            return None
        paths += operand
        if operator == "$rename":
            paths += [target for target in operand.values() if isinstance(target, str)]
    return frozenset(path.partition(".")[0] for path in paths)


def recording_change(apply_update: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the application of an update: records the change, and what has to be copied."""

    @functools.wraps(apply_update)
    def applied(doc: Document, operators: Any, **more: Any) -> Any:
        _thread.change = None
        _thread.document, _thread.copied_fields = doc, updated_fields(operators)
        try:
            new = apply_update(doc, operators, **more)
        finally:
            _thread.document = _thread.copied_fields = None
        if not more.get("is_upsert"):
            _thread.change = Change(doc, new)
        return new

    return applied


def differs(new: Any, old: Any) -> bool:
    """Returns whether the encoded documents differ, as the original does."""
    if type(new) is not dict or type(old) is not dict:
        return original_differs(new, old)
    if list(new) != list(old):
        return True
    names = [name for name, value in new.items() if value is not old[name]]
    return bool(names) and original_differs({n: new[n] for n in names}, {n: old[n] for n in names})


original_differs: Callable[[Any, Any], bool] = storage._doc_changed  # noqa: SLF001


def for_concerned(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a method that does something for the indexes of a document."""

    @functools.wraps(method)
    def narrowed(
        self: Storage, db: str, coll: str, doc: Document, indexes: Any, *args: Any, **more: Any
    ) -> Any:
        change: Change | None = getattr(_thread, "change", None)
        if change is not None and (doc is change.old or doc is change.new):
            indexes = change.concerned(self, db, coll, indexes)
        return method(self, db, coll, doc, indexes, *args, **more)

    return narrowed


def without_change(statement: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a statement: forgets the change at its end."""

    @functools.wraps(statement)
    def wrapped(*args: Any, **more: Any) -> Any:
        try:
            return statement(*args, **more)
        finally:
            _thread.change = None

    return wrapped


METHODS: Iterable[str] = (
    "_unique_conflict",
    "_validate_geo_indexes",
    "_delete_index_entries",
    "_write_index_entries",
    "_maybe_mark_multikey",
)


def apply(owner: Any = Storage) -> None:
    """Replaces functions of SecantusDB, and methods of the storage class."""
    for module in (update, projection):
        setattr(module, "copy", SimpleNamespace(deepcopy=copied, copy=copy.copy))  # noqa: B010
    storage.apply_update = recording_change(storage.apply_update)
    storage._doc_changed = differs  # noqa: SLF001
    for name in METHODS:
        setattr(owner, name, for_concerned(getattr(owner, name)))
    owner.update_matching = without_change(owner.update_matching)
