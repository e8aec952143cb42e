"""The SQLite files: one for indexes, documents and word positions, one for tasks."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LOG_BYTES = 1_000_000  # of the write-ahead log, once its content is in the file

INDEXES = """
CREATE TABLE IF NOT EXISTS indexes (
  id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, primary_key TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
  index_id INTEGER NOT NULL, number INTEGER NOT NULL, external TEXT NOT NULL,
  body TEXT NOT NULL, words BLOB NOT NULL, lengths TEXT NOT NULL,
  UNIQUE (index_id, number), UNIQUE (index_id, external));
CREATE TABLE IF NOT EXISTS fields (
  index_id INTEGER NOT NULL, field INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (index_id, field)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS words (
  id INTEGER PRIMARY KEY, index_id INTEGER NOT NULL, word TEXT NOT NULL,
  documents INTEGER NOT NULL,
  UNIQUE (index_id, word));
CREATE TABLE IF NOT EXISTS postings (
  word_id INTEGER NOT NULL, number INTEGER NOT NULL, positions BLOB NOT NULL,
  PRIMARY KEY (word_id, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcome (task INTEGER NOT NULL, details TEXT NOT NULL);
"""

TASKS = """
CREATE TABLE IF NOT EXISTS tasks (
  uid INTEGER PRIMARY KEY AUTOINCREMENT, index_uid TEXT, type TEXT NOT NULL, status TEXT NOT NULL,
  details TEXT, error TEXT, canceled_by INTEGER, metadata TEXT,
  enqueued_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, request TEXT);
CREATE INDEX IF NOT EXISTS tasks_by_status ON tasks (status, uid);
"""


def connect(file: Path, schema: str) -> sqlite3.Connection:
    """Opens a connection to the file; creates the schema if it is missing.

    Committed changes survive the end of the process. The caller starts transactions and makes sure
    that only one thread uses the connection at a time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA auto_vacuum = FULL")  # of a new file: it shrinks with its content
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -16000")
    connection.executescript(schema)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Commits the changes of the block, or rolls all of them back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
