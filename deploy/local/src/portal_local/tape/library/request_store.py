"""SQLite store of requests, pins, and files on disk."""

import sqlite3
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portal_local.simulation import transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS files (
  request TEXT NOT NULL REFERENCES requests, path TEXT NOT NULL, state TEXT NOT NULL,
  error TEXT, started REAL, finished REAL, lifetime REAL NOT NULL, pinned_until REAL,
  released INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (request, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_path ON files (path);
CREATE TABLE IF NOT EXISTS buffer (
  path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, restored REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS recalls (path TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""

SUBMITTED, STARTED = "SUBMITTED", "STARTED"
COMPLETED, FAILED = "COMPLETED", "FAILED"
PENDING = (SUBMITTED, STARTED)


@dataclass(frozen=True)
class FileRequest:
    """A file of a new request, with its state at acceptance."""

    path: str
    lifetime: float
    state: str = SUBMITTED
    error: str | None = None


@dataclass(frozen=True)
class FileProgress:
    """The state of a file of a request."""

    path: str
    state: str
    error: str | None
    started: float | None
    finished: float | None


@dataclass(frozen=True)
class Request:
    """A stage request."""

    id: str
    created: float
    files: Sequence[FileProgress]


@dataclass(frozen=True)
class OnDisk:
    """A file in the buffer."""

    path: str
    bytes: int
    sha256: str


class RequestStore:
    """Reads and writes the tables of requests, files, buffer and recalls."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)

    def accept(self, files: Iterable[FileRequest]) -> str:
        """Stores a request in one transaction; files on disk are pinned."""
        request_id, now = str(uuid.uuid4()), time.time()
        rows = [
            (
                request_id, file.path, file.state, file.error,
                None if file.state in PENDING else now,
                None if file.state in PENDING else now, file.lifetime,
                now + file.lifetime if file.state == COMPLETED else None,
            )
            for file in files
        ]  # fmt: skip
        with transaction(self._database):
            self._database.execute("INSERT INTO requests VALUES (?, ?)", (request_id, now))
            self._database.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
        return request_id

    def request(self, request: str) -> Request | None:
        row = self._one("SELECT * FROM requests WHERE id = ?", request)
        if row is None:
            return None
        files = self._database.execute(
            "SELECT path, state, error, started, finished FROM files WHERE request = ?", (request,)
        )
        return Request(row["id"], row["created"], [FileProgress(*file) for file in files])

    def cancel(self, request: str, paths: Iterable[str]) -> None:
        now = time.time()
        with transaction(self._database):
            self._database.executemany(
                "UPDATE files SET state = 'CANCELLED', finished = ?"
                " WHERE request = ? AND path = ? AND state IN ('SUBMITTED', 'STARTED')",
                [(now, request, path) for path in paths],
            )

    def release(self, request: str, paths: Iterable[str]) -> None:
        with transaction(self._database):
            self._database.executemany(
                "UPDATE files SET released = 1 WHERE request = ? AND path = ?",
                [(request, path) for path in paths],
            )

    def delete(self, request: str) -> None:
        with transaction(self._database):
            self._database.execute("DELETE FROM files WHERE request = ?", (request,))
            self._database.execute("DELETE FROM requests WHERE id = ?", (request,))

    def pending_paths(self) -> list[str]:
        """Returns the paths that requests wait for, longest waiting first."""
        rows = self._database.execute(
            "SELECT path FROM files JOIN requests ON id = request"
            " WHERE state IN ('SUBMITTED', 'STARTED') GROUP BY path ORDER BY min(created), path"
        )
        return [row["path"] for row in rows]

    def is_pending(self, path: str) -> bool:
        sql = "SELECT 1 FROM files WHERE path = ? AND state IN ('SUBMITTED', 'STARTED') LIMIT 1"
        return self._one(sql, path) is not None

    def mark_started(self, path: str) -> None:
        self._database.execute(
            "UPDATE files SET state = 'STARTED', started = ?"
            " WHERE path = ? AND state = 'SUBMITTED'",
            (time.time(), path),
        )

    def mark_failed(self, path: str, error: str | None) -> None:
        now = time.time()
        self._database.execute(
            "UPDATE files SET state = 'FAILED', error = ?, started = coalesce(started, ?),"
            " finished = ? WHERE path = ? AND state IN ('SUBMITTED', 'STARTED')",
            (error, now, now, path),
        )

    def mark_restored(self, file: OnDisk) -> None:
        """Records that a file is on disk and pins it for every request that waits for it."""
        now = time.time()
        with transaction(self._database):
            self._database.execute(
                "INSERT OR REPLACE INTO buffer VALUES (?, ?, ?, ?)",
                (file.path, file.bytes, file.sha256, now),
            )
            self._database.execute(
                "INSERT INTO recalls VALUES (?, 1)"
                " ON CONFLICT (path) DO UPDATE SET count = count + 1",
                (file.path,),
            )
            self._database.execute(
                "UPDATE files SET state = 'COMPLETED', started = coalesce(started, ?),"
                " finished = ?, pinned_until = ? + lifetime"
                " WHERE path = ? AND state IN ('SUBMITTED', 'STARTED')",
                (now, now, now, file.path),
            )

    def find_on_disk(self, path: str) -> OnDisk | None:
        row = self._one("SELECT path, bytes, sha256 FROM buffer WHERE path = ?", path)
        return OnDisk(*row) if row else None

    def bytes_on_disk(self) -> int:
        row = self._database.execute("SELECT coalesce(sum(bytes), 0) FROM buffer").fetchone()
        return int(row[0])

    def paths_on_disk(self) -> list[str]:
        return [row["path"] for row in self._database.execute("SELECT path FROM buffer")]

    def oldest_unpinned(self) -> OnDisk | None:
        """Returns the file that is on disk longest and not pinned, or None."""
        row = self._one(
            "SELECT path, bytes, sha256 FROM buffer WHERE NOT EXISTS (SELECT 1 FROM files WHERE"
            " files.path = buffer.path AND NOT released AND pinned_until > ?)"
            " ORDER BY restored LIMIT 1",
            time.time(),
        )
        return OnDisk(*row) if row else None

    def remove_from_disk(self, path: str) -> None:
        self._database.execute("DELETE FROM buffer WHERE path = ?", (path,))

    def recall_counts(self) -> dict[str, int]:
        """Returns how often each path was read from tape."""
        return dict(self._database.execute("SELECT path, count FROM recalls ORDER BY path"))

    def reset_recalls(self) -> None:
        self._database.execute("DELETE FROM recalls")

    def _one(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._database.execute(sql, values).fetchone()
        return row
