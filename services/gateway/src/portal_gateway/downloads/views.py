"""Downloads as their users see them, and as everybody does. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.records import utc_text
from portal_shared.runtime.mongo import Doc

Result: TypeAlias = Literal["complete", "partial", "failed", "cancelled"]


def told(row: Doc) -> dict[str, Any]:
    """A request as its user sees it."""
    address = f"/api/downloads/{row['_id']}"
    counts = ("files", "files_online", "files_failed", "bytes", "bytes_online")
    return {
        "id": row["_id"],
        "pid": row["pid"],
        "state": row["state"],
        "done": row["done"],
        **{name: row[name] for name in counts},
        "files_expired": row.get("files_expired", 0),
        "result": result(row),
        "reason": row["reason"],
        "waits_for": None if row["done"] else row.get("waits_for"),
        "place": None if row["done"] else row.get("place"),
        "seconds_left": _seconds_left(row),
        "expected": utc_text(row["expected_at"]) if _is_expected(row) else None,
        "created": utc_text(row["created_at"]),
        "updated": utc_text(row["updated_at"]),
        "self": address,
        "events": f"{address}/events",
        "data": data_path(row["pid"]),
        "listing": f"{data_path(row['pid'])}?request={row['_id']}",
    }


def result(row: Doc) -> Result | None:
    """What came of it; None while it has not ended."""
    if not row["done"]:
        return None
    if row["state"] == "CANCELLED":
        return "cancelled"
    if row["state"] == "ONLINE":
        return "complete"
    return "partial" if row["files_online"] else "failed"


def _is_expected(row: Doc) -> bool:
    return not row["done"] and row.get("expected_at") is not None


def _seconds_left(row: Doc) -> float | None:
    """As of now; None where it cannot be told."""
    if row["done"]:
        return 0.0
    if not _is_expected(row):
        return None
    return max(0.0, round((row["expected_at"] - datetime.now(UTC)).total_seconds(), 1))


def staging(rows: Sequence[Doc]) -> list[dict[str, Any]]:
    """What is being staged, by dataset, for everybody: nothing in it tells who asked."""
    by_pid: dict[str, dict[str, Any]] = {}
    for row in rows:
        told = by_pid.setdefault(
            row["pid"],
            {
                "pid": row["pid"],
                "state": row["state"],
                "requests": 0,
                "since": utc_text(row["created_at"]),
                "files": 0,
                "files_online": 0,
                "bytes": 0,
                "bytes_online": 0,
                "seconds_left": None,
                "data": data_path(row["pid"]),
            },
        )
        told["requests"] += 1
        if row["state"] == "RESTORING":
            told["state"] = "RESTORING"
        if row["bytes"] >= told["bytes"]:  # the largest stands for all: they overlap
            told |= {n: row[n] for n in ("files", "files_online", "bytes", "bytes_online")}
            told["seconds_left"] = _seconds_left(row)
    return list(by_pid.values())
