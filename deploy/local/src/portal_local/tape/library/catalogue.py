"""SQLite catalogue of tape positions and mounts; a position never changes."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from portal_local.simulation import transaction
from portal_local.tape.library.physics import Physics, TapePosition

SCHEMA = """
CREATE TABLE IF NOT EXISTS places (
  path TEXT PRIMARY KEY, family TEXT NOT NULL, tape TEXT NOT NULL, position INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS places_by_family ON places (family);
CREATE TABLE IF NOT EXISTS mounts (
  number INTEGER PRIMARY KEY, tape TEXT NOT NULL, drive INTEGER NOT NULL, at REAL NOT NULL
);
"""


class TapeCatalogue:
    """Assigns positions to files and records mounts."""

    def __init__(self, database: sqlite3.Connection, root: Path, physics: Physics) -> None:
        self._database = database
        self._root = root
        self._physics = physics
        database.executescript(SCHEMA)

    def position(self, path: str) -> TapePosition:
        """Returns the position of a file; a family is written in the order of its paths.

        Files that are added later are written behind the others.
        """
        return self._find(path) or self._write_family(path)

    def _find(self, path: str) -> TapePosition | None:
        row = self._database.execute(
            "SELECT tape, position FROM places WHERE path = ?", (path,)
        ).fetchone()
        return TapePosition(*row) if row else None

    def _write_family(self, path: str) -> TapePosition:
        family = self._physics.family(path)
        rank = int(
            self._database.execute(
                "SELECT count(*) FROM places WHERE family = ?", (family,)
            ).fetchone()[0]
        )
        with transaction(self._database):
            for member in sorted({path, *self._members(family)}):
                position = self._physics.position_of(family, rank)
                rank += self._database.execute(
                    "INSERT OR IGNORE INTO places VALUES (?, ?, ?, ?)",
                    (member, family, position.tape, position.position),
                ).rowcount
        found = self._find(path)
        if found is None:
            raise LookupError(path)
        return found

    def _members(self, family: str) -> Iterator[str]:
        """Yields every file of the archive that belongs to the family."""
        top = self._root / family.lstrip("/")
        for folder, folders, names in os.walk(top):
            at = folder.removeprefix(str(self._root).rstrip("/")).rstrip("/")
            for name in names:
                path = f"{at}/{name}"
                if self._physics.family(path) == family and _is_text(path):
                    yield path
            folders[:] = [f for f in folders if self._physics.family(f"{at}/{f}/_") == family]

    def record_mount(self, tape: str, drive: int) -> None:
        self._database.execute(
            "INSERT INTO mounts (tape, drive, at) VALUES (?, ?, ?)", (tape, drive, time.time())
        )

    def mounts(self) -> list[dict[str, object]]:
        rows = self._database.execute("SELECT tape, drive, at FROM mounts ORDER BY number")
        return [dict(row) for row in rows]

    def reset_mounts(self) -> None:
        self._database.execute("DELETE FROM mounts")


def _is_text(path: str) -> bool:
    """Returns whether the path can be sent as JSON: it is valid UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
