"""Stores all DOIs in SQLite."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal_local.datacite.states import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS dois (
  doi TEXT PRIMARY KEY, prefix TEXT NOT NULL, state TEXT NOT NULL, url TEXT,
  created TEXT NOT NULL, registered TEXT, updated TEXT NOT NULL,
  revision INTEGER NOT NULL, metadata TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_age ON dois (created, doi);
CREATE INDEX IF NOT EXISTS by_change ON dois (updated, doi);
"""


@dataclass(frozen=True)
class Doi:
    """A DOI; `registered` is when its handle was registered, null until then."""

    doi: str
    state: State
    url: str | None
    created: str
    updated: str
    registered: str | None = None
    revision: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def prefix(self) -> str:
        return self.doi.split("/", 1)[0]


class Registry:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)

    def get(self, doi: str) -> Doi | None:
        row = self._database.execute("SELECT * FROM dois WHERE doi = ?", (doi.lower(),)).fetchone()
        return _doi(row) if row else None

    def put(self, doi: Doi) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO dois VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                doi.doi,
                doi.prefix,
                doi.state,
                doi.url,
                doi.created,
                doi.registered,
                doi.updated,
                doi.revision,
                json.dumps(doi.metadata),
            ),
        )

    def delete(self, doi: str) -> None:
        self._database.execute("DELETE FROM dois WHERE doi = ?", (doi.lower(),))

    def count(self, where: str, values: Sequence[Any]) -> dict[str, int]:
        """Return the number of DOIs by state."""
        sql = f"SELECT state, count(*) FROM dois WHERE {where} GROUP BY state ORDER BY state"  # noqa: S608 - conditions are ours
        return dict(self._database.execute(sql, values).fetchall())

    def select(
        self, where: str, values: Sequence[Any], *, order: str, limit: int, offset: int = 0
    ) -> list[Doi]:
        sql = f"SELECT * FROM dois WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - likewise
        rows = self._database.execute(sql, [*values, limit, offset]).fetchall()
        return [_doi(row) for row in rows]


def _doi(row: sqlite3.Row) -> Doi:
    values = dict(row)
    values.pop("prefix")
    return Doi(**{**values, "metadata": json.loads(values["metadata"])})
