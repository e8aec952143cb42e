"""The task queue: requested tasks in order, with their state and result."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.index import storage
from portal_local.search.timestamps import duration, now

Row = tuple[Any, ...]
COLUMNS = (
    "uid, index_uid, type, status, details, error, canceled_by, metadata, "
    "enqueued_at, started_at, finished_at"
)
NEXT = "(SELECT CASE WHEN EXISTS (SELECT 1 FROM sqlite_sequence) THEN NULL ELSE 0 END)"
STATUSES = ("enqueued", "processing", "succeeded", "failed", "canceled")
TYPES = (
    "documentAdditionOrUpdate",
    "documentDeletion",
    "settingsUpdate",
    "indexCreation",
    "indexDeletion",
    "indexUpdate",
    "indexSwap",
    "taskCancelation",
    "taskDeletion",
)


@dataclass(frozen=True, slots=True)
class Task:
    """A task to execute; its parameters depend on its type."""

    uid: int
    index_uid: str | None
    type: str
    details: dict[str, Any]
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Selects tasks; an empty condition selects any."""

    uids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    index_uids: tuple[str, ...] = ()
    canceled_by: tuple[int, ...] = ()
    moments: tuple[tuple[str, str, str], ...] = ()  # column, < or >, moment

    def sql(self) -> tuple[str, list[Any]]:
        """Returns the SQL condition and its values."""
        parts: list[str] = []
        values: list[Any] = []
        for column, allowed in (
            ("uid", self.uids),
            ("status", self.statuses),
            ("type", self.types),
            ("index_uid", self.index_uids),
            ("canceled_by", self.canceled_by),
        ):
            if allowed:
                parts.append(f"{column} IN ({','.join('?' * len(allowed))})")
                values += allowed
        for column, sign, moment in self.moments:
            parts.append(f"{column} {sign} ?")
            values.append(moment)
        return " AND ".join(parts) or "1", values

    def __bool__(self) -> bool:
        return any(
            (
                self.uids,
                self.statuses,
                self.types,
                self.index_uids,
                self.canceled_by,
                self.moments,
            )
        )


class TaskQueue:
    """Tasks in a file of their own, so that reading a task never waits for the running one."""

    def __init__(self, folder: Path) -> None:
        self._connection = storage.connect(folder / "tasks.sqlite", storage.TASKS)
        self._lock = threading.Lock()
        self.wake = threading.Event()

    def add(
        self,
        kind: str,
        index_uid: str | None,
        *,
        details: Mapping[str, Any],
        parameters: Mapping[str, Any],
        metadata: str | None = None,
    ) -> dict[str, Any]:
        """Enqueues a task; returns its summary for the client."""
        moment = now()
        with self._lock:
            uid = self._connection.execute(
                "INSERT INTO tasks (uid, index_uid, type, status, details, "  # noqa: S608
                "metadata, enqueued_at, "
                f"request) VALUES ({NEXT}, ?, ?, 'enqueued', ?, ?, ?, ?) RETURNING uid",
                (index_uid, kind, json.dumps(details), metadata, moment, json.dumps(parameters)),
            ).fetchone()[0]
        self.wake.set()
        task = {
            "taskUid": uid,
            "indexUid": index_uid,
            "status": "enqueued",
            "type": kind,
            "enqueuedAt": moment,
        }
        return task if metadata is None else {**task, "customMetadata": metadata}

    def start_next(self) -> Task | None:
        """Returns the oldest waiting task and marks it as processing; cancelations go first."""
        with self._lock:
            row = self._connection.execute(
                "UPDATE tasks SET status = 'processing', started_at = ? WHERE uid = ("
                "SELECT uid FROM tasks WHERE status = 'enqueued' "
                "ORDER BY type <> 'taskCancelation', uid LIMIT 1) "
                "RETURNING uid, index_uid, type, details, request",
                (now(),),
            ).fetchone()
        if row is None:
            return None
        uid, index_uid, kind, details, parameters = row
        return Task(uid, index_uid, kind, json.loads(details), json.loads(parameters))

    def finish(self, uid: int, details: Mapping[str, Any], error: Mapping[str, Any] | None) -> None:
        with self._lock:
            self._connection.execute(
                "UPDATE tasks SET status = ?, details = ?, error = ?, finished_at = ?, "
                "request = NULL WHERE uid = ?",
                (
                    "failed" if error else "succeeded",
                    json.dumps(details),
                    json.dumps(error) if error else None,
                    now(),
                    uid,
                ),
            )

    def interrupted(self) -> list[int]:
        """Returns the tasks that were processing when the process ended."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT uid FROM tasks WHERE status = 'processing' ORDER BY uid"
            ).fetchall()
        return [row[0] for row in rows]

    def requeue(self, uid: int) -> None:
        with self._lock:
            self._connection.execute(
                "UPDATE tasks SET status = 'enqueued', started_at = NULL WHERE uid = ?", (uid,)
            )

    def cancel(self, task_filter: TaskFilter, by: int) -> tuple[int, int]:
        """Cancels waiting tasks; returns how many tasks match and how many were canceled."""
        condition, values = task_filter.sql()
        with self._lock:
            matched = self._count(condition, values, by)
            canceled = self._connection.execute(
                "UPDATE tasks SET status = 'canceled', canceled_by = ?, finished_at = ?, "  # noqa: S608
                f"request = NULL WHERE status = 'enqueued' AND uid <> ? AND {condition}",
                (by, now(), by, *values),
            ).rowcount
        return matched, canceled

    def delete(self, task_filter: TaskFilter, by: int) -> tuple[int, int]:
        """Deletes finished tasks; returns how many tasks match and how many were deleted."""
        condition, values = task_filter.sql()
        with self._lock:
            matched = self._count(condition, values, by)
            deleted = self._connection.execute(
                "DELETE FROM tasks WHERE status NOT IN ('enqueued', 'processing') "  # noqa: S608
                f"AND uid <> ? AND {condition}",
                (by, *values),
            ).rowcount
        return matched, deleted

    def _count(self, condition: str, values: Sequence[Any], by: int) -> int:
        query = f"SELECT COUNT(*) FROM tasks WHERE uid <> ? AND {condition}"  # noqa: S608
        return self._connection.execute(query, (by, *values)).fetchone()[0]

    def get(self, uid: int) -> dict[str, Any]:
        with self._lock:
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM tasks WHERE uid = ?",  # noqa: S608
                (uid,),
            ).fetchone()
        if row is None:
            raise Failure("task_not_found", f"Task `{uid}` not found.")
        return _task_json(row)

    def list_page(
        self, task_filter: TaskFilter, *, limit: int, start: int | None, reverse: bool
    ) -> dict[str, Any]:
        """Returns a page of tasks, the newest first unless `reverse`."""
        condition, values = task_filter.sql()
        way, sign = ("ASC", ">=") if reverse else ("DESC", "<=")
        paged = "1" if start is None else f"uid {sign} {start}"
        with self._lock:
            query = f"SELECT COUNT(*) FROM tasks WHERE {condition}"  # noqa: S608
            total = self._connection.execute(query, values).fetchone()[0]
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM tasks WHERE {condition} AND {paged} "  # noqa: S608
                f"ORDER BY uid {way} LIMIT ?",
                (*values, limit + 1),
            ).fetchall()
        more = rows[limit][0] if len(rows) > limit else None
        shown = [_task_json(row) for row in rows[:limit]]
        first = shown[0]["uid"] if shown else None
        return {"results": shown, "total": total, "limit": limit, "from": first, "next": more}

    def is_processing(self, index_uid: str) -> bool:
        with self._lock:
            query = "SELECT 1 FROM tasks WHERE status = 'processing' AND index_uid = ?"
            return self._connection.execute(query, (index_uid,)).fetchone() is not None

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _task_json(row: Row) -> dict[str, Any]:
    uid, index_uid, kind, status, details, error, by, metadata, enqueued, started, finished = row
    task = {
        "uid": uid,
        "batchUid": uid if started else None,
        "indexUid": index_uid,
        "status": status,
        "type": kind,
        "canceledBy": by,
        "details": json.loads(details) or None,
        "error": json.loads(error) if error else None,
        "duration": duration(started, finished),
        "enqueuedAt": enqueued,
        "startedAt": started,
        "finishedAt": finished,
    }
    return task if metadata is None else {**task, "customMetadata": metadata}
