"""One index: settings, vocabulary and facet values in memory, documents in the file."""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.documents import facet_values
from portal_local.search.index.facets import Facets
from portal_local.search.index.settings import Settings, with_defaults
from portal_local.search.words.lengths import FieldLengths
from portal_local.search.words.postings import Postings
from portal_local.search.words.vocabulary import Vocabulary

JsonMembers = dict[str, str]
"""A document's members as JSON text, by name."""

MAX_CACHED_CHARS = 24_000_000
LOADED_TOGETHER = 2000  # documents


class Index:
    """The in-memory state of an index; changes only while the engine's lock is locked."""

    def __init__(
        self, connection: sqlite3.Connection, number: int, uid: str, primary_key: str | None
    ) -> None:
        self.number = number
        self.uid = uid
        self.primary_key = primary_key
        self.created_at = ""
        self.updated_at = ""
        self.own_settings: Settings = {}
        self.rules = IndexRules(with_defaults({}))
        self.facets = Facets()
        self.alive = 0
        self.fields: dict[str, int] = {}
        self.vocabulary = Vocabulary()
        self.postings = Postings(connection)
        self.lengths = FieldLengths()
        self.connection = connection
        self._members: OrderedDict[int, JsonMembers] = OrderedDict()
        self._chars = 0

    def load(self) -> None:
        """Loads the in-memory state from the file."""
        run = self.connection.execute
        row = run("SELECT * FROM indexes WHERE id = ?", (self.number,)).fetchone()
        _, self.uid, self.primary_key, self.created_at, self.updated_at, settings = row
        self.own_settings = json.loads(settings)
        self.rules = IndexRules(with_defaults(self.own_settings))
        query = "SELECT name, field FROM fields WHERE index_id = ?"
        self.fields = dict(run(query, (self.number,)).fetchall())
        query = "SELECT id, word, documents FROM words WHERE index_id = ?"
        self.vocabulary = Vocabulary()
        self.vocabulary.load(run(query, (self.number,)))
        self.facets, self.alive = self.facets_from_file(self.rules, self.connection)
        query = "SELECT number, lengths FROM documents WHERE index_id = ?"
        self.lengths = FieldLengths()
        for number, lengths in run(query, (self.number,)):
            read = json.loads(lengths)
            self.lengths.add(number, {int(field): words for field, words in read.items()})

    def facets_from_file(
        self, rules: IndexRules, through: sqlite3.Connection
    ) -> tuple[Facets, int]:
        """Returns the facet values of all documents by the rules, and the bitmap of documents."""
        facets, alive = Facets(), 0
        part, members, first = Facets(), 0, 0  # sets of few documents are small
        for number, document in self.documents(through):
            if number - first >= LOADED_TOGETHER:
                facets.join(part, first)
                alive |= members << first
                part, members, first = Facets(), 0, number
            part.add(number - first, facet_values(document, rules))
            members |= 1 << (number - first)
        facets.join(part, first)
        return facets, alive | members << first

    def documents(self, through: sqlite3.Connection) -> Iterator[tuple[int, dict[str, Any]]]:
        query = "SELECT number, body FROM documents WHERE index_id = ? ORDER BY number"
        for number, body in through.execute(query, (self.number,)):
            yield number, json.loads(body)

    def find(self, external: str, through: sqlite3.Connection) -> tuple[int, dict[str, Any]] | None:
        """Returns the number and content of the document with this identifier."""
        row = through.execute(
            "SELECT number, body FROM documents WHERE index_id = ? AND external = ?",
            (self.number, external),
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def load_members(self, numbers: Sequence[int]) -> list[JsonMembers]:
        """Returns documents as JSON text by member, in the order of `numbers`."""
        found: list[JsonMembers] = []
        for number in numbers:
            pieces = self._members.get(number)
            if pieces is None:
                pieces = _split(self.body(number))
                self._members[number] = pieces
                self._chars += _chars(pieces)
                while self._chars > MAX_CACHED_CHARS and len(self._members) > 1:
                    self.evict_members(next(iter(self._members)))
            else:
                self._members.move_to_end(number)
            found.append(pieces)
        return found

    def evict_members(self, number: int) -> None:
        old = self._members.pop(number, None)
        if old is not None:
            self._chars -= _chars(old)

    def body(self, number: int) -> str:
        """Returns the JSON text of a document."""
        query = "SELECT body FROM documents WHERE index_id = ? AND number = ?"
        return self.connection.execute(query, (self.number, number)).fetchone()[0]

    def total_size(self) -> int:
        """Returns the length of the JSON texts of all documents."""
        query = "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM documents WHERE index_id = ?"
        return self.connection.execute(query, (self.number,)).fetchone()[0]

    def field_distribution(self) -> dict[str, int]:
        """Returns for each member the number of documents that have it."""
        counts: dict[str, int] = {}
        for _number, document in self.documents(self.connection):
            for name in document:
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def summary(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "primaryKey": self.primary_key,
        }


def _chars(pieces: JsonMembers) -> int:
    return sum(len(name) + len(text) for name, text in pieces.items())


def _split(body: str) -> JsonMembers:
    document: dict[str, Any] = json.loads(body)
    return {
        name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for name, value in document.items()
    }
