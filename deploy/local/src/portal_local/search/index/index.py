"""One index: its settings, vocabulary and facet values in memory, its documents in the file."""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from portal_local.search.index.attributes import Rules
from portal_local.search.index.documents import values_of
from portal_local.search.index.facets import Facets
from portal_local.search.index.settings import Settings, effective
from portal_local.search.index.vocabulary import Postings, Vocabulary

Pieces = dict[str, str]
"""A document's members as JSON text, by name."""

CACHED_CHARS = 24_000_000


class Index:
    """What a search needs of an index; changed only while the engine's lock is held."""

    def __init__(
        self, connection: sqlite3.Connection, number: int, uid: str, primary_key: str | None
    ) -> None:
        self.number = number
        self.uid = uid
        self.primary_key = primary_key
        self.created_at = ""
        self.updated_at = ""
        self.own: Settings = {}
        self.rules = Rules(effective({}))
        self.facets = Facets()
        self.alive = 0
        self.fields: dict[str, int] = {}
        self.vocabulary = Vocabulary()
        self.postings = Postings(connection)
        self.connection = connection
        self._pieces: OrderedDict[int, Pieces] = OrderedDict()
        self._chars = 0

    def load(self) -> None:
        """Read everything that is held in memory from the file."""
        run = self.connection.execute
        row = run("SELECT * FROM indexes WHERE id = ?", (self.number,)).fetchone()
        _, self.uid, self.primary_key, self.created_at, self.updated_at, settings = row
        self.own = json.loads(settings)
        self.rules = Rules(effective(self.own))
        query = "SELECT name, field FROM fields WHERE index_id = ?"
        self.fields = dict(run(query, (self.number,)).fetchall())
        query = "SELECT id, word, documents FROM words WHERE index_id = ?"
        self.vocabulary = Vocabulary()
        self.vocabulary.load(run(query, (self.number,)))
        self.facets, self.alive = self.facets_from_file(self.rules, self.connection)

    def facets_from_file(self, rules: Rules, through: sqlite3.Connection) -> tuple[Facets, int]:
        """The values of all documents under the rules, and the bitmap of all documents."""
        facets = Facets()
        alive = 0
        for number, document in self.documents(through):
            facets.add(number, values_of(document, rules))
            alive |= 1 << number
        return facets, alive

    def documents(self, through: sqlite3.Connection) -> Iterator[tuple[int, dict[str, Any]]]:
        query = "SELECT number, body FROM documents WHERE index_id = ? ORDER BY number"
        for number, body in through.execute(query, (self.number,)):
            yield number, json.loads(body)

    def find(self, external: str, through: sqlite3.Connection) -> tuple[int, dict[str, Any]] | None:
        """A document's number and content by its own identifier."""
        row = through.execute(
            "SELECT number, body FROM documents WHERE index_id = ? AND external = ?",
            (self.number, external),
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def pieces(self, numbers: Sequence[int]) -> list[Pieces]:
        """Documents as JSON text by member, in the order asked for."""
        found: list[Pieces] = []
        for number in numbers:
            pieces = self._pieces.get(number)
            if pieces is None:
                pieces = _split(self.body(number))
                self._pieces[number] = pieces
                self._chars += _chars(pieces)
                while self._chars > CACHED_CHARS and len(self._pieces) > 1:
                    self.forget_pieces(next(iter(self._pieces)))
            else:
                self._pieces.move_to_end(number)
            found.append(pieces)
        return found

    def forget_pieces(self, number: int) -> None:
        old = self._pieces.pop(number, None)
        if old is not None:
            self._chars -= _chars(old)

    def body(self, number: int) -> str:
        """A document's JSON text."""
        query = "SELECT body FROM documents WHERE index_id = ? AND number = ?"
        return self.connection.execute(query, (self.number, number)).fetchone()[0]

    def sizes(self) -> int:
        """The length of all documents' JSON text together."""
        query = "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM documents WHERE index_id = ?"
        return self.connection.execute(query, (self.number,)).fetchone()[0]

    def length(self, number: int, field: int) -> int:
        """How many words a document has in a field."""
        query = "SELECT lengths FROM documents WHERE index_id = ? AND number = ?"
        row = self.connection.execute(query, (self.number, number)).fetchone()
        return json.loads(row[0]).get(str(field), 0)

    def field_names(self) -> dict[int, str]:
        return {number: name for name, number in self.fields.items()}

    def distribution(self) -> dict[str, int]:
        """How many documents have each member."""
        counts: dict[str, int] = {}
        for _number, document in self.documents(self.connection):
            for name in document:
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def described(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "primaryKey": self.primary_key,
        }


def _chars(pieces: Pieces) -> int:
    return sum(len(name) + len(text) for name, text in pieces.items())


def _split(body: str) -> Pieces:
    document: dict[str, Any] = json.loads(body)
    return {
        name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for name, value in document.items()
    }
