"""What the archive must not forget of its clients: requests, pins, and what is on disk for them."""

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
COMPLETED, FAILED, CANCELLED = "COMPLETED", "FAILED", "CANCELLED"
UNDER_WAY = (SUBMITTED, STARTED)


@dataclass(frozen=True)
class Wish:
    """A file of a request, as it stands when the request is accepted."""

    path: str
    lifetime: float
    state: str = SUBMITTED
    error: str | None = None


@dataclass(frozen=True)
class FileProgress:
    path: str
    state: str
    error: str | None
    started: float | None
    finished: float | None


@dataclass(frozen=True)
class Request:
    id: str
    created: float
    files: Sequence[FileProgress]


@dataclass(frozen=True)
class OnDisk:
    path: str
    bytes: int
    sha256: str


class Ledger:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)

    def accept(self, wishes: Iterable[Wish]) -> str:
        """A new request, whole or not at all; files already settled get their pin at once."""
        made, now = str(uuid.uuid4()), time.time()
        rows = [
            (
                made, w.path, w.state, w.error, None if w.state in UNDER_WAY else now,
                None if w.state in UNDER_WAY else now, w.lifetime,
                now + w.lifetime if w.state == COMPLETED else None,
            )
            for w in wishes
        ]  # fmt: skip
        with transaction(self._database):
            self._database.execute("INSERT INTO requests VALUES (?, ?)", (made, now))
            self._database.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
        return made

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

    def forget(self, request: str) -> None:
        with transaction(self._database):
            self._database.execute("DELETE FROM files WHERE request = ?", (request,))
            self._database.execute("DELETE FROM requests WHERE id = ?", (request,))

    def wanted(self) -> list[str]:
        """Every path that some request still waits for, longest waiting first."""
        rows = self._database.execute(
            "SELECT path FROM files JOIN requests ON id = request"
            " WHERE state IN ('SUBMITTED', 'STARTED') GROUP BY path ORDER BY min(created), path"
        )
        return [row["path"] for row in rows]

    def is_wanted(self, path: str) -> bool:
        sql = "SELECT 1 FROM files WHERE path = ? AND state IN ('SUBMITTED', 'STARTED') LIMIT 1"
        return self._one(sql, path) is not None

    def started(self, path: str) -> None:
        self._database.execute(
            "UPDATE files SET state = 'STARTED', started = ?"
            " WHERE path = ? AND state = 'SUBMITTED'",
            (time.time(), path),
        )

    def failed(self, path: str, error: str | None) -> None:
        now = time.time()
        self._database.execute(
            "UPDATE files SET state = 'FAILED', error = ?, started = coalesce(started, ?),"
            " finished = ? WHERE path = ? AND state IN ('SUBMITTED', 'STARTED')",
            (error, now, now, path),
        )

    def restored(self, file: OnDisk) -> None:
        """The file is on disk: everybody who waits for it has it, pinned from now."""
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

    def on_disk(self, path: str) -> OnDisk | None:
        row = self._one("SELECT path, bytes, sha256 FROM buffer WHERE path = ?", path)
        return OnDisk(*row) if row else None

    def buffered_bytes(self) -> int:
        row = self._database.execute("SELECT coalesce(sum(bytes), 0) FROM buffer").fetchone()
        return int(row[0])

    def buffered(self) -> list[str]:
        return [row["path"] for row in self._database.execute("SELECT path FROM buffer")]

    def evictable(self) -> OnDisk | None:
        """The file on disk longest that nobody has pinned."""
        row = self._one(
            "SELECT path, bytes, sha256 FROM buffer WHERE NOT EXISTS (SELECT 1 FROM files WHERE"
            " files.path = buffer.path AND NOT released AND pinned_until > ?)"
            " ORDER BY restored LIMIT 1",
            time.time(),
        )
        return OnDisk(*row) if row else None

    def evicted(self, path: str) -> None:
        self._database.execute("DELETE FROM buffer WHERE path = ?", (path,))

    def recalls(self) -> dict[str, int]:
        """How often each path was read from tape."""
        return dict(self._database.execute("SELECT path, count FROM recalls ORDER BY path"))

    def reset_recalls(self) -> None:
        self._database.execute("DELETE FROM recalls")

    def _one(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._database.execute(sql, values).fetchone()
        return row
