"""What a new version of a record is: its number, what changed, and whether it may be seen. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast

from portal_shared.contracts.records import Change, Dataset, Document
from pydantic import BaseModel

Doc = dict[str, Any]  # as the database keeps it
MOST_TOLD = 100  # versions in an event; all are kept here
SHORTEST = 200  # characters of a value kept in the history
ChangeKind = Literal["registered", "changed", "superseded", "released", "withdrawn"]
_BY_NAME = ("parameters",)
_OUR_OWN = {"files.digest", "document"}


def embargoed(release_date: datetime | None, now: datetime) -> bool:
    return release_date is not None and release_date > now


def changes(old: BaseModel | None, new: BaseModel) -> dict[str, list[str | None]]:
    """Field to [was, is], each shortened; parameters and details by their names."""
    before = _flat(old.model_dump(mode="json")) if old else {}
    after = _flat(new.model_dump(mode="json"))
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and name not in _OUR_OWN
    }


def _flat(record: dict[str, Any]) -> dict[str, str | None]:
    flat: dict[str, str | None] = {}
    for name, value in record.items():
        if name in _BY_NAME:
            for item in cast("list[dict[str, Any]]", value):
                shown = f"{item['value']} {item.get('unit') or ''}".strip()
                label = f"{name}.{item['name']}"
                flat[label] = f"{flat[label]}; {shown}" if label in flat else shown
        elif isinstance(value, dict):
            for inner, held in cast("dict[str, Any]", value).items():
                flat[f"{name}.{inner}"] = _short(held)
        else:
            flat[name] = _short(value)
    return flat


def _short(value: Any) -> str | None:
    if value is None or value in ([], {}):
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHORTEST else text[: SHORTEST - 1] + "…"


def entry(
    version: int,
    kind: ChangeKind,
    *,
    job_id: str | None,
    sender: str | None,
    changed: dict[str, list[str | None]] | None = None,
) -> Doc:
    """A line of the history as ingest keeps it: who, when, which job, what it was and is."""
    return {
        "version": version,
        "at": datetime.now(UTC),
        "kind": kind,
        "job_id": job_id,
        "sender": sender,
        "changes": [[name, *both] for name, both in (changed or {}).items()],
    }


def told(history: Sequence[Doc]) -> tuple[Change, ...]:
    """The public part: no values, which may have been taken back, and no names."""
    return tuple(
        Change(
            version=row["version"],
            at=row["at"],
            kind=row["kind"],
            job_id=row["job_id"],
            fields=tuple(name for name, _, _ in row["changes"]) if row["version"] > 1 else (),
        )
        for row in history[-MOST_TOLD:]
    )


def next_edition(old: Dataset) -> tuple[str, int]:
    """Pid and number of the dataset that supersedes this one."""
    base = old.pid.removesuffix(f".v{old.edition}") if old.edition > 1 else old.pid
    return f"{base}.v{old.edition + 1}", old.edition + 1


def supersedes(old: Dataset, new: Dataset) -> bool:
    """Other files, of those that are in the archive: what was cited is another thing then."""
    archived = bool(old.folder and new.folder)
    return archived and bool(old.files.count) and old.files.digest != new.files.digest


def with_member(document: Document, old: str, new: str) -> Document:
    """The document with a dataset in the place of the one it supersedes."""
    members = tuple(dict.fromkeys(new if pid == old else pid for pid in document.datasets))
    return document.model_copy(update={"datasets": members})
